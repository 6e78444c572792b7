import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type App, type AppOverrides, buildApp } from '../../src/app.ts'
import type { CertificateAndKey } from '../../src/certificates/certificate.ts'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { loadSettings } from '../../src/config/load-settings.ts'
import { type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { keepFilesOf, keepOutput, keepReplies } from '../fakes/kept-output.ts'

export const clientId = '6f1c7a52-3c1e-4f0a-9f0d-2a6f5a1b9c01'
export const laptop = { deviceId: 'ee9d3792-6859-4b71-93aa-56aba42581c5', mac: '005056A4895A' }

let sharedPair: Promise<CertificateAndKey> | undefined

/** What a test wants to be different from a working set-up. */
export interface Difference {
  readonly environment?: Record<string, string>
  /** The certificate and key of the service; the simulator knows the default one only. */
  readonly pair?: CertificateAndKey
  readonly simulator?: SimulatorOptions
  /** What the composition root is given in place of the real thing. */
  readonly overrides?: AppOverrides
  /** False: no app is registered, so the test registers its own. */
  readonly registered?: boolean
}

/** The whole service, configured by variables, in front of a simulator of its own; its log is captured. */
export async function simulatedService(t: Test, difference: Difference = {}) {
  sharedPair ??= createSelfSignedCertificate({ commonName: 'intune-nac test' })
  const registered = await sharedPair
  const pair = difference.pair ?? registered
  const simulator = await startSimulator(difference.simulator)
  if (difference.registered !== false) {
    simulator.tenant.registerApp({ clientId, certificatesPem: [registered.certificatePem] })
  }
  simulator.tenant.putDevice({ deviceId: laptop.deviceId, macs: [laptop.mac], complianceState: 'compliant' })
  const directory = t.testdir({
    'app.pem': pair.certificatePem,
    'app.key': pair.privateKeyPem,
    'ca.pem': simulator.caCertificatePem,
  })
  const environment = {
    INTUNE_TOKEN_ISSUING_URL: `${simulator.origin}/${simulator.tenantId}`,
    INTUNE_AUTO_DISCOVERY_URL: simulator.origin,
    INTUNE_TOKEN_AUDIENCE: 'https://api.manage.microsoft.com/',
    INTUNE_ALLOWED_HOSTS: '127.0.0.1',
    INTUNE_CA_FILE: join(directory, 'ca.pem'),
    INTUNE_CLIENT_ID: clientId,
    INTUNE_CERTIFICATE_FILE: join(directory, 'app.pem'),
    INTUNE_PRIVATE_KEY_FILE: join(directory, 'app.key'),
    SERVICE_HOST: '127.0.0.1',
    SERVICE_PORT: '0',
    MANAGEMENT_PORT: '0',
    SHUTDOWN_GRACE_SECONDS: '0',
    DECISION_DEADLINE_MS: '3000',
    ...difference.environment,
  }
  const loaded = loadSettings(environment, (path) => readFileSync(path, 'utf8'))
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const lines: string[] = []
  const keep = keepOutput('log')
  const write = (line: string) => {
    lines.push(line)
    keep(line)
  }
  const logger = createLogger({ level: 'trace' }, { write })
  const built = buildApp(loaded, logger, difference.overrides)
  const app: App | undefined = built.ok ? built.value : undefined
  if (app) keepReplies(app.server, app.management)
  t.teardown(async () => {
    // For the scan of what was kept; a test that closes the service itself has had its metrics.
    await app?.management.inject('/metrics').catch(() => {})
    await app?.close()
    keepFilesOf(loaded.settings)
    await simulator.close()
  })
  const ask = async (query: Record<string, string>) => {
    if (!app) throw new Error('the service was not built')
    const reply = await app.server.inject({ path: '/v1/decision', query, remoteAddress: '127.0.0.1' })
    return reply.json() as Record<string, unknown>
  }
  return { simulator, built, app, ask, environment, pair, log: () => lines.join('') }
}
