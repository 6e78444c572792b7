import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { RememberedRecords } from '../../src/compliance/remembered-records.ts'
import { type ComplianceState, openComplianceState } from '../../src/state/compliance-state.ts'
import { StateDatabase } from '../../src/state/state-database.ts'
import { fileCheckIntervalMs, type StateNotice } from '../../src/state/state-store.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const name = 'compliance-contoso.sqlite'
const bulkIntervalMs = 4 * 60 * 60 * 1000

interface Opened {
  readonly state: ComplianceState
  readonly records: RememberedRecords
  readonly clock: FakeClock
  readonly notices: StateNotice[]
}

/** A state file in `directory` with its memory, and everything that is said about it. */
function open(t: Test, directory: string): Opened {
  const clock = new FakeClock()
  const notices: StateNotice[] = []
  const onNotice = (notice: StateNotice) => notices.push(notice)
  const state = openComplianceState({ directory, tenant: 'contoso', clock, onNotice })
  const records = new RememberedRecords({
    maxRecords: 10_000,
    onChange: (key) => state.noteChange(key),
    onClear: () => state.noteClear(),
  })
  state.attach(records)
  t.teardown(() => state.close())
  return { state, records, clock, notices }
}

function remember({ records, clock }: Opened, key: string): void {
  const observedAtMs = clock.nowMs()
  records.set(key, {
    record: { enrolled: true, complianceState: 'compliant', observedAtMs },
    freshUntilMs: observedAtMs,
  })
}

const mac = (index: number) => `mac/${index.toString(16).padStart(12, '0')}`

