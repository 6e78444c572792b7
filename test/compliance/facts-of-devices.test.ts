import fc from 'fast-check'
import t from 'tap'
import { createCompliance } from '../../src/compliance/compliance.ts'
import type { ComplianceRecord, Observation } from '../../src/compliance/compliance-record.ts'
import { deviceOf, fitsItsKey, isSameDevice } from '../../src/compliance/device-of-fact.ts'
import { type Fault, failure, type Outcome, success } from '../../src/errors/fault.ts'
import { type DeviceIdentifier, identifierKey } from '../../src/identity/device-identity.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'
import { deviceId, mac } from '../fakes/scripted-lookup.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute

const a = idOf(0xa)
const b = idOf(0xb)

type Said = Partial<ComplianceRecord> & Pick<Observation, 'isNotCompliant'>

/** Intune as a function of the key that it is asked by. */
function build() {
  const clock = new FakeClock()
  const said = new Map<string, Said | Partial<Fault>>()
  const trips: unknown[] = []
  let regressions = 0
  let heard = 0
  const lookup = async (identifier: DeviceIdentifier): Promise<Outcome<Observation>> => {
    heard += 1
    const script = said.get(identifierKey(identifier)) ?? {}
    if ('code' in script) return failure(script.code ?? 'internal', 'scripted', { hop: 'query', ...script })
    const { isNotCompliant, ...rest } = script as Said
    const record: ComplianceRecord = {
      enrolled: true,
      complianceState: 'compliant',
      observedAtMs: clock.nowMs(),
      ...rest,
    }
    const trace = { api: 'compliance-retrieval', status: 200, requestId: 'r', durationMs: 1 } as const
    return success({ record, trace, ...(isNotCompliant && { isNotCompliant }) })
  }
  const compliance = createCompliance({
    lookup,
    freshness: {
      compliantFreshMs: 600 * second,
      noncompliantFreshMs: 30 * second,
      refreshAheadMs: 300 * second,
      outageHoldMs: 8 * hour,
    },
    deadlineMs: 1000,
    clock,
    random: () => 0.5,
    maxDevices: 1000,
    events: {
      regressed: () => {
        regressions += 1
      },
      guardTripped: (trip) => trips.push(trip),
    },
  })
  return {
    clock,
    compliance,
    trips,
    regressions: () => regressions,
    /** How often Intune was asked. */
    heard: () => heard,
    ask: (identifier: DeviceIdentifier, refresh = true) =>
      compliance.cache.ask(identifier, { refresh, waitMs: 1000 }),
    say: (identifier: DeviceIdentifier, script: Said | Partial<Fault>) =>
      said.set(identifierKey(identifier), script),
    recall: (identifier: DeviceIdentifier) => compliance.cache.remembered(identifier),
  }
}

function idOf(index: number): string {
  return `${index.toString(16).padStart(8, '0')}-6859-4b71-93aa-56aba42581c5`
}

function macOf(index: number): DeviceIdentifier {
  return mac(`0050560${index.toString(16).toUpperCase().padStart(5, '0')}`)
}

function commonName(value: string): DeviceIdentifier {
  return { kind: 'deviceId', value, origin: 'certificateCn', rank: 2 }
}

t.test(
  'the device of a fact is the one that Intune named, else the one that was asked for by its id',
  async (t) => {
    t.equal(deviceOf('mac/005056A4895A', { deviceId: a }), a)
    t.equal(deviceOf(`deviceId/${a}`, {}), a)
    t.equal(deviceOf(`certificateCn/${a}`, { deviceId: b }), b, 'a common name was translated')
    for (const key of ['mac/005056A4895A', 'imei/354000000000001', `certificateCn/${a}`]) {
      t.equal(deviceOf(key, {}), undefined, `${key} alone names no device`)
    }
  },
)

