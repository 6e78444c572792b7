import { isNetwork } from '../networks/networks.ts'
import { describeUnseen } from '../text/unseen.ts'
import type { ConfigurationProblem } from './read-environment.ts'
import type { ProxySettings } from './settings.ts'

const example = 'http://proxy.example:3128'

/** The proxy that the environment names, or what is wrong with it. Values are never quoted: they may hold a password. */
export function readProxy(environment: Readonly<Record<string, string | undefined>>): {
  readonly proxy: ProxySettings
  readonly problems: readonly ConfigurationProblem[]
  readonly notices: readonly string[]
} {
  const https = firstSet(environment, ['HTTPS_PROXY', 'https_proxy'])
  const no = firstSet(environment, ['NO_PROXY', 'no_proxy'])
  const problems: ConfigurationProblem[] = []
  if (https !== undefined) {
    const problem = problemOfProxy(https.value)
    if (problem !== undefined) problems.push({ variable: https.variable, problem })
  }
  if (no !== undefined) {
    // White space separates, so only what is between it can be spoilt.
    const problem = describeUnseen(no.value.trim().replaceAll(/\s+/g, ' '))
    if (problem !== undefined) problems.push({ variable: no.variable, problem })
  }
  return {
    proxy: { ...(https && { httpsProxy: https.value }), ...(no && { noProxy: no.value }) },
    problems,
    notices: no === undefined || https === undefined ? [] : noticesOfExceptions(no.variable, no.value),
  }
}

function firstSet(environment: Readonly<Record<string, string | undefined>>, variables: readonly string[]) {
  const variable = variables.find((name) => environment[name])
  const value = variable && environment[variable]
  return variable && value ? { variable, value } : undefined
}

/**
 * What keeps a proxy address from being used, as a predicate; undefined where nothing does. It is stricter than the URL
 * parser: undici decodes user name and password, and takes no path, so both have to be right before anything is started.
 */
export function problemOfProxy(text: string): string | undefined {
  const unseen = describeUnseen(text)
  if (unseen !== undefined) return unseen
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined) return `has no scheme: write http:// in front of host and port, as in ${example}`
  if (scheme.startsWith('socks'))
    return `is a SOCKS proxy, which is not supported: it takes an HTTP proxy, as in ${example}`
  if (scheme !== 'http' && scheme !== 'https') return `must begin with http:// or https://, as in ${example}`
  const url = URL.parse(text)
  const encoding =
    'in user name and password write % as %25, / as %2F, # as %23, ? as %3F, @ as %40 and : as %3A'
  if (url === null) {
    return text.includes('@')
      ? `cannot be read: ${encoding}`
      : `is not the address of a proxy, as in ${example}`
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    return text.includes('@')
      ? `has something behind host and port; ${encoding}`
      : `has something behind host and port: write it as in ${example}`
  }
  if (url.username === '' && url.password !== '') return 'has a password without a user name'
  for (const part of [url.username, url.password]) {
    if (/%(?![0-9a-f]{2})/i.test(part)) {
      return 'has a % in user name or password that is not followed by two hexadecimal digits: write % as %25'
    }
    if (!canDecode(part)) {
      return 'has a % in user name or password that begins no UTF-8 character: write % as %25, other characters in UTF-8'
    }
  }
  return undefined
}

function canDecode(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** Entries that never match are no fault: the same list serves other programs, which understand more. */
function noticesOfExceptions(variable: string, text: string): readonly string[] {
  const entries = text.split(/[,\s]+/).filter((entry) => entry !== '')
  const useless = entries.filter(
    (entry) => /:\/\/|[;<>]/.test(entry) || (entry.includes('/') && !isNetwork(entry)),
  )
  if (useless.length === 0) return []
  return [
    `${variable} has ${useless.length === 1 ? 'an entry' : `${useless.length} entries`} of a form that never matches: an entry is a host name, a suffix (.example), host:port or *, separated by commas`,
  ]
}
