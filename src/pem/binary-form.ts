import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'

/** What a file that is no text holds, and how to make PEM of it: a predicate that follows the name of the file. */
export function describeBinary(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes)
  for (const [holds, why] of forms) if (holds(buffer)) return why
  return 'is binary, not PEM'
}

type Form = readonly [holds: (bytes: Buffer) => boolean, why: string]

const forms: readonly Form[] = [
  [
    reads((bytes) => new X509Certificate(bytes)),
    'is a certificate in DER form, not PEM; convert it with: openssl x509 -inform DER -in FILE -out NEW',
  ],
  [
    (bytes) =>
      keyTypes.some((type) => reads(() => createPrivateKey({ key: bytes, format: 'der', type }))(bytes)),
    'is a private key in DER form, not PEM; convert it with: openssl pkey -inform DER -in FILE -out NEW',
  ],
  [
    // PFX ::= SEQUENCE { version INTEGER 3, authSafe ContentInfo, ... } (RFC 7292 section 4).
    begins(/^30(?:[0-7].|80|81..|82.{4}|83.{6})02010330/),
    'is a PKCS#12 (PFX) archive, not PEM; take the certificate out with: openssl pkcs12 -in FILE -nokeys -out NEW, and the key with: openssl pkcs12 -in FILE -nocerts -out NEW',
  ],
  [
    // EncryptedPrivateKeyInfo begins with the algorithm: PKCS#5 or the PBE of PKCS#12 (RFC 5958 section 3).
    begins(/^30(?:..){1,4}30(?:..){1,3}06(?:09|0a)2a864886f70d01(?:05|0c)/),
    'is an encrypted private key in DER form, not PEM; convert it with: openssl pkcs8 -inform DER -topk8 -in FILE -out NEW',
  ],
  [
    // ContentInfo of type signedData (RFC 5652 section 3).
    begins(/^30(?:..){1,4}06092a864886f70d010702/),
    'is PKCS#7 (P7B), not PEM; convert it with: openssl pkcs7 -inform DER -print_certs -in FILE -out NEW',
  ],
  [
    reads((bytes) => createPublicKey({ key: bytes, format: 'der', type: 'spki' })),
    'is a public key in DER form, not PEM',
  ],
  [begins(/^(?:feedfeed|cececece)/), 'is a Java keystore, not PEM'],
]

const keyTypes = ['pkcs8', 'pkcs1', 'sec1'] as const

/** `pattern` is of the first bytes in hexadecimal digits. */
function begins(pattern: RegExp): (bytes: Buffer) => boolean {
  return (bytes) => pattern.test(bytes.subarray(0, 64).toString('hex'))
}

function reads(read: (bytes: Buffer) => unknown): (bytes: Buffer) => boolean {
  return (bytes) => {
    try {
      read(bytes)
      return true
    } catch {
      return false
    }
  }
}
