import { parseArgs } from 'node:util'
import { type Command, type CommandContext, type ExitCode, WrongUse } from './command.ts'
import type { CommandForm, CommandOptions } from './command-form.ts'

/** A command of one form, which is run with what the parser made of its arguments. */
export function defineCommand<const O extends CommandOptions>(
  form: CommandForm<O>,
  run: (line: ReturnType<typeof parseCommandLine<O>>, context: CommandContext) => Promise<ExitCode>,
): Command {
  return { forms: [form], run: async (args, context) => run(parseCommandLine(args, form), context) }
}

/** node:util's parseArgs for the options of a form, with its complaints turned into WrongUse. */
export function parseCommandLine<const O extends CommandOptions>(
  args: readonly string[],
  form: CommandForm<O>,
) {
  const line = parseStrictly(args, form.options)
  const [first] = line.positionals
  if (form.operands !== undefined || first === undefined) return line
  throw new WrongUse(`takes options only, not ${JSON.stringify(first)}`)
}

function parseStrictly<const O extends CommandOptions>(args: readonly string[], options: O) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : 'the arguments cannot be read')
  }
}

/**
 * Whether `--help` or `-h` is among the arguments, whatever else is wrong with them. Behind `--`, or where an option
 * of one of the forms takes it as its value, it is not.
 */
export function asksForHelp(args: readonly string[], forms: readonly CommandForm[]): boolean {
  const known = Object.fromEntries(forms.flatMap((form) => Object.entries(form.options)))
  const options = { ...known, help: { type: 'boolean', short: 'h' } } as const
  const { values } = parseArgs({ args: [...args], options, allowPositionals: true, strict: false })
  return values.help !== undefined
}

/** A whole number from a command line option, or WrongUse. */
export function parsePort(text: string, option: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new WrongUse(`${option} must be a port from 0 to 65535, not ${JSON.stringify(text)}`)
}
