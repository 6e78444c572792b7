import { createHash, randomUUID } from 'node:crypto'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { readAnyCertificate } from '../pem/read-certificates.ts'

/** What Entra ID has to be told of a certificate; the first three are what the PowerShell of the 2018 guide computes. */
export interface AppCertificate {
  /** Base64 of the SHA-1 hash over the DER form: `$base64Thumbprint`. */
  readonly base64Thumbprint: string
  /** Base64 of the DER form: `$base64Value`. */
  readonly base64Value: string
  /** GUID that names the entry in the manifest: `$keyid`. */
  readonly keyId: string
  /** SHA-1 as 40 upper-case hex digits: what the Entra admin centre shows. */
  readonly thumbprintSha1: string
  /** SHA-256 as 64 lower-case hex digits. */
  readonly thumbprintSha256: string
  readonly subject: string
  readonly notBefore: string
  readonly notAfter: string
}

/** The entry of `keyCredentials`, once for each form of manifest. All binary members are base64 with padding. */
export interface KeyCredentials {
  /** Azure AD Graph form, the one of the 2018 guide: the certificate is in `value`. */
  readonly azureAdGraph: Readonly<Record<string, string>>
  /** Microsoft Graph form (Graph resource type keyCredential), the only one since January 2025: it is in `key`. */
  readonly microsoftGraph: Readonly<Record<string, string>>
}

const MINIMUM_RSA_BITS = 2048

/**
 * Reads the first certificate of a PEM file, or a DER file, as ISE and Windows export them. Faults:
 * `certificate_unreadable` (also for a key that Entra ID does not take).
 */
export function readAppCertificate(content: Buffer, keyId: string = randomUUID()): Outcome<AppCertificate> {
  const found = readAnyCertificate(content)
  if (!found.ok) return failure('certificate_unreadable', `the file ${found.why}`)
  const certificate = found.value
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey
  const bits = asymmetricKeyDetails?.modulusLength ?? 0
  if (asymmetricKeyType !== 'rsa' || bits < MINIMUM_RSA_BITS) {
    const what =
      asymmetricKeyType === 'rsa' ? `an RSA key of ${bits} bits` : `a key of type ${asymmetricKeyType}`
    return failure(
      'certificate_unreadable',
      `the certificate has ${what}; Entra ID takes RSA of ${MINIMUM_RSA_BITS} bits or more`,
    )
  }
  const sha1 = createHash('sha1').update(certificate.raw).digest()
  return success({
    base64Thumbprint: sha1.toString('base64'),
    base64Value: certificate.raw.toString('base64'),
    keyId: keyId.toLowerCase(),
    thumbprintSha1: sha1.toString('hex').toUpperCase(),
    thumbprintSha256: createHash('sha256').update(certificate.raw).digest('hex'),
    subject: certificate.subject?.replaceAll('\n', ', ') ?? '',
    notBefore: isoSeconds(certificate.validFromDate),
    notAfter: isoSeconds(certificate.validToDate),
  })
}

/** The manifest entry in both forms. */
export function keyCredentialsOf(certificate: AppCertificate): KeyCredentials {
  const { base64Thumbprint: customKeyIdentifier, base64Value, keyId, notBefore, notAfter } = certificate
  const fixed = { type: 'AsymmetricX509Cert', usage: 'Verify' }
  return {
    azureAdGraph: { customKeyIdentifier, keyId, ...fixed, value: base64Value },
    microsoftGraph: {
      customKeyIdentifier,
      // Graph shortens a longer name.
      displayName: certificate.subject.slice(0, 90),
      endDateTime: notAfter,
      key: base64Value,
      keyId,
      startDateTime: notBefore,
      ...fixed,
    },
  }
}

function isoSeconds(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`
}
