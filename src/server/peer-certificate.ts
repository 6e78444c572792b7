import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** What counts of the certificate that a caller has proven to hold. */
export interface PeerCertificate {
  /** RFC 4514: the last name first, `CN=radius-1,OU=Network,O=Contoso`. */
  readonly subject: string
  /** `DNS:`, `URI:` and `email:` names of the subject alternative name, as they are. */
  readonly alternativeNames: readonly string[]
  readonly notAfterMs: number
}

const known = new WeakMap<Socket, PeerCertificate>()

/** The verified certificate at the other end, read once per connection; undefined where there is none. */
export function peerCertificateOf(socket: Socket): PeerCertificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined
  const found = known.get(socket)
  if (found !== undefined) return found
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  const read = readPeerCertificate(certificate)
  known.set(socket, read)
  return read
}

/** Reads subject and alternative names of a certificate. */
export function readPeerCertificate(certificate: X509Certificate): PeerCertificate {
  return {
    // Node prints one name a line, escaped by RFC 2253 with control characters, in the order of the certificate.
    subject: certificate.subject?.split('\n').reverse().join(',') ?? '',
    alternativeNames: alternativeNamesOf(certificate.subjectAltName ?? ''),
    notAfterMs: certificate.validToDate.getTime(),
  }
}

// Node quotes as JSON whatever could be taken for the beginning of another name (CVE-2021-44532).
const namePattern = /(?:, )?([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/y

function alternativeNamesOf(text: string): readonly string[] {
  const names: string[] = []
  namePattern.lastIndex = 0
  while (namePattern.lastIndex < text.length) {
    const match = namePattern.exec(text)
    // What cannot be read to its end gives no name at all: half a list could end in the middle of one.
    if (match === null) return []
    const [, kind = '', value = ''] = match
    names.push(`${kind}:${value.startsWith('"') ? String(JSON.parse(value)) : value}`)
  }
  return names.filter((name) => /^(DNS|URI|email):/.test(name))
}
