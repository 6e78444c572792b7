import t from 'tap'
import { type BackgroundFailure, onBackgroundFailure } from '../../src/background.ts'
import { type ComplianceEvents, createCompliance } from '../../src/compliance/compliance.ts'
import type { ComplianceRecord, Observation, Through } from '../../src/compliance/compliance-record.ts'
import type { ListedDevice, NoncompliantList } from '../../src/compliance/noncompliant-list.ts'
import type { NoncompliantListStore } from '../../src/compliance/noncompliant-poller.ts'
import { failure, type Outcome, success } from '../../src/errors/fault.ts'
import { type DeviceIdentifier, identifierKey } from '../../src/identity/device-identity.ts'
import { countTurns } from '../fakes/count-turns.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'
import { deviceId, mac } from '../fakes/scripted-lookup.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const freshness = {
  compliantFreshMs: 600 * second,
  noncompliantFreshMs: 30 * second,
  refreshAheadMs: 300 * second,
  outageHoldMs: 8 * hour,
}

/** Intune as a function of the device: what it says can be changed for one or for all. */
function build({ maxDevices = 50_000 } = {}) {
  const clock = new FakeClock()
  const said = new Map<string, Partial<ComplianceRecord>>()
  let everybody: Partial<ComplianceRecord> | 'away' = { enrolled: true, complianceState: 'compliant' }
  const asked: string[] = []
  let hold: ((go: () => void) => void) | undefined
  const events: { [K in keyof ComplianceEvents]-?: unknown[] } = {
    breakerChanged: [],
    regressed: [],
    guardTripped: [],
    listUsed: [],
    listFailed: [],
  }
  const lookup = (identifier: DeviceIdentifier, through?: Through) =>
    through ? through('compliance_retrieval', () => answer(identifier)) : answer(identifier)
  const answer = async (identifier: DeviceIdentifier): Promise<Outcome<Observation>> => {
    const key = identifierKey(identifier)
    asked.push(key)
    if (hold) await new Promise<void>((resolve) => hold?.(resolve))
    const script = said.get(key) ?? everybody
    if (script === 'away') return failure('upstream_timeout', 'scripted', { hop: 'query' })
    const record = {
      enrolled: true,
      complianceState: 'compliant',
      ...script,
      observedAtMs: clock.nowMs(),
    } as const
    return success({
      record,
      trace: { api: 'compliance-retrieval', status: 200, requestId: 'r', durationMs: 1 },
    })
  }
  const compliance = createCompliance({
    lookup,
    freshness,
    deadlineMs: 1000,
    clock,
    random: () => 0.5,
    maxDevices,
    events: {
      breakerChanged: (service, status) => events.breakerChanged.push({ service, ...status }),
      regressed: () => events.regressed.push(1),
      guardTripped: (trip) => events.guardTripped.push(trip),
      listUsed: (list, marked) => events.listUsed.push({ rows: list.devices.length, marked }),
      listFailed: (fault) => events.listFailed.push(fault.code),
    },
  })
  const ask = (identifier: DeviceIdentifier, refresh = false) =>
    compliance.cache.ask(identifier, { refresh, waitMs: 1000 })
  const learn = async (count: number) => {
    for (let index = 0; index < count; index += 1) await ask(numbered(index))
  }
  return {
    clock,
    compliance,
    ask,
    learn,
    asked,
    events,
    /** From now on every answer waits until it is let go. */
    holdAnswers: (each: (go: () => void) => void) => {
      hold = each
    },
    say: (identifier: DeviceIdentifier, record: Partial<ComplianceRecord>) =>
      said.set(identifierKey(identifier), record),
    sayAll: (record: Partial<ComplianceRecord> | 'away') => {
      said.clear()
      everybody = record
    },
  }
}

function numbered(index: number): DeviceIdentifier {
  return deviceId(idOf(index))
}

function idOf(index: number): string {
  return `${index.toString(16).padStart(8, '0')}-6859-4b71-93aa-56aba42581c5`
}

