import { checkRuntime } from '../config/runtime-options.ts'
import { didYouMean } from '../nearest-name.ts'
import { productVersion } from '../product-version.ts'
import { printable } from '../text/printable.ts'
import { type CommandContext, type ExitCode, exitCodes, UnusableFile, WrongUse } from './command.ts'
import { asksForHelp } from './command-line.ts'
import { commands } from './commands.ts'
import { printProblems } from './configured.ts'
import { explainListen } from './explain-listen.ts'
import { withFailureLog } from './failure-log.ts'
import { presentHelp } from './help.ts'
import { widest } from './table.ts'
import { throughTerminal } from './terminal.ts'

function usage(): string {
  const width = widest(Object.keys(commands))
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return [
    'Usage: intune-nac <command> [options]',
    '',
    ...lines,
    '',
    'intune-nac <command> --help has the options of a command, and examples; --version says which version this is.',
    'Exit codes: 0 fine, 1 no, 2 wrong use, 78 wrong configuration.',
    'docs/configuration.md lists the variables.',
  ].join('\n')
}

/**
 * Runs one command and resolves with its exit code: 0 fine, 1 "no", 2 wrong use, 78 wrong configuration.
 * With `--help` or `--version` the command is not run: its help, or the version, is printed. Nothing is run with variables
 * or options of Node that weaken TLS or HTTP: 78. Only a defect rejects.
 */
export async function runCommand(argv: readonly string[], context: CommandContext): Promise<ExitCode> {
  const toTerminal = throughTerminal(context)
  return runSafely(argv, argv[0] === 'serve' ? withFailureLog(toTerminal, context) : toTerminal)
}

async function runSafely(argv: readonly string[], context: CommandContext): Promise<ExitCode> {
  const [name = '', ...args] = argv
  if (name === 'help' && args.length > 0) return runSafely([...args, '--help'], context)
  if (['help', '--help', '-h'].includes(name)) {
    context.out(usage())
    return exitCodes.fine
  }
  const beforeTerminator = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  if (name === '--version' || beforeTerminator.includes('--version')) {
    context.out(`intune-nac ${productVersion()}`)
    return exitCodes.fine
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!entry) {
    const near = didYouMean(name, Object.keys(commands))
    context.err(
      name === '' ? usage() : `intune-nac: there is no command ${JSON.stringify(name)}${near}\n\n${usage()}`,
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
  const { problems } = checkRuntime(context.environment, context.execArgv ?? [])
  if (problems.length > 0) {
    printProblems(problems, context)
    return exitCodes.wrongConfiguration
  }
  try {
    return await command.run(args, context)
  } catch (error) {
    const isWrongUse = error instanceof WrongUse
    const listening = explainListen(error)
    if (listening !== undefined) {
      context.err(`intune-nac ${name}: ${listening}`)
      return exitCodes.no
    }
    if (!isWrongUse && !(error instanceof UnusableFile)) throw error
    context.err(`intune-nac ${name}: ${printable(error.message)}`)
    if (!isWrongUse) for (const detail of error.details) context.err(`  ${printable(detail)}`)
    const help = `intune-nac ${named[0]?.name ?? name} --help`
    if (isWrongUse) context.err(`See ${help}`)
    context.logFailure?.({}, `intune-nac ${name}: ${error.message}; see ${help}`)
    return exitCodes.wrongUse
  }
}
