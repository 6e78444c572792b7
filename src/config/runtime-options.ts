import type { ConfigurationProblem } from './read-environment.ts'

/** What the variables and options of Node itself do to this service. */
export interface RuntimeFindings {
  /** With one of these nothing is started. */
  readonly problems: readonly ConfigurationProblem[]
  /** What is allowed and worth knowing: more trust roots, a debugger on loopback. */
  readonly notices: readonly string[]
}

/**
 * Looks at everything of Node's that weakens TLS or the parsing of HTTP, from the environment, NODE_OPTIONS and the
 * command line of the process (`process.execArgv`): the one list of it. Source: `node --help` and "Command-line API" of
 * Node 26.
 */
export function checkRuntime(
  environment: Readonly<Record<string, string | undefined>>,
  execArgv: readonly string[],
): RuntimeFindings {
  const problems: ConfigurationProblem[] = []
  const notices: string[] = []
  // Node compares with this text and no other.
  if (environment.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    problems.push({
      variable: 'NODE_TLS_REJECT_UNAUTHORIZED',
      problem:
        'is 0, which turns off the verification of certificates: unset it; to trust a root of your own, set INTUNE_CA_FILE',
    })
  }
  for (const [name, { source, value }] of readOptions(environment.NODE_OPTIONS ?? '', execArgv)) {
    const refused = refusedOptions[name] ?? (opensInspector(name, value) ? openInspector : undefined)
    if (refused !== undefined) problems.push({ variable: source, problem: `has ${name}, which ${refused}` })
    const notice = notedOptions.find(([pattern]) => pattern.test(name))?.[1]
    if (refused === undefined && notice !== undefined) notices.push(`${source} has ${name}: ${notice}`)
  }
  for (const [variable, notice] of Object.entries(notedVariables)) {
    const value = environment[variable]
    if (value) notices.push(`${variable} is set (${value}): ${notice}`)
  }
  return { problems, notices }
}

const hidden = 'sets options of Node in a file, where they are not checked: give them in NODE_OPTIONS'

const refusedOptions: Readonly<Record<string, string>> = {
  '--insecure-http-parser':
    'lets malformed HTTP in, as request smuggling needs it: mend the client or the proxy that sends it',
  '--tls-min-v1.0': 'allows TLS 1.0: TLS 1.2 is the least',
  '--tls-min-v1.1': 'allows TLS 1.1: TLS 1.2 is the least',
  '--tls-cipher-list': 'replaces the ciphers of TLS: leave it out',
  '--tls-keylog': 'writes the keys of every TLS connection to a file: leave it out',
  '--trace-tls': 'prints what passes through TLS: leave it out',
  '--openssl-legacy-provider':
    'brings back broken algorithms: leave it out, and convert the key that it was meant for with openssl pkcs8 -topk8',
  '--security-revert': 'takes back a security fix of Node: leave it out',
  '--experimental-config-file': hidden,
  '--experimental-default-config-file': hidden,
  '--config-file': hidden,
}

const openInspector =
  'opens the debugger to other machines, and with it the private key: use 127.0.0.1 and a tunnel'

const dump =
  'what is in the memory or the environment of the process, the private key included, can be written to a file'
const trust = 'it says which roots are trusted, besides those of Node and INTUNE_CA_FILE'
const openssl = 'it configures OpenSSL; versions, ciphers and verification of TLS stay those of this service'

const notedOptions: readonly (readonly [RegExp, string])[] = [
  [/^--inspect(-brk|-wait|-port)?$/, 'whoever can connect to it on this machine can read the private key'],
  [/^--(report-|heapsnapshot-|heap-prof$)/, dump],
  [/^--tls-max-v1\.2$/, 'TLS 1.3 is off'],
  [/^--openssl-(config|shared-config)$/, openssl],
]

const notedVariables: Readonly<Record<string, string>> = {
  NODE_EXTRA_CA_CERTS: trust,
  SSL_CERT_FILE: trust,
  SSL_CERT_DIR: trust,
  OPENSSL_CONF: openssl,
  NODE_DEBUG:
    'Node writes addresses of requests, device ids in them, to standard error, whatever LOG_DEVICE_IDS says',
}

interface Option {
  readonly source: string
  /** Empty for none. */
  readonly value: string
}

/** What is in force: the last word about an option counts, and the command line comes behind NODE_OPTIONS. */
function readOptions(nodeOptions: string, execArgv: readonly string[]): ReadonlyMap<string, Option> {
  const options = new Map<string, Option>()
  for (const [source, words] of [
    ['NODE_OPTIONS', splitNodeOptions(nodeOptions)],
    ['the command line of node', execArgv],
  ] as const) {
    for (const [index, word] of words.entries()) {
      const found = /^(--[^=]+)(?:=(.*))?$/s.exec(word)
      if (found === null) continue
      // Node takes underscores for hyphens.
      const name = (found[1] ?? '').replaceAll('_', '-').replace(/^--debug-port$/, '--inspect-port')
      const negated = /^--no-(.+)$/.exec(name)?.[1]
      if (negated !== undefined) options.delete(`--${negated}`)
      else {
        // Of those whose value matters, this one alone takes the next argument for it.
        const next = name === '--inspect-port' ? words[index + 1] : undefined
        options.set(name, { source, value: found[2] ?? next ?? '' })
      }
    }
  }
  return options
}

/** As Node does it (src/node_options.cc, ParseNodeOptionsEnvVar): spaces, double quotes, backslashes inside of those. */
function splitNodeOptions(text: string): readonly string[] {
  return [...text.matchAll(/(?:"(?:\\.|[^"\\])*"?|[^" ])+/gs)].map(([word]) =>
    word.replace(/"((?:\\.|[^"\\])*)"?/gs, (_quoted, inner: string) => inner.replace(/\\(.)/gs, '$1')),
  )
}

/** `[host:]port`, `host` or nothing, which is 127.0.0.1. */
function opensInspector(name: string, value: string): boolean {
  if (!/^--inspect(-brk|-wait|-port)?$/.test(name)) return false
  if (/^\d*$/.test(value)) return false
  const host = value.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return !/^(|localhost|::1|127(\.\d{1,3}){3})$/i.test(host)
}
