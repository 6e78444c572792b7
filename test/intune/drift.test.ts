import t from 'tap'
import { createDriftSentinel, type Drift } from '../../src/intune/drift.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

function sentinel() {
  const clock = new FakeClock()
  const seen: Drift[] = []
  const samples: [Drift, string][] = []
  const drift = createDriftSentinel({
    clock,
    onDrift: (change) => seen.push(change),
    onSample: (change, sample) => samples.push([change, sample]),
  })
  return { clock, drift, seen, samples }
}

t.test('every change is counted and told, one sample an hour of each kind', async (t) => {
  const { clock, drift, seen, samples } = sentinel()
  const note = drift.noteFor('nac')
  for (let i = 0; i < 5; i += 1) note('field', 'riskScore', 'High')
  note('value', 'isManaged', 'maybe')
  drift.noteFor('graph')('value', 'complianceState', 'quarantined')
  t.same(drift.counts(), [
    { dialect: 'nac', kind: 'field', name: 'riskScore', count: 5 },
    { dialect: 'nac', kind: 'value', name: 'isManaged', count: 1 },
    { dialect: 'graph', kind: 'value', name: 'complianceState', count: 1 },
  ])
  t.equal(seen.length, 7)
  t.equal(samples.length, 3, 'one of each kind and dialect')
  await clock.advance(3_600_000)
  note('field', 'riskScore', 'Low')
  t.equal(samples.length, 4, 'and another one after an hour')
})

t.test('a sample shows the form of a value and nothing of its content', async (t) => {
  const { drift, samples } = sentinel()
  const note = drift.noteFor('nac')
  note('value', 'a', "Alice's iPhone 12, alice@contoso.com")
  note('date', 'b', '2020-12-15T10:22:45Z')
  note('field', 'c', `Ünïcode 漢字\n\u001b[31m${'x'.repeat(500)}`)
  t.same(samples[0]?.[1], 'Aaaaa?a aAaaaa 99, aaaaa@aaaaaaa.aaa')
  t.same(samples[1]?.[1], '9999-99-99A99:99:99A')
  t.match(samples[2]?.[1], /^Aaaaaaa aa\?\?\?99aa+$/)
  t.ok((samples[2]?.[1].length ?? 99) <= 60)
})

t.test('names from the peer are harmless and bounded', async (t) => {
  const { drift, seen } = sentinel()
  const note = drift.noteFor('compliance-retrieval')
  note('field', 'a"} 1\nevil{b="')
  note('field', 'x'.repeat(100))
  note('field', '漢字')
  t.same(
    seen.map(({ name }) => name),
    ['a1evilb', 'x'.repeat(40), 'unnamed'],
  )
  for (let i = 0; i < 1000; i += 1) note('field', `field${i}`)
  note('field', 'field0')
  const counts = drift.counts()
  t.equal(counts.length, 51, 'fifty names and one for all others')
  t.match(counts.at(-1), { name: 'other', count: 953 })
  t.match(
    counts.find(({ name }) => name === 'field0'),
    { count: 2 },
    'a known name is still counted as itself',
  )
})
