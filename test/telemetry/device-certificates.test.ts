import t from 'tap'
import { remainingValidity, SoonestExpiry } from '../../src/telemetry/device-certificates.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const startMs = Date.UTC(2026, 10, 23, 8, 30)

t.test('the soonest expiry of the last 24 hours counts, whatever the order', async (t) => {
  const seen = new SoonestExpiry()
  t.equal(seen.soonest(startMs), undefined, 'none so far')
  seen.note(startMs + 9 * dayMs, startMs)
  seen.note(startMs + 5 * dayMs, startMs + 1)
  seen.note(startMs + 7 * dayMs, startMs + 2)
  t.equal(seen.soonest(startMs), startMs + 5 * dayMs)
  seen.note(startMs + 6 * dayMs, startMs + 2 * hourMs)
  t.equal(seen.soonest(startMs + 2 * hourMs), startMs + 5 * dayMs)
})

t.test('a device that was not seen for a day is forgotten, and its hour used again', async (t) => {
  const seen = new SoonestExpiry()
  seen.note(startMs + 5 * dayMs, startMs)
  seen.note(startMs + 6 * dayMs, startMs + hourMs)
  t.equal(seen.soonest(startMs + 23 * hourMs), startMs + 5 * dayMs)
  t.equal(seen.soonest(startMs + 24 * hourMs), startMs + 6 * dayMs, 'one hour later')
  seen.note(startMs + 8 * dayMs, startMs + 24 * hourMs)
  t.equal(seen.soonest(startMs + 24 * hourMs), startMs + 6 * dayMs, 'the old value of the hour is gone')
  t.equal(seen.soonest(startMs + 30 * hourMs), startMs + 8 * dayMs)
  t.equal(seen.soonest(startMs + 49 * hourMs), undefined)
})

t.test('a certificate is in one of four steps', async (t) => {
  for (const [leftMs, step] of [
    [-1, 'expired'],
    [0, 'expired'],
    [1, 'under_14_days'],
    [14 * dayMs - 1, 'under_14_days'],
    [14 * dayMs, 'under_30_days'],
    [30 * dayMs - 1, 'under_30_days'],
    [30 * dayMs, 'longer'],
  ] as const) {
    t.equal(remainingValidity(startMs + leftMs, startMs), step, `${leftMs} ms`)
  }
})
