import t from 'tap'
import { systemClock } from '../../src/clock.ts'
import type { DecisionRecord } from '../../src/decision/decision-service.ts'
import { defaultPolicy } from '../../src/policy/default-policy.ts'
import { createStoryTest } from '../../src/state/story-test.ts'
import { openTraceFile } from '../../src/state/trace-file.ts'
import { type DecisionFilter, storedConditionsOf } from '../../src/trace/decision-filter.ts'
import { DecisionTraces } from '../../src/trace/decision-traces.ts'
import { TraceStore } from '../../src/trace/trace-store.ts'

interface Kept {
  readonly id: string
  readonly outcome: 'allow' | 'deny'
  readonly reason: 'compliant' | 'noncompliant'
  readonly client: string
  readonly context?: DecisionRecord['request']['context']
}

const unclear = { text: '10.0.0.7', alternatives: [], isOpen: false }
const guessed = { alternatives: ['Core-1', 'Core-2'], isOpen: true }
/** NAS-IP-Address beside NAS-IPv6-Address. */
const two = { text: '10.0.0.9', alternatives: ['2001:db8::9'], isOpen: false }
const kept: readonly Kept[] = [
  { id: 'a', outcome: 'allow', reason: 'compliant', client: 'ise-1', context: { nasIpAddress: '10.0.0.1' } },
  {
    id: 'b',
    outcome: 'deny',
    reason: 'noncompliant',
    client: 'radius-1',
    context: { nasIpAddress: '10.0.0.2', nasIdentifier: 'Switch "2" or Zürich' },
  },
  { id: 'c', outcome: 'deny', reason: 'noncompliant', client: 'ise-1' },
  { id: 'd', outcome: 'allow', reason: 'compliant', client: 'ISE-2', context: { nasIpAddress: unclear } },
  { id: 'e', outcome: 'deny', reason: 'compliant', client: 'x', context: { nasIdentifier: guessed } },
  {
    id: 'f',
    outcome: 'allow',
    reason: 'compliant',
    client: 'y',
    context: { nasIpAddress: two, nasIdentifier: 'core or edge' },
  },
]

function recordOf({ id, outcome, reason, client, context }: Kept): DecisionRecord {
  return {
    decision: {
      decisionId: id,
      outcome,
      reason,
      complianceState: 'compliant',
      enrolled: true,
      matchedBy: 'mac',
      device: '005056A4895A',
      source: 'cache',
      ageMs: 0,
      stale: false,
      expiresInMs: 1,
    },
    request: {
      identity: { identifiers: [{ kind: 'mac', value: '005056A4895A', origin: 'mac', rank: 4 }] },
      refresh: false,
      frontend: 'radius',
      client,
      ...(context && { context }),
    },
    sent: outcome === 'allow' ? 'accept' : 'reject',
    totalMs: 1,
    skippedKinds: [],
    rankConflict: false,
  }
}

const filters: readonly [filter: DecisionFilter, found: string][] = [
  [{}, 'fedcba'],
  [{ decision: ['deny'] }, 'ecb'],
  [{ decision: ['deny', 'allow'], reason: ['noncompliant'] }, 'cb'],
  [{ decision: ['fail'] }, ''],
  [{ sent: ['reject'], client: ['x', 'ise-1'] }, 'ec'],
  [{ client: ['ise-1', 'ise-2'] }, 'dca'],
  [{ nas: ['10.0.0.1'] }, 'a'],
  [{ nas: ['10.0.0.7'] }, 'd'],
  [{ nas: ['10.0.0.'] }, ''],
  [{ nas: ['switch "2" OR Zürich'] }, 'b'],
  [{ nas: ['core-2', '10.0.0.1'] }, 'ea'],
  [{ nas: ['2001:db8::9'] }, 'f'],
  [{ nas: ['10.0.0.9'] }, 'f'],
  [{ nas: ['Core or Edge'] }, 'f'],
  [{ nas: ['core'] }, ''],
  [{ nas: ['edge'] }, ''],
  [{ nas: ['core-1 or core-2'] }, ''],
  [{ nas: ['unknown'] }, ''],
  [{ nas: ["' OR 1=1 --"] }, ''],
  [{ device: '00:50:56:a4:89:5a', decision: ['allow'] }, 'fda'],
  [{ device: '00:50:56:a4:89:5b' }, ''],
]

t.test('what is in memory and what is stored is found by the same filters', async (t) => {
  const clock = systemClock
  const mask = (device: string) => device
  const open = () => new DecisionTraces({ clock, mask, policyInForce: () => defaultPolicy })
  const texts = openTraceFile({
    directory: t.testdir({}),
    tenant: 'contoso.example',
    clock,
    maxTraces: 100,
    maxAgeMs: 60_000,
    onNotice: (notice) => t.fail(JSON.stringify(notice)),
  })
  t.teardown(() => texts.close())
  const store = new TraceStore({ texts, clock, mask })
  const [inMemory, stored] = [open(), open()]
  stored.attachStore(store)
  const writing = open()
  writing.attachStore(store)
  for (const one of kept) {
    inMemory.keep(recordOf(one))
    writing.keep(recordOf(one))
  }
  while (store.status().written < kept.length) await new Promise((resolve) => setTimeout(resolve, 20))
  const found = async (traces: DecisionTraces, filter: DecisionFilter, limit = 100) =>
    (await traces.search(filter, limit))?.traces.map(({ decisionId }) => decisionId).join('')
  for (const [filter, ids] of filters) {
    t.equal(await found(inMemory, filter), ids, `in memory: ${JSON.stringify(filter)}`)
    t.equal(await found(stored, filter), ids, `stored: ${JSON.stringify(filter)}`)
  }
  t.equal(await found(stored, { decision: ['deny'] }, 2), 'ec', 'the limit counts what fits')
  const nowMs = clock.nowMs()
  for (const traces of [inMemory, stored]) {
    t.equal(await found(traces, { sinceMs: nowMs - 50_000, untilMs: nowMs }), 'fedcba')
    t.equal(await found(traces, { untilMs: nowMs - 50_000 }), '')
    t.equal(await found(traces, { sinceMs: nowMs + 50_000 }), '')
  }
  t.equal(await inMemory.search({ device: '?' }, 1), undefined, 'no identifier')
})

t.test(
  'a story of an earlier version is found by the NAS that it shows, and what is none by nothing',
  (t) => {
    const found = (filter: DecisionFilter, story: unknown) =>
      createStoryTest(storedConditionsOf(filter).where)(
        typeof story === 'string' ? story : JSON.stringify(story),
      )
    const earlier = { request: { nasIpAddress: '10.0.0.1', nasIdentifier: 'Core or edge' } }
    t.ok(found({ nas: ['10.0.0.1'] }, earlier))
    t.ok(found({ nas: ['core OR edge'] }, earlier))
    t.notOk(found({ nas: ['core'] }, earlier))
    t.notOk(found({ nas: ['10.0.0.1'] }, { request: { ...earlier.request, nas: [] } }), 'not of this version')
    for (const none of [
      'text of a',
      'null',
      '[]',
      '{"request":"10.0.0.1"}',
      { request: { nas: { length: 1 } } },
    ])
      t.notOk(found({ nas: ['10.0.0.1'] }, none))
    t.ok(found({}, 'text of a'), 'but where nothing is asked of it')
    t.end()
  },
)
