import { spawn, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** The core that the measured server has to itself, and the one that everything else shares. */
export const serverCore = 0
export const loadCore = 1

/** Both, for what is measured without separation. */
export const bothCores = [serverCore, loadCore] as const

/** Pinning needs taskset and two cores; without them the figures are printed with that remark. */
export const canPin =
  availableParallelism() > 1 && spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status === 0

/** The command line that runs `command` on the given cores. */
export function onCores(
  cores: number | readonly number[],
  command: string,
  args: readonly string[],
): readonly [string, readonly string[]] {
  if (!canPin) return [command, args]
  return ['taskset', ['-c', [cores].flat().join(','), command, ...args]]
}

/** Runs for nothing until its parent is gone. */
const spin = 'const parent = process.ppid; while (process.ppid === parent) for (let i = 0; i < 1e6; i += 1);'

/**
 * Keeps both cores from sleeping, by a process of idle priority on each that everything else goes before (chrt, sched(7)
 * SCHED_IDLE). A virtual machine takes some 10 µs to wake a core, which both sides pay for a request that comes alone.
 * The returned function lets them sleep again. Throws an Error where it cannot be done.
 */
export function keepAwake(): () => void {
  if (!canPin || spawnSync('chrt', ['--version'], { stdio: 'ignore' }).status !== 0) {
    throw new Error('--awake needs two cores, and taskset and chrt (util-linux)')
  }
  const spinning = bothCores.map((core) => {
    const [program, args] = onCores(core, 'chrt', ['--idle', '0', process.execPath, '-e', spin])
    return spawn(program, args, { stdio: 'ignore' })
  })
  return () => {
    for (const child of spinning) child.kill()
  }
}

/** Takes this process itself off the core of the measured server. */
export function leaveServerCore(): void {
  if (canPin) spawnSync('taskset', ['-a', '-c', '-p', String(loadCore), String(process.pid)])
}
