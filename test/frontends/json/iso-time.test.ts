import fc from 'fast-check'
import t from 'tap'
import { isoTime } from '../../../src/frontends/json/iso-time.ts'

t.test('a time is written as Date writes it', async (t) => {
  for (const text of [
    '1970-01-01T00:00:00.000Z',
    '1969-12-31T23:59:59.999Z',
    '2026-11-23T00:00:00.000Z',
    '2026-11-23T23:59:59.999Z',
    '2026-11-24T00:00:00.001Z',
    '2026-11-23T09:08:07.006Z',
    '2028-02-29T12:00:00.050Z',
    '9999-12-31T23:59:59.999Z',
    '+010000-01-01T00:00:00.000Z',
    '-000001-12-31T00:00:00.000Z',
  ]) {
    t.equal(isoTime(Date.parse(text)), text)
  }
  t.equal(isoTime(1_795_392_000_000.9), new Date(1_795_392_000_000).toISOString(), 'parts of a millisecond')
  t.throws(() => isoTime(Number.NaN), RangeError)
})

t.test('whatever day was written before', async (t) => {
  const time = fc.oneof(fc.integer({ min: -8.64e15, max: 8.64e15 }), fc.integer({ min: 0, max: 4e12 }))
  fc.assert(
    fc.property(time, fc.integer({ min: 0, max: 86_400_000 }), (atMs, laterMs) => {
      return [atMs, Math.min(atMs + laterMs, 8.64e15)].every(
        (ms) => isoTime(ms) === new Date(ms).toISOString(),
      )
    }),
    { numRuns: 2000 },
  )
  t.pass('for 2000 pairs')
})
