import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

/** The core that the measured server has to itself, and the one that everything else shares. */
export const serverCore = 0
export const loadCore = 1

/** Pinning needs taskset and two cores; without them the figures are printed with that remark. */
export const canPin =
  availableParallelism() > 1 && spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status === 0

/** A process of the benchmark. */
export interface PinnedProcess {
  readonly child: ChildProcess
  /** Resolves with the first match in what it wrote; rejects when the process ends without one. */
  waitFor(pattern: RegExp): Promise<RegExpMatchArray>
  stop(): Promise<void>
}

/** Starts `node <args>` on one core, its output going to a file, as a service's log would. */
export function startPinned(
  core: number,
  args: readonly string[],
  options: { environment?: Record<string, string>; outputFile: string },
): PinnedProcess {
  const [command, ...rest] = canPin
    ? ['taskset', '-c', String(core), process.execPath, ...args]
    : [process.execPath, ...args]
  const output = openSync(options.outputFile, 'w')
  const child = spawn(command ?? process.execPath, rest, {
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...options.environment },
    stdio: ['ignore', output, 'inherit'],
  })
  let ended = false
  const exited = new Promise<void>((resolve) =>
    child.once('close', () => {
      ended = true
      resolve()
    }),
  )
  return {
    child,
    async waitFor(pattern) {
      for (;;) {
        const match = readFileSync(options.outputFile, 'utf8').match(pattern)
        if (match) return match
        if (ended) throw new Error(`ended without ${pattern}; see ${options.outputFile}`)
        await sleep(20)
      }
    },
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}
