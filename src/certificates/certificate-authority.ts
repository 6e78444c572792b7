import type { webcrypto } from 'node:crypto'
import {
  type CertificateAndKey,
  type CertificateContent,
  signCertificate,
  type Validity,
} from './certificate.ts'
import { createKeyPair, exportPrivateKeyPem } from './key-pair.ts'

/** What the authority is asked to sign; the key pair is made on the way. */
export interface CertificateRequest extends CertificateContent {
  readonly keyBits?: number | undefined
}

/** A root that lives in memory and signs end-entity certificates. */
export interface CertificateAuthority extends CertificateAndKey {
  /** Makes a key pair and a certificate for it. Rejects with a RangeError when `keyBits` is under 2048. */
  issue(request: CertificateRequest): Promise<CertificateAndKey>
}

/** Name and validity of an authority; see {@link Validity} for the default dates. */
export interface CertificateAuthorityOptions extends Validity {
  readonly commonName: string
  readonly keyBits?: number | undefined
}

/** Makes a self-signed root (RSA, SHA-256) that can issue certificates. */
export async function createCertificateAuthority(
  options: CertificateAuthorityOptions,
): Promise<CertificateAuthority> {
  const { keyBits, ...content } = options
  const keys = await createKeyPair(keyBits)
  const root = await signCertificate({ ...content, use: 'authority' }, keys)
  return {
    ...(await asPem(root, keys)),
    async issue({ keyBits: subjectKeyBits, ...request }) {
      const subjectKeys = await createKeyPair(subjectKeyBits)
      return asPem(
        await signCertificate(request, subjectKeys, { subject: root.subjectName, keys }),
        subjectKeys,
      )
    },
  }
}

/** Names of a TLS server. The common name is not matched by clients: repeat it among the DNS names. */
export interface ServerCertificateRequest extends Validity {
  readonly commonName: string
  readonly dnsNames?: readonly string[]
  readonly ipAddresses?: readonly string[]
  readonly keyBits?: number | undefined
}

/** Issues a TLS server certificate with DNS and IP subject alternative names. */
export async function issueServerCertificate(
  authority: CertificateAuthority,
  { dnsNames = [], ipAddresses = [], ...request }: ServerCertificateRequest,
): Promise<CertificateAndKey> {
  return authority.issue({
    ...request,
    use: 'server',
    subjectAlternativeNames: [
      ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
      ...ipAddresses.map((value) => ({ type: 'ip' as const, value })),
    ],
  })
}

/** Identity of a device or of a TLS client. */
export interface ClientCertificateRequest extends Validity {
  readonly commonName: string
  /** URIs such as `IntuneDeviceId://<device id>`, the form in Microsoft's SCEP profile documentation. */
  readonly sanUris?: readonly string[]
  readonly keyBits?: number | undefined
}

/** Issues a client-authentication certificate whose subject alternative names are URIs. */
export async function issueClientCertificate(
  authority: CertificateAuthority,
  { sanUris = [], ...request }: ClientCertificateRequest,
): Promise<CertificateAndKey> {
  return authority.issue({
    ...request,
    use: 'client',
    subjectAlternativeNames: sanUris.map((value) => ({ type: 'url' as const, value })),
  })
}

/** Name, validity and key size of a self-signed certificate. */
export interface SelfSignedRequest extends Validity {
  readonly commonName: string
  readonly keyBits?: number | undefined
}

/**
 * Makes the certificate with which an application proves itself to Entra ID: RSA (2048 bits unless told otherwise),
 * self-signed, which Entra accepts because it is registered by its thumbprint and not by its issuer.
 */
export async function createSelfSignedCertificate({
  keyBits,
  ...content
}: SelfSignedRequest): Promise<CertificateAndKey> {
  const keys = await createKeyPair(keyBits)
  return asPem(await signCertificate({ ...content, use: 'client' }, keys), keys)
}

async function asPem(
  certificate: { toString(format: 'pem'): string },
  keys: webcrypto.CryptoKeyPair,
): Promise<CertificateAndKey> {
  return {
    certificatePem: `${certificate.toString('pem').trimEnd()}\n`,
    privateKeyPem: await exportPrivateKeyPem(keys.privateKey),
  }
}
