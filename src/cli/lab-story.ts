import { setTimeout as sleep } from 'node:timers/promises'
import { type RadiusReply, vlanOf } from './lab-peers.ts'
import type { LabStage } from './lab-stage.ts'
import { samples } from './sample-devices.ts'
import { formatTable } from './table.ts'
import { coloured } from './terminal.ts'

/** Where a device lands: a VLAN of the policy, or nowhere. */
type Place = '10' | '20' | '30' | '999' | 'refused'

/** One login and where it must lead. */
interface Scene {
  readonly who: string
  readonly how: 'MAB' | 'EAP-TLS' | 'EAP-TLS, resumed'
  readonly inIntune: string
  readonly mac: string
  /** SAN URIs of the certificate; for EAP-TLS. */
  readonly sanUris?: readonly string[]
  readonly expected: Place
  /** What happens to the world before. */
  readonly before?: (stage: LabStage) => Promise<void> | void
}

const endpointManager = (id: string) => `ID:Microsoft Endpoint Manager:GUID:${id}`
const compact = (id: string) => `IntuneDeviceId://${id}`
/** What Microsoft adds for strong certificate mapping; it has a comma inside. */
const sid = 'tag:microsoft.com,2022-09-14:sid:S-1-5-21-1004336348-1177238915-682003330-1001'
const spaced = (mac: string) => (mac.match(/../g) ?? []).join('-')
/** Long enough for an answer of the lab to run out: 1 s, spread by a tenth. */
const expiry = () => sleep(1200)

const alice = { who: "Alice's laptop", inIntune: 'compliant', mac: spaced(samples.alice.mac) }
const bob = { who: "Bob's laptop", inIntune: 'noncompliant', mac: spaced(samples.bob.mac) }

/** The VLANs are those of deploy/freeradius/policy.yaml and, for the outage, of policy.d/nac. */
const story: readonly Scene[] = [
  { ...alice, how: 'MAB', expected: '10' },
  { ...alice, how: 'EAP-TLS', sanUris: [endpointManager(samples.alice.deviceId), sid], expected: '10' },
  {
    ...alice,
    how: 'EAP-TLS, resumed',
    sanUris: [sid, compact(samples.alice.deviceId)],
    expected: '10',
  },
  { ...bob, how: 'MAB', expected: '20' },
  { ...bob, how: 'EAP-TLS', sanUris: [compact(samples.bob.deviceId), sid], expected: '20' },
  {
    who: "Bob's laptop in Alice's dock",
    inIntune: 'noncompliant',
    mac: alice.mac,
    how: 'EAP-TLS',
    sanUris: [endpointManager(samples.bob.deviceId)],
    expected: '20',
  },
  {
    who: "Carol's new phone",
    inIntune: 'unknown',
    mac: spaced(samples.carol.mac),
    how: 'EAP-TLS',
    sanUris: [compact(samples.carol.deviceId)],
    expected: '20',
  },
  {
    who: 'a stranger',
    inIntune: '(not enrolled)',
    mac: spaced(samples.stranger.mac),
    how: 'MAB',
    expected: '30',
  },
  {
    who: 'a phone with a private MAC',
    inIntune: '(not asked)',
    mac: spaced(samples.randomised.mac),
    how: 'MAB',
    expected: '30',
  },
  {
    who: 'a certificate with two device ids',
    inIntune: '(not asked)',
    mac: alice.mac,
    how: 'EAP-TLS',
    sanUris: [endpointManager(samples.alice.deviceId), compact(samples.bob.deviceId)],
    expected: 'refused',
  },
  {
    ...bob,
    who: "Bob's laptop, repaired",
    inIntune: 'compliant',
    how: 'EAP-TLS',
    sanUris: [compact(samples.bob.deviceId)],
    expected: '10',
    before: async ({ simulator }) => {
      simulator.tenant.patchDevice(samples.bob.deviceId, { complianceState: 'compliant' })
      await expiry()
    },
  },
  {
    ...alice,
    who: "Alice's laptop, Intune down",
    inIntune: '(down)',
    how: 'MAB',
    expected: '10',
    before: async ({ simulator }) => {
      simulator.tenant.setFault({ hop: 'query', kind: 'status', status: 503 })
      await expiry()
    },
  },
  {
    who: 'never seen before, Intune down',
    inIntune: '(down)',
    mac: '00-50-56-A4-00-01',
    how: 'MAB',
    expected: '999',
  },
  {
    ...alice,
    who: "Alice's laptop, the service down",
    inIntune: '(not asked)',
    how: 'EAP-TLS',
    sanUris: [endpointManager(samples.alice.deviceId)],
    expected: '999',
    before: async ({ simulator, stopService }) => {
      simulator.tenant.clearFaults()
      await stopService()
    },
  },
  {
    ...alice,
    who: "Alice's laptop, all back",
    how: 'EAP-TLS',
    sanUris: [endpointManager(samples.alice.deviceId)],
    expected: '10',
    before: async ({ startService }) => {
      await startService()
      // FreeRADIUS tries a dead connection again after retry_delay, 1 s.
      await expiry()
    },
  },
]

/** Plays every scene through FreeRADIUS, prints who landed where, and says whether each is where it must be. */
export async function playLabStory(stage: LabStage, out: (text: string) => void): Promise<boolean> {
  const rows: string[][] = []
  let wrong = 0
  for (const scene of story) {
    await scene.before?.(stage)
    const reply = await play(stage, scene)
    const place = placeOf(reply)
    if (place !== scene.expected) wrong += 1
    rows.push([
      scene.who,
      scene.how,
      scene.inIntune,
      names[place] ?? place,
      reply.attributes.get('Session-Timeout')?.[0] ?? '-',
      place === scene.expected ? 'ok' : `expected ${names[scene.expected]}`,
    ])
  }
  const heading = ['device', 'login', 'in Intune', 'landed in', 'asked again after s', 'as it must be']
  out(formatTable(heading, rows))
  out('')
  out(
    wrong === 0
      ? coloured('green', `All ${rows.length} devices are where they must be.`)
      : coloured('red', `${wrong} of ${rows.length} devices are somewhere else.`),
  )
  return wrong === 0
}

const names: Readonly<Record<string, string>> = {
  '10': 'VLAN 10 employees',
  '20': 'VLAN 20 remediation',
  '30': 'VLAN 30 onboarding',
  '999': 'VLAN 999 critical',
  refused: 'nowhere (reject)',
}

async function play(stage: LabStage, { how, mac, sanUris = [] }: Scene): Promise<RadiusReply> {
  if (how === 'MAB') return stage.mab({ mac })
  const certificate = await stage.issueCertificate('laptop', sanUris)
  return stage.eapTls({ certificate, mac, again: how === 'EAP-TLS' ? 0 : 1 })
}

function placeOf(reply: RadiusReply): string {
  if (reply.code === 'accept') return vlanOf(reply) ?? 'the default VLAN'
  return reply.code === 'reject' ? 'refused' : 'no answer'
}
