import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type ClockWitness, systemClock } from '../../src/clock.ts'
import { StateDatabase } from '../../src/state/state-database.ts'
import type { StateNotice } from '../../src/state/state-store.ts'
import { type StoredTrace, TraceDatabase } from '../../src/state/trace-database.ts'
import { openTraceFile, type TraceFileParts } from '../../src/state/trace-file.ts'

const name = 'traces-contoso.example.sqlite'
const trace = (decisionId: string, decidedAtMs: number, ...devices: string[]): StoredTrace => ({
  decisionId,
  decidedAtMs,
  devices,
  text: `text of ${decisionId}`,
})

function open(t: Test, directory: string, difference: Partial<TraceFileParts> = {}) {
  const notices: StateNotice[] = []
  const file = openTraceFile({
    directory,
    tenant: 'contoso.example',
    clock: systemClock,
    maxTraces: 1000,
    maxAgeMs: 60_000,
    onNotice: (notice) => notices.push(notice),
    ...difference,
  })
  t.teardown(() => file.close())
  return { file, notices }
}

t.test('what was written is found again by its id and by its devices, newest first', async (t) => {
  const directory = join(t.testdir({}), 'made', 'on', 'demand')
  const nowMs = Date.now()
  const first = open(t, directory)
  t.ok(await first.file.append([trace('a', nowMs, 'mac', 'id'), trace('b', nowMs, 'mac'), trace('c', nowMs)]))
  await first.file.close()
  const { file, notices } = open(t, directory)
  t.equal(await file.find('b'), 'text of b')
  t.equal(await file.find('x'), undefined)
  t.same((await file.latest(['mac'], { limit: 10 })).texts, ['text of b', 'text of a'])
  t.same((await file.latest(['id', 'mac'], { limit: 1 })).texts, ['text of b'])
  t.same((await file.latest(['nobody'], { limit: 10 })).texts, [])
  t.same((await file.latest([], { limit: 10 })).texts, [], 'an identifier that is not shown finds nothing')
  t.same((await file.latest(undefined, { limit: 2 })).texts, ['text of c', 'text of b'])
  t.same(notices, [])
})

t.test('two processes write into one file', async (t) => {
  const directory = t.testdir({})
  const nowMs = Date.now()
  const [one, other] = [open(t, directory), open(t, directory)]
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      (index % 2 ? one : other).file.append([trace(`d${index}`, nowMs, 'mac')]),
    ),
  )
  t.equal((await one.file.latest(['mac'], { limit: 100 })).texts.length, 20)
  t.equal((await other.file.latest(undefined, { limit: 100 })).texts.length, 20)
})

t.test('what is too old is not shown, and not kept where the clock is confirmed', async (t) => {
  const directory = t.testdir({})
  const nowMs = Date.now()
  const first = open(t, directory)
  await first.file.append([trace('old', nowMs - 61_000, 'mac'), trace('new', nowMs, 'mac')])
  t.equal(await first.file.find('old'), undefined)
  t.same((await first.file.latest(['mac'], { limit: 10 })).texts, ['text of new'])
  await first.file.close()
  const left = async (witness?: ClockWitness) => {
    await open(t, directory, witness && { witness }).file.close()
    const database = new TraceDatabase(join(directory, name))
    const texts = database.search(undefined, { limit: 10 }).texts
    database.close()
    return texts
  }
  t.same(await left(), ['text of new', 'text of old'], 'a clock alone takes nothing away')
  const witness = { aheadMs: () => 0, isConfirmed: () => true }
  t.same(await left(witness), ['text of new'], 'gone from the disk at the next start')
})

t.test('what was decided under a clock that servers contradict is found by the true time', async (t) => {
  const directory = t.testdir({})
  const aheadMs = -26 * 60 * 60_000
  const witness = { aheadMs: () => aheadMs, isConfirmed: () => false }
  const clock = { ...systemClock, nowMs: () => Date.now() + aheadMs }
  const wrong = open(t, directory, { witness, clock })
  await wrong.file.append([trace('d', clock.nowMs(), 'mac')])
  t.equal(await wrong.file.find('d'), 'text of d')
  await wrong.file.close()
  t.equal(await open(t, directory).file.find('d'), 'text of d', 'also when it is right again')
})

t.test('the oldest make room for the newest', async (t) => {
  const database = new TraceDatabase(join(t.testdir({}), name))
  for (let index = 0; index < 10; index += 1) database.append([trace(`d${index}`, index, `m${index % 2}`)])
  database.prune(0, 100)
  t.equal(database.search(undefined, { limit: 100 }).texts.length, 10)
  database.prune(0, 4)
  t.same(database.search(undefined, { limit: 100 }).texts, [
    'text of d9',
    'text of d8',
    'text of d7',
    'text of d6',
  ])
  t.same(database.search(['m0'], { limit: 100 }).texts, ['text of d8', 'text of d6'])
  database.prune(8, 100)
  t.same(database.search(undefined, { limit: 100 }).texts, ['text of d9', 'text of d8'])
  database.prune(100, 100)
  t.same(database.search(undefined, { limit: 100 }).texts, [])
  database.prune(100, 100)
  database.append([trace('later', 200)])
  t.equal(database.find('later', 0), 'text of later')
  database.close()
})

