import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import type { ClockWitness } from '../../src/clock.ts'
import { createCompliance } from '../../src/compliance/compliance.ts'
import { type ComplianceState, openComplianceState } from '../../src/state/compliance-state.ts'
import { StateDatabase } from '../../src/state/state-database.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { deviceId, scriptedLookup } from '../fakes/scripted-lookup.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const nobody: ClockWitness = { aheadMs: () => 0, isConfirmed: () => false }
const key = `deviceId/${deviceId().value}`

/** The facts and the state file of one process after the other, on one clock. */
function machine(t: Test) {
  const directory = t.testdir({})
  const clock = new FakeClock()
  const intune = scriptedLookup(clock)
  const file = join(directory, 'compliance-contoso.sqlite')

  async function start({ witness = nobody, compliantFreshMs = 10 * minuteMs } = {}) {
    let state: ComplianceState | undefined
    const compliance = createCompliance({
      lookup: (identifier) => intune.lookup(identifier),
      freshness: {
        compliantFreshMs,
        noncompliantFreshMs: 30_000,
        refreshAheadMs: 5 * minuteMs,
        outageHoldMs: 8 * hourMs,
      },
      deadlineMs: 1000,
      clock,
      witness,
      random: () => 0.5,
      onRecordChange: (changed) => state?.noteChange(changed),
      onClockSet: () => state?.noteAll(),
      onOutdated: (beforeMs) => state?.prune(beforeMs),
    })
    state = openComplianceState({ directory, tenant: 'contoso', clock, witness, onNotice: () => {} })
    state.attach(compliance.records)
    await state.load()
    const stopTidying = compliance.keepTidy()
    const opened = state
    const stop = async () => {
      stopTidying()
      await opened.close()
    }
    t.teardown(stop)
    return {
      state: opened,
      compliance,
      ask: () => compliance.cache.ask(deviceId(), { refresh: false, waitMs: 1000 }),
      stop,
    }
  }

  /** When the device was observed, as the file has it. */
  function stored(): number | undefined {
    const database = new DatabaseSync(file, { readOnly: true })
    const row = database.prepare('SELECT observed_at FROM records WHERE key = ?').get(key)
    database.close()
    return row === undefined ? undefined : Number(row.observed_at)
  }
  return { clock, intune, start, stored, file }
}

t.test(
  'a start with a clock that is far ahead leaves the file as it is, and knows all as soon as it is right',
  async (t) => {
    const { clock, intune, start, stored } = machine(t)
    const first = await start()
    await first.ask()
    await first.stop()
    const observedAtMs = stored()
    await clock.advance(minuteMs)
    clock.jump(26 * hourMs)
    const second = await start()
    await clock.advance(2 * hourMs)
    await second.state.flush()
    t.equal(stored(), observedAtMs)
    intune.say('upstream_timeout')
    t.match(await second.ask(), { known: false }, 'for this clock it is older than a day')
    clock.jump(-26 * hourMs)
    t.match(await second.ask(), { verdict: 'last_known', ageMs: 2 * hourMs + minuteMs })
  },
)

t.test('a start in the year 2000 leaves the file as it is, and nothing is fresh for decades', async (t) => {
  const { clock, intune, start, stored } = machine(t)
  const first = await start()
  await first.ask()
  await first.stop()
  const observedAtMs = stored()
  clock.jump(Date.UTC(2000, 0, 1) - clock.nowMs())
  intune.say('upstream_timeout')
  const second = await start()
  await clock.advance(minuteMs)
  t.match(await second.ask(), { verdict: 'last_known', ageMs: minuteMs, freshForMs: 0 })
  await clock.advance(2 * hourMs)
  await second.state.flush()
  t.equal(stored(), observedAtMs)
  await clock.advance(6 * hourMs)
  t.match(
    await second.ask(),
    { known: false },
    'no longer than OUTAGE_HOLD_SECONDS from when it was first seen',
  )
})

t.test(
  'of what one process writes the later word stays, whatever the clock said at the earlier one',
  async (t) => {
    const { clock, intune, start } = machine(t)
    const first = await start()
    clock.jump(50 * minuteMs)
    await first.ask()
    await first.state.flush()
    clock.jump(-50 * minuteMs)
    intune.say({ complianceState: 'noncompliant' })
    t.match(await first.ask(), { record: { complianceState: 'noncompliant' } })
    // A disk that is slow, so that even the wrong stamp has passed when it is written.
    await clock.advance(51 * minuteMs)
    await first.stop()
    const second = await start()
    t.match(second.compliance.cache.remembered(deviceId()), { complianceState: 'noncompliant' })
  },
)

t.test('what was learnt under a wrong clock does not come back as fresh', async (t) => {
  const { clock, intune, start, stored } = machine(t)
  const first = await start()
  clock.jump(50 * minuteMs)
  await first.ask()
  await first.state.flush()
  clock.jump(-50 * minuteMs)
  await clock.advance(minuteMs)
  await first.stop()
  t.equal(stored(), clock.nowMs() - minuteMs, 'it was written again, with the time as it is known now')
  await clock.advance(50 * minuteMs)
  const second = await start()
  intune.say({ complianceState: 'noncompliant' })
  t.match(await second.ask(), { verdict: 'asked', record: { complianceState: 'noncompliant' } })
})

