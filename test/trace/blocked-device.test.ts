import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ComplianceCache } from '../../src/compliance/compliance-cache.ts'
import { createDecide, type DecisionRecord } from '../../src/decision/decision-service.ts'
import { createDeviceMask } from '../../src/identity/mask-device.ts'
import { parseIdentity } from '../../src/identity/parse-identity.ts'
import { compileSitePolicy, loadPolicy } from '../../src/policy/site-policy.ts'
import { packDecision, unpackDecision } from '../../src/trace/packed-decision.ts'
import { presentTrace } from '../../src/trace/present-trace.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { scriptedLookup } from '../fakes/scripted-lookup.ts'

const stolen = '3eeb9e62-cec9-4dd8-9dd6-74903695a62b'

const policyText = `rules:
  - { name: by serial, when: { serialNumber: [OTHER-1, OTHER-2] }, decision: deny }
  - { name: by list, when: { deviceId: { file: blocked.txt } }, decision: deny }
`

t.test('the story of a blocked device names the rule, and no identifier that is masked', async (t) => {
  const directory = t.testdir({ 'policy.yaml': policyText, 'blocked.txt': `${stolen}\n` })
  const loaded = loadPolicy(join(directory, 'policy.yaml'))
  if (!loaded.ok) throw new Error(loaded.fault.message)
  const policy = compileSitePolicy(loaded.value.definition, loaded.value.lists)
  const clock = new FakeClock()
  const hour = 3_600_000
  const freshness = {
    compliantFreshMs: hour,
    noncompliantFreshMs: hour,
    refreshAheadMs: 0,
    outageHoldMs: hour,
  }
  const { lookup } = scriptedLookup(clock, {
    deviceId: stolen,
    macs: ['005056A4895A'],
    details: { serialNumber: 'pf-2x7k' },
  })
  const records: DecisionRecord[] = []
  const decide = createDecide({
    cache: new ComplianceCache({ lookup, clock, freshness }),
    policy,
    clock,
    deadlineMs: 1000,
    portalUrl: 'https://portal.example',
    retryAfterMs: 1000,
    record: (record) => void records.push(record),
  })
  const identity = parseIdentity({ mac: '00:50:56:A4:89:5A' })
  if (!identity.ok) throw new Error(identity.fault.message)
  const asked = { identity: identity.value, refresh: false, frontend: 'radius', client: 'r' } as const
  t.match(await decide(asked), { value: { outcome: 'deny', rule: 'by list', reason: 'compliant' } })

  writeFileSync(join(directory, 'blocked.txt'), '')
  const [record] = records
  if (record === undefined) throw new Error('no decision')
  const read = unpackDecision(packDecision(record))
  for (const shown of ['hash', 'none'] as const) {
    const mask = createDeviceMask(shown, Buffer.alloc(32, 1))
    const kept = { record: read, policy, decidedAtMs: clock.nowMs() }
    const story = presentTrace(kept, mask, 'operator')
    t.match(story.rules, [
      { rule: 'by serial', result: 'passed_over', unmet: [/the rule wants one of 2 devices that it names$/] },
      { rule: 'by list', result: 'fired' },
    ])
    t.notMatch(JSON.stringify(story), /pf-2x7k|3eeb9e62|4895A|OTHER/i, shown)
  }
})