t.test('only what is known to be the same device is the same', async (t) => {
  const key = 'mac/005056A4895A'
  const named = (id: string) => ({ enrolled: true, deviceId: id })
  t.equal(isSameDevice(key, named(a), named(a)), true)
  t.equal(isSameDevice(key, named(a), named(b)), false)
  t.equal(isSameDevice(key, named(a), { enrolled: true }), false)
  t.equal(isSameDevice(key, { enrolled: true }, named(a)), false)
  t.equal(isSameDevice(key, { enrolled: true }, { enrolled: true }), false, 'two strangers are not one')
  t.equal(isSameDevice(`deviceId/${a}`, { enrolled: true }, { enrolled: true }), true, 'the key is the id')
  t.equal(isSameDevice(key, named(a), { enrolled: false }), true, 'not enrolled names nobody else')
  t.equal(isSameDevice(`certificateCn/${b}`, named(a), { enrolled: false, deviceId: b }), true, 'an echo')
  t.equal(isSameDevice(key, named(a), { enrolled: false, deviceId: b }), false)
  t.equal(fitsItsKey(`deviceId/${a}`, { deviceId: b }), false)
  t.equal(fitsItsKey(`deviceId/${a}`, {}), true)
  t.equal(fitsItsKey(`certificateCn/${a}`, { deviceId: b }), true)
})

t.test(
  'a MAC that now names another device, never evaluated, is not compliant by the fact of the first',
  async (t) => {
    for (const [name, before, after] of [
      ['another device', { deviceId: a }, { deviceId: b }],
      ['an answer that names none', { deviceId: a }, {}],
      ['a fact that named none', {}, { deviceId: b }],
      ['neither names one', {}, {}],
    ] as const) {
      const { ask, say, regressions, clock } = build()
      say(mac(), before)
      t.match(await ask(mac()), { record: { complianceState: 'compliant' } })
      await clock.advance(hour)
      say(mac(), { ...after, complianceState: 'unknown' })
      t.match(await ask(mac(), false), { verdict: 'asked', record: { complianceState: 'unknown' } }, name)
      t.equal(regressions(), 0, `${name}: nothing was held`)
      say(mac(), { code: 'upstream_timeout' })
      await clock.advance(minute)
      t.match(
        await ask(mac(), false),
        { verdict: 'last_known', record: { complianceState: 'unknown' } },
        name,
      )
    }
  },
)

t.test('the same device does not lose its evaluation, by whatever it is asked about', async (t) => {
  for (const [identifier, named] of [
    [mac(), { deviceId: a }],
    [deviceId(a), {}],
    [commonName(b), { deviceId: a }],
  ] as const) {
    const { ask, say, regressions } = build()
    say(identifier, named)
    await ask(identifier)
    say(identifier, { ...named, complianceState: 'unknown' })
    t.match(await ask(identifier), { held: 'regressed', record: { complianceState: 'compliant' } })
    t.equal(regressions(), 1, identifierKey(identifier))
  }
})

t.test('in an outage the last fact about a MAC stands, since nothing contradicts it', async (t) => {
  const { ask, say } = build()
  say(mac(), { deviceId: a })
  await ask(mac())
  say(mac(), { code: 'upstream_timeout' })
  t.match(await ask(mac()), { verdict: 'last_known', record: { complianceState: 'compliant' } })
})

t.test(
  'a plain "not compliant" never ends as the old compliant fact, whatever Graph makes of it',
  async (t) => {
    for (const identifier of [deviceId(a), mac(), commonName(a)]) {
      const { ask, say, recall, clock, regressions } = build()
      say(identifier, { deviceId: a })
      await ask(identifier)
      say(identifier, { deviceId: a, complianceState: 'unknown', isNotCompliant: true })
      const key = identifierKey(identifier)
      t.match(await ask(identifier), { verdict: 'asked', record: { complianceState: 'noncompliant' } }, key)
      t.equal(regressions(), 1, `${key}: counted all the same`)
      await clock.advance(minute)
      t.match(
        await ask(identifier, false),
        { verdict: 'asked', record: { complianceState: 'noncompliant' } },
        key,
      )
      say(identifier, { code: 'upstream_timeout' })
      await clock.advance(minute)
      t.match(
        await ask(identifier, false),
        { record: { complianceState: 'noncompliant' } },
        `${key}: in an outage`,
      )
      t.match(recall(identifier), { complianceState: 'noncompliant' })
    }
    const { ask, say } = build()
    say(deviceId(a), { complianceState: 'unknown', isNotCompliant: true })
    t.match(
      await ask(deviceId(a)),
      { record: { complianceState: 'unknown' } },
      'a new device waits for its evaluation',
    )
  },
)

