import t from 'tap'
import { ComplianceCache } from '../../src/compliance/compliance-cache.ts'
import type { ComplianceLookup } from '../../src/compliance/compliance-record.ts'
import { createDecide, type DecisionRecord } from '../../src/decision/decision-service.ts'
import { failure, success } from '../../src/errors/fault.ts'
import type { IdentityAttributes } from '../../src/identity/device-identity.ts'
import { parseIdentity } from '../../src/identity/parse-identity.ts'
import { defaultPolicy } from '../../src/policy/default-policy.ts'
import { packDecision, unpackDecision } from '../../src/trace/packed-decision.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const mac = '00-50-56-A4-89-5A'
const deviceId = 'a11ce000-0000-4000-8000-000000000001'
const otherId = 'b0bb1e00-0000-4000-8000-000000000002'

/** What Intune says, and what is asked; `again` is asked a second time, from memory. */
const scenes: Readonly<Record<string, { attributes: IdentityAttributes; fails?: true; again?: true }>> = {
  'asked by MAC': { attributes: { mac } },
  'from memory': { attributes: { mac }, again: true },
  'a certificate and a MAC': { attributes: { certificateSan: `IntuneDeviceId://${deviceId}`, mac } },
  'two certificates': {
    attributes: { certificateSan: [`IntuneDeviceId://${deviceId}`, `IntuneDeviceId://${otherId}`] },
  },
  'a name that can be read in two ways': {
    attributes: { certificateSan: `DNS:x, URI:IntuneDeviceId://${deviceId}`, mac },
  },
  'a randomised MAC': { attributes: { mac: '02-50-56-A4-89-5A' } },
  'Intune is away': { attributes: { mac }, fails: true },
}

for (const [what, { attributes, fails, again }] of Object.entries(scenes)) {
  t.test(`a packed decision is read as it was: ${what}`, async (t) => {
    const clock = new FakeClock()
    const lookup: ComplianceLookup = async () => {
      if (fails) return failure('upstream_timeout', 'no answer', { hop: 'query', host: 'x.example' })
      const state = { enrolled: true, complianceState: 'noncompliant' } as const
      const details = { model: 'Ünder "9" \\ x' }
      const record = { ...state, observedAtMs: clock.nowMs(), deviceId, macs: ['005056A4895A'], details }
      return success({ record, trace: { api: 'nac', status: 200, requestId: 'r-1', durationMs: 1.5 } })
    }
    const hour = 3_600_000
    const freshness = {
      compliantFreshMs: hour,
      noncompliantFreshMs: hour,
      refreshAheadMs: 0,
      outageHoldMs: hour,
    }
    const records: DecisionRecord[] = []
    const decide = createDecide({
      cache: new ComplianceCache({ lookup, clock, freshness }),
      policy: defaultPolicy,
      clock,
      deadlineMs: 1000,
      portalUrl: 'https://portal.example',
      retryAfterMs: 1000,
      record: (record) => void records.push(record),
    })
    const identity = parseIdentity(attributes)
    if (!identity.ok) throw new Error(identity.fault.message)
    const context = { nasIdentifier: 'sw "1" \\ Zürich', ssid: 'corp' }
    const question = {
      identity: identity.value,
      refresh: false,
      frontend: 'radius',
      client: 'r',
      context,
    } as const
    await decide(question)
    if (again) await decide(question)
    t.equal(records.length, again ? 2 : 1)
    for (const record of records) {
      const read = unpackDecision(packDecision(record))
      t.same(read, JSON.parse(JSON.stringify(record)), 'every value')
      t.same(
        read.facts && defaultPolicy.explain(read.facts),
        record.facts && defaultPolicy.explain(record.facts),
        'and the rules say the same of it',
      )
    }
  })
}