t.test('a file that is no database or not of this service is moved aside', async (t) => {
  for (const [problem, make] of [
    [
      'corrupt',
      (file: string) => writeFileSync(file, 'not a database, and longer than the header of one'.repeat(9)),
    ],
    ['foreign', (file: string) => new StateDatabase(file).close()],
  ] as const) {
    const directory = t.testdir({})
    make(join(directory, name))
    const { file, notices } = open(t, directory)
    t.ok(await file.append([trace('a', Date.now())]), problem)
    t.equal(await file.find('a'), 'text of a')
    t.match(notices, [{ problem, consequence: 'new_file', movedTo: /set-aside/ }])
    t.equal(readdirSync(directory).filter((entry) => /set-aside-\w+$/.test(entry)).length, 1)
    await file.close()
  }
})

t.test('damage that is found while the file is in use begins a new one', async (t) => {
  const directory = t.testdir({})
  const first = open(t, directory)
  const many = Array.from({ length: 300 }, (_, index) => ({
    ...trace(`d${index}`, Date.now()),
    text: 'x'.repeat(900),
  }))
  await first.file.append(many)
  await first.file.close()
  const bytes = readFileSync(join(directory, name))
  bytes.fill(0xff, 4096 * 4)
  writeFileSync(join(directory, name), bytes)
  const { file, notices } = open(t, directory)
  for (let attempt = 0; attempt < 5 && notices.length === 0; attempt += 1)
    await file.latest(undefined, { limit: 1000 })
  t.match(notices, [{ problem: 'corrupt', consequence: 'new_file' }])
  t.ok(await file.append([trace('a', Date.now())]))
  t.equal(await file.find('a'), 'text of a')
})

t.test('a directory that cannot be used costs the file and nothing else', async (t) => {
  const directory = t.testdir({ file: 'x' })
  const { file, notices } = open(t, join(directory, 'file', 'below'))
  t.equal(await file.append([trace('a', 1)]), false)
  t.equal(await file.find('a'), undefined)
  t.same(await file.latest(undefined, { limit: 1 }), { texts: [], isComplete: false })
  t.equal(file.mode(), 'memory_only')
  t.match(notices, [{ problem: 'unusable', consequence: 'memory_only' }])
})

t.test('only its owner can read the file', async (t) => {
  const directory = t.testdir({})
  chmodSync(directory, 0o755)
  const { file } = open(t, directory)
  await file.append([trace('a', Date.now())])
  const { mode } = statSync(join(directory, name))
  t.equal(mode & 0o777, 0o600)
})

/** Stories of which only the oldest has a NAS of this name. */
async function openMany(t: Test, count: number, difference: Partial<TraceFileParts> = {}) {
  const opened = open(t, t.testdir({}), difference)
  const many = Array.from({ length: count }, (_, index) => ({
    ...trace(`d${index}`, Date.now(), 'mac'),
    text: JSON.stringify({ id: index, request: { nas: [index === 0 ? 'core-1' : 'edge'] } }),
  }))
  t.ok(await opened.file.append(many))
  const where = [{ paths: [['request', 'nas']], values: ['core-1'] }]
  return { ...opened, search: (devices?: string[]) => opened.file.latest(devices, { limit: 10, where }) }
}

t.test(
  'a search sees every story, in slices, and who asks for one decision does not wait for it',
  async (t) => {
    const { file, search } = await openMany(t, 5000)
    const ended: string[] = []
    const note = (name: string) => () => void ended.push(name)
    const searches = [search(), search(['mac']), search(['mac', 'other'])]
    await Promise.all([
      ...searches.map((searching) => searching.then(note('search'))),
      file.find('d4999').then(note('find')),
      file.append([trace('later', Date.now())]).then(note('append')),
    ])
    t.same(ended.slice(0, 2), ['find', 'append'], 'before every search')
    const whole = { texts: [JSON.stringify({ id: 0, request: { nas: ['core-1'] } })], isComplete: true }
    for (const searching of searches) t.same(await searching, whole)
    const all = await file.latest(['mac'], { limit: 2000 })
    t.equal(new Set(all.texts).size, 2000, 'as many as are asked for, each once')
    t.match(JSON.parse(all.texts[1999] ?? ''), { id: 3000 }, 'newest first')
  },
)

t.test('a search ends after five seconds with what it has found, and says so', async (t) => {
  let nowMs = 0
  const clock = { ...systemClock, monotonicMs: () => nowMs }
  const { search } = await openMany(t, 2000, { clock })
  const late = search()
  nowMs += 5000
  t.same(await late, { texts: [], isComplete: false })
  t.match(await search(), { texts: [String], isComplete: true })
})

t.test('a slice ends where the stories in it are long', (t) => {
  const database = new TraceDatabase(join(t.testdir({}), name))
  const story = (id: string) => ({
    ...trace(id, 1, 'mac'),
    text: JSON.stringify({ id, pad: 'x'.repeat(400_000) }),
  })
  database.append(['a', 'b', 'c', 'd'].map(story))
  const where = [{ paths: [['id']], values: ['a'] }]
  for (const devices of [undefined, ['mac']]) {
    const first = database.search(devices, { limit: 10, where })
    t.same(first, { texts: [], next: 2 })
    t.match(database.search(devices, { limit: 10, where }, first.next), {
      texts: [/"id":"a"/],
      next: undefined,
    })
  }
  database.close()
  t.end()
})