function listOf(count: number, listedAtMs: number, from = 0): NoncompliantList {
  const devices = Array.from(
    { length: count },
    (_, index): ListedDevice => ({ deviceId: idOf(from + index), macs: [] }),
  )
  return { listedAtMs, devices }
}

/** A store that several processes share; each has its own view of it. */
function sharedStore() {
  let claimedAtMs: number | undefined
  let saved: NoncompliantList | undefined
  return (): NoncompliantListStore => {
    let known: NoncompliantList | undefined
    return {
      async claimQuery(nowMs, intervalMs) {
        if (claimedAtMs !== undefined && nowMs - claimedAtMs < intervalMs) return false
        claimedAtMs = nowMs
        return true
      },
      async saveList(list) {
        saved = list
        known = list
      },
      async loadList() {
        if (saved === known) return undefined
        known = saved
        return saved
      },
    }
  }
}

function poll(
  service: ReturnType<typeof build>,
  answer: () => NoncompliantList | 'fails',
  { store = sharedStore(), isReady = async () => true } = {},
) {
  let queries = 0
  const stop = service.compliance.pollNoncompliantList({
    store: store(),
    isReady,
    async fetchList() {
      queries += 1
      const list = answer()
      return list === 'fails' ? failure('intune_unavailable', 'scripted', { status: 503 }) : success(list)
    },
  })
  return { stop, queries: () => queries, store }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await settle()
}

// ---- regression

t.test('an evaluated device does not become not evaluated: the last evaluated state stands', async (t) => {
  for (const complianceState of ['compliant', 'noncompliant'] as const) {
    const { clock, ask, sayAll, events } = build()
    sayAll({ complianceState, deviceId: idOf(1) })
    await ask(mac())
    sayAll({ complianceState: 'unknown', deviceId: idOf(1) })
    await clock.advance(hour)
    t.match(await ask(mac()), {
      verdict: 'last_known',
      held: 'regressed',
      ageMs: hour,
      record: { complianceState },
    })
    t.equal(events.regressed.length, 1, 'counted')
    t.match(await ask(mac()), { verdict: 'last_known' }, 'and again without asking for 30 s')
    t.equal(events.regressed.length, 1)
    await clock.advance(31 * second)
    sayAll({ complianceState: 'compliant' })
    t.match(
      await ask(mac()),
      { verdict: 'asked', record: { complianceState: 'compliant' } },
      'until it is evaluated',
    )
  }
})

t.test('what is held for too long is not held any more', async (t) => {
  const { clock, ask, sayAll } = build()
  await ask(mac())
  sayAll({ complianceState: 'unknown' })
  await clock.advance(8 * hour + 1)
  t.match(await ask(mac()), { verdict: 'asked', record: { complianceState: 'unknown' } })
})

t.test('a device that was wiped and enrolled again is not evaluated, and that is no anomaly', async (t) => {
  const { clock, ask, sayAll, events } = build()
  await ask(mac())
  sayAll({ enrolled: false, complianceState: 'unknown' })
  t.match(await ask(mac(), true), { record: { enrolled: false } })
  await clock.advance(31 * second)
  sayAll({ complianceState: 'unknown' })
  t.match(await ask(mac()), { verdict: 'asked', record: { enrolled: true, complianceState: 'unknown' } })
  t.equal(events.regressed.length, 0)
})

// ---- a burst of single answers

t.test('a few devices that turn noncompliant are believed one by one', async (t) => {
  const service = build()
  await service.learn(200)
  service.sayAll({ complianceState: 'noncompliant' })
  for (let index = 0; index < 40; index += 1) {
    t.match(await service.ask(numbered(index), true), { record: { complianceState: 'noncompliant' } })
  }
  t.equal(service.compliance.guard().holding, false)
})

