import { parseArgs } from 'node:util'

/** What a command may touch of the process it runs in. */
export interface CommandContext {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Writes one line, or several, to standard output. */
  readonly out: (text: string) => void
  /** The same to standard error. */
  readonly err: (text: string) => void
}

/** A command takes its arguments and resolves with an exit code. */
export type Command = (args: readonly string[], context: CommandContext) => Promise<ExitCode>

/** Exit codes, the same for every command. 78 is EX_CONFIG of sysexits.h. */
export const exitCodes = { fine: 0, no: 1, wrongUse: 2, wrongConfiguration: 78 } as const

/** The codes themselves. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** How the command line was wrong, in a sentence for the person who typed it. */
export class WrongUse extends Error {
  override readonly name = 'WrongUse'
}

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>

/** node:util's parseArgs, with its complaints turned into WrongUse. */
export function parseCommandLine<T extends Options>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : 'the arguments cannot be read')
  }
}

/** A whole number from a command line option, or WrongUse. */
export function parsePort(text: string, option: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new WrongUse(`${option} must be a port from 0 to 65535, not ${JSON.stringify(text)}`)
}