for (const aheadMs of [50 * minuteMs, -26 * hourMs]) {
  t.test(
    `where servers contradict the clock by ${aheadMs} ms, the file has their time at once`,
    async (t) => {
      const { clock, start, stored } = machine(t)
      clock.jump(aheadMs)
      const process = await start({ witness: { aheadMs: () => aheadMs, isConfirmed: () => false } })
      await process.ask()
      await process.state.flush()
      t.equal(stored(), clock.nowMs() - aheadMs)
      const successor = await start({ witness: { aheadMs: () => aheadMs, isConfirmed: () => false } })
      t.match(await successor.ask(), { verdict: 'asked' }, 'and the next process asks before it uses it')
      await successor.stop()
      t.equal(await process.state.listStore.claimQuery(clock.nowMs(), 4 * hourMs), true)
      const other = await start()
      clock.jump(-aheadMs)
      await clock.advance(hourMs)
      t.equal(await other.state.listStore.claimQuery(clock.nowMs(), 4 * hourMs), false, 'an hour ago')
      await clock.advance(3 * hourMs)
      t.equal(await other.state.listStore.claimQuery(clock.nowMs(), 4 * hourMs), true)
    },
  )
}

t.test('a record from the future is due for good, and not only until its time has come', async (t) => {
  const { clock, intune, start, file } = machine(t)
  const observedAtMs = clock.nowMs() + 5 * minuteMs
  const database = new StateDatabase(file)
  const freshFor = (10 * minuteMs).toString(36)
  database.write([{ key, value: `c-${observedAtMs.toString(36)}.${freshFor}`, observedAtMs }])
  database.close()
  intune.say('upstream_timeout')
  const first = await start()
  await clock.advance(6 * minuteMs)
  t.match(await first.ask(), { verdict: 'last_known', ageMs: 6 * minuteMs, freshForMs: 0 })
  await first.stop()
  const second = await start()
  t.match(await second.ask(), { verdict: 'last_known', freshForMs: 0 }, 'after the next start as well')
})

t.test('no record of the file is fresh for longer than the settings of today allow', async (t) => {
  const { clock, start } = machine(t)
  const first = await start({ compliantFreshMs: 24 * hourMs })
  await first.ask()
  await first.stop()
  await clock.advance(minuteMs)
  const second = await start()
  t.match(await second.ask(), { verdict: 'hit', ageMs: minuteMs, freshForMs: 10 * minuteMs })
})

t.test('a claim from the future holds for four hours of real time', async (t) => {
  const { clock, start, file } = machine(t)
  const database = new StateDatabase(file)
  database.putDocument('noncompliant-list-query', '', clock.nowMs() + 9 * hourMs)
  database.close()
  const { state } = await start()
  const claim = () => state.listStore.claimQuery(clock.nowMs(), 4 * hourMs)
  t.equal(await claim(), false, 'it may have been made a minute ago')
  await clock.advance(4 * hourMs - 1)
  t.equal(await claim(), false)
  await clock.advance(1)
  t.equal(await claim(), true)
})

t.test('a process that is late does not write over what another has learnt since', async (t) => {
  const { clock, file } = machine(t)
  const [one, other] = [new StateDatabase(file), new StateDatabase(file)]
  const nowMs = clock.nowMs()
  const row = (value: string, observedAtMs: number) => [{ key, value, observedAtMs }]
  one.write(row('first', nowMs - 3000), nowMs)
  other.write(row('later', nowMs - 1000), nowMs)
  one.write(row('late', nowMs - 2000), nowMs)
  t.equal(one.read(key), 'later')
  other.write(row('its own word', nowMs - 2500), nowMs)
  t.equal(one.read(key), 'its own word', 'of one process the later word counts')
  other.write(row('from the future', nowMs + hourMs), nowMs)
  one.write(row('from the future too, and older', nowMs + minuteMs), nowMs)
  t.equal(one.read(key), 'from the future')
  one.write(row('of now', nowMs), nowMs)
  t.equal(one.read(key), 'of now', 'gives way to what is not')
  one.close()
  other.close()
})

t.test('a file of the version before is taken as it is', async (t) => {
  const { clock, intune, start, file } = machine(t)
  const database = new DatabaseSync(file)
  const observedAtMs = clock.nowMs() - minuteMs
  database.exec(`
    CREATE TABLE records (key TEXT PRIMARY KEY, value TEXT NOT NULL, observed_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE documents (name TEXT PRIMARY KEY, value TEXT NOT NULL, written_at INTEGER NOT NULL) WITHOUT ROWID;
    PRAGMA application_id = ${0x696e6163}; PRAGMA user_version = 1;`)
  database
    .prepare('INSERT INTO records VALUES (?, ?, ?)')
    .run(key, `c-${observedAtMs.toString(36)}.${(10 * minuteMs).toString(36)}`, observedAtMs)
  database.close()
  const { ask, state } = await start()
  t.match(await ask(), { verdict: 'hit', ageMs: minuteMs, freshForMs: 9 * minuteMs })
  await clock.advance(20 * minuteMs)
  intune.say({ complianceState: 'noncompliant' })
  await ask()
  await state.flush()
  t.match(state.status(), { mode: 'read_write', failedWrites: 0, writtenRecords: 1 })
})
