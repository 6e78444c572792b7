import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { canaryMarker } from '../../scripts/secret-scan.ts'
import {
  createCertificateAuthority,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { createIseClient, type IseClientOptions } from '../../src/ise-client/ise-client.ts'
import { hashSecret } from '../../src/server/secret-hash.ts'
import { simulatedService } from '../app/simulated-service.ts'

export const user = { username: 'ise-psn-1', password: `${canaryMarker}: horse battery` }

/** The whole service over real TLS with Basic credentials, in front of a simulator, and a client that does what ISE does. */
export async function iseService(t: Test, environment: Record<string, string> = {}) {
  const authority = await createCertificateAuthority({ commonName: 'Network root' })
  const tls = await issueServerCertificate(authority, {
    commonName: 'localhost',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
  })
  const directory = mkdtempSync(join(tmpdir(), 'ise-service-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  const clients = [
    {
      name: 'psn-1',
      frontends: ['ise'],
      basic: { username: user.username, passwordHash: await hashSecret(user.password) },
    },
    {
      name: 'from-elsewhere',
      frontends: ['ise'],
      networks: ['192.0.2.0/24'],
      basic: { username: 'elsewhere', passwordHash: await hashSecret(user.password) },
    },
  ]
  const service = await simulatedService(t, {
    environment: {
      SERVICE_HOST: '127.0.0.1',
      SERVICE_TLS_CERTIFICATE_FILE: file('tls.pem', tls.certificatePem),
      SERVICE_TLS_PRIVATE_KEY_FILE: file('tls.key', tls.privateKeyPem),
      CLIENTS_FILE: file('clients.yaml', JSON.stringify({ clients })),
      ...environment,
    },
  })
  if (!service.app) throw new Error(JSON.stringify(service.built))
  const { serviceUrl } = await service.app.listen()
  return {
    ...service,
    url: serviceUrl,
    caPem: authority.certificatePem,
    /** Files for the command line: the password and what is to be trusted. */
    passwordFile: file('password', `${user.password}\n`),
    caFile: file('network-root.pem', authority.certificatePem),
    client(difference: Partial<IseClientOptions> = {}) {
      const client = createIseClient({
        url: serviceUrl,
        ...user,
        caPem: authority.certificatePem,
        ...difference,
      })
      t.teardown(() => client.close())
      return client
    },
  }
}
