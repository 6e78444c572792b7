import fc from 'fast-check'
import t from 'tap'
import { TextRing } from '../../src/trace/text-ring.ts'

function textsOf(ring: TextRing): string[] {
  const texts: string[] = []
  for (let number = ring.first; number < ring.next; number += 1) texts.push(ring.read(number))
  return texts
}

t.test('texts come back in their order, and the oldest make room for the newest', async (t) => {
  const ring = new TextRing({ maxTexts: 3, maxBytes: 1000 })
  t.same(textsOf(ring), [])
  for (const text of ['a', 'Zürich', '', 'd']) ring.add(text)
  t.same([ring.first, ring.next], [1, 4])
  t.same(textsOf(ring), ['Zürich', '', 'd'])
  t.ok(ring.has(1, Buffer.from('ric')))
  t.notOk(ring.has(3, Buffer.from('ric')))
})

t.test('whatever is added, what is there is what was added last, to the letter', async (t) => {
  const result = fc.check(
    fc.property(
      fc.array(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 60 }), { maxLength: 200 }),
      fc.integer({ min: 1, max: 40 }),
      (added, maxTexts) => {
        const ring = new TextRing({ maxTexts, maxBytes: 600 })
        for (const [index, text] of added.entries()) {
          ring.add(text)
          const texts = textsOf(ring)
          const expected = added.slice(index + 1 - texts.length, index + 1)
          if (texts.length === 0 || JSON.stringify(texts) !== JSON.stringify(expected)) return false
        }
        return true
      },
    ),
  )
  t.notOk(result.failed, fc.defaultReportMessage(result) ?? `${result.numRuns} rings`)
})

t.test('memory grows to its bound and not beyond, and nothing is lost while it grows', async (t) => {
  const mebibyte = 1024 * 1024
  const ring = new TextRing({ maxTexts: 100_000, maxBytes: 4 * mebibyte })
  const text = 'x'.repeat(1000)
  for (let count = 0; count < 3000; count += 1) ring.add(`${count} ${text}`)
  t.equal(ring.first, 0, '3 MB: all are there')
  t.equal(ring.read(0), `0 ${text}`)
  for (let count = 3000; count < 20_000; count += 1) ring.add(`${count} ${text}`)
  const kept = ring.next - ring.first
  t.ok(kept > 4100 && kept <= 4200, `${kept} of 20,000 fit into 4 MiB`)
  t.equal(ring.read(ring.first), `${ring.first} ${text}`)
  t.equal(ring.read(19_999), `19999 ${text}`)
})

t.test('a text that is too long for all the memory is kept as an empty one', async (t) => {
  const ring = new TextRing({ maxTexts: 10, maxBytes: 300 })
  ring.add('before')
  ring.add('x'.repeat(101))
  t.equal(ring.read(ring.next - 1), '')
  ring.add('after')
  t.equal(ring.read(ring.next - 1), 'after')
})
