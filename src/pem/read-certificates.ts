import { X509Certificate } from 'node:crypto'
import { type Holds, type PemBlock, readPemBlocks } from './pem-blocks.ts'

/** The certificates of a file and, in the same order, the PEM that OpenSSL may be given. */
export interface Certificates {
  readonly list: readonly [X509Certificate, ...X509Certificate[]]
  readonly pem: string
}

const labels = ['CERTIFICATE', 'X509 CERTIFICATE']

/** Every certificate of a PEM file, at least one; other blocks beside them are left alone. All have to be readable. */
export function readCertificates(bytes: Uint8Array): Holds<Certificates> {
  const blocks = readPemBlocks(bytes, 'CERTIFICATE')
  if (!blocks.ok) return blocks
  const found = blocks.value.filter(({ label }) => labels.includes(label))
  const list: X509Certificate[] = []
  for (const { pem } of found) {
    const certificate = decode(pem)
    if (certificate === undefined) {
      const which = found.length === 1 ? 'a certificate' : `a certificate (number ${list.length + 1})`
      return refuse(`holds ${which} that cannot be decoded: it is cut off or was altered`)
    }
    list.push(certificate)
  }
  const [leaf, ...others] = list
  if (leaf === undefined) return refuse(describeOther(blocks.value))
  return { ok: true, value: { list: [leaf, ...others], pem: found.map(({ pem }) => pem).join('') } }
}

/** The first certificate of a PEM file, or the one of a DER file, as Windows and Cisco ISE export them. */
export function readAnyCertificate(bytes: Uint8Array): Holds<X509Certificate> {
  // SEQUENCE: no PEM file begins with a zero.
  const der = bytes[0] === 0x30 ? decode(bytes) : undefined
  if (der !== undefined) return { ok: true, value: der }
  const pem = readCertificates(bytes)
  return pem.ok ? { ok: true, value: pem.value.list[0] } : pem
}

function decode(content: string | Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(content)
  } catch {
    return undefined
  }
}

function describeOther(blocks: readonly PemBlock[]): string {
  const label = blocks[0]?.label ?? ''
  if (label.endsWith('PRIVATE KEY')) {
    return 'holds a private key where the certificate belongs; the two files may have changed places'
  }
  return others[label] ?? `holds a block ${label} where a certificate belongs`
}

const request =
  'holds a certificate request (CSR), not the certificate; the authority that signs the request gives that'
const pkcs7 = 'holds PKCS#7, not a certificate; convert it with: openssl pkcs7 -print_certs -in FILE -out NEW'

const others: Readonly<Record<string, string>> = {
  'CERTIFICATE REQUEST': request,
  'NEW CERTIFICATE REQUEST': request,
  PKCS7: pkcs7,
  CMS: pkcs7,
  'TRUSTED CERTIFICATE':
    "holds a certificate in OpenSSL's own trusted form; convert it with: openssl x509 -in FILE -out NEW",
  'PUBLIC KEY': 'holds a public key, not a certificate',
  'RSA PUBLIC KEY': 'holds a public key, not a certificate',
  'X509 CRL': 'holds a revocation list, not a certificate',
}

function refuse(why: string): { readonly ok: false; readonly why: string } {
  return { ok: false, why }
}
