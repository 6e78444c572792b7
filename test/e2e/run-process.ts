import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { keepOutput } from '../fakes/kept-output.ts'

const main = join(import.meta.dirname, '../../src/main.ts')

/** A process of the command line under test, with everything it wrote. */
export interface RunningCommand {
  readonly child: ChildProcess
  readonly output: () => string
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>
  /** Resolves with the first match in the output; rejects when the process ends without one. */
  waitFor(pattern: RegExp): Promise<RegExpMatchArray>
}

/** Starts `intune-nac <args>` in an environment of its own: nothing of the machine's INTUNE_* leaks in. */
export function startCommand(
  args: readonly string[],
  environment: Record<string, string> = {},
): RunningCommand {
  const { PATH = '', HOME = '', NODE_OPTIONS, ...rest } = process.env
  // tap measures the coverage of child processes through variables of its own.
  const tap = Object.fromEntries(Object.entries(rest).filter(([name]) => /^_?TAP|^NODE_V8/.test(name)))
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH, HOME, ...(NODE_OPTIONS !== undefined && { NODE_OPTIONS }), ...tap, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const keep = keepOutput(args[0] ?? 'command')
  let text = ''
  let watchers: (() => void)[] = []
  const notice = (chunk: Buffer) => {
    text += chunk.toString()
    keep(chunk)
    for (const watch of watchers) watch()
  }
  child.stdout.on('data', notice)
  child.stderr.on('data', notice)
  const exited = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  return {
    child,
    output: () => text,
    exited,
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const watch = () => {
          const match = text.match(pattern)
          if (!match) return
          watchers = watchers.filter((other) => other !== watch)
          resolve(match)
        }
        watchers.push(watch)
        watch()
        void exited.then(() => reject(new Error(`ended without ${pattern}:\n${text}`)))
      }),
  }
}

/** Runs a command to its end. */
export async function runToEnd(args: readonly string[], environment: Record<string, string> = {}) {
  const command = startCommand(args, environment)
  const exitCode = await command.exited
  return { exitCode, output: command.output() }
}
