import { closest, distance } from 'fastest-levenshtein'
import { ownPrefixes } from './variables.ts'

/** What a variable of the environment that is not ours turned out to be. */
export type ForeignVariable =
  /** Set by the platform, or by nobody that has to do with this service. */
  | { readonly kind: 'unrelated' }
  /** One of our names with a slip of the pen. */
  | { readonly kind: 'typo'; readonly meant: string }
  /** Begins like ours and is none: ignored, and said so. */
  | { readonly kind: 'ignored' }

/**
 * Judges a name that is none of `known`. What platforms set is theirs, however near it comes to a name of ours; of the
 * rest, what is within a slip of the pen of one of our names was meant to be it.
 */
export function judgeForeignVariable(name: string, value: string, known: readonly string[]): ForeignVariable {
  if (isOfPlatform(name, value)) return { kind: 'unrelated' }
  const meant = nearMiss(name, known)
  if (meant !== undefined) return { kind: 'typo', meant }
  return { kind: ownPrefixes.some((prefix) => name.startsWith(prefix)) ? 'ignored' : 'unrelated' }
}

/**
 * True for the address of a Service or a linked container, `tcp://10.0.0.1:9090`, which is what Kubernetes and Docker set
 * NAME_PORT to for everything that is called NAME (Kubernetes "Environment variables" of a Service).
 */
export function isServiceLink(value: string): boolean {
  return /^(tcp|udp|sctp):\/\/\S+:\d+$/i.test(value)
}

/** Names that begin like ours in these forms belong to who writes them, whatever stands in front. */
const platformForms: readonly RegExp[] = [
  // Kubernetes, for each Service in the namespace.
  /^[A-Z0-9_]+_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/,
  // Kubernetes and links of Docker, for each port.
  /^[A-Z0-9_]+_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR|START|END))*$/,
  // A Service of our own name: INTUNE_NAC_PORT.
  /^INTUNE_NAC_(PORT|SERVICE|NAME|ENV)/,
  // Links of Docker: the container, and its own environment.
  /^(SERVICE|MANAGEMENT|CLIENTS|POLICY|STATE|TRACE|LOG)_(NAME|ENV_.+)$/,
  // Registrators of containers (gliderlabs/registrator "Service Object"): SERVICE_TAGS, SERVICE_8080_NAME, SERVICE_CHECK_HTTP.
  /^SERVICE_(\d+_.+|NAME|TAGS|ID|IGNORE|REGION|CHECK_.+)$/,
  // systemd.exec(5) "Environment variables set or propagated by the service manager".
  /^(STATE_DIRECTORY|LOGS_DIRECTORY|LOG_NAMESPACE|SERVICE_RESULT)$/,
]

function isOfPlatform(name: string, value: string): boolean {
  return (name.endsWith('_PORT') && isServiceLink(value)) || platformForms.some((form) => form.test(name))
}

/** The name of ours that was meant: letters that are wrong, swapped, missing or too many, or a word cut short. */
function nearMiss(name: string, known: readonly string[]): string | undefined {
  // Case and hyphens are slips as well; a name of the platform is never in lower case and one of ours at once.
  const written = name.toUpperCase().replaceAll('-', '_')
  const nearest = closest(written, known)
  if (slips(written, nearest) <= allowedSlips(nearest)) return nearest
  return known.find((candidate) => isShortened(written, candidate))
}

/** One slip in a short name, or two of an ordinary word make another: SERVICE_PORT, SERVICE_ROOT. */
function allowedSlips(name: string): number {
  return name.length <= 12 ? 1 : name.length <= 20 ? 2 : 3
}

/** Levenshtein's distance, with two letters that changed places as one slip (optimal string alignment). */
function slips(written: string, name: string): number {
  const edits = distance(written, name)
  for (let index = 0; index + 1 < written.length; index += 1) {
    const [first = '', second = ''] = [written[index], written[index + 1]]
    if (first === second) continue
    const swapped = `${written.slice(0, index)}${second}${first}${written.slice(index + 2)}`
    if (distance(swapped, name) === edits - 2) return edits - 1
  }
  return edits
}

/** INTUNE_CERT_FILE, SERVICE_TLS_CA_FILE: words shortened, or one of them left out; at least three are there. */
function isShortened(written: string, name: string): boolean {
  const [words, wanted] = [written.split('_'), name.split('_')]
  const left = wanted.length - words.length
  if (words.length < 3 || words[0] !== wanted[0] || left < 0 || left > 1) return false
  const stands = (full: readonly string[]) =>
    words.every((word, index) => {
      const whole = full[index] ?? ''
      return word === whole || (word.length >= 3 && shortens(word, whole))
    })
  if (left === 0) return stands(wanted)
  return wanted.some((_word, index) => index > 0 && stands(wanted.toSpliced(index, 1)))
}

/** CERT and SECS: letters left out behind the first. */
function shortens(word: string, whole: string): boolean {
  if (word[0] !== whole[0]) return false
  let at = 0
  for (const letter of word) {
    at = whole.indexOf(letter, at) + 1
    if (at === 0) return false
  }
  return true
}