t.test(
  'when 30 % turn at once the last known state is held for all of them, and an operator decides',
  async (t) => {
    const service = build()
    await service.learn(1000)
    for (let index = 0; index < 300; index += 1)
      service.say(numbered(index), { complianceState: 'noncompliant' })
    for (let index = 0; index < 300; index += 1) await service.ask(numbered(index), true)
    t.match(service.events.guardTripped, [{ cause: 'burst', flips: 201 }], 'one alert')
    t.match(service.compliance.guard(), { holding: true, burst: { records: 300 }, threshold: 200 })
    for (let index = 0; index < 300; index += 1) {
      const answer = await service.ask(numbered(index))
      if (!answer.known || answer.record.complianceState !== 'compliant' || answer.held !== 'mass_flip') {
        t.fail(`device ${index} lost its access: ${JSON.stringify(answer)}`)
      }
    }
    t.same(await service.compliance.acceptHeld(), { records: 300, list: false })
    t.match(await service.ask(numbered(5)), { verdict: 'hit', record: { complianceState: 'noncompliant' } })
    t.equal(service.compliance.counts().n, 300)
    t.equal(service.compliance.guard().holding, false)
  },
)

t.test('a large burst is taken back in slices', async (t) => {
  const { counts, acceptHeld } = (await largeBurst()).compliance
  t.ok(counts().n > 400, 'others are served before the last one is taken back')
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  t.equal(counts().n, 0, 'then nobody has lost anything')
  const accepted = acceptHeld()
  t.ok((await countTurns(accepted)) >= 1, 'and what an operator accepts counts in slices, too')
  t.same(await accepted, { records: 1001, list: false })
  t.equal(counts().n, 1001)
})

t.test('a burst that an operator accepts while it is taken back is not taken back', async (t) => {
  const { counts, acceptHeld } = (await largeBurst()).compliance
  await acceptHeld()
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  t.equal(counts().n, 1001)
})

t.test('a device that recovers while its burst is taken back is held no more', async (t) => {
  const service = await largeBurst()
  service.say(numbered(900), { complianceState: 'compliant' })
  t.match(await service.ask(numbered(900), true), { verdict: 'asked' })
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  t.equal(service.compliance.records.peek(identifierKey(numbered(900)))?.held, undefined)
  t.equal(service.compliance.records.peek(identifierKey(numbered(901)))?.held, 'mass_flip')
})

/** 1,001 of 5,000 devices have turned: the last of them made it a burst, just now. */
async function largeBurst() {
  const service = build()
  await service.learn(5000)
  service.sayAll({ complianceState: 'noncompliant' })
  for (let index = 0; index <= 1000; index += 1) await service.ask(numbered(index), true)
  return service
}

t.test('a rejected burst is asked about again, and held again if Intune insists', async (t) => {
  const service = build()
  await service.learn(100)
  service.sayAll({ complianceState: 'noncompliant' })
  for (let index = 0; index < 30; index += 1) await service.ask(numbered(index), true)
  t.same(service.compliance.rejectHeld(), { records: 30, list: false })
  await service.clock.advance(31 * second)
  for (let index = 0; index < 30; index += 1) await service.ask(numbered(index))
  t.equal(service.events.guardTripped.length, 2)
  service.sayAll({ complianceState: 'compliant' })
  await service.clock.advance(31 * second)
  for (let index = 0; index < 30; index += 1) await service.ask(numbered(index))
  t.equal(service.compliance.guard().holding, false, 'and let go when it was a mistake')
  t.match(await service.ask(numbered(3)), { verdict: 'hit' })
})

t.test('a held device that nobody can vouch for any more gets what Intune says', async (t) => {
  const service = build()
  await service.learn(100)
  service.sayAll({ complianceState: 'noncompliant' })
  for (let index = 0; index < 30; index += 1) await service.ask(numbered(index), true)
  await service.clock.advance(8 * hour + 1)
  t.match(await service.ask(numbered(3)), { verdict: 'asked', record: { complianceState: 'noncompliant' } })
})

t.test('a device in its grace period keeps its access, so it is no flip', async (t) => {
  const service = build()
  await service.learn(100)
  service.sayAll({ complianceState: 'noncompliant', gracePeriodEndsMs: service.clock.nowMs() + hour })
  for (let index = 0; index < 100; index += 1) await service.ask(numbered(index), true)
  t.equal(service.compliance.guard().holding, false)
})

