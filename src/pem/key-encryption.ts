import type { PemBlock } from './pem-blocks.ts'

/** The name of the algorithm that a private key is encrypted with, for a message; undefined where it is not known. */
export function describeEncryption({ label, fields, pem }: PemBlock): string | undefined {
  const dekInfo = fields['DEK-Info']
  if (dekInfo !== undefined) return /^[A-Z0-9-]{1,32}/i.exec(dekInfo)?.[0]
  if (label !== 'ENCRYPTED PRIVATE KEY') return undefined
  const base64 = pem.split('\n').slice(1, -2).join('')
  // The algorithm is at the beginning (RFC 5958 section 3), and for PBES2 its cipher behind the key derivation.
  const head = Buffer.from(base64, 'base64').subarray(0, 160).toString('hex')
  return algorithms.find(([identifier]) => head.includes(identifier))?.[1]
}

/** Object identifiers as DER has them, from RFC 8018 appendix C, RFC 7292 appendix C and the OIW arcs. */
const algorithms: readonly (readonly [identifier: string, name: string])[] = [
  ['06092a864886f70d010501', 'PBE-MD2-DES'],
  ['06092a864886f70d010503', 'PBE-MD5-DES'],
  ['06092a864886f70d010504', 'PBE-MD2-RC2-64'],
  ['06092a864886f70d010506', 'PBE-MD5-RC2-64'],
  ['06092a864886f70d01050a', 'PBE-SHA1-DES'],
  ['06092a864886f70d01050b', 'PBE-SHA1-RC2-64'],
  ['060a2a864886f70d010c0101', 'PBE-SHA1-RC4-128'],
  ['060a2a864886f70d010c0102', 'PBE-SHA1-RC4-40'],
  ['060a2a864886f70d010c0105', 'PBE-SHA1-RC2-128'],
  ['060a2a864886f70d010c0106', 'PBE-SHA1-RC2-40'],
  ['06052b0e030207', 'DES-CBC'],
  ['06082a864886f70d0302', 'RC2-CBC'],
  ['06082a864886f70d0309', 'RC5-CBC'],
]
