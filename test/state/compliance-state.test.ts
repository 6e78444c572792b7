import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/clock.ts'
import { RememberedRecords } from '../../src/compliance/remembered-records.ts'
import { openComplianceState } from '../../src/state/compliance-state.ts'
import { StateDatabase } from '../../src/state/state-database.ts'

const tenant = 'Contoso.onmicrosoft.com'

function open(directory: string, notices: unknown[] = []) {
  const state = openComplianceState({
    directory,
    tenant,
    clock: systemClock,
    onNotice: (notice) => notices.push(notice),
  })
  const records = new RememberedRecords({ maxRecords: 100, onChange: (key) => state.noteChange(key) })
  state.attach(records)
  t.teardown(() => state.close())
  return { state, records }
}

t.test('records come back as they were, with their age and their freshness', async (t) => {
  const directory = t.testdir({})
  const first = open(directory)
  await first.state.load()
  const remembered = {
    record: {
      enrolled: true,
      complianceState: 'compliant',
      observedAtMs: 1_700_000_000_000,
      deviceId: 'ee9d3792-6859-4b71-93aa-56aba42581c5',
      details: { deviceName: 'laptop' },
    },
    freshUntilMs: 1_700_000_600_000,
    held: 'regressed',
  } as const
  first.records.set('mac/005056A4895A', remembered)
  first.records.set('mac/000000000001', remembered)
  first.records.delete('mac/000000000001')
  await first.state.flush()
  await first.state.close()
  const second = open(directory)
  await second.state.load()
  t.same(second.records.peek('mac/005056A4895A'), remembered)
  t.equal(second.records.size, 1)
  t.match(second.state.status(), { mode: 'read_write', pendingChanges: 0 }, 'what was read is no change')
})

t.test('a damaged record is left out, the others are not', async (t) => {
  const directory = t.testdir({})
  const database = new StateDatabase(join(directory, `compliance-${tenant}.sqlite`))
  database.write([
    { key: 'mac/000000000001', value: 'damaged', observedAtMs: 10 },
    { key: 'mac/000000000002', value: 'c-a.1', observedAtMs: 10 },
    { key: 'mac/000000000003', value: 'c-1.1', observedAtMs: 1 },
  ])
  database.putDocument('noncompliant-list', '{"devices":', 10)
  database.close()
  const { state, records } = open(directory)
  await state.load()
  t.same([...records.keys()].sort(), ['mac/000000000002', 'mac/000000000003'])
  t.equal(await state.listStore.loadList(), undefined, 'a damaged list is none')
  for (const devices of [
    [null],
    [{}],
    [{ macs: [] }],
    [{ macs: 'x' }],
    [{ macs: [1] }],
    [{ macs: [], deviceId: 1 }],
  ]) {
    const damaged = new StateDatabase(join(directory, `compliance-${tenant}.sqlite`))
    damaged.putDocument('noncompliant-list', JSON.stringify({ listedAtMs: 10, pieces: 1 }), 10)
    damaged.putDocument('noncompliant-list/10/0', JSON.stringify(devices), 10)
    damaged.close()
    t.equal(await state.listStore.loadList(), undefined, JSON.stringify(devices))
  }
})

t.test('the list and the claim on its query are shared', async (t) => {
  const directory = t.testdir({})
  const [one, other] = [open(directory).state, open(directory).state]
  t.equal(await one.listStore.claimQuery(1000, 500), true)
  t.equal(await other.listStore.claimQuery(1400, 500), false)
  const list = {
    listedAtMs: 1200,
    devices: [{ deviceId: 'x', macs: ['005056A4895A'] }, { macs: ['005056A4895B'] }],
  }
  await one.listStore.saveList(list)
  t.same(await other.listStore.loadList(), list)
  t.equal(await other.listStore.loadList(), undefined, 'once')
  t.equal(await one.listStore.loadList(), undefined, 'not to who has saved it')
  await other.listStore.saveList({ ...list, listedAtMs: 1100 })
  t.equal(await one.listStore.loadList(), undefined, 'an older one of another process does not count')
  const nowMs = Date.now()
  await one.listStore.saveList({ ...list, listedAtMs: nowMs + 3_600_000 })
  await other.listStore.saveList({ ...list, listedAtMs: nowMs })
  t.match(
    await one.listStore.loadList(),
    { listedAtMs: nowMs },
    'the last one counts after one from the future',
  )
})
