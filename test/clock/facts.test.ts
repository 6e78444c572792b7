import fc from 'fast-check'
import t from 'tap'
import { createCompliance } from '../../src/compliance/compliance.ts'
import { packRecord } from '../../src/compliance/packed-record.ts'
import { RecordTimes } from '../../src/compliance/record-times.ts'
import { RememberedRecords } from '../../src/compliance/remembered-records.ts'
import { success } from '../../src/errors/fault.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'
import { deviceId, mac, scriptedLookup } from '../fakes/scripted-lookup.ts'

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const startMs = Date.UTC(2026, 10, 23, 8)
const to2000Ms = Date.UTC(2000, 0, 1) - startMs
const freshness = {
  compliantFreshMs: 10 * minuteMs,
  noncompliantFreshMs: 30 * secondMs,
  refreshAheadMs: 5 * minuteMs,
  outageHoldMs: 8 * hourMs,
}
const longestFreshMs = 11 * minuteMs

function build(witness = { aheadMs: () => 0, isConfirmed: () => false }) {
  const clock = new FakeClock()
  const intune = scriptedLookup(clock)
  const outdated: number[] = []
  const compliance = createCompliance({
    lookup: (identifier) => intune.lookup(identifier),
    freshness,
    deadlineMs: 1000,
    clock,
    witness,
    random: () => 0.5,
    onOutdated: (beforeMs) => outdated.push(beforeMs),
  })
  const ask = (identifier = deviceId()) => compliance.cache.ask(identifier, { refresh: false, waitMs: 1000 })
  return { clock, intune, compliance, ask, outdated }
}

/** What happens to a clock: real time passes, or somebody sets it. */
const events = fc.array(
  fc.oneof(
    fc.record({ pass: fc.integer({ min: 0, max: 20 * minuteMs }) }),
    fc.record({
      setTo: fc.oneof(
        fc.integer({ min: 0, max: Date.UTC(2060, 0, 1) }),
        fc.integer({ min: startMs - 30 * hourMs, max: startMs + 30 * hourMs }),
        fc.constantFrom(0, startMs + to2000Ms, startMs, startMs + 50 * minuteMs, startMs + 9 * hourMs),
      ),
    }),
  ),
  { maxLength: 12 },
)

t.test(
  'no clock makes a fact younger than it is, fresh for longer than it may be, or from the future',
  async () => {
    const key = 'mac/005056A4895A'
    await fc.assert(
      fc.asyncProperty(events, events, fc.boolean(), async (before, after, isRead) => {
        const clock = new FakeClock()
        const records = new RememberedRecords({
          maxRecords: 10,
          times: new RecordTimes({ clock, longestFreshMs: () => longestFreshMs }),
        })
        const play = async (played: typeof before) => {
          for (const event of played) {
            if ('setTo' in event) clock.jump(event.setTo - clock.nowMs())
            else await clock.advance(event.pass)
            if (isRead) records.peek(key)
          }
        }
        await play(before)
        const learntAtMs = clock.monotonicMs()
        const observedAtMs = clock.nowMs()
        const record = { enrolled: true, complianceState: 'compliant', observedAtMs } as const
        records.set(key, { record, freshUntilMs: observedAtMs + freshness.compliantFreshMs })
        await play(after)
        const read = records.peek(key)
        if (read === undefined) return false
        const trueAgeMs = clock.monotonicMs() - learntAtMs
        const ageMs = clock.nowMs() - read.record.observedAtMs
        const freshForMs = read.freshUntilMs - clock.nowMs()
        return (
          ageMs >= 0 &&
          ageMs >= trueAgeMs - secondMs &&
          freshForMs <= Math.max(0, freshness.compliantFreshMs - trueAgeMs) + secondMs
        )
      }),
    )
  },
)

