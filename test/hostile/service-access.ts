import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { createSecret, hashSecret } from '../../src/server/secret-hash.ts'
import type { Simulator } from '../../src/simulator/simulator.ts'

const clientId = '6f1c7a52-3c1e-4f0a-9f0d-2a6f5a1b9c01'

/**
 * Registers the app and one compliant laptop, and writes what the service needs into `directory`: its variables, and
 * the Bearer token of its one client.
 */
export async function prepareAccess(
  simulator: Simulator,
  directory: string,
): Promise<{ readonly environment: Record<string, string>; readonly token: string }> {
  const pair = await createSelfSignedCertificate({ commonName: 'hostile clients' })
  simulator.tenant.registerApp({ clientId, certificatesPem: [pair.certificatePem] })
  simulator.tenant.putDevice({
    deviceId: 'a11ce000-0000-4000-8000-000000000001',
    macs: ['005056A4895A'],
    complianceState: 'compliant',
  })
  const token = createSecret()
  const clients = { clients: [{ name: 'normal', bearer: { tokenHash: await hashSecret(token) } }] }
  const write = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 })
    return join(directory, name)
  }
  return {
    token,
    environment: {
      INTUNE_TOKEN_ISSUING_URL: `${simulator.origin}/${simulator.tenantId}`,
      INTUNE_AUTO_DISCOVERY_URL: simulator.origin,
      INTUNE_ALLOWED_HOSTS: '127.0.0.1',
      INTUNE_CA_FILE: write('ca.pem', simulator.caCertificatePem),
      INTUNE_CLIENT_ID: clientId,
      INTUNE_CERTIFICATE_FILE: write('app.pem', pair.certificatePem),
      INTUNE_PRIVATE_KEY_FILE: write('app.key', pair.privateKeyPem),
      // JSON is YAML.
      CLIENTS_FILE: write('clients.yaml', JSON.stringify(clients)),
      SERVICE_HOST: '127.0.0.1',
      SERVICE_PORT: '0',
      MANAGEMENT_PORT: '0',
      SHUTDOWN_GRACE_SECONDS: '0',
      DECISION_DEADLINE_MS: '10000',
    },
  }
}
