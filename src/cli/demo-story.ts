import { setTimeout as sleep } from 'node:timers/promises'
import type { DecisionAnswer } from '../frontends/json/schema.ts'
import type { Simulator } from '../simulator/simulator.ts'
import { samples } from './sample-devices.ts'
import { formatTable } from './table.ts'
import { coloured } from './terminal.ts'

/** One question of the story and what must come back. */
interface Scene {
  readonly who: string
  readonly inIntune: string
  readonly query: Readonly<Record<string, string>>
  readonly expected: {
    readonly decision: string
    readonly reason: string
    readonly remediationAction: string | null
  }
  /** Bob's laptop is made compliant in the simulator first, and the old answer has to run out. */
  readonly repairFirst?: true
}

/** Every row of the decision table that a device can cause, then the repair. */
const story: readonly Scene[] = [
  {
    who: "Alice's laptop, by MAC",
    inIntune: 'compliant',
    query: { mac: '00:50:56:A4:89:5A' },
    expected: { decision: 'allow', reason: 'compliant', remediationAction: null },
  },
  {
    who: "Alice's laptop, by certificate",
    inIntune: 'compliant',
    query: {
      certificateSan: `URI:ID:Microsoft Endpoint Manager:GUID:${samples.alice.deviceId}, DNS:alice.corp.example`,
    },
    expected: { decision: 'allow', reason: 'compliant', remediationAction: null },
  },
  {
    who: "Bob's laptop",
    inIntune: 'noncompliant',
    query: { mac: '34-08-bc-50-7c-78' },
    expected: { decision: 'remediate', reason: 'noncompliant', remediationAction: 'fix_compliance' },
  },
  {
    who: "Carol's new phone",
    inIntune: 'unknown',
    query: { deviceId: samples.carol.deviceId },
    expected: { decision: 'remediate', reason: 'not_evaluated', remediationAction: 'wait_for_evaluation' },
  },
  {
    who: 'a stranger',
    inIntune: '(not enrolled)',
    query: { mac: '8c16.45d2.e0f1' },
    expected: { decision: 'remediate', reason: 'not_enrolled', remediationAction: 'enroll' },
  },
  {
    who: 'a phone with a private MAC',
    inIntune: '(not asked)',
    query: { mac: 'DA:1B:2C:3D:4E:5F' },
    expected: { decision: 'remediate', reason: 'randomized_mac', remediationAction: 'use_device_mac' },
  },
  {
    who: 'two identifiers, two devices',
    inIntune: '(not asked)',
    query: { deviceId: samples.alice.deviceId, certificateSan: `IntuneDeviceId://${samples.bob.deviceId}` },
    expected: { decision: 'deny', reason: 'identifier_conflict', remediationAction: 'contact_support' },
  },
  {
    who: "Bob's laptop, repaired",
    inIntune: 'compliant',
    query: { mac: '34-08-bc-50-7c-78' },
    repairFirst: true,
    expected: { decision: 'allow', reason: 'compliant', remediationAction: null },
  },
]

/** Asks every question over HTTP, prints the table, and says whether each gave what it must. */
export async function playStory(stage: {
  readonly serviceUrl: string
  readonly simulator: Simulator
  readonly noncompliantFreshSeconds: number
  readonly out: (text: string) => void
}): Promise<boolean> {
  const rows: string[][] = []
  let wrong = 0
  for (const scene of story) {
    if (scene.repairFirst) {
      stage.simulator.tenant.patchDevice(samples.bob.deviceId, { complianceState: 'compliant' })
      // Expiry is spread by up to a tenth.
      await sleep(stage.noncompliantFreshSeconds * 1100 + 100)
    }
    const reply = await fetch(`${stage.serviceUrl}/v1/decision?${new URLSearchParams(scene.query)}`)
    const answer = (await reply.json()) as Partial<DecisionAnswer> & { code?: string }
    const right = Object.entries(scene.expected).every(
      ([name, value]) => answer[name as keyof DecisionAnswer] === value,
    )
    if (!right) wrong += 1
    rows.push([
      scene.who,
      scene.inIntune,
      String(answer.decision ?? reply.status),
      String(answer.reason ?? answer.code),
      String(answer.remediationAction ?? '-'),
      String(answer.source ?? '-'),
      right ? 'ok' : `expected ${Object.values(scene.expected).join(' ')}`,
    ])
  }
  const heading = ['device', 'in Intune', 'decision', 'reason', 'the user has to', 'source', 'as it must be']
  stage.out(formatTable(heading, rows))
  const counts = stage.simulator.tenant.requestCounts()
  stage.out(`\nAsked of the simulated cloud: ${JSON.stringify(counts)}`)
  stage.out(
    wrong === 0
      ? coloured('green', `All ${rows.length} answers are as they must be.`)
      : coloured('red', `${wrong} of ${rows.length} answers are wrong.`),
  )
  return wrong === 0
}
