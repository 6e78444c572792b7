import { parseArgs } from 'node:util'
import { didYouMean } from '../nearest-name.ts'
import { type Command, type CommandContext, type ExitCode, WrongUse } from './command.ts'
import type { CommandForm, CommandOptions } from './command-form.ts'

/** A command of one form, which is run with what the parser made of its arguments. */
export function defineCommand<const O extends CommandOptions>(
  form: CommandForm<O>,
  run: (line: ReturnType<typeof parseCommandLine<O>>, context: CommandContext) => Promise<ExitCode>,
): Command {
  return { forms: [form], run: async (args, context) => run(parseCommandLine(args, form), context) }
}

/** What the arguments say, by node:util's parseArgs; WrongUse where an option is unknown, or has no value or one too many. */
export function parseCommandLine<const O extends CommandOptions>(
  args: readonly string[],
  form: CommandForm<O>,
) {
  const line = parseStrictly(args, form.options)
  const [first] = line.positionals
  if (form.operands !== undefined || first === undefined) return line
  throw new WrongUse(`takes options only, not ${JSON.stringify(first)}`)
}

/** parseArgs checks what it is given in sentences of its own, which speak of Node; so it is not asked to, and these are ours. */
function parseStrictly<const O extends CommandOptions>(args: readonly string[], options: O) {
  const settings = { args: [...args], options, allowPositionals: true } as const
  const { tokens } = parseArgs({ ...settings, strict: false, tokens: true })
  for (const token of tokens) if (token.kind === 'option') checkOption(token, options)
  return parseArgs({ ...settings, strict: true })
}

interface OptionToken {
  readonly name: string
  readonly rawName: string
  readonly value: string | undefined
  readonly inlineValue: boolean | undefined
}

function checkOption({ name, rawName, value, inlineValue }: OptionToken, options: CommandOptions): void {
  const option = Object.hasOwn(options, name) ? options[name] : undefined
  if (option === undefined) {
    const near = didYouMean(name, Object.keys(options)).replace('mean ', 'mean --')
    throw new WrongUse(`has no option ${JSON.stringify(rawName)}${near}`)
  }
  if (option.type === 'boolean') {
    if (value !== undefined) throw new WrongUse(`takes --${name} without a value`)
    return
  }
  const needed = `needs a value behind --${name}: --${name} ${option.argument}`
  if (value === undefined) throw new WrongUse(needed)
  // What looks like the next option is more often that than a value.
  if (value.startsWith('-') && inlineValue !== true)
    throw new WrongUse(`${needed} (one that begins with a hyphen is written --${name}=${value})`)
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