t.test('a grace period does not outlive a plain "not compliant" either', async (t) => {
  const { ask, say, clock } = build()
  say(deviceId(a), { complianceState: 'noncompliant', gracePeriodEndsMs: clock.nowMs() + hour })
  await ask(deviceId(a))
  say(deviceId(a), { complianceState: 'unknown', isNotCompliant: true })
  const answer = await ask(deviceId(a))
  t.match(answer, { record: { complianceState: 'noncompliant' } })
  t.notOk(answer.known && answer.record.gracePeriodEndsMs)
})

t.test(
  'a reply that contradicts itself ends the belief in a fact that gives access, and in no other',
  async (t) => {
    const contradiction = { code: 'intune_reply_malformed', isContradiction: true } as const
    const { ask, say, clock } = build()
    await ask(deviceId(a))
    say(deviceId(a), contradiction)
    t.match(await ask(deviceId(a)), { known: false, fault: { code: 'intune_reply_malformed' } })
    t.match(await ask(deviceId(a), false), { known: false }, 'nor does it come back for the next caller')
    say(deviceId(b), { complianceState: 'noncompliant', gracePeriodEndsMs: clock.nowMs() + hour })
    await ask(deviceId(b))
    say(deviceId(b), contradiction)
    t.match(await ask(deviceId(b)), { known: false }, 'a grace period is access as well')
    say(mac(), { complianceState: 'noncompliant' })
    await ask(mac())
    say(mac(), contradiction)
    t.match(await ask(mac()), { verdict: 'last_known', record: { complianceState: 'noncompliant' } })
    const other = build()
    await other.ask(deviceId(a))
    other.say(deviceId(a), { code: 'intune_reply_malformed' })
    t.match(await other.ask(deviceId(a)), { verdict: 'last_known' }, 'what is merely unreadable is an outage')
  },
)

// ---- the guard

t.test(
  'a MAC that names a noncompliant device now is no flip of the device before, and is not held',
  async (t) => {
    const { ask, say, compliance, trips } = build()
    for (let index = 0; index < 60; index += 1) say(macOf(index), { deviceId: idOf(index) })
    for (let index = 0; index < 60; index += 1) await ask(macOf(index))
    for (let index = 0; index < 40; index += 1) {
      say(macOf(index), { deviceId: idOf(1000 + index), complianceState: 'noncompliant' })
      t.match(await ask(macOf(index)), { verdict: 'asked', record: { complianceState: 'noncompliant' } })
    }
    t.same(trips, [])
    t.equal(compliance.guard().recentFlips, 0)
  },
)

t.test('a burst that is held does not hold a MAC that names another device meanwhile', async (t) => {
  const { ask, say, compliance, trips, recall } = build()
  for (let index = 0; index < 30; index += 1) say(macOf(index), { deviceId: idOf(index) })
  for (let index = 0; index < 30; index += 1) await ask(macOf(index))
  const turn = async (index: number) => {
    say(macOf(index), { deviceId: idOf(index), complianceState: 'noncompliant' })
    return ask(macOf(index))
  }
  for (let index = 0; index < 15; index += 1) await turn(index)
  // Turned, and then another device: what is taken back later must not be the fact of the first.
  say(macOf(3), { deviceId: b, complianceState: 'unknown' })
  await ask(macOf(3))
  for (let index = 15; index < 22; index += 1) await turn(index)
  t.match(trips, [{ cause: 'burst', flips: 21 }])
  await settle()
  t.match(recall(macOf(4)), { complianceState: 'compliant', deviceId: idOf(4) }, 'the burst is held')
  t.match(recall(macOf(3)), { complianceState: 'unknown', deviceId: b })
  // Held, and then another device.
  say(macOf(5), { deviceId: b, complianceState: 'unknown' })
  t.match(await ask(macOf(5)), { verdict: 'asked', record: { complianceState: 'unknown', deviceId: b } })
  t.match(await turn(25), { held: 'mass_flip' }, 'a further flip of the same device is')
  say(macOf(26), { deviceId: b, complianceState: 'noncompliant' })
  t.match(await ask(macOf(26)), { verdict: 'asked', record: { complianceState: 'noncompliant' } })
  t.match(compliance.guard(), { burst: { records: 21 } }, 'what moved on is not waited for')
  await compliance.acceptHeld()
  t.match(
    recall(macOf(5)),
    { complianceState: 'unknown', deviceId: b },
    'and what is accepted leaves it alone',
  )
})

