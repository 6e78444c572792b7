import t from 'tap'
import { type BackgroundFailure, onBackgroundFailure } from '../../src/background.ts'
import { ComplianceCache } from '../../src/compliance/compliance-cache.ts'
import { RememberedRecords } from '../../src/compliance/remembered-records.ts'
import { failure } from '../../src/errors/fault.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'
import { deviceId, mac, type Script, scriptedLookup } from '../fakes/scripted-lookup.ts'

const second = 1000
const freshness = {
  compliantFreshMs: 600 * second,
  noncompliantFreshMs: 30 * second,
  refreshAheadMs: 300 * second,
  outageHoldMs: 28_800 * second,
}

function build(script?: Script, random = () => 0.5) {
  const clock = new FakeClock()
  const intune = scriptedLookup(clock, script)
  const cache = new ComplianceCache({ lookup: intune.lookup, freshness, clock, random, maxDevices: 100 })
  const ask = (identifier = deviceId(), options: { refresh?: boolean; waitMs?: number } = {}) =>
    cache.ask(identifier, { refresh: options.refresh ?? false, waitMs: options.waitMs ?? 1000 })
  return { clock, intune, cache, ask }
}

t.test('a compliant answer is used for ten minutes without asking again', async (t) => {
  const { clock, intune, ask } = build()
  t.match(await ask(), { known: true, verdict: 'asked', ageMs: 0 }, 'the first caller asks Intune')
  await clock.advance(599 * second)
  t.match(
    await ask(),
    { known: true, verdict: 'hit', ageMs: 599 * second },
    'the second is answered from memory',
  )
  t.equal(intune.asked.length, 1, 'one question went out')
})

t.test('a look-up that ends in an exception is told, and nobody waits for it for ever', async (t) => {
  const clock = new FakeClock()
  const failures: BackgroundFailure[] = []
  t.teardown(onBackgroundFailure((failure) => failures.push(failure)))
  let asked = 0
  const lookup = async () => {
    asked += 1
    throw new RangeError('Maximum call stack size exceeded')
  }
  const cache = new ComplianceCache({ lookup, freshness, clock, maxDevices: 100 })
  const ask = () => cache.ask(deviceId(), { refresh: false, waitMs: 1000 })
  t.match(await ask(), { known: false, fault: { code: 'internal' } })
  t.match(failures, [{ task: 'lookup', error: { message: /call stack/ } }])
  await clock.advance(2 * second)
  t.match(await ask(), { known: false, fault: { code: 'internal' } })
  t.equal(asked, 2, 'the device is asked about again')
})

t.test('a compliant answer that is overdue is given at once and renewed behind', async (t) => {
  const { clock, intune, ask } = build()
  await ask()
  await clock.advance(601 * second)
  intune.say({ complianceState: 'noncompliant' })
  t.match(await ask(), { verdict: 'hit_refreshing', record: { complianceState: 'compliant' } })
  await settle()
  t.match(
    await ask(),
    { verdict: 'hit', record: { complianceState: 'noncompliant' } },
    'the renewed answer is next',
  )
  t.equal(intune.asked.length, 2, 'one renewal')
})

t.test('after the refresh-ahead time even a compliant device waits for a new answer', async (t) => {
  const { clock, intune, ask } = build()
  await ask()
  await clock.advance(901 * second)
  intune.say({ complianceState: 'noncompliant' })
  t.match(await ask(), { verdict: 'asked', record: { complianceState: 'noncompliant' } })
})

for (const [name, script] of [
  ['noncompliant', { complianceState: 'noncompliant' }],
  ['not evaluated', { complianceState: 'unknown' }],
  ['not enrolled', { enrolled: false }],
] as const) {
  t.test(`a device that is ${name} is asked about again after 30 s, while the caller waits`, async (t) => {
    const { clock, intune, ask } = build(script)
    await ask()
    await clock.advance(29 * second)
    t.match(await ask(), { verdict: 'hit' }, 'fresh for 30 s')
    await clock.advance(2 * second)
    intune.say({ enrolled: true, complianceState: 'compliant' })
    t.match(await ask(), { verdict: 'asked', record: { complianceState: 'compliant' } }, 'the repair is seen')
  })
}

t.test('expiry is spread by ten per cent either way', async (t) => {
  for (const [random, freshSeconds] of [
    [() => 0, 540],
    [() => 0.999999, 659],
  ] as const) {
    const { clock, ask } = build(undefined, random)
    await ask()
    await clock.advance((freshSeconds - 1) * second)
    t.match(await ask(), { verdict: 'hit' }, `fresh just before ${freshSeconds} s`)
    await clock.advance(2 * second)
    t.match(await ask(), { verdict: 'hit_refreshing' }, `overdue just after ${freshSeconds} s`)
  }
})

t.test('any number of callers for one device share one question', async (t) => {
  const { intune, ask } = build('hang')
  const answers = Promise.all([ask(), ask(), ask(), ask(mac())])
  await settle()
  intune.release({ complianceState: 'compliant' })
  const verdicts = (await answers).map((answer) => answer.verdict)
  t.same(verdicts, ['asked', 'coalesced', 'coalesced', 'asked'])
  t.equal(intune.asked.length, 2, 'one question per device')
})

