import type { ChosenNames, SanName, SubjectPart } from './lenient-authority.ts'

/** Attributes by name, in the order of the request; a character is an octet. */
export type Attributes = Readonly<Record<string, readonly string[]>>

/**
 * What FreeRADIUS 3.2 makes of a certificate, with OpenSSL 3.0 below it: cbtls_verify of src/main/tls.c, fr_pair_make of
 * src/lib/pair.c and value_data_from_str of src/lib/value.c. freeradius-model.test.ts holds it against the real one.
 * From 3.2.7 on (`listsUris`) the URIs come one by one as well.
 */
export function certificateAttributes(names: ChosenNames, issuer: string, listsUris = false): Attributes {
  const made: Record<string, string[]> = {}
  const make = (name: string, value: string) => {
    const known = knownName(`TLS-Client-Cert-${name}`)
    const read = unescaped(cString(value))
    if (known === undefined || read === undefined) return
    made[known] = [...(made[known] ?? []), read]
  }
  const subject = oneLine(names.subject)
  if (subject !== '') make('Subject', subject)
  // The buffer of the common name is that of the issuer, which was verified before, where the certificate has none.
  const commonName = names.subject.find(({ oid }) => oid === '2.5.4.3')
  const written = commonName === undefined ? issuer : cString(octets(commonName.text)).slice(0, 1023)
  if (written !== '' && subject !== '') make('Common-Name', written)
  for (const name of names.san ?? []) {
    if ('email' in name) make('Subject-Alt-Name-Email', octets(name.email))
    if ('dns' in name) make('Subject-Alt-Name-Dns', octets(name.dns))
    if ('upn' in name) make('Subject-Alt-Name-Upn', octets(name.upn))
    if ('uri' in name && listsUris) make('Subject-Alt-Name-Uri', octets(name.uri))
  }
  makeOfExtensions(names, make)
  return made
}

