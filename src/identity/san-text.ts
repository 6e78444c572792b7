import { deviceIdForm, deviceIdsAnywhere, isNilGuid } from './intune-device-id.ts'

/** Names of a SAN that were given one by one, in the order of the certificate. */
export interface SeparateNames {
  readonly dnsNames?: readonly string[] | undefined
  readonly emailAddresses?: readonly string[] | undefined
  readonly userPrincipalNames?: readonly string[] | undefined
}

/** What the text of a SAN comes to. */
export interface SanReading {
  /** Device ids that are a name of their own, each once, lower case, in the order of the certificate. */
  readonly ids: readonly string[]
  /** Others that are in the text and may just as well stand inside another name. */
  readonly doubtfulIds: readonly string[]
  /** True where the text could not be read to its end, and a device id may have been lost by that. */
  readonly isUnreadable: boolean
}

/** How a writer joins names. Nothing of it is ever escaped, by none of them (the class of CVE-2021-44532). */
interface Grammar {
  /** A URI, with its separator, that is a device id. */
  readonly idName: RegExp
  /** A name, with its separator, whose text nobody chooses, so that it cannot have a separator inside. */
  readonly fixedName: RegExp
}

/**
 * Microsoft's URI for strong certificate mapping (KB5014754). It is written from the directory by the authority:
 * whoever could choose a text behind `sid:` could log in to Windows as anybody.
 */
const sidUri = 'tag:microsoft\\.com,2022-09-14:sid:S-1(?:-\\d{1,15}){1,15}'
const fixedText =
  'IP Address:(?:[0-9A-F.:]+|<invalid[^,>]*>)|Registered ID:[\\w .-]+|(?:othername|X400Name|EdiPartyName):<unsupported>'

const openssl = grammar({ uriLabel: 'URI:', fixed: fixedText, separator: ', ' })
const anyWriter = grammar({
  uriLabel: '(?:(?:UR[IL](?: ?Name)?|uniformResourceIdentifier)[ \\t]*[:=][ \\t]*)?',
  fixed: fixedText,
  separator: '[ \\t]*[,;|\\r\\n][,;|\\s]*',
})

/** OpenSSL's X509V3_EXT_print in the buffer of FreeRADIUS (3.2, src/main/tls.c). */
const bufferOctets = 1023

/**
 * Reads the SAN as OpenSSL prints it, `DNS:a, URI:b`, from the left and as far as it can be read in one way: a device id
 * or a fixed text ends where it ends; a name of the user's choice is known by its twin that was given by itself, and must
 * have no separator inside. Behind the first name of which that cannot be told, nothing counts.
 */
export function readOpensslSan(text: string, separate: SeparateNames): SanReading {
  const isCut = Buffer.byteLength(text) >= bufferOctets
  const whole = isCut ? text.slice(0, text.lastIndexOf(', ') + 2) : text
  const reading = readNames(whole, openssl, skipSeparateName(separate))
  return isCut && reading.ids.length === 0 ? { ...reading, isUnreadable: true } : reading
}

/**
 * Reads one name of a SAN, or names that somebody joined: the URIs of ClearPass, a text of OpenSSL, certutil or keytool.
 * Without the names one by one a device id counts where it comes first, or behind nothing but Microsoft's SID and
 * addresses.
 */
export function readSanText(text: string): SanReading {
  return readNames(text.trim(), anyWriter, () => undefined)
}

/** Gives the position behind a name that is known by its twin, or undefined. */
type SkipName = (text: string, at: number) => number | undefined

function readNames(text: string, { idName, fixedName }: Grammar, skipName: SkipName): SanReading {
  const ids = new Set<string>()
  let at = 0
  while (at < text.length) {
    const id = matchAt(idName, text, at)
    if (id !== undefined) {
      const value = (id[1] ?? '').toLowerCase()
      if (!isNilGuid(value)) ids.add(value)
      at += id[0].length
      continue
    }
    const next = endOf(matchAt(fixedName, text, at), at) ?? skipName(text, at)
    if (next === undefined) break
    at = next
  }
  const doubtfulIds = deviceIdsAnywhere(text.slice(at)).filter((id) => !ids.has(id))
  return { ids: [...ids], doubtfulIds, isUnreadable: doubtfulIds.length > 0 }
}

function skipSeparateName({
  dnsNames = [],
  emailAddresses = [],
  userPrincipalNames = [],
}: SeparateNames): SkipName {
  const labels = [
    { label: 'DNS:', names: dnsNames.values() },
    { label: 'email:', names: emailAddresses.values() },
    { label: 'othername: UPN::', names: userPrincipalNames.values() },
  ]
  return (text, at) => {
    const labelled = labels.find(({ label }) => text.startsWith(label, at))
    const name = labelled?.names.next().value
    if (labelled === undefined || name === undefined || name.includes(', ')) return undefined
    const end = at + labelled.label.length + name.length
    if (!text.startsWith(name, at + labelled.label.length)) return undefined
    if (end === text.length) return end
    return text.startsWith(', ', end) ? end + 2 : undefined
  }
}

function grammar(form: { uriLabel: string; fixed: string; separator: string }): Grammar {
  const { uriLabel, fixed, separator } = form
  const end = `(?:${separator}|$)`
  return {
    idName: new RegExp(`${uriLabel}${deviceIdForm}${end}`, 'iy'),
    fixedName: new RegExp(`(?:${uriLabel}${sidUri}|${fixed})${end}`, 'iy'),
  }
}

function matchAt(sticky: RegExp, text: string, at: number): RegExpExecArray | undefined {
  sticky.lastIndex = at
  return sticky.exec(text) ?? undefined
}

function endOf(match: RegExpExecArray | undefined, at: number): number | undefined {
  return match && at + match[0].length
}