// ---- the list

t.test('the list marks remembered devices, and the next question about one of them wins', async (t) => {
  const service = build()
  await service.learn(100)
  await service.clock.advance(minute)
  const { stop } = poll(service, () => listOf(10, service.clock.nowMs()))
  t.teardown(stop)
  await settled()
  t.same(service.events.listUsed, [{ rows: 10, marked: 10 }])
  t.equal(service.compliance.counts().n, 10)
  service.sayAll('away')
  t.match(await service.ask(numbered(3)), {
    verdict: 'last_known',
    record: { complianceState: 'noncompliant' },
  })
  service.sayAll({ complianceState: 'compliant' })
  await service.clock.advance(second)
  t.match(await service.ask(numbered(3)), { verdict: 'asked', record: { complianceState: 'compliant' } })
  t.match(await service.ask(numbered(50)), { verdict: 'hit' }, 'the others are left alone')
})

t.test('being absent from the list makes nobody compliant', async (t) => {
  const service = build()
  service.sayAll({ complianceState: 'noncompliant' })
  await service.learn(5)
  await service.clock.advance(minute)
  const { stop } = poll(service, () => listOf(0, service.clock.nowMs()))
  t.teardown(stop)
  await settled()
  t.equal(service.compliance.counts().n, 5)
})

t.test(
  'rows are found by device id and by MAC, but a dock does not condemn a device that has an id',
  async (t) => {
    const service = build()
    const dock = 'AAAAAAAAAAAA'
    service.say(numbered(1), { deviceId: idOf(1), macs: [dock] })
    service.say(mac(dock), { deviceId: idOf(1), macs: [dock] })
    service.say(numbered(2), { deviceId: idOf(2), macs: ['BBBBBBBBBBBB'] })
    service.say(mac('CCCCCCCCCCCC'), { deviceId: idOf(3) })
    for (const identifier of [numbered(1), numbered(2), mac(dock), mac('CCCCCCCCCCCC')])
      await service.ask(identifier)
    await service.clock.advance(minute)
    const devices: ListedDevice[] = [
      { deviceId: idOf(9), macs: [dock] },
      { macs: ['BBBBBBBBBBBB'] },
      { deviceId: idOf(3), macs: [] },
    ]
    const { stop } = poll(service, () => ({ listedAtMs: service.clock.nowMs(), devices }))
    t.teardown(stop)
    await settled()
    const state = (identifier: DeviceIdentifier) =>
      service.compliance.cache.remembered(identifier)?.complianceState
    t.equal(state(numbered(1)), 'compliant', 'its MAC is listed for another device id')
    t.equal(state(mac(dock)), 'noncompliant', 'who comes with the MAC alone is what the list says')
    t.equal(state(numbered(2)), 'noncompliant', 'a row without an id is found by MAC')
    t.equal(state(mac('CCCCCCCCCCCC')), 'noncompliant', 'a MAC is found by the id that belongs to it')
  },
)

t.test('an answer that is newer than the list is not touched', async (t) => {
  const service = build()
  await service.learn(3)
  const { stop } = poll(service, () => listOf(3, service.clock.nowMs() - minute))
  t.teardown(stop)
  await settled()
  t.equal(service.compliance.counts().c, 3)
})

t.test('one query in four hours, over five restarts and two replicas, whatever becomes of it', async (t) => {
  const store = sharedStore()
  let queries = 0
  const run = async (answer: 'fails' | 'list') => {
    const service = build()
    const polled = poll(service, () => (answer === 'fails' ? 'fails' : listOf(7, service.clock.nowMs())), {
      store,
    })
    await settled()
    queries += polled.queries()
    return { service, ...polled }
  }
  const first = await run('fails')
  t.same(first.service.events.listFailed, ['intune_unavailable'], 'counted, and nothing else happens')
  first.stop()
  for (let restart = 0; restart < 5; restart += 1) (await run('list')).stop()
  t.equal(queries, 1)
})

