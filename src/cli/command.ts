import type { CommandForm } from './command-form.ts'

/** What a command may touch of the process it runs in. */
export interface CommandContext {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Options that Node itself was started with; absent: none. */
  readonly execArgv?: readonly string[]
  /** Standard input; absent: that of the process. */
  readonly input?: AsyncIterable<Uint8Array>
  /** Whether the two are terminals; absent: somebody reads along. */
  readonly isTerminal?: { readonly out: boolean; readonly err: boolean }
  /** Says why the service does not start, as a line of its log; absent: the text on standard error is enough. */
  readonly logFailure?: (fields: object, message: string) => void
  /** Writes one line, or several, to standard output. */
  readonly out: (text: string) => void
  /** The same to standard error. */
  readonly err: (text: string) => void
}

/** A command: its forms, which `--help` prints, and what it does with its arguments. */
export interface Command {
  /** One, or several where the command has sub-commands or is used in two ways. */
  readonly forms: readonly CommandForm[]
  /** Resolves with an exit code; rejects with WrongUse or UnusableFile, or because of a defect. */
  readonly run: (args: readonly string[], context: CommandContext) => Promise<ExitCode>
}

/** Exit codes, the same for every command. 78 is EX_CONFIG of sysexits.h. */
export const exitCodes = { fine: 0, no: 1, wrongUse: 2, wrongConfiguration: 78 } as const

/** The codes themselves. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** How the command line was wrong, in a sentence for the person who typed it; the help of the command helps. */
export class WrongUse extends Error {
  override readonly name = 'WrongUse'
}

/** Why a file that the command line names cannot be used: wrong use as well, but the help says nothing about it. */
export class UnusableFile extends Error {
  override readonly name = 'UnusableFile'
  /** What is wrong in the file, a line each. */
  readonly details: readonly string[]

  constructor(message: string, details: readonly string[] = []) {
    super(message)
    this.details = details
  }
}
