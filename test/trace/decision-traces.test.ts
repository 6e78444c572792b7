import t from 'tap'
import type { DecisionRecord } from '../../src/decision/decision-service.ts'
import { defaultPolicy } from '../../src/policy/default-policy.ts'
import { DecisionTraces } from '../../src/trace/decision-traces.ts'
import type { TraceStore } from '../../src/trace/trace-store.ts'
import { countTurns } from '../fakes/count-turns.ts'
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
    sent: 'accept',
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

t.test(
  'a thousand decisions are told in slices, and what makes room meanwhile is not told wrongly',
  async (t) => {
    const { traces } = open(1000)
    for (let index = 0; index < 1000; index += 1) traces.keep(decided(`d${index}`))
    const telling = traces.latest(1000)
    const turns = await countTurns(telling)
    t.ok(turns >= 35, `${turns} turns`)
    t.equal((await telling).length, 1000)

    const interrupted = traces.latest(1000)
    for (let index = 0; index < 500; index += 1) {
      traces.keep(decided(`later${index}`))
      if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    const told = (await interrupted).map(({ decisionId }) => decisionId)
    t.same(
      told,
      Array.from({ length: told.length }, (_, index) => `d${999 - index}`),
      'newest first, without a gap',
    )
  },
)

t.test('a store whose file is another one gets everything that is remembered', async (t) => {
  const { traces } = open(3000)
  for (let index = 0; index < 2000; index += 1) traces.keep(decided(`d${index}`))
  const offered: string[] = []
  let restarts = 0
  traces.attachStore({
    offer: ({ packed }: { packed: string }) => offered.push(packed),
    restart: () => {
      restarts += 1
    },
  } as unknown as TraceStore)
  const turns = await countTurns(traces.offerAll())
  t.ok(turns >= 3, `${turns} turns`)
  t.equal(restarts, 1, 'what waited is among them')
  t.equal(offered.length, 2000)
  t.match(offered[0], 'd0')
  t.match(offered.at(-1), 'd1999')
})

async function ids(traces: DecisionTraces): Promise<readonly string[]> {
  return (await traces.latest(100)).map(({ decisionId }) => decisionId)
}
