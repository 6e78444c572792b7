import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/clock.ts'
import { StateDatabase } from '../../src/state/state-database.ts'
import { type StateNotice, StateStore } from '../../src/state/state-store.ts'
import { startStateThread } from '../../src/state/state-thread.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

/** A store with a memory of its own: a map of key to observation and value. */
function openStore(
  t: Test,
  directory: string,
  memory = new Map<string, { value: string; observedAtMs: number }>(),
) {
  const notices: StateNotice[] = []
  const store = new StateStore({
    directory,
    name: 'compliance-contoso',
    clock: systemClock,
    read: (key) => memory.get(key),
    restore: (key, value) => memory.set(key, { value, observedAtMs: 1 }),
    visitKeys: async (visit) => {
      for (const key of memory.keys()) visit(key)
    },
    onNotice: (notice) => notices.push(notice),
  })
  t.teardown(() => store.close())
  const remember = (key: string, value: string, observedAtMs = 1) => {
    memory.set(key, { value, observedAtMs })
    store.noteChange(key)
  }
  return { store, memory, notices, remember }
}

t.test('what is remembered survives a restart', async (t) => {
  const directory = join(t.testdir({}), 'made', 'on', 'demand')
  const first = openStore(t, directory)
  await first.store.load()
  for (let index = 0; index < 5000; index += 1) first.remember(`k${index}`, `v${index}`)
  first.memory.delete('k0')
  first.store.noteChange('k0')
  t.equal(first.store.status.pendingChanges, 5000)
  await first.store.flush()
  t.match(first.store.status, { pendingChanges: 0, writeLagMs: 0, writtenRecords: 5000, mode: 'read_write' })
  await first.store.close()
  const second = openStore(t, directory)
  await second.store.load()
  t.equal(second.memory.size, 4999)
  t.equal(second.memory.get('k4999')?.value, 'v4999')
  t.equal(second.store.status.isLoaded, true)
  t.same(second.notices, [])
})

t.test('changes are written behind, without anyone asking for it', async (t) => {
  const directory = t.testdir({})
  const { store, remember } = openStore(t, directory)
  await store.load()
  remember('k', 'v')
  await new Promise((resolve) => setTimeout(resolve, 1500))
  t.match(store.status, { pendingChanges: 0, writtenRecords: 1 })
})

t.test('closing writes what has changed last', async (t) => {
  const directory = t.testdir({})
  const first = openStore(t, directory)
  await first.store.load()
  first.remember('last', 'word')
  await first.store.close()
  const second = openStore(t, directory)
  await second.store.load()
  t.equal(second.memory.get('last')?.value, 'word')
})

t.test('one record can be had while the others are still being read', async (t) => {
  const directory = t.testdir({})
  const first = openStore(t, directory)
  await first.store.load()
  for (let index = 0; index < 20_000; index += 1) first.remember(`k${index}`, `v${index}`)
  await first.store.close()
  const second = openStore(t, directory)
  const loading = second.store.load()
  await second.store.recall('k19999')
  t.equal(second.memory.get('k19999')?.value, 'v19999')
  t.ok(second.memory.size < 20_000, `before the others: ${second.memory.size} are there`)
  await second.store.recall('unheard of')
  await loading
  t.equal(second.memory.size, 20_000)
  t.equal(second.store.recall('k1'), undefined, 'after that there is nothing to wait for')
})

t.test('two processes on one directory both keep what they learn, and one of them claims', async (t) => {
  const directory = t.testdir({})
  const [one, other] = [openStore(t, directory), openStore(t, directory)]
  await Promise.all([one.store.load(), other.store.load()])
  for (let index = 0; index < 3000; index += 1) {
    one.remember(`one${index}`, 'v')
    other.remember(`other${index}`, 'v')
  }
  await Promise.all([one.store.flush(), other.store.flush()])
  const nowMs = Date.now()
  const claims = await Promise.all([one, other].map(({ store }) => store.claim('list', nowMs, 1000)))
  t.same(claims.sort(), [false, true])
  await one.store.putDocument('list', 'text', 10)
  t.equal(await other.store.getDocument('list', 9), 'text', 'the other finds what the one has fetched')
  const third = openStore(t, directory)
  await third.store.load()
  t.equal(third.memory.size, 6000)
  t.same([...one.notices, ...other.notices, ...third.notices], [])
})

t.test('a file that is no database is moved aside, and a new one takes its place', async (t) => {
  const directory = t.testdir({ 'compliance-contoso.sqlite': 'x'.repeat(5000) })
  const { store, notices, remember } = openStore(t, directory)
  await store.load()
  t.match(notices, [{ problem: 'corrupt', consequence: 'new_file', movedTo: /set-aside/ }])
  t.equal(readFileSync(notices[0]?.movedTo ?? '', 'utf8'), 'x'.repeat(5000), 'nothing is lost')
  remember('k', 'v')
  await store.flush()
  t.match(store.status, { mode: 'read_write', writtenRecords: 1 })
})