t.test('the replica that did not ask finds the list in the store', async (t) => {
  const store = sharedStore()
  const [one, other] = [build(), build()]
  await other.learn(30)
  await one.clock.advance(minute)
  const polls = [
    poll(one, () => listOf(7, one.clock.nowMs()), { store }),
    poll(other, () => listOf(9, other.clock.nowMs()), { store }),
  ]
  await settled()
  await other.clock.advance(minute)
  await settled()
  t.equal(polls[0]?.queries(), 1)
  t.equal(polls[1]?.queries(), 0)
  t.equal(other.compliance.currentList()?.devices.length, 7)
  t.equal(other.compliance.counts().n, 7, 'and marks by it')
  for (const { stop } of polls) stop()
})

t.test('the list is asked for again after four hours, and not while Intune is away', async (t) => {
  const service = build()
  let isReady = false
  const polled = poll(service, () => listOf(1, service.clock.nowMs()), { isReady: async () => isReady })
  await settled()
  t.equal(polled.queries(), 0)
  isReady = true
  await service.clock.advance(minute)
  await settled()
  t.equal(polled.queries(), 1)
  await service.clock.advance(4 * hour - minute)
  await settled()
  t.equal(polled.queries(), 1)
  await service.clock.advance(2 * minute)
  await settled()
  t.equal(polled.queries(), 2)
  polled.stop()
  await service.clock.advance(8 * hour)
  t.equal(polled.queries(), 2, 'a stopped poller is quiet')
})

t.test('a list that ends in an exception ends neither the service nor the asking', async (t) => {
  const failures: BackgroundFailure[] = []
  t.teardown(onBackgroundFailure((failure) => failures.push(failure)))
  const service = build()
  let list: NoncompliantList | undefined
  const polled = poll(service, () => {
    if (list === undefined) throw new RangeError('Maximum call stack size exceeded')
    return list
  })
  await settled()
  t.match(failures, [{ task: 'noncompliant_list', error: { message: /call stack/ } }])
  list = listOf(1, service.clock.nowMs())
  await service.clock.advance(4 * 60 * 60 * 1000 + 60_000)
  await settled()
  t.equal(polled.queries(), 2, 'asked again when it is time')
  t.equal(service.compliance.currentList()?.devices.length, 1)
  polled.stop()
})

t.test('a list that would turn 30 % at once is held until an operator accepts it', async (t) => {
  const service = build()
  await service.learn(1000)
  await service.clock.advance(minute)
  const { stop } = poll(service, () => listOf(300, service.clock.nowMs()))
  t.teardown(stop)
  await settled()
  t.same(service.events.guardTripped, [{ cause: 'mass_flip', flips: 300, rows: 300, rowsBefore: 0 }])
  t.equal(service.compliance.counts().c, 1000, 'nobody lost anything')
  t.same((await service.compliance.readNoncompliantSnapshot()).devices, [])
  service.say(numbered(5), { complianceState: 'noncompliant' })
  t.match(
    await service.ask(numbered(5), true),
    { verdict: 'asked', record: { complianceState: 'noncompliant' } },
    'a live answer about one device wins all the same',
  )
  t.same(await service.compliance.acceptHeld(), { records: 299, list: true })
  t.equal(service.compliance.counts().n, 300)
  t.equal(service.compliance.guard().holding, false)
})

t.test('a list that shrinks from 19,000 to 2,000 rows is held, and a whole one ends the hold', async (t) => {
  const service = build()
  let rows = 19_000
  const { stop } = poll(service, () => listOf(rows, service.clock.nowMs()))
  t.teardown(stop)
  await settled()
  t.equal((await service.compliance.readNoncompliantSnapshot()).devices.length, 19_000)
  rows = 2000
  await service.clock.advance(4 * hour + minute)
  await settled()
  t.same(service.events.guardTripped, [{ cause: 'truncated', flips: 0, rows: 2000, rowsBefore: 19_000 }])
  t.match(service.compliance.guard(), {
    holding: true,
    list: { cause: 'truncated', rows: 2000, rowsBefore: 19_000 },
  })
  t.equal(
    (await service.compliance.readNoncompliantSnapshot()).devices.length,
    19_000,
    'the one before stays in use',
  )
  t.same(service.compliance.rejectHeld(), { records: 0, list: true })
  t.equal(service.compliance.guard().holding, false)
  await service.clock.advance(4 * hour + minute)
  await settled()
  t.equal(service.compliance.guard().holding, true, 'the same again is held again')
  rows = 18_000
  await service.clock.advance(4 * hour + minute)
  await settled()
  t.equal(service.compliance.guard().holding, false)
  t.equal(service.compliance.currentList()?.devices.length, 18_000)
})

