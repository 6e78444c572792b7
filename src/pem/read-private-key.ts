import { createPrivateKey, type KeyObject } from 'node:crypto'
import { describeUnseen } from '../text/unseen.ts'
import { describeEncryption } from './key-encryption.ts'
import { type PemBlock, readPemBlocks } from './pem-blocks.ts'

/** A private key, or why there is none. `aboutPassphrase` where it is not the file that has to be mended. */
export type HoldsKey =
  | { readonly ok: true; readonly value: KeyObject }
  | { readonly ok: false; readonly why: string; readonly aboutPassphrase: boolean }

/** Where the passphrase of an encrypted key comes from; without a variable no encrypted key is read. */
export interface Passphrase {
  readonly variable?: string
  readonly value?: string | undefined
}

const labels = [
  'PRIVATE KEY',
  'ENCRYPTED PRIVATE KEY',
  'RSA PRIVATE KEY',
  'EC PRIVATE KEY',
  'DSA PRIVATE KEY',
  'ANY PRIVATE KEY',
]

/** The first private key of a PEM file: PKCS#8, PKCS#1 or SEC 1, encrypted or not. */
export function readPrivateKey(bytes: Uint8Array, passphrase: Passphrase = {}): HoldsKey {
  const blocks = readPemBlocks(bytes, 'PRIVATE KEY')
  if (!blocks.ok) return refuse(blocks.why)
  const block = blocks.value.find(({ label }) => labels.includes(label))
  if (block === undefined) return refuse(describeOther(blocks.value))
  const isEncrypted =
    block.label === 'ENCRYPTED PRIVATE KEY' || /ENCRYPTED/.test(block.fields['Proc-Type'] ?? '')
  if (isEncrypted && passphrase.variable === undefined) {
    return refuse(
      'is encrypted, and an encrypted key is not read here; decrypt it with: openssl pkey -in FILE -out NEW',
    )
  }
  if (isEncrypted && !passphrase.value) {
    return refuse(`is encrypted, and ${passphrase.variable} is not set`, true)
  }
  try {
    const { value } = passphrase
    return {
      ok: true,
      value: createPrivateKey({
        key: block.pem,
        format: 'pem',
        ...(isEncrypted && { passphrase: value ?? '' }),
      }),
    }
  } catch (error) {
    if (!isEncrypted)
      return refuse('holds a private key that cannot be decoded: it is cut off or was altered')
    return explainEncrypted(block, passphrase, error)
  }
}

/** OpenSSL's codes for an algorithm that none of its providers has; a wrong passphrase gives others. */
const unsupported =
  /^ERR_OSSL_(EVP_UNSUPPORTED|EVP_UNKNOWN_PBE_ALGORITHM|PEM_UNSUPPORTED_(ENCRYPTION|CIPHER))$/

function explainEncrypted(block: PemBlock, { variable, value = '' }: Passphrase, error: unknown): HoldsKey {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (unsupported.test(code)) {
    const algorithm = describeEncryption(block)
    const name = algorithm === undefined ? '' : ` (${algorithm})`
    return refuse(
      `is encrypted in a way that is not supported by OpenSSL 3 any more${name}; convert it with: openssl pkcs8 -topk8 -provider default -provider legacy -v2 aes-256-cbc -in FILE -out NEW`,
    )
  }
  const unseen = describeUnseen(value)
  const hint = unseen === undefined ? '' : `; the passphrase ${unseen}`
  return refuse(
    `cannot be decrypted with ${variable}: the passphrase is wrong, or the file was altered${hint}`,
    true,
  )
}

function describeOther(blocks: readonly PemBlock[]): string {
  const label = blocks[0]?.label ?? ''
  if (label.endsWith('CERTIFICATE')) {
    return 'holds a certificate where its private key belongs; the two files may have changed places, or the key is in another one'
  }
  return others[label] ?? `holds a block ${label} where a private key belongs`
}

const others: Readonly<Record<string, string>> = {
  'PUBLIC KEY': 'holds a public key where the private key belongs',
  'RSA PUBLIC KEY': 'holds a public key where the private key belongs',
  'CERTIFICATE REQUEST': 'holds a certificate request (CSR) where the private key belongs',
  'NEW CERTIFICATE REQUEST': 'holds a certificate request (CSR) where the private key belongs',
  'OPENSSH PRIVATE KEY':
    'holds a key in the form of OpenSSH; convert a copy of it with: ssh-keygen -p -m PKCS8 -f COPY',
  'EC PARAMETERS': 'holds the parameters of a curve and no key',
}

function refuse(why: string, aboutPassphrase = false): HoldsKey {
  return { ok: false, why, aboutPassphrase }
}