t.test(
  'while a burst is taken back, a MAC that has moved on keeps what is known of its new device',
  async (t) => {
    const { ask, say, recall, trips } = build()
    for (let index = 0; index < 22; index += 1) say(macOf(index), { deviceId: idOf(index) })
    for (let index = 0; index < 22; index += 1) await ask(macOf(index))
    for (let index = 0; index < 21; index += 1) {
      say(macOf(index), { enrolled: false, complianceState: 'unknown' })
      if (index < 20) await ask(macOf(index))
    }
    say(macOf(0), { deviceId: b, complianceState: 'noncompliant' })
    await Promise.all([ask(macOf(20)), ask(macOf(0))])
    await settle()
    t.equal(trips.length, 1)
    t.match(recall(macOf(0)), { complianceState: 'noncompliant', deviceId: b })
    t.match(
      recall(macOf(1)),
      { complianceState: 'compliant' },
      '"not enrolled" names nobody else, so it is held',
    )
  },
)

t.test('a device is one flip, however many identifiers and keys it was asked about by', async (t) => {
  const { ask, say, compliance, trips } = build()
  for (let index = 0; index < 40; index += 1) await ask(deviceId(idOf(100 + index)))
  const identifiers = Array.from({ length: 15 }, (_, index) => [
    deviceId(idOf(index)),
    commonName(idOf(index)),
    commonName(idOf(500 + index)),
    macOf(index),
    { kind: 'imei', value: `35400000000${index}`, origin: 'imei', rank: 3 } as const,
  ]).flat()
  const deviceOfIdentifier = (index: number) => idOf(Math.floor(index / 5))
  for (const [index, identifier] of identifiers.entries()) {
    say(identifier, { deviceId: deviceOfIdentifier(index) })
    await ask(identifier)
  }
  for (const [index, identifier] of identifiers.entries()) {
    say(identifier, { deviceId: deviceOfIdentifier(index), complianceState: 'noncompliant' })
    t.match(await ask(identifier), { verdict: 'asked', record: { complianceState: 'noncompliant' } })
  }
  t.same(trips, [], '75 records of 15 devices')
  t.equal(compliance.guard().recentFlips, 15)
})

// ---- keys

t.test('a common name and a device id of the same text are two questions with two facts', async (t) => {
  const { ask, say, compliance, trips } = build()
  const notEnrolled = { enrolled: false, complianceState: 'unknown', deviceId: undefined } as const
  const entraIds = Array.from({ length: 40 }, (_, index) => idOf(2000 + index))
  for (const [index, entraId] of entraIds.entries()) {
    say(commonName(entraId), { deviceId: idOf(index) })
    say(deviceId(entraId), { enrolled: false, complianceState: 'unknown', deviceId: entraId })
    await ask(commonName(entraId))
  }
  for (const entraId of entraIds) {
    t.match(await ask(deviceId(entraId)), { record: { enrolled: notEnrolled.enrolled } })
    t.match(await ask(commonName(entraId), false), {
      verdict: 'hit',
      record: { complianceState: 'compliant' },
    })
  }
  t.same(trips, [])
  t.equal(compliance.guard().recentFlips, 0)
  const [victim = ''] = entraIds
  say(commonName(victim), { deviceId: idOf(0), complianceState: 'noncompliant' })
  t.match(await ask(commonName(victim)), { verdict: 'asked', record: { complianceState: 'noncompliant' } })
})