t.test('no clock makes a fact of the file fresh for longer than it may be, or from the future', async () => {
  const key = 'mac/005056A4895A'
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: -30 * hourMs, max: 30 * hourMs }),
      fc.integer({ min: 0, max: 30 * 24 * hourMs }),
      events,
      async (stampedMs, freshForMs, after) => {
        const clock = new FakeClock()
        const records = new RememberedRecords({
          maxRecords: 10,
          times: new RecordTimes({ clock, longestFreshMs: () => longestFreshMs }),
        })
        const observedAtMs = clock.nowMs() + stampedMs
        const record = { enrolled: true, complianceState: 'compliant', observedAtMs } as const
        records.restore(key, packRecord(key, { record, freshUntilMs: observedAtMs + freshForMs }))
        const loadedAtMs = clock.monotonicMs()
        for (const event of after) {
          if ('setTo' in event) clock.jump(event.setTo - clock.nowMs())
          else await clock.advance(event.pass)
        }
        const read = records.peek(key)
        if (read === undefined) return false
        const knownForMs = clock.monotonicMs() - loadedAtMs
        const ageMs = clock.nowMs() - read.record.observedAtMs
        const isFresh = clock.nowMs() < read.freshUntilMs
        return (
          ageMs >= 0 &&
          ageMs >= knownForMs - secondMs &&
          // At the time of the load the clock may have been right: then this is when it ends at the latest.
          (!isFresh || (stampedMs <= secondMs && knownForMs < longestFreshMs + secondMs))
        )
      },
    ),
  )
})

t.test('a fact that was learnt while the clock was ahead is due at once when it is set right', async (t) => {
  for (const ahead of [50 * minuteMs, 9 * hourMs]) {
    const { clock, intune, ask } = build()
    clock.jump(ahead)
    t.match(await ask(), { verdict: 'asked', record: { complianceState: 'compliant' } })
    intune.say({ complianceState: 'noncompliant' })
    clock.jump(-ahead)
    t.match(await ask(), { verdict: 'asked', record: { complianceState: 'noncompliant' }, ageMs: 0 })
    await clock.advance(ahead + minuteMs)
    t.match(await ask(), { verdict: 'asked', record: { complianceState: 'noncompliant' } })
  }
})

t.test('nor does it become fresh when its time has come', async (t) => {
  const { clock, intune, ask } = build()
  clock.jump(50 * minuteMs)
  await ask()
  clock.jump(-50 * minuteMs)
  intune.say({ complianceState: 'noncompliant' })
  // One minute after what the clock had said then, and 51 minutes after it was learnt.
  await clock.advance(51 * minuteMs)
  t.match(await ask(), { verdict: 'asked', record: { complianceState: 'noncompliant' } })
})

t.test('when the clock is set, everything that was known is due, and known as old as it is', async (t) => {
  for (const jump of [9 * hourMs, -26 * hourMs, to2000Ms]) {
    const { clock, intune, ask } = build()
    await ask()
    await clock.advance(minuteMs)
    clock.jump(jump)
    t.match(await ask(), { verdict: 'asked', ageMs: 0, freshForMs: freshness.compliantFreshMs })
    t.match(await ask(), { verdict: 'hit', ageMs: 0 }, 'once: what is learnt now is fresh')
    await clock.advance(minuteMs)
    clock.jump(-jump)
    intune.say('upstream_timeout')
    // A clock that is set forward may have been right before: the machine may have slept.
    t.match(
      await ask(),
      jump > 0 ? { verdict: 'last_known', ageMs: minuteMs, freshForMs: 0 } : { known: false },
    )
  }
})

t.test('an outage does not lock anybody out because the clock was ahead for a while', async (t) => {
  const { clock, intune, ask } = build()
  await ask()
  intune.say('upstream_timeout')
  clock.jump(9 * hourMs)
  t.match(
    await ask(),
    { known: false },
    'for all that is known nine hours have passed: the machine may have slept',
  )
  clock.jump(-9 * hourMs)
  await clock.advance(minuteMs)
  t.match(await ask(), { verdict: 'last_known', ageMs: minuteMs })
})

