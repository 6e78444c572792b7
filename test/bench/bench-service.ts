import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { createSecret, hashSecret } from '../../src/server/secret-hash.ts'
import type { Simulator } from '../../src/simulator/simulator.ts'
import { serverCore, startPinned } from './pinned-process.ts'

const clientId = '6f1c7a52-3c1e-4f0a-9f0d-2a6f5a1b9c01'

/** Variables and token for a service in front of the simulator. */
export interface BenchAccess {
  readonly environment: Record<string, string>
  readonly token: string
}

/** The measured service. */
export interface BenchService {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

/** Registers the app and one compliant laptop, and writes what the service needs into `directory`. */
export async function prepareAccess(simulator: Simulator, directory: string): Promise<BenchAccess> {
  const pair = await createSelfSignedCertificate({ commonName: 'bench' })
  simulator.tenant.registerApp({ clientId, certificatesPem: [pair.certificatePem] })
  simulator.tenant.putDevice({
    deviceId: 'a11ce000-0000-4000-8000-000000000001',
    macs: ['005056A4895A'],
    complianceState: 'compliant',
  })
  const token = createSecret()
  const clients = { clients: [{ name: 'bench', bearer: { tokenHash: await hashSecret(token) } }] }
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

/** Starts the service as an operator would, authentication and decision log on, the log going to `logFile`. */
export async function startService(access: BenchAccess, logFile: string): Promise<BenchService> {
  const main = join(import.meta.dirname, '../../src/main.ts')
  // The yardsticks get their certificate paths from the same set of variables, so only those of the service are used.
  const service = startPinned(serverCore, [main, 'serve'], {
    environment: access.environment,
    outputFile: logFile,
  })
  const [, url = ''] = await service.waitFor(/"serviceUrl":"([^"]+)"/)
  return { url, pid: service.child.pid ?? 0, stop: () => service.stop() }
}