// ---- the snapshot

t.test('the snapshot is what is remembered and listed, one entry for a device, in order', async (t) => {
  const service = build()
  service.say(numbered(2), { complianceState: 'noncompliant', macs: ['000000000002'] })
  service.say(mac('00000000000A'), { complianceState: 'noncompliant', deviceId: idOf(2) })
  service.say(mac('00000000000B'), { complianceState: 'noncompliant' })
  for (const identifier of [numbered(2), mac('00000000000A'), mac('00000000000B'), numbered(7)]) {
    await service.ask(identifier)
  }
  const devices: ListedDevice[] = [
    { deviceId: idOf(1), macs: ['000000000001'] },
    { deviceId: idOf(7), macs: [] },
    { macs: ['00000000000C'] },
  ]
  const { stop } = poll(service, () => ({ listedAtMs: service.clock.nowMs() - second, devices }))
  t.teardown(stop)
  await settled()
  const snapshot = await service.compliance.readNoncompliantSnapshot()
  t.match(
    snapshot.devices.map(({ id, deviceId, macs }) => ({ id, deviceId, macs })),
    [
      { id: idOf(1), deviceId: idOf(1), macs: ['000000000001'] },
      { id: idOf(2), deviceId: idOf(2), macs: ['000000000002', '00000000000A'] },
      { id: 'mac/00000000000B', deviceId: undefined, macs: ['00000000000B'] },
      { id: 'mac/00000000000C', deviceId: undefined, macs: ['00000000000C'] },
    ],
    'without the one that has been compliant since',
  )
  t.equal(snapshot.listedAtMs, service.clock.nowMs() - second)
  await service.clock.advance(2 * second)
  const later = await service.compliance.readNoncompliantSnapshot()
  t.equal(later.devices, snapshot.devices, 'the same array while nothing changes')
  t.equal(later.takenAtMs, service.clock.nowMs())
  service.say(mac('00000000000D'), { complianceState: 'noncompliant' })
  await service.ask(mac('00000000000D'))
  t.equal(await service.compliance.readNoncompliantSnapshot(), later, 'not made anew within a second')
  await service.clock.advance(second)
  t.equal((await service.compliance.readNoncompliantSnapshot()).devices.length, 5)
})

t.test('others are served while a snapshot of 20,000 devices is made, and it is made once', async (t) => {
  const service = build()
  service.sayAll({ complianceState: 'noncompliant' })
  await service.learn(20_000)
  const first = service.compliance.readNoncompliantSnapshot()
  const second = service.compliance.readNoncompliantSnapshot()
  t.ok((await countTurns(first)) >= 60, 'the event loop turned')
  t.equal((await first).devices.length, 20_000)
  t.ok((await second) === (await first), 'whoever asks meanwhile waits for the same one')
})

t.test('while a new snapshot is made others are given the last one, unless it is old', async (t) => {
  const service = build()
  service.sayAll({ complianceState: 'noncompliant' })
  await service.learn(1000)
  const last = await service.compliance.readNoncompliantSnapshot()
  service.say(mac('00000000000D'), { complianceState: 'noncompliant' })
  await service.ask(mac('00000000000D'))
  await service.clock.advance(2 * second)
  const next = service.compliance.readNoncompliantSnapshot()
  t.equal(await service.compliance.readNoncompliantSnapshot(), last)
  t.equal((await next).devices.length, 1001)
  service.say(mac('00000000000E'), { complianceState: 'noncompliant' })
  await service.ask(mac('00000000000E'))
  await service.clock.advance(6 * second)
  const reads = [service.compliance.readNoncompliantSnapshot(), service.compliance.readNoncompliantSnapshot()]
  for (const read of reads) t.equal((await read).devices.length, 1002)
})