t.test('a caller that runs out of time does not stop the question for the others', async (t) => {
  const { clock, intune, ask, cache } = build('hang')
  const hurried = ask(deviceId(), { waitMs: 100 })
  const patient = ask(deviceId(), { waitMs: 5000 })
  await clock.advance(100)
  t.match(await hurried, { known: false, fault: { code: 'deadline_exceeded' } }, 'answered inside its time')
  intune.release({ complianceState: 'noncompliant' })
  t.match(await patient, { known: true, record: { complianceState: 'noncompliant' } })
  t.equal(cache.size, 1, 'the late answer is remembered')
  t.equal(clock.pendingTimers, 0, 'no timer is left behind')
})

t.test('a failure is never remembered and never reads as "not enrolled"', async (t) => {
  const { clock, intune, ask, cache } = build('intune_unavailable')
  t.match(await ask(), { known: false, verdict: 'undetermined', fault: { code: 'intune_unavailable' } })
  t.equal(cache.size, 0)
  intune.say({ complianceState: 'compliant' })
  t.match(await ask(), { known: false, fault: { code: 'intune_unavailable' } }, 'nobody asks again at once')
  t.equal(intune.asked.length, 1)
  await clock.advance(second)
  t.match(await ask(), { verdict: 'asked' }, 'a second later the next caller does')
})

t.test(
  'a failure for which nothing was sent keeps the next caller from asking for a tenth of a second',
  async (t) => {
    const clock = new FakeClock()
    const refusal = failure('intune_unavailable', 'Intune is left alone', { wasNotSent: true })
    const outcomes = [refusal, failure('intune_unavailable', 'Intune said 500')]
    let asked = 0
    const lookup = async () => outcomes[asked++] ?? failure('internal', 'asked too often')
    const cache = new ComplianceCache({ lookup, freshness, clock, maxDevices: 100 })
    const ask = () => cache.ask(deviceId(), { refresh: false, waitMs: 1000 })
    t.match(await ask(), { fault: { message: 'Intune is left alone' } })
    t.match(await ask(), { fault: { message: 'Intune is left alone' } })
    t.equal(asked, 1)
    await clock.advance(100)
    t.match(await ask(), { fault: { message: 'Intune said 500' } }, 'the refusal may be over at any moment')
    await clock.advance(100)
    t.match(await ask(), { fault: { message: 'Intune said 500' } })
    t.equal(asked, 2, 'after a question that was sent nobody asks again at once')
  },
)

t.test(
  'when Intune cannot be asked the last known record stands in, with its age and the fault',
  async (t) => {
    const { clock, intune, ask } = build()
    await ask()
    await clock.advance(3600 * second)
    intune.say('intune_throttled')
    t.match(await ask(), {
      known: true,
      verdict: 'last_known',
      ageMs: 3600 * second,
      freshForMs: 0,
      fault: { code: 'intune_throttled' },
      record: { complianceState: 'compliant' },
    })
  },
)

t.test('a record older than the outage hold is not used', async (t) => {
  const { clock, intune, ask } = build()
  await ask()
  intune.say('intune_unavailable')
  await clock.advance(28_800 * second)
  t.match(await ask(), { verdict: 'last_known' }, 'to the last second')
  await clock.advance(1)
  t.match(await ask(), { known: false, fault: { code: 'intune_unavailable' } }, 'and not beyond')
})

t.test(
  'refresh asks Intune although the record is fresh, and a failed refresh keeps the record',
  async (t) => {
    const { intune, ask, cache } = build()
    await ask()
    intune.say({ complianceState: 'noncompliant' })
    t.match(await ask(deviceId(), { refresh: true }), {
      verdict: 'asked',
      record: { complianceState: 'noncompliant' },
    })
    intune.say('intune_unavailable')
    t.match(await ask(deviceId(), { refresh: true }), { verdict: 'last_known' })
    t.match(cache.remembered(deviceId()), { complianceState: 'noncompliant' })
  },
)

t.test('what is remembered is bounded: the device asked about longest ago goes first', async (t) => {
  const clock = new FakeClock()
  const { lookup } = scriptedLookup(clock)
  const cache = new ComplianceCache({ lookup, freshness, clock, maxDevices: 2 })
  for (const value of ['000000000001', '000000000002', '000000000003']) {
    await cache.ask(mac(value), { refresh: false, waitMs: 100 })
  }
  t.equal(cache.size, 2)
  t.equal(cache.remembered(mac('000000000001')), undefined)
})

t.test('a record that is still on disk is waited for, for half of the time at most', async (t) => {
  const clock = new FakeClock()
  const { lookup, asked } = scriptedLookup(clock)
  const records = new RememberedRecords({ maxRecords: 10 })
  let arrive = () => {}
  const recall = (key: string) =>
    new Promise<void>((resolve) => {
      arrive = () => {
        records.restore(key, `c-${clock.nowMs().toString(36)}.cyo0`)
        resolve()
      }
    })
  const cache = new ComplianceCache({ lookup, freshness, clock, random: () => 0.5, records, recall })
  const first = cache.ask(mac(), { refresh: false, waitMs: 1000 })
  arrive()
  t.match(await first, { verdict: 'hit' })
  t.equal(asked.length, 0)
  const second = cache.ask(deviceId(), { refresh: false, waitMs: 1000 })
  await clock.advance(500)
  t.match(await second, { verdict: 'asked' }, 'Intune is asked when the disk is slow')
})

t.test('what was forgotten is asked about again', async (t) => {
  const { ask, cache, intune } = build()
  await ask()
  t.equal(cache.forget(deviceId()), true)
  t.equal(cache.forget(deviceId()), false)
  t.match(await ask(), { verdict: 'asked' })
  t.equal(intune.asked.length, 2)
})
