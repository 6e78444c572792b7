import t from 'tap'
import { TextPages } from '../../src/compliance/text-pages.ts'
import { usedOutsideOfHeapBytes } from '../fakes/collect-garbage.ts'

const pageBytes = 1024 * 1024

/** The same row of numbers in every run. */
function numbersBelow(): (below: number) => number {
  let seed = 1
  return (below) => {
    seed = (seed * 48_271) % 0x7fffffff
    return seed % below
  }
}

t.test('every text is read as it was written last, whatever is written around it', async (t) => {
  const count = 3000
  const texts = new TextPages(count)
  const expected = new Map<number, string>()
  const next = numbersBelow()
  for (let step = 0; step < 60_000; step += 1) {
    const number = next(count)
    const longest = next(500) === 0 ? 300_000 : 400
    const text = `${number} ${'aé\u{1f4bb}'[next(2)]}${'x'.repeat(next(longest))}`
    if (next(4) === 0) {
      texts.remove(number)
      expected.delete(number)
    } else {
      texts.write(number, text)
      expected.set(number, text)
    }
  }
  const wrong = []
  for (let number = 0; number < count; number += 1) {
    const text = expected.get(number)
    if (texts.has(number) !== (text !== undefined)) wrong.push(number)
    else if (text !== undefined && texts.read(number) !== text) wrong.push(number)
  }
  t.ok(expected.size > count / 2)
  t.same(wrong, [])
})

t.test('a text may be longer than a page, and is replaced like any other', async (t) => {
  const texts = new TextPages(3)
  texts.write(0, 'before')
  texts.write(1, 'é'.repeat(pageBytes))
  texts.write(2, 'behind')
  t.equal(texts.read(0), 'before')
  t.equal(texts.read(1), 'é'.repeat(pageBytes))
  t.equal(texts.read(2), 'behind')
  texts.write(1, 'short')
  t.equal(texts.read(1), 'short')
  texts.remove(2)
  texts.remove(2)
  t.equal(texts.has(2), false)
  t.equal(texts.read(0), 'before')
})

t.test(
  'texts that change their lengths again and again take a third more than they need, not more',
  async (t) => {
    const count = 50_000
    const before = usedOutsideOfHeapBytes()
    const texts = new TextPages(count)
    const next = numbersBelow()
    const lengths = new Map<number, number>()
    for (let step = 0; step < 20 * count; step += 1) {
      const number = next(count)
      const length = 8 * (1 + next(40))
      lengths.set(number, length)
      texts.write(number, 'x'.repeat(length))
    }
    const needed = [...lengths.values()].reduce((sum, length) => sum + length, 0) + 8 * count
    const taken = usedOutsideOfHeapBytes() - before
    t.ok(texts.has(0))
    t.ok(taken < needed / 0.7 + 3 * pageBytes, `${taken} bytes for ${needed}`)
  },
)

t.test('what is removed gives its memory back', async (t) => {
  const count = 100_000
  const texts = new TextPages(count)
  const before = usedOutsideOfHeapBytes()
  for (let number = 0; number < count; number += 1) texts.write(number, 'x'.repeat(200))
  t.ok(usedOutsideOfHeapBytes() - before > 18_000_000)
  for (let number = 0; number < count; number += 1) texts.remove(number)
  t.ok(usedOutsideOfHeapBytes() - before < 3 * pageBytes)
  t.equal(texts.has(0), false)
})