t.test('what Intune says of a device id counts at once for a common name that is the same id', async (t) => {
  const { ask, say, trips } = build()
  for (const identifier of [deviceId(a), commonName(a)]) {
    say(identifier, { deviceId: a })
    await ask(identifier)
  }
  say(deviceId(a), { deviceId: a, complianceState: 'noncompliant' })
  await ask(deviceId(a))
  t.match(await ask(commonName(a), false), { verdict: 'hit', record: { complianceState: 'noncompliant' } })
  say(commonName(a), { deviceId: a })
  await ask(commonName(a))
  t.match(await ask(deviceId(a), false), { verdict: 'hit', record: { complianceState: 'compliant' } })
  say(deviceId(a), { enrolled: false, complianceState: 'unknown', deviceId: a })
  await ask(deviceId(a))
  t.match(await ask(commonName(a), false), { verdict: 'hit', record: { enrolled: false } })
  t.same(trips, [])

  // A common name that was translated is another device: neither says anything about the other.
  say(commonName(b), { deviceId: a })
  await ask(commonName(b))
  say(deviceId(b), { deviceId: b, complianceState: 'noncompliant' })
  await ask(deviceId(b))
  t.match(await ask(commonName(b), false), {
    verdict: 'hit',
    record: { deviceId: a, complianceState: 'compliant' },
  })
})

t.test('asking by device id cannot keep a common name from being translated', async (t) => {
  const { ask, say, clock } = build()
  const stranger = { enrolled: false, complianceState: 'unknown', deviceId: b } as const
  say(commonName(b), stranger)
  say(deviceId(b), stranger)
  await ask(commonName(b))
  await clock.advance(25 * second)
  await ask(deviceId(b))
  await clock.advance(10 * second)
  say(commonName(b), { deviceId: a })
  t.match(await ask(commonName(b), false), { verdict: 'asked', record: { complianceState: 'compliant' } })
})

t.test('purging a device forgets it under every key', async (t) => {
  const { ask, say, compliance } = build()
  const { cache, records } = compliance
  const others = [commonName(b), macOf(1), deviceId(a), commonName(a)]
  for (const identifier of others) {
    say(identifier, { deviceId: a })
    await ask(identifier)
  }
  say(macOf(2), { deviceId: idOf(7) })
  await ask(macOf(2))
  t.equal(compliance.purge('deviceId', a.toUpperCase()), true)
  t.equal(cache.remembered(deviceId(a)), undefined)
  t.equal(cache.remembered(commonName(a)), undefined)
  t.equal(await compliance.purgeNamed('deviceId', a), 2, 'its address and its Entra device id')
  t.same([...records.keys()], [identifierKey(macOf(2))], 'and nothing of another device')
  t.equal(await compliance.purgeNamed('mac', macOf(2).value), 0)
  t.equal(await compliance.purgeNamed('deviceId', 'nonsense'), 0)
  await ask(commonName(b))
  t.equal(compliance.purge('certificateCn', b), true, 'a common name can be named itself')
  t.equal(compliance.purge('certificateCn', b), false)
})

t.test(
  'the list marks what is asked about by a common name, and a later answer to one speaks against it',
  async (t) => {
    const { ask, say, compliance, clock, recall } = build()
    say(commonName(a), { deviceId: a })
    say(commonName(b), { deviceId: idOf(7) })
    await ask(commonName(a))
    await ask(commonName(b))
    await clock.advance(minute)
    const listedAtMs = clock.nowMs()
    const stop = compliance.pollNoncompliantList({
      isReady: async () => true,
      store: { claimQuery: async () => true, saveList: async () => {}, loadList: async () => undefined },
      fetchList: async () =>
        success({
          listedAtMs,
          devices: [
            { deviceId: a, macs: [] },
            { deviceId: idOf(7), macs: [] },
          ],
        }),
    })
    t.teardown(stop)
    for (let turn = 0; turn < 10; turn += 1) await settle()
    t.match(recall(commonName(a)), { complianceState: 'noncompliant' })
    t.match(recall(commonName(b)), { complianceState: 'noncompliant' })
    await clock.advance(minute)
    await ask(commonName(a))
    const { devices } = await compliance.readNoncompliantSnapshot()
    t.same(
      devices.map(({ deviceId: id }) => id),
      [idOf(7)],
    )
  },
)

