import { type CommandContext, type ExitCode, exitCodes, UnusableFile, WrongUse } from './command.ts'
import { asksForHelp } from './command-line.ts'
import { commands } from './commands.ts'
import { presentHelp } from './help.ts'
import { widest } from './table.ts'

function usage(): string {
  const width = widest(Object.keys(commands))
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return [
    'Usage: intune-nac <command> [options]',
    '',
    ...lines,
    '',
    'intune-nac <command> --help has the options of a command, and examples.',
    'Exit codes: 0 fine, 1 no, 2 wrong use, 78 wrong configuration.',
    'docs/configuration.md lists the variables.',
  ].join('\n')
}

/**
 * Runs one command and resolves with its exit code: 0 fine, 1 "no", 2 wrong use, 78 wrong configuration.
 * With `--help` the command is not run: its help is printed. Only a defect rejects.
 */
export async function runCommand(argv: readonly string[], context: CommandContext): Promise<ExitCode> {
  const [name = '', ...args] = argv
  if (name === 'help' && args.length > 0) return runCommand([...args, '--help'], context)
  if (['help', '--help', '-h'].includes(name)) {
    context.out(usage())
    return exitCodes.fine
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!entry) {
    context.err(
      name === '' ? usage() : `intune-nac: there is no command ${JSON.stringify(name)}\n\n${usage()}`,
    )
    return exitCodes.wrongUse
  }
  const command = await entry.load()
  const named = command.forms.filter((form) => form.name === `${name} ${args[0]}`)
  const forms = named.length > 0 ? named : command.forms
  if (asksForHelp(args, forms)) {
    context.out(forms.map(presentHelp).join('\n\n'))
    return exitCodes.fine
  }
  try {
    return await command.run(args, context)
  } catch (error) {
    const isWrongUse = error instanceof WrongUse
    if (!isWrongUse && !(error instanceof UnusableFile)) throw error
    context.err(`intune-nac ${name}: ${error.message}`)
    if (isWrongUse) context.err(`See intune-nac ${named[0]?.name ?? name} --help`)
    return exitCodes.wrongUse
  }
}
