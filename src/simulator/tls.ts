import { isIP } from 'node:net'
import { createCertificateAuthority, issueServerCertificate } from '../certificates/certificate-authority.ts'

/** What the simulator presents over TLS, and the root that clients have to trust for it. All PEM. */
export interface SimulatorTls {
  readonly certificatePem: string
  readonly privateKeyPem: string
  readonly caCertificatePem: string
}

/** Makes a root and a server certificate for loopback and for `publicHost`. */
export async function mintTls(publicHost: string): Promise<SimulatorTls> {
  const authority = await createCertificateAuthority({ commonName: 'Intune simulator root' })
  const names = new Set(['localhost', '127.0.0.1', '::1', publicHost])
  const server = await issueServerCertificate(authority, {
    commonName: publicHost,
    dnsNames: [...names].filter((name) => isIP(name) === 0),
    ipAddresses: [...names].filter((name) => isIP(name) !== 0),
  })
  return { ...server, caCertificatePem: authority.certificatePem }
}
