import t from 'tap'
import { sortInSlices } from '../../src/turns/sort-in-slices.ts'
import { turnEvery } from '../../src/turns/turn-every.ts'
import { countTurns } from '../fakes/count-turns.ts'

t.test('a slice is so many steps, and the event loop turns after it', async (t) => {
  const next = turnEvery(3)
  t.same([next(), next()], [undefined, undefined], 'nothing to wait for within a slice')
  const turned = next()
  t.ok(turned instanceof Promise)
  let hasTurned = false
  setImmediate(() => {
    hasTurned = true
  })
  await turned
  await new Promise((resolve) => setImmediate(resolve))
  t.ok(hasTurned)
  t.equal(next(), undefined, 'the next slice begins')
})

t.test(
  'sorted in slices is sorted, equal items stay in their order, and the input is left alone',
  async (t) => {
    for (const length of [0, 1, 999, 1000, 1001, 2500, 7300]) {
      const items = Array.from({ length }, (_, index) => ({ index, rank: (index * 7919) % 503 }))
      const before = [...items]
      const sorted = await sortInSlices(items, (a, b) => a.rank - b.rank)
      const expected = [...items].sort((a, b) => a.rank - b.rank)
      t.equal(sorted.length, length)
      t.ok(
        sorted.every((item, index) => item === expected[index]),
        `${length} items`,
      )
      t.ok(items.every((item, index) => item === before[index]))
    }
  },
)

t.test('the event loop turns while much is sorted', async (t) => {
  const items = Array.from({ length: 20_000 }, (_, index) => (index * 7919) % 20_011)
  const turns = await countTurns(sortInSlices(items, (a, b) => a - b))
  t.ok(turns >= 30, `${turns} turns`)
})