/** The body that rlm_rest posts: ASCII, octets from 0x7f on as \u00XX, slashes escaped. */
export function rlmRestBody(attributes: Attributes): string {
  const entries = Object.entries(attributes).map(([name, value]) => [name, { type: 'string', value }])
  return JSON.stringify(Object.fromEntries(entries))
    .replaceAll('/', '\\/')
    .replaceAll(/[\x7f-\xff]/g, (octet) => `\\u00${octet.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/**
 * Names and values of extensions go through one buffer in turn: what a reading leaves of a long value becomes the next
 * name, and what follows that the next value.
 */
function makeOfExtensions(names: ChosenNames, make: (name: string, value: string) => void): void {
  const ia5 = ([oid, text]: readonly [string, string]) =>
    oid === netscapeComment
      ? { name: 'Netscape Comment', printed: octets(text) }
      : { name: oid, hex: `16${length(octets(text))}${Buffer.from(text).toString('hex')}` }
  const san = names.san ?? []
  const extensions: readonly { name: string; printed?: string | undefined; hex?: string }[] = [
    ...(names.extensionsBefore ?? []).map(ia5),
    ...(san.length > 0 ? [{ name: 'X509v3 Subject Alternative Name', printed: printedSan(san) }] : []),
    ...(names.extensionsAfter ?? []).map(ia5),
    { name: 'X509v3 Basic Constraints', printed: 'CA:FALSE' },
    { name: 'X509v3 Extended Key Usage', printed: 'TLS Web Client Authentication' },
  ]
  let buffer = ''
  const read = (most: number) => {
    const part = buffer.slice(0, most)
    buffer = buffer.slice(most)
    return part
  }
  for (const { name, printed, hex } of extensions) {
    buffer += name
    const attribute = read(1007).replaceAll(' ', '-')
    if (hex !== undefined) {
      make(attribute, `0x${hex}`)
      continue
    }
    buffer += printed ?? ''
    const value = read(1023)
    if (value !== '') make(attribute, value)
  }
}

export const netscapeComment = '2.16.840.1.113730.1.13'

/** X509V3_EXT_print; nothing where a name has a NUL, which OpenSSL does not print. */
function printedSan(san: readonly SanName[]): string | undefined {
  const printed = san.map(printedName)
  return printed.some((name) => name === undefined) ? undefined : printed.join(', ')
}

function printedName(name: SanName): string | undefined {
  if ('directory' in name) return `DirName:${oneLine([{ oid: '2.5.4.3', text: name.directory }], 256)}`
  if ('ip' in name) return `IP Address:${printedAddress(name.ip)}`
  if ('registeredId' in name) return `Registered ID:${name.registeredId}`
  if ('other' in name) {
    const [oid, text] = name.other
    return `othername: ${oid}::${text.includes('\0') ? '<unsupported>' : octets(text)}`
  }
  const [label, text] =
    'dns' in name
      ? ['DNS:', name.dns]
      : 'email' in name
        ? ['email:', name.email]
        : 'uri' in name
          ? ['URI:', name.uri]
          : ['othername: UPN::', name.upn]
  return text.includes('\0') ? undefined : `${label}${octets(text)}`
}

function printedAddress(ip: readonly number[]): string {
  if (ip.length === 4) return ip.join('.')
  if (ip.length !== 16) return `<invalid length=${ip.length}>`
  return Array.from({ length: 8 }, (_, index) =>
    ((ip[2 * index] ?? 0) * 256 + (ip[2 * index + 1] ?? 0)).toString(16),
  )
    .join(':')
    .toUpperCase()
}

/** X509_NAME_oneline of Debian's OpenSSL 3.0, which escapes slashes and plus signs; what does not fit is left out. */
function oneLine(parts: readonly SubjectPart[], bufferOctets = 1024): string {
  let line = ''
  for (const part of parts.map(relativeName)) {
    if (line.length + part.length >= bufferOctets) break
    line += part
  }
  return line
}

function relativeName({ oid, text }: SubjectPart): string {
  const value = octets(text)
    .replaceAll(/[/+]/g, '\\$&')
    .replaceAll(
      /[^\x20-\x7e]/g,
      (octet) => `\\x${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    )
  return `/${oid === '2.5.4.3' ? 'CN' : 'O'}=${value}`
}

const knownNames = [
  'TLS-Client-Cert-Subject',
  'TLS-Client-Cert-Common-Name',
  'TLS-Client-Cert-Subject-Alt-Name-Email',
  'TLS-Client-Cert-Subject-Alt-Name-Dns',
  'TLS-Client-Cert-Subject-Alt-Name-Upn',
  'TLS-Client-Cert-Subject-Alt-Name-Uri',
  'TLS-Client-Cert-X509v3-Subject-Alternative-Name',
] as const

/** The attribute that the dictionary has by this name: a tag behind a colon is taken off, after 255 octets. */
function knownName(name: string): string | undefined {
  const untagged = name.includes(':') ? name.slice(0, 255).replace(/:[01]?\d?$|:0+$/, '') : name
  return knownNames.find((known) => known.toLowerCase() === untagged.toLowerCase())
}

/** The value of a string, or undefined where FreeRADIUS makes no attribute of it. */
function unescaped(text: string): string | undefined {
  let read = ''
  for (let at = 0; at < text.length; at += 1) {
    const octet = text[at] ?? ''
    if (octet !== '\\') {
      read += octet
      continue
    }
    const next = text[at + 1]
    if (next === undefined) return undefined
    const simple = ({ r: '\r', n: '\n', t: '\t', '\\': '\\', '"': '"' } as Record<string, string>)[next]
    const octal = /^[0-7]{3}/.exec(text.slice(at + 1, at + 4))
    if (simple !== undefined) {
      read += simple
      at += 1
    } else if (octal !== null) {
      read += String.fromCharCode(Number.parseInt(octal[0], 8) & 0xff)
      at += 3
    } else {
      read += octet
    }
  }
  return read
}

function octets(text: string | Buffer): string {
  return Buffer.from(text as string).toString('latin1')
}

function cString(text: string): string {
  return text.split('\0')[0] ?? ''
}

function length(text: string): string {
  return text.length.toString(16).padStart(2, '0')
}
