import t from 'tap'
import type { ComplianceRecord } from '../../src/compliance/compliance-record.ts'
import { MassFlipGuard, massFlipThreshold } from '../../src/compliance/mass-flip-guard.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const minuteMs = 60_000

function build() {
  const clock = new FakeClock()
  const trips: unknown[] = []
  const guard = new MassFlipGuard({ clock, windowMs: 15 * minuteMs, onTrip: (burst) => trips.push(burst) })
  const record = (state: 'compliant' | 'noncompliant'): ComplianceRecord => ({
    enrolled: true,
    complianceState: state,
    observedAtMs: clock.nowMs(),
  })
  const flip = (key: string, compliantRecords = 100, device?: string) =>
    guard.judge(
      {
        key,
        ...(device !== undefined && { device }),
        before: { record: record('compliant'), freshUntilMs: 0 },
        after: { record: record('noncompliant'), freshUntilMs: 0 },
      },
      compliantRecords,
    )
  return { clock, guard, trips, flip }
}

t.test('a burst is more than 20 % of the compliant records, and never 20 records or fewer', async (t) => {
  t.equal(massFlipThreshold(0), 20)
  t.equal(massFlipThreshold(99), 20)
  t.equal(massFlipThreshold(1000), 200)
})

t.test('below the threshold every answer counts, above it the whole burst is held', async (t) => {
  const { guard, flip, trips } = build()
  for (let index = 0; index < 20; index += 1) {
    t.same(flip(`k${index}`, 100 - index), { verdict: 'apply', undo: [] })
  }
  const last = flip('k20', 80)
  t.equal(last.verdict, 'hold')
  t.same(
    last.undo.map(({ key }) => key),
    Array.from({ length: 20 }, (_, index) => `k${index}`),
    'what came before is taken back',
  )
  t.same(trips, [{ flips: 21, threshold: 20 }])
  t.match(flip('k21'), { verdict: 'hold', undo: [] })
  t.match(guard.status, { holding: { records: 22 }, recentFlips: 0 })
  t.equal(trips.length, 1, 'one alert for one burst')
})

t.test('one device that flips again and again is one flip', async (t) => {
  const { flip, guard } = build()
  for (let count = 0; count < 100; count += 1) t.equal(flip('same').verdict, 'apply')
  t.equal(guard.status.recentFlips, 1)
})

t.test('flips that are spread over time are no burst', async (t) => {
  const { clock, flip } = build()
  for (let index = 0; index < 100; index += 1) {
    t.equal(flip(`k${index}`).verdict, 'apply')
    await clock.advance(minuteMs)
  }
})

t.test('the hold ends by itself when every held device is compliant again', async (t) => {
  const { guard, flip } = build()
  for (let index = 0; index < 30; index += 1) flip(`k${index}`)
  for (let index = 0; index < 29; index += 1) guard.recovered(`k${index}`)
  t.match(guard.status, { holding: { records: 1 } })
  guard.recovered('k29')
  t.equal(guard.status.holding, undefined)
})

t.test('accepting gives what was held and lets the rest of the wave pass for an hour', async (t) => {
  const { clock, guard, flip } = build()
  t.equal(guard.accept().size, 0, 'where nothing is held nothing changes')
  for (let index = 0; index < 25; index += 1) flip(`k${index}`)
  const held = guard.accept()
  t.equal(held.size, 25)
  t.match(held.get('k0'), { after: { record: { complianceState: 'noncompliant' } } })
  for (let index = 25; index < 90; index += 1) t.equal(flip(`k${index}`).verdict, 'apply')
  await clock.advance(60 * minuteMs)
  for (let index = 0; index < 24; index += 1) flip(`later${index}`)
  t.equal(flip('later24').verdict, 'hold', 'the next wave is another one')
})

t.test('rejecting forgets what was held, and counts anew', async (t) => {
  const { guard, flip } = build()
  for (let index = 0; index < 25; index += 1) flip(`k${index}`)
  t.equal(guard.reject(), 25)
  t.match(guard.status, { holding: undefined, recentFlips: 0 })
  t.equal(flip('k0').verdict, 'apply')
  t.equal(guard.reject(), 0)
})

t.test('a device counts once, whatever it was asked about by', async (t) => {
  const { guard, flip, trips } = build()
  for (let index = 0; index < 60; index += 1) {
    t.equal(flip(`k${index}`, 40, `device${index % 20}`).verdict, 'apply')
  }
  t.equal(guard.status.recentFlips, 20)
  guard.recovered('k0')
  t.equal(guard.status.recentFlips, 20, 'not before it has recovered under every key')
  for (const key of ['k20', 'k40']) guard.recovered(key)
  t.equal(guard.status.recentFlips, 19)
  flip('k0', 40, 'device0')
  t.match(flip('other', 40, 'other'), { verdict: 'hold' })
  t.match(trips, [{ flips: 21 }], 'told in devices')
})

t.test('a key that names another device is no flip any more, counted or held', async (t) => {
  const { guard, flip } = build()
  flip('k0', 100, 'one')
  guard.named('k0', 'one')
  t.equal(guard.status.recentFlips, 1)
  guard.named('k0', undefined)
  t.equal(guard.status.recentFlips, 0, 'nor one of which nobody knows')
  for (let index = 0; index < 21; index += 1) flip(`k${index}`, 80, `device${index}`)
  guard.named('k3', 'device3')
  t.equal(guard.isHeld('k3'), true)
  guard.named('k3', 'another')
  t.equal(guard.isHeld('k3'), false)
  t.match(guard.status, { holding: { records: 20 } })
})
