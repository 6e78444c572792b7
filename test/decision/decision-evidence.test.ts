import t from 'tap'
import { type BackgroundFailure, onBackgroundFailure } from '../../src/background.ts'
import { ComplianceCache } from '../../src/compliance/compliance-cache.ts'
import type { ComplianceLookup } from '../../src/compliance/compliance-record.ts'
import type { DecisionRequest } from '../../src/decision/decide.ts'
import { createDecide, type DecisionRecord } from '../../src/decision/decision-service.ts'
import type { Policy } from '../../src/decision/policy.ts'
import { failure } from '../../src/errors/fault.ts'
import type { DeviceIdentifier, DeviceIdentity } from '../../src/identity/device-identity.ts'
import { defaultPolicy } from '../../src/policy/default-policy.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'
import { deviceId, mac, type Script, scriptedLookup } from '../fakes/scripted-lookup.ts'
import { policyOf } from '../policy/policy-facts.ts'

/** What a decision says of where it comes from: to the caller, to the log and to the rules of the site. */
function build(
  script?: Script,
  {
    policy = defaultPolicy,
    wrap,
    record,
  }: {
    policy?: Policy
    wrap?: (scripted: ComplianceLookup) => ComplianceLookup
    record?: (record: DecisionRecord) => void
  } = {},
) {
  const clock = new FakeClock()
  const intune = scriptedLookup(clock, script)
  const cache = new ComplianceCache({
    lookup: wrap?.(intune.lookup) ?? intune.lookup,
    freshness: {
      compliantFreshMs: 600_000,
      noncompliantFreshMs: 30_000,
      refreshAheadMs: 300_000,
      outageHoldMs: 3_600_000,
    },
    clock,
    random: () => 0.5,
    maxDevices: 100,
  })
  const records: DecisionRecord[] = []
  const decide = createDecide({
    cache,
    policy,
    clock,
    deadlineMs: 1000,
    portalUrl: 'https://portal.example/',
    retryAfterMs: 30_000,
    record: record ?? ((one) => records.push(one)),
  })
  const request = (...identifiers: DeviceIdentifier[]): DecisionRequest => ({
    identity: { identifiers },
    refresh: false,
    frontend: 'json',
    client: 'test',
  })
  const askAbout = async (identity: DeviceIdentity) => {
    const outcome = await decide({ ...request(), identity })
    if (!outcome.ok) throw new Error(outcome.fault.code)
    return outcome.value
  }
  const ask = (...identifiers: DeviceIdentifier[]) => askAbout({ identifiers })
  return { clock, intune, cache, decide, request, ask, askAbout, records }
}

const serial = { kind: 'serialNumber', value: 'F9GDX3RQQ1GC', origin: 'serialNumber', rank: 3 } as const
const imei = { kind: 'imei', value: '490154203237518', origin: 'imei', rank: 3 } as const
const alice = '11111111-1111-4111-8111-111111111111'
const bob = '22222222-2222-4222-8222-222222222222'

t.test(
  'a decision shows what Intune said of the device and when, and no key for what it did not say',
  async (t) => {
    const said = { deviceId: alice, macs: ['005056A4895A'], details: { model: 'Latitude' } }
    const { ask, clock, intune } = build(said)
    t.match(await ask(deviceId(alice)), { ...said, observedAtMs: clock.nowMs() })
    intune.say({ complianceState: 'compliant' })
    const plain = await ask(mac())
    for (const key of ['deviceId', 'macs', 'details', 'reasonText', 'remediation', 'profile', 'faultCode']) {
      t.notOk(key in plain, key)
    }
  },
)

t.test('of a device that nothing is known of there is no observation and no inventory', async (t) => {
  const decision = await build('intune_unavailable').ask(deviceId())
  for (const key of ['observedAtMs', 'deviceId', 'macs', 'details']) t.notOk(key in decision, key)
})

