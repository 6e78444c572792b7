import t from 'tap'
import type { DecisionRecord } from '../../src/decision/decision-service.ts'
import { defaultPolicy } from '../../src/policy/default-policy.ts'
import { DecisionTraces } from '../../src/trace/decision-traces.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

function decided(decisionId: string): DecisionRecord {
  return {
    decision: {
      decisionId,
      outcome: 'allow',
      reason: 'compliant',
      complianceState: 'compliant',
      enrolled: true,
      matchedBy: 'mac',
      device: '005056A4895A',
      source: 'cache',
      ageMs: 0,
      stale: false,
      expiresInMs: 1,
    },
    request: { identity: { identifiers: [] }, refresh: false, frontend: 'json', client: 'local' },
    totalMs: 1,
    skippedKinds: [],
    rankConflict: false,
  }
}

function open(maxDecisions: number) {
  const clock = new FakeClock()
  const parts = { clock, mask: (device: string) => device, policyInForce: () => defaultPolicy, maxDecisions }
  return { clock, traces: new DecisionTraces(parts) }
}

t.test('the oldest decision makes room for the newest', async (t) => {
  const { traces } = open(3)
  for (const id of ['a', 'b']) traces.keep(decided(id))
  t.same(await ids(traces), ['b', 'a'])
  for (const id of ['c', 'd', 'e']) traces.keep(decided(id))
  t.same(await ids(traces), ['e', 'd', 'c'])
  t.equal(await traces.find('b'), undefined)
  t.match(await traces.find('c'), { decisionId: 'c' })
})

t.test('nothing older than 24 hours is shown', async (t) => {
  const { traces, clock } = open(10)
  traces.keep(decided('a'))
  await clock.advance(23 * 3_600_000)
  traces.keep(decided('b'))
  t.same(await ids(traces), ['b', 'a'])
  await clock.advance(3_600_001)
  t.same(await ids(traces), ['b'])
  t.equal(await traces.find('a'), undefined)
})

async function ids(traces: DecisionTraces): Promise<readonly string[]> {
  return (await traces.latest(100)).map(({ decisionId }) => decisionId)
}
