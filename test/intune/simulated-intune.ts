import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Test } from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import type { Clock } from '../../src/clock.ts'
import type { IntuneSettings } from '../../src/config/settings.ts'
import type { Fault } from '../../src/errors/fault.ts'
import type { DeviceIdentifier } from '../../src/identity/device-identity.ts'
import { type ClientCertificate, loadClientCertificate } from '../../src/intune/client-certificate.ts'
import { createIntuneLookup, type IntuneLookup } from '../../src/intune/intune-lookup.ts'
import { createOutbound, type HttpRequest, type Outbound } from '../../src/intune/outbound.ts'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

export const compliantId = '11111111-1111-4111-8111-111111111111'
export const noncompliantId = '22222222-2222-4222-8222-222222222222'
export const unknownId = '33333333-3333-4333-8333-333333333333'
export const compliantMac = '005056A4895A'

/** What a test changes of the ordinary set-up. */
export interface Difference {
  readonly settings?: Partial<IntuneSettings>
  readonly certificate?: ClientCertificate | (() => ClientCertificate)
  readonly clock?: Clock
  readonly trusted?: boolean
  readonly outbound?: Outbound
  readonly onDetailsFailure?: (fault: Fault) => void
}

/** A look-up against a running simulator, with everything that it sent and logged. */
export interface SimulatedIntune {
  readonly simulator: Simulator
  readonly clock: FakeClock
  readonly settings: IntuneSettings
  readonly certificate: ClientCertificate
  readonly outbound: Outbound
  /** Requests as they left the client, with their headers and bodies. */
  readonly sent: HttpRequest[]
  /** Everything that was logged, one JSON object a line. */
  readonly logged: string[]
  lookup: IntuneLookup['lookup']
  warmUp: IntuneLookup['warmUp']
  /** Another service with empty memory against the same simulator. */
  again(difference?: Difference): IntuneLookup
}

export function byDeviceId(value: string): DeviceIdentifier {
  return { kind: 'deviceId', value, origin: 'deviceId', rank: 1 }
}

export function byMac(value: string): DeviceIdentifier {
  return { kind: 'mac', value, origin: 'mac', rank: 4 }
}

const clientId = randomUUID()
const pair = await createSelfSignedCertificate({ commonName: 'intune-nac test' })

/** Starts a simulator with three devices and a registered app, and a look-up that has not asked anything yet. */
export async function simulateIntune(t: Test, difference: Difference = {}): Promise<SimulatedIntune> {
  const clock = new FakeClock(Date.now())
  const simulator = await startSimulator({ clock })
  const { tenant } = simulator
  tenant.registerApp({ clientId, certificatesPem: [pair.certificatePem] })
  tenant.putDevice({ deviceId: compliantId, complianceState: 'compliant', macs: [compliantMac] })
  tenant.putDevice({ deviceId: noncompliantId, complianceState: 'noncompliant', macs: ['005056A4895B'] })
  tenant.putDevice({ deviceId: unknownId, complianceState: 'unknown' })

  const files = t.testdir({
    'certificate.pem': pair.certificatePem,
    'key.pem': pair.privateKeyPem,
    'ca.pem': simulator.caCertificatePem,
  })
  const loaded = loadClientCertificate({
    certificateFile: join(files, 'certificate.pem'),
    privateKeyFile: join(files, 'key.pem'),
  })
  const created = createOutbound(difference.trusted === false ? {} : { caFile: join(files, 'ca.pem') }, clock)
  if (!loaded.ok || !created.ok) throw new Error('the set-up of the test is wrong')
  t.teardown(async () => {
    await created.value.close()
    await simulator.close()
  })

  const sent: HttpRequest[] = []
  const outbound: Outbound = {
    close: () => created.value.close(),
    send(request) {
      sent.push(request)
      return created.value.send(request)
    },
  }
  const settings: IntuneSettings = {
    clientId,
    authorityUrl: `${simulator.origin}/${simulator.tenantId}`,
    graphUrl: simulator.origin,
    audience: 'https://api.manage.microsoft.com/',
    allowedHosts: ['127.0.0.1'],
    certificateFile: join(files, 'certificate.pem'),
    privateKeyFile: join(files, 'key.pem'),
    portalUrl: 'https://portal.example/',
    ...difference.settings,
  }
  const logged: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) })
  const again = (other: Difference = {}) =>
    createIntuneLookup(
      { ...settings, ...other.settings },
      other.certificate ?? difference.certificate ?? certificate,
      {
        clock: other.clock ?? clock,
        logger,
        outbound: other.outbound ?? outbound,
        ...(other.onDetailsFailure && { onDetailsFailure: other.onDetailsFailure }),
      },
    )
  const certificate = loaded.value
  const { lookup, warmUp } = again()
  return { simulator, clock, settings, certificate, outbound, sent, logged, lookup, warmUp, again }
}

/** Waits for something that real sockets bring about, 5 ms at a time; fails the test after two seconds. */
export async function waitUntil(condition: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    if (condition()) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error('what was waited for did not happen')
}
