import type { ExitCode } from './command.ts'

/** An option of a command: what node:util's parseArgs has to know of it, and what a person has to. */
export type CommandOption = {
  /** In one line; with the default, where it is not a fixed value. */
  readonly meaning: string
} & (
  | { readonly type: 'boolean'; readonly default: false }
  | {
      readonly type: 'string'
      /** What stands for the value in the help: FILE. */
      readonly argument: string
      readonly default?: string
      readonly multiple?: true
    }
)

/** The options of a form by their names, without the hyphens. */
export type CommandOptions = Readonly<Record<string, CommandOption>>

/** One way to use a command. The parser takes what is written here and nothing else, and the help is printed from it. */
export interface CommandForm<O extends CommandOptions = CommandOptions> {
  /** Without the program: `client add`. */
  readonly name: string
  /** What follows the name, one line for each of the usual combinations. */
  readonly usage: readonly string[]
  /** What it does, line by line. */
  readonly does: readonly string[]
  /** What may be given besides options, and what that is; left out where nothing may. */
  readonly operands?: Readonly<Record<string, string>>
  readonly options: O
  /** Each a command line without the program. */
  readonly examples: readonly string[]
  /** What they mean here, where that is more than fine, no, wrong use and wrong configuration. */
  readonly exitCodes?: Readonly<Partial<Record<ExitCode, string>>>
}
