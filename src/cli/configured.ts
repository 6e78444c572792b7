import { readFileSync } from 'node:fs'
import { loadSettings } from '../config/load-settings.ts'
import type { Secrets, Settings } from '../config/settings.ts'
import { faultCatalogue } from '../errors/catalogue.ts'
import type { Fault } from '../errors/fault.ts'
import type { CommandContext } from './command.ts'

/** Settings from the environment, or undefined after every problem was printed to standard error. */
export function configured(
  context: CommandContext,
): { settings: Settings; secrets: Secrets; notices: readonly string[] } | undefined {
  const loaded = loadSettings(context.environment, readText)
  if (loaded.ok) return loaded
  const count = loaded.problems.length
  context.err(`The configuration has ${count === 1 ? 'a problem' : `${count} problems`}:`)
  for (const { variable, problem } of loaded.problems) context.err(`  ${variable} ${problem}`)
  context.err('docs/configuration.md describes every variable.')
  return undefined
}

/** A fault as a person reads it: what happened, then what to do. */
export function explainFault(fault: Fault): string {
  return `${fault.message}\n  code:   ${fault.code}\n  remedy: ${faultCatalogue[fault.code].remedy}`
}

/** HTTPS_PROXY and NO_PROXY, in either case, as the outbound dispatcher takes them. */
export function proxyOf(environment: CommandContext['environment']): {
  httpsProxy?: string
  noProxy?: string
} {
  const httpsProxy = environment.HTTPS_PROXY || environment.https_proxy
  const noProxy = environment.NO_PROXY || environment.no_proxy
  return { ...(httpsProxy && { httpsProxy }), ...(noProxy && { noProxy }) }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