t.test('a stored record under a device id that is about another device is not read', async (t) => {
  const { ask, compliance } = build()
  const { records } = compliance
  const packed = `c-${Date.UTC(2026, 10, 23, 8).toString(36)}.zzzz`
  t.equal(records.restore(`deviceId/${b}`, `${packed}|${a}`), false, 'a common name that was translated once')
  t.equal(records.restore(`deviceId/${a}`, `${packed}|=`), true)
  t.equal(records.restore(`certificateCn/${b}`, `${packed}|${a}`), true)
  t.equal(
    records.restore('mac/005056A4895A', `cr${packed.slice(2)}|${a}`),
    false,
    'nor one that was held by another rule',
  )
  t.match(await ask(deviceId(b), false), { verdict: 'asked' })
})

/** What Intune may say about one key: of which device, in what state; or a fault. */
const word = fc.oneof(
  fc.record({
    device: fc.constantFrom(a, b, undefined),
    state: fc.constantFrom('compliant', 'noncompliant', 'unknown', 'denied', 'not enrolled'),
  }),
  fc.constantFrom('away' as const, 'contradiction' as const),
)

type Word = { readonly device: string | undefined; readonly state: string } | 'away' | 'contradiction'

/** The dialects see to it that an answer about a device id is about this one. */
function namedBy(said: { readonly device: string | undefined }, { origin, value }: DeviceIdentifier) {
  return origin === 'deviceId' ? value : said.device
}

function scriptOf(said: Word, identifier: DeviceIdentifier): Said | Partial<Fault> {
  if (said === 'away') return { code: 'upstream_timeout' }
  if (said === 'contradiction') return { code: 'intune_reply_malformed', isContradiction: true }
  const { state } = said
  const named = namedBy(said, identifier)
  return {
    enrolled: state !== 'not enrolled',
    complianceState: state === 'compliant' || state === 'noncompliant' ? state : 'unknown',
    ...(named !== undefined && { deviceId: named }),
    ...(state === 'denied' && { isNotCompliant: true }),
  }
}

/** The device that a compliant fact may be about after this; `nobody` where something has spoken against it. */
function vouchedForAfter(said: Word, identifier: DeviceIdentifier, before: string | undefined) {
  if (said === 'away') return before
  if (said === 'contradiction') return 'nobody'
  const named = namedBy(said, identifier)
  if (said.state === 'compliant') return named
  return said.state === 'unknown' && named !== undefined && named === before ? before : 'nobody'
}

t.test(
  'whatever Intune says in whatever order, a device is let in by its own fact or not at all',
  async (t) => {
    const steps = fc.array(fc.tuple(word, fc.constantFrom(0, 1, 20, 700, 4000)), {
      minLength: 1,
      maxLength: 12,
    })
    const key = fc.constantFrom(mac(), deviceId(a), commonName(a), commonName(b))
    await fc.assert(
      fc.asyncProperty(key, steps, async (identifier, words) => {
        const { ask, say, clock, heard } = build()
        let vouchedFor: string | undefined = 'nobody'
        for (const [said, waitSeconds] of words) {
          const before = heard()
          say(identifier, scriptOf(said, identifier))
          const answer = await ask(identifier)
          // After a failure nobody is asked for a moment.
          if (heard() > before) vouchedFor = vouchedForAfter(said, identifier, vouchedFor)
          const isLetIn = answer.known && answer.record.complianceState === 'compliant'
          if (isLetIn && (vouchedFor === 'nobody' || answer.record.deviceId !== vouchedFor)) return false
          await clock.advance(waitSeconds * second)
        }
        return true
      }),
      { numRuns: 300 },
    )
    t.pass('for every sequence')
  },
)
