import { spawnSync } from 'node:child_process'
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

/** Takes this process itself off the core of the measured server. */
export function leaveServerCore(): void {
  if (canPin) spawnSync('taskset', ['-a', '-c', '-p', String(loadCore), String(process.pid)])
}
