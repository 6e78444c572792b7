import { createPrivateKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import type { CertificateAndKey } from '../../src/certificates/certificate.ts'

/** One name of a subject alternative name (RFC 5280 section 4.2.1.6), with any octets in it. */
export type SanName =
  | { readonly dns: string }
  | { readonly email: string }
  | { readonly uri: string }
  | { readonly upn: string }
  /** A directory name with this common name. */
  | { readonly directory: string }
  | { readonly ip: readonly number[] }
  | { readonly registeredId: string }
  /** Any other name, by its object identifier, as UTF8String. */
  | { readonly other: readonly [oid: string, text: string] }

/** One relative name of a subject: the string type that the common name is written in is the user's to choose. */
export interface SubjectPart {
  readonly oid: string
  readonly text: string | Buffer
  readonly tag?: number
}

/** What a user may choose: everything. */
export interface ChosenNames {
  readonly subject: readonly SubjectPart[]
  readonly san?: readonly SanName[]
  /** Extensions in front of the SAN, by object identifier, each an IA5String. */
  readonly extensionsBefore?: readonly (readonly [oid: string, text: string])[]
  readonly extensionsAfter?: readonly (readonly [oid: string, text: string])[]
}

const oids = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  basicConstraints: '2.5.29.19',
  subjectAltName: '2.5.29.17',
  extendedKeyUsage: '2.5.29.37',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  upn: '1.3.6.1.4.1.311.20.2.3',
} as const

export const commonName = (text: string | Buffer, tag?: number): SubjectPart => ({
  oid: oids.commonName,
  text,
  ...(tag !== undefined && { tag }),
})
export const organization = (text: string): SubjectPart => ({ oid: oids.organization, text })

const utf8String = 0x0c
const ia5String = 0x16

/**
 * Signs whatever names it is given: an authority as an attacker wants it. No library writes such certificates, so this
 * is DER by hand (X.690), of one key for all, because the names are what matters.
 */
export function createLenientAuthority(
  authority: CertificateAndKey,
): (names: ChosenNames) => CertificateAndKey {
  const authorityKey = createPrivateKey(authority.privateKeyPem)
  const issuer = subjectOf(new X509Certificate(authority.certificatePem))
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicKeyInfo = publicKey.export({ type: 'spki', format: 'der' })
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return ({ subject, san = [], extensionsBefore = [], extensionsAfter = [] }) => {
    const algorithm = sequence(oid(oids.sha256WithRsa), der(0x05))
    const now = Date.now()
    const extensions = [
      ...extensionsBefore.map(([id, text]) => extension(id, der(ia5String, text))),
      ...(san.length > 0 ? [extension(oids.subjectAltName, sequence(...san.map(generalName)))] : []),
      ...extensionsAfter.map(([id, text]) => extension(id, der(ia5String, text))),
      extension(oids.basicConstraints, sequence()),
      extension(oids.extendedKeyUsage, sequence(oid(oids.clientAuth))),
    ]
    const toBeSigned = sequence(
      der(0xa0, der(0x02, Buffer.from([2]))),
      der(0x02, Buffer.concat([Buffer.from([0x40]), randomBytes(15)])),
      algorithm,
      issuer,
      sequence(utcTime(now - 86_400_000), utcTime(now + 86_400_000)),
      sequence(...subject.map(relativeName)),
      publicKeyInfo,
      der(0xa3, sequence(...extensions)),
    )
    const signature = sign('sha256', toBeSigned, authorityKey)
    const certificate = sequence(toBeSigned, algorithm, der(0x03, Buffer.from([0]), signature))
    const base64 = (certificate.toString('base64').match(/.{1,64}/g) ?? []).join('\n')
    return {
      certificatePem: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
      privateKeyPem,
    }
  }
}

function generalName(name: SanName): Buffer {
  if ('email' in name) return der(0x81, name.email)
  if ('dns' in name) return der(0x82, name.dns)
  if ('uri' in name) return der(0x86, name.uri)
  if ('ip' in name) return der(0x87, Buffer.from(name.ip))
  if ('registeredId' in name) return der(0x88, oid(name.registeredId).subarray(2))
  if ('directory' in name) return der(0xa4, sequence(relativeName(commonName(name.directory))))
  const [id, text] = 'upn' in name ? [oids.upn, name.upn] : name.other
  return der(0xa0, oid(id), der(0xa0, der(utf8String, text)))
}

function relativeName({ oid: id, text, tag = utf8String }: SubjectPart): Buffer {
  return der(0x31, sequence(oid(id), der(tag, text)))
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(0x04, value))
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts)
}

function utcTime(atMs: number): Buffer {
  return der(0x17, `${new Date(atMs).toISOString().slice(2, 19).replaceAll(/[-:T]/g, '')}Z`)
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const octets = [first * 40 + second, ...rest].flatMap((part) => {
    const groups = [part & 0x7f]
    for (let left = part >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return der(0x06, Buffer.from(octets))
}

function der(tag: number, ...content: readonly (Buffer | string)[]): Buffer {
  const octets = Buffer.concat(content.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
  const { length } = octets
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), octets])
  const digits = Buffer.from(
    length.toString(16).padStart(length > 0xffff ? 6 : length > 0xff ? 4 : 2, '0'),
    'hex',
  )
  return Buffer.concat([Buffer.from([tag, 0x80 | digits.length]), digits, octets])
}

/** The subject as it stands in the certificate, octet by octet: TBSCertificate's sixth part. */
function subjectOf({ raw }: X509Certificate): Buffer {
  const parts = children(children(raw)[0] ?? raw)
  const subject = parts[5]
  if (subject === undefined) throw new Error('the authority has no subject')
  return subject
}

function children(element: Buffer): Buffer[] {
  const parts: Buffer[] = []
  let at = headerLength(element)
  while (at < element.length) {
    const rest = element.subarray(at)
    const length = headerLength(rest) + contentLength(rest)
    parts.push(rest.subarray(0, length))
    at += length
  }
  return parts
}

function headerLength(element: Buffer): number {
  const first = element[1] ?? 0
  return first < 0x80 ? 2 : 2 + (first & 0x7f)
}

function contentLength(element: Buffer): number {
  const first = element[1] ?? 0
  return first < 0x80 ? first : element.readUIntBE(2, first & 0x7f)
}
