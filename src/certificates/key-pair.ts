import { webcrypto } from 'node:crypto'

/** What signs every certificate made here: RSA PKCS#1 v1.5 with SHA-256, which every TLS stack and Entra accept. */
export const signingAlgorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const

/** Makes an RSA key pair whose private half can be exported. `keyBits` must be 2048 or more. */
export async function createKeyPair(keyBits = 2048): Promise<webcrypto.CryptoKeyPair> {
  if (keyBits < 2048) throw new RangeError(`An RSA key of ${keyBits} bits is too short: 2048 is the least`)
  return webcrypto.subtle.generateKey(
    { ...signingAlgorithm, modulusLength: keyBits, publicExponent: new Uint8Array([1, 0, 1]) },
    true,
    ['sign', 'verify'],
  )
}

/** The private key as PKCS#8 PEM, not encrypted. */
export async function exportPrivateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`
}