t.test('nor because it was behind; what is from the future holds for as long as it is known', async (t) => {
  const { clock, intune, ask } = build()
  await ask()
  intune.say('upstream_timeout')
  clock.jump(to2000Ms)
  await clock.advance(minuteMs)
  t.match(await ask(), { verdict: 'last_known', ageMs: minuteMs, freshForMs: 0 })
  await clock.advance(8 * hourMs)
  t.match(await ask(), { known: false }, 'and no longer than OUTAGE_HOLD_SECONDS')
})

t.test('a grace period does not last for longer because the clock is set back', async (t) => {
  const { clock, intune, compliance, ask } = build()
  const gracePeriodEndsMs = clock.nowMs() + hourMs
  intune.say({ complianceState: 'noncompliant', gracePeriodEndsMs })
  await ask()
  intune.say('upstream_timeout')
  const leftMs = () => (compliance.cache.remembered(deviceId())?.gracePeriodEndsMs ?? 0) - clock.nowMs()
  t.equal(leftMs(), hourMs)
  clock.jump(-26 * hourMs)
  await clock.advance(20 * minuteMs)
  t.equal(leftMs(), 40 * minuteMs)
  clock.jump(26 * hourMs)
  t.equal(leftMs(), 40 * minuteMs)
})

t.test('nothing is forgotten on the word of a clock alone', async (t) => {
  let isConfirmed = false
  const { clock, compliance, ask, outdated } = build({ aheadMs: () => 0, isConfirmed: () => isConfirmed })
  const stop = compliance.keepTidy()
  await ask()
  clock.jump(26 * hourMs)
  await clock.advance(2 * hourMs)
  t.equal(compliance.cache.size, 1)
  t.same(outdated, [], 'nor is anything removed from the file')
  isConfirmed = true
  await clock.advance(minuteMs)
  t.equal(compliance.cache.size, 0, 'but as soon as somebody has confirmed it')
  t.same(outdated, [clock.nowMs() - 24 * hourMs])

  isConfirmed = false
  await ask()
  await clock.advance(24 * hourMs)
  t.equal(compliance.cache.size, 1)
  await clock.advance(hourMs)
  t.equal(compliance.cache.size, 0, 'a day that has passed needs no time of day')
  stop()
})

t.test(
  'a list that was given out while the clock was ahead does not stand above later answers',
  async (t) => {
    const { clock, intune, compliance, ask } = build()
    clock.jump(9 * hourMs)
    const device = deviceId()
    const stop = compliance.pollNoncompliantList({
      fetchList: async () =>
        success({ listedAtMs: clock.nowMs(), devices: [{ deviceId: device.value, macs: [] }] }),
      isReady: async () => true,
      store: { claimQuery: async () => true, saveList: async () => {}, loadList: async () => undefined },
    })
    for (let turn = 0; turn < 20; turn += 1) await settle()
    t.equal((await compliance.readNoncompliantSnapshot()).devices.length, 1)
    clock.jump(-9 * hourMs)
    await clock.advance(2 * secondMs)
    intune.say({ complianceState: 'compliant' })
    await ask(device)
    t.same((await compliance.readNoncompliantSnapshot()).devices, [], 'repaired since')
    t.equal(compliance.currentList()?.listedAtMs, clock.nowMs() - 2 * secondMs, 'its age is known')
    stop()
  },
)

t.test('a saved list from the future counts as one of now', async (t) => {
  const { clock, compliance, ask } = build()
  await ask(mac())
  await clock.advance(minuteMs)
  const list = { listedAtMs: clock.nowMs() + 9 * hourMs, devices: [{ macs: [mac().value] }] }
  const stop = compliance.pollNoncompliantList({
    fetchList: async () => success(list),
    isReady: async () => false,
    store: { claimQuery: async () => false, saveList: async () => {}, loadList: async () => list },
  })
  for (let turn = 0; turn < 20; turn += 1) await settle()
  t.equal(compliance.currentList()?.listedAtMs, clock.nowMs())
  t.match(compliance.cache.remembered(mac()), {
    complianceState: 'noncompliant',
    observedAtMs: clock.nowMs(),
  })
  stop()
})
