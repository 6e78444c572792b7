import { deviceIdOfUri, deviceIdsAnywhere, nilGuid, uriLabel } from './intune-device-id.ts'

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

/**
 * Microsoft's URI for strong certificate mapping (KB5014754). The authority writes it from the directory: whoever could
 * choose the text behind `sid:` could log in to Windows as anybody.
 */
const sidUri = 'tag:microsoft\\.com,2022-09-14:sid:S-1(?:-\\d{1,15}){1,15}'

/** Names whose text nobody chooses, as OpenSSL prints them: they cannot hold a separator. */
const fixedName = new RegExp(
  `^(?:URI:(?:${sidUri}|IntuneDeviceId://${nilGuid})|IP Address:(?:[0-9A-F.:]+|<invalid[^,>]*>)|Registered ID:[\\w .-]+|(?:othername|X400Name|EdiPartyName):<unsupported>)$`,
  'i',
)

/** Where OpenSSL may have begun another name: it escapes nothing, so a value may hold the same (CVE-2021-44532). */
const opensslBoundary =
  /, (?=(?:DNS|URI|email|othername|IP Address|Registered ID|DirName|X400Name|EdiPartyName):)/

/** The buffer of FreeRADIUS for the text (3.2, src/main/tls.c). */
const bufferOctets = 1023
/** FreeRADIUS cuts first and reads escapes then: what arrives as one octet may have been `\\061` in the certificate. */
const longestEscape = 4

/**
 * Reads the SAN as OpenSSL prints it, `DNS:a, URI:b`, from the left and as far as it can be read in one way. A device id
 * and a fixed text are names of their own. DNS names, e-mail addresses and UPNs are, where the text has the very ones that
 * were given one by one: a separator inside of one, or one that FreeRADIUS dropped (it does where a backslash is last),
 * makes a difference. Behind a name of any other kind nothing counts, since it may go on.
 */
export function readOpensslSan(text: string, separate: SeparateNames): SanReading {
  const split = text.split(opensslBoundary)
  const isCut = mayBeCut(text, split)
  const names = isCut ? split.slice(0, -1) : split
  const isSeparate = !isCut && hasNames(names, separate) ? isSeparateName : () => false
  const { ids, rest } = readFromTheLeft(names, (name) => fixedName.test(name) || isSeparate(name))
  // Of a text that arrives as long as the buffer the last name is a piece; of another one it may be the whole.
  const isPiece = Buffer.byteLength(text) >= bufferOctets
  const left = isCut && !isPiece ? [...rest, split.at(-1) ?? ''] : rest
  const doubtfulIds = othersAnywhere(left.join(', '), ids)
  return { ids, doubtfulIds, isUnreadable: doubtfulIds.length > 0 || (isPiece && ids.length === 0) }
}

/**
 * Reads one name of a SAN, or names that somebody joined: the URIs of ClearPass, a text of OpenSSL, certutil or keytool.
 * Without the names one by one a device id counts where it comes first, or behind nothing but Microsoft's SID and
 * addresses.
 */
export function readSanText(text: string): SanReading {
  const names = text
    .trim()
    .replace(sidElement, `$1${anyFixedName}`)
    .split(/\r\n|[,;|\r\n]/)
    .map((name) => name.trim().replace(labelOfUri, 'URI:'))
  const { ids, rest } = readFromTheLeft(names, (name) => fixedName.test(name))
  const doubtfulIds = othersAnywhere(rest.join(','), ids)
  return { ids, doubtfulIds, isUnreadable: doubtfulIds.length > 0 }
}

// The SID has a comma inside, which would take it apart: another name that nobody chooses takes its place.
const anyFixedName = 'Registered ID:0'
const sidElement = new RegExp(
  `(^|[,;|\\r\\n])[ \\t]*(?:${uriLabel})?${sidUri}(?=[ \\t]*(?:$|[,;|\\r\\n]))`,
  'gi',
)
const labelOfUri = new RegExp(`^(?:${uriLabel})?(?=IntuneDeviceId:|ID:|GUID|[0-9a-f]{8}-)`, 'i')

/** Those that a text holds and that are none of its own names. */
function othersAnywhere(text: string, ids: readonly string[]): readonly string[] {
  const own = new Set(ids)
  return deviceIdsAnywhere(text).filter((id) => !own.has(id))
}

function readFromTheLeft(names: readonly string[], isWhole: (name: string) => boolean) {
  const ids = new Set<string>()
  let index = 0
  for (const name of names) {
    const id = name.startsWith('URI:') ? deviceIdOfUri(name.slice('URI:'.length)) : undefined
    if (id !== undefined) ids.add(id)
    else if (!isWhole(name)) break
    index += 1
  }
  return { ids: [...ids], rest: names.slice(index) }
}

/**
 * Whether the text may have been longer. From the first name on that somebody may have chosen, every octet counts as an
 * escape that was read: what looks like a separator or a fixed text there may be a part of that name. A name that hides
 * behind the cut is one that nobody compares.
 */
function mayBeCut(text: string, names: readonly string[]): boolean {
  const { rest } = readFromTheLeft(names, (name) => fixedName.test(name))
  const chosenOctets = Buffer.byteLength(rest.join(', '))
  return Buffer.byteLength(text) + chosenOctets * (longestEscape - 1) >= bufferOctets
}

const separateLabels = ['DNS:', 'email:', 'othername: UPN::'] as const

function isSeparateName(name: string): boolean {
  return separateLabels.some((label) => name.startsWith(label))
}

function hasNames(names: readonly string[], separate: SeparateNames): boolean {
  const given = {
    'DNS:': separate.dnsNames ?? [],
    'email:': separate.emailAddresses ?? [],
    'othername: UPN::': separate.userPrincipalNames ?? [],
  }
  return separateLabels.every((label) => {
    const printed = names.filter((name) => name.startsWith(label))
    return (
      printed.length === given[label].length &&
      printed.every((name, index) => name === `${label}${given[label][index]}`)
    )
  })
}
