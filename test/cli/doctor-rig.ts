import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { CertificateAndKey } from '../../src/certificates/certificate.ts'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { runCommand } from '../../src/cli/run-command.ts'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.ts'
import { keepOutput } from '../fakes/kept-output.ts'

export const clientId = '6f1c7a52-3c1e-4f0a-9f0d-2a6f5a1b9c01'
export const laptopId = 'ee9d3792-6859-4b71-93aa-56aba42581c5'

/** One line of `doctor --json`. */
export interface Step {
  readonly step: string
  readonly result: 'ok' | 'warn' | 'fail' | 'skipped'
  readonly detail: string
  readonly code?: string
  readonly remedy?: string
}

/** What `doctor --json` prints. */
export interface Report {
  readonly ok: boolean
  readonly firstFailure: string | null
  readonly steps: readonly Step[]
}

/** Runs a command in this process and gives its exit code and what it wrote. */
export async function runCaptured(args: readonly string[], environment: Record<string, string> = {}) {
  const out: string[] = []
  const err: string[] = []
  const exitCode = await runCommand(args, {
    environment,
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
  })
  keepOutput(args[0] ?? 'command')([...out, ...err].join('\n'))
  return { exitCode, out: out.join('\n'), err: err.join('\n') }
}

let sharedPair: Promise<CertificateAndKey> | undefined

/** A working set-up, to be broken by a test: a simulator with one app and one laptop, and the variables for it. */
export async function workingSetup(t: Test, options: SimulatorOptions = {}) {
  sharedPair ??= createSelfSignedCertificate({ commonName: 'intune-nac test' })
  const pair = await sharedPair
  const simulator = await startSimulator(options)
  t.teardown(() => simulator.close())
  simulator.tenant.registerApp({ clientId, certificatesPem: [pair.certificatePem] })
  simulator.tenant.putDevice({
    deviceId: laptopId,
    macs: ['00:50:56:A4:89:5A'],
    complianceState: 'noncompliant',
  })
  const directory = t.testdir({
    'app.pem': pair.certificatePem,
    'app.key': pair.privateKeyPem,
    'ca.pem': simulator.caCertificatePem,
  })
  const environment: Record<string, string> = {
    INTUNE_TOKEN_ISSUING_URL: `${simulator.origin}/${simulator.tenantId}`,
    INTUNE_AUTO_DISCOVERY_URL: simulator.origin,
    INTUNE_TOKEN_AUDIENCE: 'https://api.manage.microsoft.com/',
    INTUNE_ALLOWED_HOSTS: '127.0.0.1',
    INTUNE_CA_FILE: join(directory, 'ca.pem'),
    INTUNE_CLIENT_ID: clientId,
    INTUNE_CERTIFICATE_FILE: join(directory, 'app.pem'),
    INTUNE_PRIVATE_KEY_FILE: join(directory, 'app.key'),
  }
  return { simulator, environment, directory, pair }
}

/** Gives the app other roles than the two it needs. */
export function setRoles(simulator: Simulator, roles: { graph?: string[]; intune?: string[] }): void {
  const [app] = simulator.tenant.listApps()
  if (app) simulator.tenant.registerApp({ ...app, roles: { ...app.roles, ...roles } })
}

/** A port on loopback where nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** An HTTP proxy that answers every CONNECT with `status`; its address. */
export async function startProxy(t: Test, status: number): Promise<string> {
  const proxy = createServer()
  proxy.on('connect', (_request, socket) => {
    socket.on('error', () => undefined)
    socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  t.teardown(() => proxy.close())
  return `127.0.0.1:${(proxy.address() as AddressInfo).port}`
}
