import { checkOperatorFiles } from '../app-files.ts'
import {
  type ListenerSet,
  type LoadedSettings,
  loadListeners,
  loadSettings,
} from '../config/load-settings.ts'
import type { ConfigurationProblem } from '../config/read-environment.ts'
import { checkRuntime } from '../config/runtime-options.ts'
import type { ProxySettings, Secrets, Settings } from '../config/settings.ts'
import { faultCatalogue } from '../errors/catalogue.ts'
import type { Fault } from '../errors/fault.ts'
import { remedyOf } from '../errors/remedy.ts'
import { readOnce } from '../files/read-once.ts'
import { decodeText } from '../text/decode.ts'
import { printable } from '../text/printable.ts'
import type { CommandContext } from './command.ts'

/** The configuration as a command gets it. */
export interface Configured {
  readonly settings: Settings
  readonly secrets: Secrets
  readonly proxy: ProxySettings
  /** What was translated, narrowed or ignored, and what Node itself was told, in one sentence each. */
  readonly notices: readonly string[]
}

/** Settings from the environment, or undefined after every problem was printed to standard error. */
export function configured(context: CommandContext): Configured | undefined {
  const loaded = configure(context)
  if (loaded.ok) return loaded
  printProblems(loaded.problems, context)
  return undefined
}

/** What the environment says of the listeners, or undefined after every problem with that was printed. */
export function configuredListeners(context: CommandContext): ListenerSet | undefined {
  const loaded = loadListeners(context.environment, readText)
  if (loaded.ok) return loaded.listeners
  printProblems(loaded.problems, context)
  return undefined
}

/** Settings from the environment, or every problem with them; nothing is printed. */
export function configure(
  context: CommandContext,
): (Configured & { readonly ok: true }) | Extract<LoadedSettings, { readonly ok: false }> {
  const loaded = loadSettings(context.environment, readText)
  if (!loaded.ok) return loaded
  const runtime = checkRuntime(context.environment, context.execArgv ?? [])
  return { ...loaded, notices: [...loaded.notices, ...runtime.notices] }
}

/** Every problem, as the start of a service that refuses to. */
export function printProblems(problems: readonly ConfigurationProblem[], context: CommandContext): void {
  const count = problems.length
  context.err(`The configuration has ${count === 1 ? 'a problem' : `${count} problems`}:`)
  for (const { variable, problem } of problems) context.err(printable(`  ${variable} ${problem}`))
  context.err('docs/configuration.md describes every variable.')
  for (const { variable, problem } of problems) {
    context.logFailure?.({ variable, code: 'configuration_invalid' }, `${variable} ${problem}`)
  }
}

/** Everything that is wrong with the files that the settings name; `first` is what the service stopped at. */
export function printFileFaults(
  { settings, secrets }: Pick<Configured, 'settings' | 'secrets'>,
  first: Fault,
  context: CommandContext,
): void {
  const found = checkOperatorFiles({ settings, secrets })
  for (const fault of found.length > 0 ? found : [first]) {
    context.err(explainFault(fault))
    const { code, message, field: variable } = fault
    const { remedy } = faultCatalogue[code]
    context.logFailure?.({ ...(variable !== undefined && { variable }), code, remedy }, message)
  }
}

/** A fault as a person reads it: what happened, then what to do. */
export function explainFault(fault: Fault): string {
  // Those about a file of the operator have a line for each problem; what others say may come from outside.
  const message =
    faultCatalogue[fault.code].area === 'configuration' ? fault.message : printable(fault.message)
  return `${message}\n  code:   ${fault.code}\n  remedy: ${remedyOf(fault)}`
}

/** As long as Linux lets a variable itself be. */
const maxValueBytes = 128 * 1024

/** What a NAME_FILE variable names. Nobody looks at it again, so it may be a pipe. */
function readText(path: string): string | { readonly why: string } {
  const read = readOnce(path, maxValueBytes)
  const decoded = read.ok ? decodeText(read.value) : read
  return decoded.ok ? decoded.text : decoded
}
