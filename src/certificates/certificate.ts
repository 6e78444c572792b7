import 'reflect-metadata'
import { randomBytes, type webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { signingAlgorithm } from './key-pair.ts'

/** A certificate and its private key, both PEM; the key is PKCS#8, not encrypted. */
export interface CertificateAndKey {
  readonly certificatePem: string
  readonly privateKeyPem: string
}

/** From when to when a certificate holds. The default is from one day ago to one year ahead. */
export interface Validity {
  readonly notBefore?: Date | undefined
  readonly notAfter?: Date | undefined
}

/** What a certificate may be used for; an authority has none of the extended uses. */
export type CertificateUse = 'authority' | 'server' | 'client'

export interface CertificateContent extends Validity {
  readonly commonName: string
  readonly use: CertificateUse
  readonly subjectAlternativeNames?: JsonGeneralNames
}

/** Who signs: the subject's own key when self-signed. */
export interface Issuer {
  readonly subject: Name
  readonly keys: webcrypto.CryptoKeyPair
}

const dayMs = 86_400_000

/** Signs one certificate for `subjectKeys`. Without an issuer it is self-signed. */
export async function signCertificate(
  content: CertificateContent,
  subjectKeys: webcrypto.CryptoKeyPair,
  issuer?: Issuer,
): Promise<X509Certificate> {
  // The object form takes the text as it is; a plain string would be unquoted like RFC 4514 text.
  const subject = new Name([{ CN: [{ utf8String: content.commonName }] }])
  const signer = issuer ?? { subject, keys: subjectKeys }
  return X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject,
    issuer: signer.subject,
    notBefore: content.notBefore ?? new Date(Date.now() - dayMs),
    notAfter: content.notAfter ?? new Date(Date.now() + 365 * dayMs),
    signingAlgorithm,
    publicKey: subjectKeys.publicKey,
    signingKey: signer.keys.privateKey,
    extensions: await extensionsOf(content, subjectKeys, signer),
  })
}

async function extensionsOf(
  content: CertificateContent,
  subjectKeys: webcrypto.CryptoKeyPair,
  signer: Issuer,
): Promise<Extension[]> {
  const authority = content.use === 'authority'
  const extensions: Extension[] = [
    new BasicConstraintsExtension(authority, undefined, true),
    new KeyUsagesExtension(
      authority
        ? KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign
        : KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment,
      true,
    ),
    await SubjectKeyIdentifierExtension.create(subjectKeys.publicKey),
    await AuthorityKeyIdentifierExtension.create(signer.keys.publicKey),
  ]
  if (!authority) {
    const use = content.use === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth
    extensions.push(new ExtendedKeyUsageExtension([use]))
  }
  const names = content.subjectAlternativeNames ?? []
  if (names.length > 0) extensions.push(new SubjectAlternativeNameExtension(names))
  return extensions
}

/** 16 random octets, positive and without a leading zero (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  const octets = randomBytes(16)
  octets[0] = ((octets[0] ?? 0) & 0x7f) | 0x40
  return octets.toString('hex')
}