/** A file with 20,000 rows, two pages of them unreadable. */
function damagedFile(directory: string): void {
  const file = join(directory, 'compliance-contoso.sqlite')
  const database = new StateDatabase(file)
  const rows = Array.from({ length: 20_000 }, (_, index) => ({
    key: `k${String(index).padStart(6, '0')}`,
    value: `v${index}`,
    observedAtMs: 1,
  }))
  database.write(rows)
  database.close()
  const bytes = readFileSync(file)
  bytes.fill(0xff, Math.floor(bytes.length * 0.7), Math.floor(bytes.length * 0.7) + 8192)
  writeFileSync(file, bytes)
}

t.test('damage that shows only while reading costs what could not be read, and nothing else', async (t) => {
  const directory = t.testdir({})
  damagedFile(directory)
  const { store, memory, notices, remember } = openStore(t, directory)
  await store.load()
  remember('learnt', 'meanwhile')
  while (notices.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  t.match(notices, [{ problem: 'corrupt', consequence: 'new_file', movedTo: /set-aside/ }])
  t.ok(memory.size > 1000, `${memory.size} of 20000 were read`)
  await store.flush()
  const next = openStore(t, directory)
  await next.store.load()
  t.equal(next.memory.size, memory.size, 'what could be read, and what was learnt, is in the new file')
})

t.test('where everything has to be written again, it is noted as fast as the disk keeps up', async (t) => {
  const directory = t.testdir({})
  damagedFile(directory)
  const memory = new Map<string, { value: string; observedAtMs: number }>()
  for (let index = 0; index < 50_000; index += 1) memory.set(`k${index}`, { value: 'v', observedAtMs: 1 })
  const everything = Promise.withResolvers<void>()
  let mostPending = 0
  const store = new StateStore({
    directory,
    name: 'compliance-contoso',
    clock: systemClock,
    read: (key) => memory.get(key),
    restore: () => {},
    visitKeys: async (visit) => {
      for (const key of memory.keys()) {
        const visited = visit(key)
        mostPending = Math.max(mostPending, store.status.pendingChanges)
        if (visited) await visited
      }
      everything.resolve()
    },
    onNotice: () => {},
  })
  t.teardown(() => store.close())
  await store.load()
  await everything.promise
  await store.flush()
  t.equal(store.status.writtenRecords, 50_000)
  t.ok(mostPending <= 20_000, `${mostPending} at once`)
})

t.test('a path that cannot be a directory leaves the memory alone', async (t) => {
  const directory = t.testdir({ file: 'in the way' })
  const { store, notices, remember } = openStore(t, join(directory, 'file', 'state'))
  await store.load()
  t.match(notices, [{ problem: 'unusable', consequence: 'memory_only' }])
  remember('k', 'v')
  t.match(store.status, { mode: 'memory_only', pendingChanges: 0, isLoaded: true })
  t.equal(store.recall('k'), undefined)
  t.equal(await store.claim('list', Date.now(), 1000), false, 'without a store nothing is claimed')
  t.equal(await store.getDocument('list', 0), undefined)
})

t.test('a directory without permission to write is read, and said to be', async (t) => {
  const directory = t.testdir({})
  const first = openStore(t, directory)
  await first.store.load()
  first.remember('known', 'before')
  await first.store.close()
  chmodSync(directory, 0o555)
  const file = join(directory, 'compliance-contoso.sqlite')
  chmodSync(file, 0o444)
  // Permissions do not bind root: there the store runs as somebody else.
  const isRoot = process.getuid?.() === 0
  if (isRoot) chownSync(file, 65534, 65534)
  const child = spawnSync(process.execPath, [join(import.meta.dirname, 'read-only-child.ts'), directory], {
    encoding: 'utf8',
    ...(isRoot && { uid: 65534, gid: 65534 }),
    env: { PATH: process.env.PATH ?? '' },
  })
  chmodSync(directory, 0o755)
  if (isRoot && (child.error || /EACCES/.test(child.stderr))) {
    t.comment('NOT RUN: this checkout lies where nobody but root can read, so nobody else can run it')
    return
  }
  const said = JSON.parse(child.stdout.trim() || 'null')
  t.match(
    said,
    {
      mode: 'read_only',
      keys: ['known'],
      notices: [{ problem: /read_only|unusable/, consequence: 'read_only' }],
    },
    `${child.stdout}${child.stderr}`,
  )
  t.same(
    readdirSync(directory).filter((name) => name.includes('set-aside')),
    [],
    'nothing is moved',
  )
})

t.test(
  'a thread that hangs on its disk does not hold up a shutdown for more than three seconds',
  async (t) => {
    const clock = new FakeClock()
    const store = new StateStore({
      directory: t.testdir({}),
      name: 'compliance-contoso',
      clock,
      read: () => undefined,
      restore: () => {},
      visitKeys: async () => {},
      onNotice: () => {},
    })
    await store.load()
    let isClosed = false
    const closing = store.close().then(() => {
      isClosed = true
    })
    await clock.advance(3000)
    await closing
    t.equal(isClosed, true)
    t.equal(await store.claim('list', 0, 1), false, 'a closed store answers all the same')
  },
)

t.test('any number of processes can make one file at the same moment', async (t) => {
  for (let round = 0; round < 5; round += 1) {
    const directory = join(t.testdir({}), `round${round}`)
    const stores = Array.from({ length: 4 }, () => openStore(t, directory))
    await Promise.all(stores.map(({ store }) => store.load()))
    t.same(
      stores.map(({ store, notices }) => [store.status.mode, notices.length]),
      Array(4).fill(['read_write', 0]),
    )
    await Promise.all(stores.map(({ store }) => store.close()))
  }
})

t.test('a batch that the file does not take is kept, told once, and tried again', async (t) => {
  const { store, memory, notices, remember } = openStore(t, t.testdir({}))
  await store.load()
  remember('good', 'v')
  // SQLite refuses it: observed_at must not be null.
  remember('bad', 'v', Number.NaN)
  await store.flush()
  await store.flush()
  t.match(store.status, { pendingChanges: 2, failedWrites: 2, writtenRecords: 0 })
  t.ok(store.status.writeLagMs >= 0)
  t.match(notices, [{ problem: 'failed', consequence: 'not_written_for_now' }])
  t.equal(notices.length, 1)
  memory.set('bad', { value: 'v', observedAtMs: 1 })
  await store.flush()
  t.match(store.status, { pendingChanges: 0, failedWrites: 2, writtenRecords: 2 })
})

t.test('what is forgotten at once goes from the file, and what is learnt afterwards stays', async (t) => {
  const directory = t.testdir({})
  const { store, memory, remember } = openStore(t, directory)
  await store.load()
  for (let index = 0; index < 5000; index += 1) remember(`k${index}`, `v${index}`)
  await store.flush()
  remember('k1', 'noted and not written yet')
  memory.clear()
  store.noteClear()
  remember('new', 'v')
  await store.flush()
  t.match(store.status, { pendingChanges: 0, failedWrites: 0 })
  const next = openStore(t, directory)
  await next.store.load()
  t.same([...next.memory.keys()], ['new'])
})

t.test('what is forgotten while the file is still being read does not come back', async (t) => {
  const directory = t.testdir({})
  const first = openStore(t, directory)
  await first.store.load()
  for (let index = 0; index < 20_000; index += 1) first.remember(`k${index}`, `v${index}`)
  await first.store.close()
  const second = openStore(t, directory)
  const loading = second.store.load()
  while (second.memory.size === 0) await new Promise((resolve) => setImmediate(resolve))
  const recalled = second.store.recall('k19999')
  second.memory.clear()
  second.store.noteClear()
  t.equal(second.store.recall('k1'), undefined)
  await Promise.all([loading, recalled])
  t.equal(second.memory.size, 0)
  t.equal(second.store.status.isLoaded, true)
  await second.store.close()
  const third = openStore(t, directory)
  await third.store.load()
  t.equal(third.memory.size, 0, 'nor after a restart')
})

t.test('a file that cannot be cleared now is cleared as soon as it can be', async (t) => {
  const directory = t.testdir({})
  const { store, memory, remember, notices } = openStore(t, directory)
  await store.load()
  remember('k', 'v')
  await store.flush()
  const file = join(directory, 'compliance-contoso.sqlite')
  const other = new DatabaseSync(file)
  other.exec("CREATE TRIGGER kept BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'kept'); END")
  memory.clear()
  store.noteClear()
  await store.flush()
  t.match(store.status, { failedWrites: 1 })
  t.match(notices, [{ consequence: 'not_written_for_now' }])
  other.exec('DROP TRIGGER kept')
  await store.flush()
  t.equal(other.prepare('SELECT count(*) AS n FROM records').get()?.n, 0)
  other.close()
})

t.test('when the thread is gone every question is answered, and its loss is told', async (t) => {
  let lost = 0
  const thread = startStateThread({
    file: join(t.testdir({}), 'x.sqlite'),
    onOpened: () => {},
    onLost: () => {
      lost += 1
    },
  })
  t.match(await thread.ask({ ask: 'read', key: 'k' }), { ok: true })
  const underWay = thread.ask({ ask: 'read', key: 'k' })
  await thread.terminate()
  t.type((await underWay).ok, 'boolean', 'whichever came first, the answer or the end')
  t.match(await thread.ask({ ask: 'read', key: 'k' }), { ok: false, problem: 'failed' })
  t.equal(lost, 1)
})
