/**
 * The simulated cloud in a process of its own: `node simulator-process.ts DIRECTORY`. Registers the app of the service,
 * writes its certificate and key and the root to trust into the directory, prints INTUNE_* as one line of JSON, and does
 * what the benchmark asks over the channel.
 */
import { subscribe } from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { type DeviceInput, startSimulator } from '../../src/simulator/simulator.ts'
import { answerParent } from './parent-channel.ts'

export type SimulatorRequest =
  | { readonly ask: 'put_devices'; readonly devices: readonly DeviceInput[] }
  /** How long every query takes besides what it costs the simulator. */
  | { readonly ask: 'set_latency'; readonly latencyMs: number }
  /** Answered with RequestCounts since the start. */
  | { readonly ask: 'counts' }
  /** Answered with OwnTimes since it was asked last. */
  | { readonly ask: 'own_times' }

/** For each value that was queried, how long the simulator took with it, milliseconds. */
export type OwnTimes = readonly (readonly [value: string, tookMs: number])[]

const directory = process.argv[2] ?? '.'
const clientId = '6f1c7a52-3c1e-4f0a-9f0d-2a6f5a1b9c01'
const simulator = await startSimulator()
const { tenant } = simulator
const pair = await createSelfSignedCertificate({ commonName: 'bench' })
tenant.registerApp({ clientId, certificatesPem: [pair.certificatePem] })

const write = (name: string, text: string) => {
  writeFileSync(join(directory, name), text, { mode: 0o600 })
  return join(directory, name)
}
const environment = {
  INTUNE_TOKEN_ISSUING_URL: `${simulator.origin}/${simulator.tenantId}`,
  INTUNE_AUTO_DISCOVERY_URL: simulator.origin,
  INTUNE_ALLOWED_HOSTS: '127.0.0.1',
  INTUNE_CA_FILE: write('ca.pem', simulator.caCertificatePem),
  INTUNE_CLIENT_ID: clientId,
  INTUNE_CERTIFICATE_FILE: write('app.pem', pair.certificatePem),
  INTUNE_PRIVATE_KEY_FILE: write('app.key', pair.privateKeyPem),
}

/**
 * From the moment at which a query has been read to that at which its answer goes to the socket: not later, or what
 * the other side needs to read it would count as the upstream's own.
 */
let ownTimes: [string, number][] = []
subscribe('http.server.request.start', (message) => {
  const { request, response } = message as { request: IncomingMessage; response: ServerResponse }
  const value = /[?&]value=([^&]+)/.exec(request.url ?? '')?.[1]
  if (value === undefined) return
  const startedAt = performance.now()
  response.once('prefinish', () => ownTimes.push([value, performance.now() - startedAt]))
})

answerParent<SimulatorRequest>((request) => {
  switch (request.ask) {
    case 'put_devices':
      return tenant.putDevices(request.devices).length
    case 'set_latency':
      tenant.clearFaults()
      if (request.latencyMs > 0) {
        tenant.setFault({ hop: 'query', kind: 'latency', latencyMs: request.latencyMs })
      }
      return
    case 'counts':
      return tenant.requestCounts()
    case 'own_times': {
      const taken: OwnTimes = ownTimes
      ownTimes = []
      return taken
    }
  }
})
process.once('SIGTERM', async () => {
  await simulator.close()
  process.exit()
})
process.stdout.write(`environment ${JSON.stringify(environment)}\n`)
