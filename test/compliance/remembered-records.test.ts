import t from 'tap'
import type { ComplianceRecord } from '../../src/compliance/compliance-record.ts'
import { RememberedRecords } from '../../src/compliance/remembered-records.ts'
import { usedHeapBytes, usedOutsideOfHeapBytes } from '../fakes/collect-garbage.ts'
import { countTurns } from '../fakes/count-turns.ts'

const minuteMs = 60_000
const nowMs = 30_000_000 * minuteMs

function remembered(state: 'compliant' | 'noncompliant' | 'unknown' | 'not enrolled', observedAtMs = nowMs) {
  const record: ComplianceRecord = {
    enrolled: state !== 'not enrolled',
    complianceState: state === 'not enrolled' ? 'unknown' : state,
    observedAtMs,
  }
  return { record, freshUntilMs: observedAtMs + 1000 }
}

t.test('records are counted by state whatever happens to them', async (t) => {
  const records = new RememberedRecords({ maxRecords: 3 })
  records.set('a', remembered('compliant'))
  records.set('b', remembered('noncompliant'))
  records.set('c', remembered('unknown'))
  t.same(records.counts, { c: 1, n: 1, u: 1, x: 0 })
  records.set('a', remembered('noncompliant'))
  t.same(records.counts, { c: 0, n: 2, u: 1, x: 0 }, 'replaced')
  records.set('a', remembered('noncompliant'))
  t.same(records.counts, { c: 0, n: 2, u: 1, x: 0 }, 'said again')
  records.set('d', remembered('not enrolled'))
  t.same(records.counts, { c: 0, n: 1, u: 1, x: 1 }, 'the least recently used one is pushed out')
  t.same([...records.noncompliantKeys()], ['a'])
  t.equal(records.delete('a'), true)
  t.equal(records.delete('a'), false)
  t.same(records.counts, { c: 0, n: 0, u: 1, x: 1 })
  t.equal(records.size, 2)
  t.same([...records.keys()].sort(), ['c', 'd'])
})

t.test('every change is told, also that something was pushed out', async (t) => {
  const changed: string[] = []
  const records = new RememberedRecords({ maxRecords: 2, onChange: (key) => changed.push(key) })
  records.set('a', remembered('compliant'))
  records.set('b', remembered('compliant'))
  records.get('a')
  records.set('c', remembered('compliant'))
  records.delete('c')
  t.same(changed, ['a', 'b', 'b', 'c', 'c'], 'b was used longest ago')
  records.restore('d', 'c-1.1')
  t.equal(changed.length, 5, 'what comes from disk is no change')
})

t.test('all of them can be forgotten at once, also while somebody walks through them', async (t) => {
  const changed: string[] = []
  let cleared = 0
  const records = new RememberedRecords({
    maxRecords: 100,
    onChange: (key) => changed.push(key),
    onClear: () => {
      cleared += 1
    },
  })
  for (let index = 0; index < 100; index += 1) records.set(`k${index}`, remembered('noncompliant'))
  const version = records.noncompliantVersion
  changed.length = 0
  const noncompliant = records.noncompliantKeys()
  noncompliant.next()
  let visited = 0
  await records.walk(() => {
    visited += 1
    if (visited === 10) t.equal(records.clear(), 100)
  })
  t.equal(visited, 10)
  t.same([...noncompliant], [])
  t.equal(cleared, 1)
  t.same(changed, [], 'no key is told')
  t.same(records.counts, { c: 0, n: 0, u: 0, x: 0 })
  t.not(records.noncompliantVersion, version)
  t.same(records.countObservedSince(0), { compliant: 0, all: 0 })
  t.equal(records.size, 0)
  t.equal(records.get('k1'), undefined)
  for (let index = 50; index < 250; index += 1) records.set(`k${index}`, remembered('compliant'))
  t.same(
    [...records.keys()].sort(),
    Array.from({ length: 100 }, (_, index) => `k${index + 150}`),
  )
})

t.test('a walk waits for what a visit returns', async (t) => {
  const records = new RememberedRecords({ maxRecords: 3 })
  for (const key of ['a', 'b', 'c']) records.set(key, remembered('compliant'))
  const gate = Promise.withResolvers<void>()
  let visited = 0
  const walk = records.walk(() => {
    visited += 1
    return visited === 2 ? gate.promise : undefined
  })
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(visited, 2)
  gate.resolve()
  await walk
  t.equal(visited, 3)
})

t.test('a stored record does not replace a newer one, and a damaged one is left out', async (t) => {
  const records = new RememberedRecords({ maxRecords: 10 })
  records.set('a', remembered('noncompliant'))
  t.equal(records.restore('a', 'c-1.1'), false)
  t.equal(records.restore('b', 'damaged'), false)
  t.equal(records.restore('c', 'c-1.1'), true)
  t.match(records.peek('a'), { record: { complianceState: 'noncompliant' } })
  t.match(records.peek('c'), { record: { complianceState: 'compliant', observedAtMs: 1 } })
  t.equal(records.packed('c'), 'c-1.1')
  t.equal(records.packed('b'), undefined)
})