t.test('a rule sees what Intune said, under the rank of the identifier that decided', async (t) => {
  const { ask, askAbout, records, intune } = build({ details: { ownership: 'personal' } })
  await ask(deviceId())
  t.match(records[0]?.facts, {
    matchedBy: 'deviceId',
    rank: 1,
    record: { details: { ownership: 'personal' } },
  })
  await askAbout({ identifiers: [], randomizedMac: 'DAA119000001' })
  t.match(records[1]?.facts, { matchedBy: 'mac', rank: 4 }, 'a randomised MAC has the rank of a MAC')
  intune.say('intune_unavailable')
  await ask(serial)
  t.match(records[2]?.facts, { matchedBy: 'serialNumber', rank: 3 })
  t.notOk('record' in (records[2]?.facts ?? {}), 'nothing is known of it')
})

t.test('the log learns how long it took and how Intune was asked, where it was', async (t) => {
  const { ask, clock, intune, records } = build('hang')
  const pending = ask(deviceId())
  await clock.advance(400)
  intune.release({ complianceState: 'compliant' })
  t.match(
    await pending,
    { outcome: 'allow', source: 'intune' },
    'an answer inside the deadline is waited for',
  )
  await ask(deviceId())
  t.match(records[0], {
    totalMs: 400,
    skippedKinds: [],
    trace: { api: 'compliance-retrieval', requestId: 'r-1' },
  })
  t.match(records[1], { totalMs: 0, skippedKinds: [], decision: { source: 'cache' } })
  t.notOk('trace' in (records[1] ?? {}), 'a remembered answer has no exchange')
})

t.test('what is remembered is answered at once, without a promise', async (t) => {
  const { ask, decide, request } = build()
  await ask(deviceId())
  t.match(decide(request(deviceId())), { ok: true, value: { source: 'cache' } })
})

t.test('nobody waits for a refresh that was not asked for', async (t) => {
  const { ask } = build()
  await ask(deviceId())
  const again = await ask(deviceId())
  t.equal(again.source, 'cache')
  t.notOk('refreshInMs' in again)
})

t.test('the kinds that were skipped are those that the API cannot look up, and no other', async (t) => {
  const { ask, askAbout, records } = build()
  await ask(deviceId())
  await ask(deviceId())
  await askAbout({ identifiers: [], randomizedMac: 'DAA119000001' })
  await askAbout({ identifiers: [deviceId(alice)], conflict: [deviceId(alice), deviceId(bob)] })
  t.strictSame(
    records.map(({ skippedKinds }) => skippedKinds),
    [[], [], [], []],
  )
})

t.test('an answer about a device id is about that device, whatever id Intune writes into it', async (t) => {
  const { ask } = build({ deviceId: bob })
  t.match(await ask(deviceId(alice)), { reason: 'compliant', device: alice, deviceId: bob })
})

for (const [decision, sent] of [
  ['allow', 'accept'],
  ['remediate', 'redirect'],
  ['deny', 'reject'],
  ['fail', 'unavailable'],
] as const) {
  t.test(`who is told the decision as it is hears ${sent} where it is ${decision}`, async (t) => {
    const { ask, records } = build(undefined, {
      policy: policyOf(`rules: [{ name: all, decision: ${decision} }]\n`),
    })
    t.equal((await ask(deviceId())).outcome, decision)
    t.equal(records[0]?.sent, sent)
  })
}

t.test('the log has what the front end says to the network, once that is known', async (t) => {
  const { decide, request, records } = build()
  const asked = request(deviceId())
  await decide({ ...asked, sentFor: ({ outcome }) => (outcome === 'allow' ? 'compliant' : 'noncompliant') })
  await decide({ ...asked, sentFor: () => undefined })
  await decide({ ...asked, sentFor: () => Promise.resolve('unregistered' as const) })
  await settle()
  t.same(
    records.map(({ sent }) => sent),
    ['compliant', null, 'unregistered'],
  )
})

t.test('a decision is recorded before it is answered, where it is known what is sent', async (t) => {
  const { ask, decide, request, records } = build()
  await ask(deviceId())
  t.match(decide(request(deviceId())), { ok: true })
  t.equal(records.length, 2, 'nobody has waited')
})

t.test(
  'a record that cannot be kept after the answer is told as a failure of the decision log',
  async (t) => {
    const failures: BackgroundFailure[] = []
    t.teardown(onBackgroundFailure((failure) => failures.push(failure)))
    const { decide, request } = build(undefined, {
      record: () => {
        throw new Error('full')
      },
    })
    const sentFor = () => Promise.resolve('accept' as const)
    t.match(await decide({ ...request(deviceId()), sentFor }), { ok: true })
    await settle()
    t.match(failures, [{ task: 'decision_log', error: { message: 'full' } }])
  },
)

