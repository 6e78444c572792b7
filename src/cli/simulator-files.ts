import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSelfSignedCertificate } from '../certificates/certificate-authority.ts'
import type { Simulator } from '../simulator/simulator.ts'

/** The files and variables that make a service a client of a simulator. */
export interface SimulatorAccess {
  readonly directory: string
  /** INTUNE_* variables, ready for `serve`. */
  readonly environment: Readonly<Record<string, string>>
}

/** A private folder under the system's temporary one. */
export function temporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'intune-nac-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/**
 * Makes a certificate and key for the app, registers it with the simulator, and writes `ca.pem`, `app.pem`, `app.key`
 * and `service.env` into `directory` (key and env only for the owner). Returns what the service has to be given.
 */
export async function writeSimulatorAccess(
  simulator: Simulator,
  clientId: string,
  directory: string,
): Promise<SimulatorAccess> {
  const { certificatePem, privateKeyPem } = await createSelfSignedCertificate({ commonName: 'intune-nac' })
  simulator.tenant.registerApp({
    clientId,
    certificatesPem: [certificatePem],
    // The second role is for the details: they alone tell "not yet evaluated" from "noncompliant".
    roles: { graph: ['Application.Read.All', 'DeviceManagementManagedDevices.Read.All'] },
  })
  const write = (name: string, text: string, mode: number) => {
    const path = join(directory, name)
    writeFileSync(path, text, { mode })
    return path
  }
  const environment = {
    INTUNE_TOKEN_ISSUING_URL: `${simulator.origin}/${simulator.tenantId}`,
    INTUNE_AUTO_DISCOVERY_URL: simulator.origin,
    INTUNE_TOKEN_AUDIENCE: 'https://api.manage.microsoft.com/',
    INTUNE_ALLOWED_HOSTS: new URL(simulator.origin).hostname,
    INTUNE_CA_FILE: write('ca.pem', simulator.caCertificatePem, 0o644),
    INTUNE_GRAPH_DETAILS: 'on',
    INTUNE_CLIENT_ID: clientId,
    INTUNE_CERTIFICATE_FILE: write('app.pem', certificatePem, 0o644),
    INTUNE_PRIVATE_KEY_FILE: write('app.key', privateKeyPem, 0o600),
  }
  const lines = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  write('service.env', `${lines.join('\n')}\n`, 0o600)
  return { directory, environment }
}
