import t from 'tap'
import type { ComplianceRecord } from '../../src/compliance/compliance-record.ts'
import {
  createNoncompliantDevices,
  type NoncompliantDevice,
} from '../../src/decision/noncompliant-devices.ts'
import type { PolicyFacts } from '../../src/decision/policy.ts'
import { defaultPolicy } from '../../src/policy/default-policy.ts'

const nowMs = Date.UTC(2026, 10, 23, 8, 0, 0)
const record: ComplianceRecord = {
  enrolled: true,
  complianceState: 'noncompliant',
  observedAtMs: nowMs - 5000,
}
const byId: NoncompliantDevice = { id: 'a', deviceId: 'a', macs: ['005056A4895A'], record }
const byMac: NoncompliantDevice = { id: 'mac/005056A4895A', macs: ['005056A4895A'], record }
const asking = { frontend: 'ise', client: 'ise-1' } as const

function build(devices: readonly NoncompliantDevice[] = []) {
  const judged: PolicyFacts[] = []
  const noncompliant = createNoncompliantDevices({
    readSnapshot: async () => ({ devices, takenAtMs: nowMs }),
    policy: {
      decide: (facts) => {
        judged.push(facts)
        return defaultPolicy.decide(facts)
      },
      withLists: defaultPolicy.withLists,
    },
    nowMs: () => nowMs,
  })
  return { ...noncompliant, judged }
}

t.test('the list is the snapshot, the same array for as long as that is the same', async (t) => {
  const devices = [byId, byMac]
  t.equal(await build(devices).list(), devices)
})

t.test('policy judges a listed device as if somebody asked about it alone', async (t) => {
  const common = {
    reason: 'noncompliant',
    request: asking,
    rankConflict: false,
    stale: false,
    ageMs: 5000,
    nowMs,
  }
  const macs = ['005056A4895A']
  const { judge, judged } = build()
  t.match(judge(byId, asking), { reason: 'noncompliant', verdict: { outcome: 'remediate' } })
  judge(byMac, asking)
  t.strictSame(judged, [
    { ...common, matchedBy: 'deviceId', rank: 1, record: { ...record, deviceId: 'a', macs } },
    { ...common, matchedBy: 'mac', rank: 4, record: { ...record, macs } },
  ])
})

t.test('a listed device of which no MAC is known has none in its facts', async (t) => {
  const { judge, judged } = build()
  judge({ ...byId, macs: [] }, asking)
  t.strictSame(judged[0]?.record, { ...record, deviceId: 'a' })
})

t.test('a device in its grace period is listed as what it is, and let in', async (t) => {
  const inGrace = { ...byId, record: { ...record, gracePeriodEndsMs: nowMs + 1 } }
  t.match(build().judge(inGrace, asking), { reason: 'in_grace_period', verdict: { outcome: 'allow' } })
})

t.test('a fact from the future, by a clock that was set back, has the age 0', async (t) => {
  const { judge, judged } = build()
  judge({ ...byId, record: { ...record, observedAtMs: nowMs + 60_000 } }, asking)
  t.equal(judged[0]?.ageMs, 0)
})