t.test(
  'a device that is noncompliant all the while is in a snapshot whatever changes meanwhile',
  async (t) => {
    const service = build()
    service.sayAll({ complianceState: 'noncompliant' })
    await service.learn(5000)
    const snapshot = service.compliance.readNoncompliantSnapshot()
    const { records } = service.compliance
    let isDone = false
    void snapshot.then(() => {
      isDone = true
    })
    for (let round = 0; !isDone; round += 1) {
      for (const key of [...records.noncompliantKeys()].slice(0, 100)) {
        const remembered = records.peek(key)
        if (remembered && round % 2 === 0) records.set(key, remembered)
      }
      records.delete([...records.noncompliantKeys()].at(-1 - round) ?? '')
      await new Promise((resolve) => setImmediate(resolve))
    }
    const listed = new Set((await snapshot).devices.map(({ id }) => id))
    const lost = [...records.noncompliantKeys()].filter((key) => !listed.has(key.slice(key.indexOf('/') + 1)))
    t.same(lost, [], 'none is lost')
    t.equal((await snapshot).devices.length, listed.size, 'none is there twice')
  },
)

// ---- runway, purge, recheck

t.test('the runway says how many devices would keep their access', async (t) => {
  const service = build()
  await service.learn(10)
  await service.clock.advance(2 * hour)
  for (let index = 10; index < 15; index += 1) await service.ask(numbered(index))
  service.say(mac(), { complianceState: 'noncompliant' })
  await service.ask(mac())
  await service.clock.advance(second)
  t.same(service.compliance.runway(), {
    seenLast24Hours: 16,
    keepAccess: [
      { hours: 1, devices: 15 },
      { hours: 4, devices: 15 },
      { hours: 8, devices: 0 },
    ],
  })
  await service.clock.advance(3 * hour)
  t.match(service.compliance.runway().keepAccess, [{ devices: 15 }, { devices: 5 }, { devices: 0 }])
  await service.clock.advance(22 * hour)
  t.match(service.compliance.runway(), { seenLast24Hours: 0, keepAccess: [{ devices: 0 }, {}, {}] })
})

t.test('one device or all of them can be forgotten', async (t) => {
  const service = build()
  await service.learn(5)
  await service.ask(mac('00505600000A'))
  t.equal(service.compliance.purge('mac', '00:50:56:00:00:0a'), true, 'in any spelling')
  t.equal(service.compliance.purge('mac', '00:50:56:00:00:0a'), false)
  for (const [kind, value] of [
    ['mac', 'nonsense'],
    ['certificateSan', idOf(1)],
    ['certificateCn', 'a name'],
    ['__proto__', 'x'],
    ['deviceId', ''],
  ] as const) {
    t.equal(service.compliance.purge(kind, value), undefined, kind)
  }
  t.equal(service.compliance.purgeAll(), 5)
  t.equal(service.compliance.cache.size, 0)
})

t.test('records that nothing can use any more are forgotten after a day', async (t) => {
  const service = build()
  const stop = service.compliance.keepTidy()
  await service.learn(3)
  await service.clock.advance(23 * hour)
  await service.ask(mac())
  await service.clock.advance(2 * hour)
  await settled()
  t.equal(service.compliance.cache.size, 1)
  stop()
  await service.clock.advance(48 * hour)
  t.equal(service.compliance.cache.size, 1)
})