/** Time for the thread that has the file, which the injected clock knows nothing about. */
async function until(condition: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 3000 && !condition(); attempt += 1) {
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** One look at the file, two seconds by the clock, to its end: then the next one and the next flush are waited for. */
async function look({ clock }: Opened): Promise<void> {
  await clock.advance(fileCheckIntervalMs)
  await until(() => clock.pendingTimers === 2)
}

/** One look, and all that it leads to. */
async function untilReopened(opened: Opened, mode = 'read_write'): Promise<void> {
  await look(opened)
  const { state } = opened
  await until(() => {
    const { mode: now, reopened, isRewriting } = state.status()
    return now === mode && reopened > 0 && !isRewriting
  })
}

function keysIn(file: string): string[] {
  const database = new StateDatabase(file)
  const keys = [...database.rows()].map(({ key }) => key)
  database.close()
  return keys.sort()
}

const list = { listedAtMs: Date.UTC(2026, 10, 23, 7), devices: [{ deviceId: 'x', macs: ['005056A4895A'] }] }

/** What happens underneath, and where the file has to be afterwards. */
const kinds: readonly (readonly [what: string, act: (root: string) => void, problem: string])[] = [
  [
    'the file is deleted with its log',
    (root) => {
      for (const suffix of ['', '-wal', '-shm']) rmSync(join(root, 'state', name + suffix), { force: true })
    },
    'replaced',
  ],
  ['the file alone is deleted', (root) => unlinkSync(join(root, 'state', name)), 'replaced'],
  [
    'the log of changes alone is deleted',
    (root) => unlinkSync(join(root, 'state', `${name}-wal`)),
    'replaced',
  ],
  ['the directory is deleted', (root) => rmSync(join(root, 'state'), { recursive: true }), 'replaced'],
  [
    'the directory and the one above it are deleted',
    (root) => {
      rmSync(join(root, 'state'), { recursive: true })
      rmSync(root, { recursive: true })
    },
    'replaced',
  ],
  [
    'the directory is renamed away and an empty one made',
    (root) => {
      renameSync(join(root, 'state'), join(root, 'old'))
      mkdirSync(join(root, 'state'))
    },
    'replaced',
  ],
  [
    'the file is replaced by that of another machine',
    (root) => {
      const other = new StateDatabase(join(root, 'other.sqlite'))
      other.write([{ key: 'mac/other', value: 'c-1.1', observedAtMs: 1 }])
      other.close()
      renameSync(join(root, 'other.sqlite'), join(root, 'state', name))
    },
    'replaced',
  ],
  ['the file is cut to nothing in place', (root) => truncateSync(join(root, 'state', name), 0), 'corrupt'],
]

for (const [what, act, problem] of kinds) {
  t.test(`where ${what}, nothing that is known is lost`, async (t) => {
    const root = join(t.testdir({}), 'root')
    const file = join(root, 'state', name)
    const opened = open(t, join(root, 'state'))
    await opened.state.load()
    for (let index = 0; index < 3000; index += 1) remember(opened, mac(index))
    await opened.state.flush()
    await opened.state.listStore.claimQuery(list.listedAtMs, bulkIntervalMs)
    await opened.state.listStore.saveList(list)
    // The size of the file is known from a look that found it in order.
    await look(opened)

    act(root)
    remember(opened, mac(3000))
    await untilReopened(opened)
    t.match(opened.state.status(), { mode: 'read_write', reopened: 1, pendingChanges: 0 })
    t.notOk(opened.state.status().problem)
    t.equal(opened.notices.length, 1, 'said once')
    t.match(opened.notices, [
      { problem, file, consequence: problem === 'corrupt' ? 'new_file' : 'written_again' },
    ])
    t.ok(existsSync(file))

    for (let round = 0; round < 3; round += 1) await look(opened)
    t.equal(opened.state.status().reopened, 1, 'and then it is quiet')
    remember(opened, mac(3001))
    await opened.state.flush()
    const again = open(t, join(root, 'state'))
    await again.state.load()
    const known = Array.from({ length: 3002 }, (_, index) => mac(index))
    t.ok(
      known.every((key) => again.records.peek(key)),
      'everything is on disk',
    )
    t.equal(await again.state.listStore.claimQuery(list.listedAtMs + 1000, bulkIntervalMs), false)
    t.same(await again.state.listStore.loadList(), list)
  })
}

t.test('where a link to the directory is switched, the new place gets everything', async (t) => {
  const root = t.testdir({ one: {}, two: {} })
  const link = join(root, 'state')
  symlinkSync(join(root, 'one'), link)
  const opened = open(t, link)
  await opened.state.load()
  remember(opened, mac(1))
  await opened.state.flush()
  symlinkSync(join(root, 'two'), join(root, 'next'))
  renameSync(join(root, 'next'), link)
  await untilReopened(opened)
  t.same(keysIn(join(root, 'two', name)), [mac(1)])
})

t.test('a directory that cannot be used is tried again, and what it has is brought back', async (t) => {
  const root = t.testdir({ seed: {} })
  const before = open(t, join(root, 'seed'))
  await before.state.load()
  remember(before, mac(1))
  remember(before, mac(2))
  await before.state.close()

  writeFileSync(join(root, 'state'), 'a file where the disk is to be mounted')
  const opened = open(t, join(root, 'state'))
  await opened.state.load()
  t.match(opened.state.status(), { mode: 'memory_only', problem: 'unusable', isLoaded: true })
  remember(opened, mac(3))
  remember(opened, mac(2))
  opened.records.delete(mac(2))
  for (let round = 0; round < 3; round += 1) await look(opened)
  t.match(opened.notices, [{ problem: 'unusable', consequence: 'memory_only' }], 'said once')

  rmSync(join(root, 'state'))
  renameSync(join(root, 'seed'), join(root, 'state'))
  await untilReopened(opened)
  t.match(opened.state.status(), { mode: 'read_write', pendingChanges: 0 })
  t.notOk(opened.state.status().problem)
  t.match(opened.notices, [{}, { problem: 'unusable', consequence: 'written_again' }])
  t.ok(opened.records.peek(mac(1)), 'what was known before is known again')
  t.notOk(opened.records.peek(mac(2)), 'but what was forgotten meanwhile is not')
  await opened.state.flush()
  t.same(keysIn(join(root, 'state', name)), [mac(1), mac(3)])
})

t.test('what was forgotten while there was no file does not come back with it', async (t) => {
  const root = t.testdir({ state: {} })
  const opened = open(t, join(root, 'state'))
  await opened.state.load()
  remember(opened, mac(1))
  await opened.state.flush()
  renameSync(join(root, 'state'), join(root, 'away'))
  writeFileSync(join(root, 'state'), '')
  await untilReopened(opened, 'memory_only')
  t.match(opened.state.status(), { mode: 'memory_only', problem: 'unusable' })
  opened.records.clear()
  remember(opened, mac(2))
  rmSync(join(root, 'state'))
  renameSync(join(root, 'away'), join(root, 'state'))
  await untilReopened(opened)
  await opened.state.flush()
  t.same(keysIn(join(root, 'state', name)), [mac(2)])
})

t.test('two services on one directory both come back, and lose nothing', async (t) => {
  const root = t.testdir({ state: {} })
  const both = [open(t, join(root, 'state')), open(t, join(root, 'state'))] as const
  for (const [index, one] of both.entries()) {
    await one.state.load()
    remember(one, mac(index))
    await one.state.flush()
  }
  for (const entry of readdirSync(join(root, 'state'))) {
    if (entry.startsWith(name)) rmSync(join(root, 'state', entry))
  }
  await Promise.all(both.map((one) => untilReopened(one)))
  // One may have removed what the other had just made; the next look finds that.
  for (let round = 0; round < 3; round += 1) {
    for (const one of both) await look(one)
  }
  for (const [index, one] of both.entries()) {
    remember(one, mac(10 + index))
    await one.state.flush()
    t.match(one.state.status(), { mode: 'read_write', pendingChanges: 0 })
  }
  t.same(keysIn(join(root, 'state', name)), [mac(0), mac(1), mac(10), mac(11)])
})

t.test(
  'a directory whose permissions are lost is said, and written as long as the system lets it',
  async (t) => {
    const root = mkdtempSync(join(tmpdir(), 'intune-nac-state-'))
    t.teardown(() => rmSync(root, { recursive: true, force: true }))
    const directory = join(root, 'state')
    mkdirSync(directory)
    // Permissions do not bind root: there the store runs as somebody else.
    const isRoot = process.getuid?.() === 0
    for (const path of [root, directory]) if (isRoot) chownSync(path, 65534, 65534)
    const child = spawn(process.execPath, [join(import.meta.dirname, 'permission-child.ts'), directory], {
      ...(isRoot && { uid: 65534, gid: 65534 }),
      env: { PATH: process.env.PATH ?? '' },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
    const said = async (pattern: RegExp) => {
      await until(() => pattern.test(output) || child.exitCode !== null)
      return pattern.test(output)
    }
    if (!(await said(/ready/)) && /EACCES|ENOENT/.test(output)) {
      t.comment('NOT RUN: this checkout lies where nobody but root can read, so nobody else can run it')
      return
    }
    chmodSync(root, 0o000)
    await new Promise((resolve) => setTimeout(resolve, 2 * fileCheckIntervalMs))
    t.match(output, /"mode":"read_write","problem":"unusable"/, 'within seconds')
    t.match(output, /"consequence":"not_looked_at"/)
    output = ''
    child.stdin.write('more\n')
    t.ok(await said(/"problem":"unusable","pendingChanges":0/), 'the open file takes it all the same')
    chmodSync(root, 0o755)
    t.ok(await said(/"mode":"read_write","pendingChanges":0,"reopened":0/), 'and it is over when it is over')
    child.stdin.write('end\n')
    await until(() => child.exitCode !== null)
    t.same(keysIn(join(directory, name)), ['one', 'two'])
  },
)

t.test(
  'a FIFO in place of the file is waited for by nobody, and the file is made again when it is gone',
  async (t) => {
    const directory = join(t.testdir({}), 'state')
    const opened = open(t, directory)
    await opened.state.load()
    remember(opened, mac(1))
    await opened.state.flush()
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(directory, name + suffix), { force: true })
    execFileSync('mkfifo', [join(directory, name)])
    await look(opened)
    await until(() => opened.state.status().mode !== 'read_write')
    t.match(opened.state.status(), { mode: 'memory_only', problem: 'unusable' })
    unlinkSync(join(directory, name))
    await untilReopened(opened)
    t.match(opened.state.status(), { mode: 'read_write' })
    await opened.state.close()
    t.same(keysIn(join(directory, name)), [mac(1)])
  },
)
