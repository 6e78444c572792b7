import type { KeyObject, X509Certificate } from 'node:crypto'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { readCertificates } from '../pem/read-certificates.ts'
import { readBytes } from '../pem/read-file.ts'
import { readPrivateKey } from '../pem/read-private-key.ts'
import { describeFileFault } from '../text/decode.ts'

/** Entra ID accepts RSA keys only, and PS256 as jsonwebtoken signs it needs at least this many bits. */
const MINIMUM_RSA_BITS = 2048

const CERTIFICATE_VARIABLE = 'INTUNE_CERTIFICATE_FILE'
const KEY_VARIABLE = 'INTUNE_PRIVATE_KEY_FILE'
const PASSPHRASE_VARIABLE = 'INTUNE_PRIVATE_KEY_PASSPHRASE'

/** Where the certificate and its key are on disk. */
export interface ClientCertificateFiles {
  readonly certificateFile: string
  readonly privateKeyFile: string
  readonly passphrase?: string | undefined
}

/** What may be known about a certificate: everything but the key. */
export interface CertificateFacts {
  /** SHA-256 over the DER form, 64 lower-case hex digits. MSAL silently truncates one that has colons. */
  readonly thumbprintSha256: string
  /** SHA-1 over the DER form, 40 lower-case hex digits: what the Azure portal shows. */
  readonly thumbprintSha1: string
  /** The chain in PEM, leaf first. */
  readonly x5cPem: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly subject: string
  readonly serialNumber: string
}

/**
 * The certificate that the service authenticates to Entra ID with, and its key. The key is private state of a class,
 * so that no JSON.stringify, object spread, logger or util.inspect can reach it, not even with `showHidden`.
 */
export class ClientCertificate implements CertificateFacts {
  readonly thumbprintSha256: string
  readonly thumbprintSha1: string
  readonly x5cPem: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly subject: string
  readonly serialNumber: string
  readonly #privateKeyPem: string

  constructor(facts: CertificateFacts, privateKeyPem: string) {
    this.thumbprintSha256 = facts.thumbprintSha256
    this.thumbprintSha1 = facts.thumbprintSha1
    this.x5cPem = facts.x5cPem
    this.notBeforeMs = facts.notBeforeMs
    this.notAfterMs = facts.notAfterMs
    this.subject = facts.subject
    this.serialNumber = facts.serialNumber
    this.#privateKeyPem = privateKeyPem
  }

  /** Unencrypted PKCS#8 PEM, in memory only: MSAL signs with it. */
  get privateKeyPem(): string {
    return this.#privateKeyPem
  }
}

/**
 * Reads the PEM certificate (a chain may follow, leaf first) and its RSA key (PKCS#8 or PKCS#1, encrypted or not).
 * Faults: `certificate_unreadable`, `private_key_unreadable`, `certificate_key_mismatch`. The validity period is not
 * looked at: a service with an expired certificate still starts and answers from what it remembers.
 */
export function loadClientCertificate(files: ClientCertificateFiles): Outcome<ClientCertificate> {
  const chain = loadChain(files.certificateFile)
  if (!chain.ok) return chain
  const key = loadPrivateKey(files)
  if (!key.ok) return key

  const [leaf] = chain.value
  if (!leaf.checkPrivateKey(key.value)) return explainMismatch(files, chain.value, key.value)
  const facts: CertificateFacts = {
    thumbprintSha256: withoutColons(leaf.fingerprint256),
    thumbprintSha1: withoutColons(leaf.fingerprint),
    x5cPem: chain.value.map((certificate) => certificate.toString()).join(''),
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
    subject: leaf.subject?.replaceAll('\n', ', ') ?? '',
    serialNumber: leaf.serialNumber,
  }
  return success(new ClientCertificate(facts, key.value.export({ type: 'pkcs8', format: 'pem' }).toString()))
}

/** Whether the certificate may be used at this moment. Faults: `certificate_expired`, `certificate_not_yet_valid`. */
export function checkValidityPeriod(
  { notBeforeMs, notAfterMs }: Pick<CertificateFacts, 'notBeforeMs' | 'notAfterMs'>,
  nowMs: number,
): Outcome<void> {
  const field = CERTIFICATE_VARIABLE
  if (nowMs > notAfterMs) {
    const message = `the certificate of ${field} expired at ${new Date(notAfterMs).toISOString()}`
    return failure('certificate_expired', message, { field })
  }
  if (nowMs < notBeforeMs) {
    const message = `the certificate of ${field} becomes valid at ${new Date(notBeforeMs).toISOString()}`
    return failure('certificate_not_yet_valid', message, { field })
  }
  return success(undefined)
}

function loadChain(file: string): Outcome<readonly [X509Certificate, ...X509Certificate[]]> {
  const bytes = readBytes(file)
  const found = bytes.ok ? readCertificates(bytes.value) : bytes
  if (found.ok) return success(found.value.list)
  return failure('certificate_unreadable', describeFileFault(CERTIFICATE_VARIABLE, file, found.why), {
    field: CERTIFICATE_VARIABLE,
  })
}

function loadPrivateKey({ privateKeyFile, passphrase }: ClientCertificateFiles): Outcome<KeyObject> {
  const unreadable = (why: string, field = KEY_VARIABLE) =>
    failure('private_key_unreadable', describeFileFault(KEY_VARIABLE, privateKeyFile, why), { field })
  const bytes = readBytes(privateKeyFile)
  if (!bytes.ok) return unreadable(bytes.why)
  const found = readPrivateKey(bytes.value, { variable: PASSPHRASE_VARIABLE, value: passphrase })
  if (!found.ok) return unreadable(found.why, found.aboutPassphrase ? PASSPHRASE_VARIABLE : KEY_VARIABLE)
  const key = found.value
  if (key.asymmetricKeyType !== 'rsa') {
    return unreadable(`is a key of type ${key.asymmetricKeyType}; Entra ID takes RSA keys`)
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  if (bits < MINIMUM_RSA_BITS) {
    return unreadable(`is an RSA key of ${bits} bits; at least ${MINIMUM_RSA_BITS} are needed`)
  }
  return success(key)
}

function explainMismatch(files: ClientCertificateFiles, chain: readonly X509Certificate[], key: KeyObject) {
  const position = chain.findIndex((certificate) => certificate.checkPrivateKey(key))
  const where =
    position > 0
      ? `; it belongs to certificate ${position + 1} in that file, but the leaf must come first`
      : ''
  const message =
    `the key of ${KEY_VARIABLE} (${files.privateKeyFile}) does not belong to the first certificate of ` +
    `${CERTIFICATE_VARIABLE} (${files.certificateFile})${where}`
  return failure('certificate_key_mismatch', message, { field: KEY_VARIABLE })
}

function withoutColons(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase()
}