t.test('where very many records have grown old, they are forgotten 20,000 a second', async (t) => {
  const service = build()
  const stop = service.compliance.keepTidy()
  const { records } = service.compliance
  await service.clock.advance(hour / 2)
  const record = { enrolled: false, complianceState: 'unknown', observedAtMs: service.clock.nowMs() } as const
  for (let index = 0; index < 45_000; index += 1) records.set(`mac/${index}`, { record, freshUntilMs: 0 })
  await service.clock.advance(24 * hour - hour / 2)
  for (let turn = 0; turn < 10; turn += 1) await settled()
  t.equal(records.size, 45_000, 'a day is not over')
  await service.clock.advance(hour)
  const left = async (size: number) => {
    for (let turn = 0; turn < 1000 && records.size > size; turn += 1) await settled()
    await settled()
    return records.size
  }
  t.equal(await left(25_000), 25_000)
  await service.clock.advance(second)
  t.equal(await left(5000), 5000)
  await service.clock.advance(second)
  t.equal(await left(0), 0)
  stop()
})

t.test('a refresh of one device is not one of the same device by another name', async (t) => {
  const service = build()
  const { compliance, clock } = service
  service.sayAll({ deviceId: idOf(7), macs: ['005056A4895A', '005056A4895C'] })
  t.equal(compliance.admitRefresh(mac(), 'a'), 0, 'nothing is known about it yet')
  await service.ask(mac(), true)
  for (const identifier of [mac(), numbered(7), mac('005056A4895C')]) {
    t.equal(compliance.admitRefresh(identifier, 'b'), 10 * second, identifier.kind)
  }
  t.equal(compliance.admitRefresh(numbered(8), 'b'), 0, 'another device')
  await clock.advance(4 * second)
  t.equal(compliance.admitRefresh(numbered(7), 'a'), 6 * second)
  await clock.advance(6 * second)
  t.equal(compliance.admitRefresh(numbered(7), 'a'), 0)
  t.equal(compliance.admitRefresh(mac(), 'a'), 10 * second, 'from then on it is known before it is asked')
})

t.test('repair: the next question after 30 s sees it, and no other record is touched', async (t) => {
  const service = build()
  service.sayAll({ complianceState: 'noncompliant' })
  await service.learn(3)
  const before = service.compliance.records.packed(`deviceId/${idOf(1)}`)
  await service.clock.advance(33 * second)
  service.say(numbered(0), { complianceState: 'compliant' })
  t.match(await service.ask(numbered(0)), { verdict: 'asked', record: { complianceState: 'compliant' } })
  t.equal(service.compliance.records.packed(`deviceId/${idOf(1)}`), before)
})

t.test('a device that a batch has waiting comes forward when somebody else asks about it', async (t) => {
  const service = build()
  let release: (() => void)[] = []
  service.holdAnswers((go) => release.push(go))
  const ask = (index: number, share: string) =>
    service.compliance.cache.ask(numbered(index), { refresh: false, waitMs: 60_000, share })
  const batch = Array.from({ length: 200 }, (_, index) => ask(index, 'ise batch'))
  await settle()
  t.equal(service.asked.length, 64)
  const joined = ask(199, 'radius')
  await settle()
  t.equal(service.asked.at(-1), `deviceId/${idOf(199)}`)
  while (release.length > 0) {
    const now = release
    release = []
    for (const go of now) go()
    await settle()
  }
  t.match(await joined, { verdict: 'coalesced', record: { complianceState: 'compliant' } })
  t.equal((await Promise.all(batch)).filter(({ known }) => known).length, 200)
  t.equal(service.asked.length, 200, 'one question for each device')
})

t.test('the breaker in front of Intune shows in what happens', async (t) => {
  const service = build()
  await service.ask(mac())
  service.sayAll('away')
  await service.clock.advance(hour)
  for (let index = 0; index < 8; index += 1) await service.ask(numbered(index))
  t.match(service.events.breakerChanged, [
    { service: 'compliance_retrieval', state: 'open', cause: 'failures' },
  ])
  t.match(await service.ask(mac()), { verdict: 'last_known', fault: { code: 'upstream_timeout' } })
  t.equal(service.asked.length, 6, 'one before, five that failed')
  t.match(service.compliance.upstream(), {
    compliance_retrieval: { breaker: { state: 'open' }, running: 0, waiting: 0, shed: 0 },
    nac: { breaker: { state: 'closed' } },
    graph: { breaker: { state: 'closed' } },
  })
})