t.test('how many were observed since a moment is counted by the whole minute', async (t) => {
  const records = new RememberedRecords({ maxRecords: 10 })
  records.set('a', remembered('compliant', nowMs - 10 * minuteMs))
  records.set('b', remembered('noncompliant', nowMs - 5 * minuteMs))
  records.set('c', remembered('compliant', nowMs))
  t.same(records.countObservedSince(nowMs - 10 * minuteMs), { compliant: 2, all: 3 })
  t.same(records.countObservedSince(nowMs - 10 * minuteMs + 1), { compliant: 1, all: 2 }, 'rounded down')
  records.delete('c')
  t.same(records.countObservedSince(0), { compliant: 1, all: 2 })
})

t.test('a walk visits everything, though records come, go and are used meanwhile', async (t) => {
  const records = new RememberedRecords({ maxRecords: 1000 })
  for (let index = 0; index < 100; index += 1) records.set(`k${index}`, remembered('compliant'))
  const visited = new Set<string>()
  await records.walk((key, read) => {
    t.equal(read().record.complianceState, 'compliant')
    visited.add(key)
    records.get('k99')
    if (key === 'k50') {
      records.delete('k10')
      records.delete('k70')
      records.set('new', remembered('compliant'))
    }
  }, 7)
  for (let index = 0; index < 100; index += 1) {
    if (index !== 10) t.ok(visited.has(`k${index}`), `k${index}`)
  }
  t.notOk(visited.has('new'))
})

t.test('the event loop turns while a walk goes on', async (t) => {
  const records = new RememberedRecords({ maxRecords: 20_000 })
  for (let index = 0; index < 20_000; index += 1) records.set(`k${index}`, remembered('compliant'))
  const turns = await countTurns(records.walk(() => {}))
  t.ok(turns >= 15, `${turns} turns`)
})

t.test('whatever is used, the record that was used longest ago is pushed out', async (t) => {
  const maxRecords = 50
  const records = new RememberedRecords({ maxRecords })
  /** The same in a Map, which keeps the order of insertion: oldest first. */
  const expected = new Map<string, true>()
  const use = (key: string) => {
    if (expected.delete(key)) expected.set(key, true)
  }
  let seed = 1
  const next = (below: number) => {
    seed = (seed * 48_271) % 0x7fffffff
    return seed % below
  }
  for (let step = 0; step < 5000; step += 1) {
    const key = `mac/${next(120)}`
    switch (next(4)) {
      case 0:
        t.equal(records.get(key) !== undefined, expected.has(key))
        use(key)
        break
      case 1:
        records.peek(key)
        break
      case 2:
        if (next(5) === 0) t.equal(records.delete(key), expected.delete(key))
        break
      default:
        records.set(key, remembered(next(2) === 0 ? 'compliant' : 'noncompliant'))
        if (expected.has(key)) use(key)
        else expected.set(key, true)
        if (expected.size > maxRecords) expected.delete([...expected.keys()][0] ?? '')
    }
    if (step % 50 === 0) t.same([...records.keys()].sort(), [...expected.keys()].sort(), `step ${step}`)
  }
  t.equal(records.size, expected.size)
  const { c, n } = records.counts
  t.equal(c + n, expected.size)
})

t.test(
  'a hundred thousand records take less than 160 bytes each, next to none of them on the heap',
  async (t) => {
    const count = 100_000
    const before = usedHeapBytes()
    const outsideBefore = usedOutsideOfHeapBytes()
    const records = new RememberedRecords({ maxRecords: count })
    for (let index = 0; index < count; index += 1) {
      const id = `${index.toString(16).padStart(8, '0')}-6859-4b71-93aa-56aba42581c5`
      records.set(`deviceId/${id}`, {
        record: {
          enrolled: true,
          complianceState: 'compliant',
          observedAtMs: nowMs + index,
          deviceId: id,
          macs: [index.toString(16).toUpperCase().padStart(12, '0')],
        },
        freshUntilMs: nowMs + index + 600_000,
      })
    }
    const onHeap = (usedHeapBytes() - before) / count
    const outside = (usedOutsideOfHeapBytes() - outsideBefore) / count
    t.equal(records.size, count)
    t.ok(onHeap < 10, `${Math.round(onHeap)} bytes each on the heap`)
    t.ok(outside < 160, `${Math.round(outside)} bytes each outside`)
  },
)

t.test('pages hold every record that is there all the while once, and the event loop turns', async (t) => {
  const records = new RememberedRecords({ maxRecords: 20_000 })
  for (let index = 0; index < 10_000; index += 1) {
    records.set(`mac/${index}`, remembered(index % 100 === 0 ? 'noncompliant' : 'compliant'))
  }
  const seen: string[] = []
  let after: number | undefined
  let pages = 0
  do {
    const { records: found, next } = await records.page({ states: new Set(['n'] as const), after, limit: 30 })
    seen.push(...found.map(({ key }) => key))
    after = next
    pages += 1
    // What comes, goes and changes between two pages.
    records.set(`mac/new${pages}`, remembered('noncompliant'))
    records.delete(`mac/${pages}`)
    records.set('mac/5000', remembered('noncompliant', nowMs + pages))
  } while (after !== undefined)
  const lasting = Array.from({ length: 100 }, (_, index) => `mac/${index * 100}`)
  t.same(
    lasting.filter((key) => seen.filter((one) => one === key).length !== 1),
    [],
    'each once',
  )
  t.equal(pages, 4)
  const turns = await countTurns(records.page({ states: new Set(['u'] as const), limit: 10 }))
  t.ok(turns >= 9, `${turns} turns`)
})