t.test('two that ask at once share one question and both hear it from Intune', async (t) => {
  const { ask, intune } = build('hang')
  const both = [ask(deviceId()), ask(deviceId())]
  await settle()
  intune.release({ complianceState: 'compliant' })
  t.match(await Promise.all(both), [{ source: 'intune' }, { source: 'intune' }])
  t.equal(intune.asked.length, 1)
})

t.test('an overdue answer that is renewed while the caller goes on comes from the cache', async (t) => {
  const { ask, clock, intune } = build()
  await ask(deviceId())
  await clock.advance(700_000)
  t.match(await ask(deviceId()), { source: 'cache', stale: false, ageMs: 700_000 })
  t.equal(intune.asked.length, 2)
})

t.test('the time of a kind that the API cannot look up is taken from the next one', async (t) => {
  const { ask, clock } = build('hang', {
    wrap: (scripted) => async (identifier) => {
      if (identifier.kind === 'mac') return scripted(identifier)
      await new Promise<void>((resolve) => clock.after(600, resolve))
      return failure('identifier_not_supported', 'no query for it')
    },
  })
  const pending = ask(serial, mac())
  await clock.advance(1000)
  t.match(await pending, { reason: 'intune_unavailable', faultCode: 'deadline_exceeded', matchedBy: 'mac' })
})

t.test('where the API can look up none of the kinds, all of them are named', async (t) => {
  const { decide, request } = build(undefined, {
    wrap: () => async () => failure('identifier_not_supported', 'no query for it'),
  })
  t.match(await decide(request(serial, imei)), {
    ok: false,
    fault: { field: 'serialNumber', message: /by serialNumber, imei; send deviceId or mac as well$/ },
  })
  t.match(await decide(request()), { ok: false, fault: { message: 'the request names no device' } })
})

const site = `
profiles: { open: { replyMessage: '[{message}] [{url}] [{reason}]' } }
rules: [{ name: all, when: { reason: compliant }, decision: allow, profile: open }]
`

t.test('where the user has nothing to do, the message and the address of a profile are empty', async (t) => {
  const { ask } = build(undefined, { policy: policyOf(site) })
  t.same((await ask(deviceId())).profile?.attributes[0]?.values, ['[] [] [compliant]'])
})

for (const row of [
  { case: 'the MAC is not remembered', atMac: undefined, deviceId: alice, conflict: false },
  {
    case: 'the MAC is remembered as this device',
    atMac: { deviceId: alice },
    deviceId: alice,
    conflict: false,
  },
  {
    case: 'the MAC is remembered as another device',
    atMac: { deviceId: bob },
    deviceId: alice,
    conflict: true,
  },
  { case: 'nobody knows whose the MAC is', atMac: {}, deviceId: alice, conflict: false },
  {
    case: 'nobody knows which device answered',
    atMac: { deviceId: bob },
    deviceId: undefined,
    conflict: false,
  },
  { case: 'nobody knows either', atMac: {}, deviceId: undefined, conflict: false },
]) {
  t.test(`a conflict of ranks where ${row.case}: ${row.conflict}`, async (t) => {
    const { ask, intune, records } = build()
    if (row.atMac !== undefined) {
      intune.say(row.atMac)
      await ask(mac())
    }
    intune.say(row.deviceId === undefined ? {} : { deviceId: row.deviceId })
    await ask(deviceId(alice), mac())
    t.match(records.at(-1), { rankConflict: row.conflict, facts: { rankConflict: row.conflict } })
  })
}

t.test('a common name with the id of another device is no conflict of ranks', async (t) => {
  const { ask, intune, records } = build({ deviceId: bob })
  const commonName = { ...deviceId(bob), origin: 'certificateCn', rank: 2 } as const
  await ask(commonName)
  intune.say({ deviceId: alice })
  await ask(deviceId(alice), commonName)
  t.equal(records.at(-1)?.rankConflict, false)
})
