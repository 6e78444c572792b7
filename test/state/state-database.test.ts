import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { openStateDatabase, StateDatabase } from '../../src/state/state-database.ts'
import { describeStateError, moveAside, StateFileError } from '../../src/state/state-file.ts'

const hourMs = 3_600_000

function fileIn(t: Test): string {
  return join(t.testdir({}), 'state', 'compliance-contoso.sqlite')
}

t.test('what was written is there when the file is opened again', async (t) => {
  const file = fileIn(t)
  const first = new StateDatabase(file)
  first.write([
    { key: 'mac/000000000001', value: 'one', observedAtMs: 10 },
    { key: 'mac/000000000002', value: 'two', observedAtMs: 20 },
  ])
  first.write([{ key: 'mac/000000000001' }])
  first.close()
  const second = new StateDatabase(file)
  t.same([...second.rows()], [{ key: 'mac/000000000002', value: 'two', observedAtMs: 20 }])
  t.equal(second.read('mac/000000000002'), 'two')
  t.equal(second.read('mac/000000000001'), undefined, 'what was removed is gone')
  second.prune(20)
  t.equal(second.read('mac/000000000002'), 'two')
  second.prune(21)
  t.equal(second.read('mac/000000000002'), undefined, 'what is too old can be removed')
  second.close()
})

t.test('the file is for the user of the service alone, because it names devices and users', async (t) => {
  const file = fileIn(t)
  new StateDatabase(file).close()
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.equal(statSync(join(file, '..')).mode & 0o777, 0o700)
})

t.test('of two processes that store one device, the later observation stays', async (t) => {
  const file = fileIn(t)
  const [one, other] = [new StateDatabase(file), new StateDatabase(file)]
  one.write([{ key: 'k', value: 'new', observedAtMs: 20 }])
  other.write([{ key: 'k', value: 'old', observedAtMs: 10 }])
  t.equal(one.read('k'), 'new')
  other.write([{ key: 'k', value: 'held', observedAtMs: 20 }])
  t.equal(one.read('k'), 'held', 'of the same observation the last word counts')
  one.close()
  other.close()
})

t.test('one claim in four hours, whoever asks', async (t) => {
  const file = fileIn(t)
  const [one, other] = [new StateDatabase(file), new StateDatabase(file)]
  const nowMs = 100 * hourMs
  t.equal(one.claim('list', nowMs, 4 * hourMs), true)
  t.equal(one.claim('list', nowMs, 4 * hourMs), false)
  t.equal(other.claim('list', nowMs + 4 * hourMs - 1, 4 * hourMs), false, 'another process sees the claim')
  t.equal(other.claim('list', nowMs + 4 * hourMs, 4 * hourMs), true, 'after four hours it is free')
  one.close()
  other.close()
})

t.test('a document is given to who has an older one', async (t) => {
  const database = new StateDatabase(fileIn(t))
  database.putDocument('list', 'text', 10)
  t.equal(database.getDocument('list', 9), 'text')
  t.equal(database.getDocument('list', 10), undefined)
  database.putDocument('list', 'newer', 11)
  t.equal(database.getDocument('list', 10), 'newer')
  database.close()
})

t.test('a batch is written whole or not at all', async (t) => {
  const database = new StateDatabase(fileIn(t))
  const broken = { key: 'b', value: 'x', observedAtMs: Number.NaN }
  t.throws(() => database.write([{ key: 'a', value: 'x', observedAtMs: 1 }, broken]))
  t.equal(database.read('a'), undefined)
  database.write([{ key: 'a', value: 'x', observedAtMs: 1 }])
  t.equal(database.read('a'), 'x', 'and the next batch is')
  database.close()
})

for (const [what, make, problem] of [
  [
    'text',
    (file: string) => writeFileSync(file, 'this is no database, but a text of some length\n'.repeat(50)),
    'corrupt',
  ],
  ['a database of another program', otherProgram, 'foreign'],
  ['a file of a later version', laterVersion, 'newer'],
  ['a directory', (file: string) => new StateDatabase(join(file, 'x')).close(), 'unusable'],
] as const) {
  t.test(`${what} in the place of the file is told apart`, async (t) => {
    const file = join(t.testdir({}), 'compliance-contoso.sqlite')
    make(file)
    const opened = openStateDatabase(file)
    t.equal(opened.problem, problem)
    t.equal(opened.database, undefined)
    t.equal(opened.writable, false)
  })
}

t.test('a file that was moved aside is still there, under a name of its own', async (t) => {
  const file = fileIn(t)
  new StateDatabase(file).close()
  const bytes = readFileSync(file)
  writeFileSync(`${file}-wal`, 'log')
  const aside = moveAside(file, Date.UTC(2026, 10, 23, 8))
  t.equal(aside, `${file}.set-aside-20261123T080000000Z`)
  t.same(readdirSync(join(file, '..')).sort(), [
    'compliance-contoso.sqlite.set-aside-20261123T080000000Z',
    'compliance-contoso.sqlite.set-aside-20261123T080000000Z-wal',
  ])
  t.same(readFileSync(aside ?? ''), bytes)
  t.equal(moveAside(file, 0), undefined, 'where there is nothing to move, nothing is said to be moved')
})

t.test('damage anywhere in the file is found or does no harm', async (t) => {
  const file = fileIn(t)
  const database = new StateDatabase(file)
  const rows = Array.from({ length: 400 }, (_, index) => ({
    key: `mac/${String(index).padStart(12, '0')}`,
    value: `c-abc${index}.zz`,
    observedAtMs: index,
  }))
  database.write(rows)
  database.close()
  const whole = readFileSync(file)
  const found = new Map<string, number>()
  for (let run = 0; run < 200; run += 1) {
    const damaged = Buffer.from(whole)
    // Eight bytes somewhere, spread over the file by a fixed stride.
    damaged.fill(run % 2 === 0 ? 0xff : 0x00, (run * 977) % whole.length, ((run * 977) % whole.length) + 8)
    if (run % 20 === 0) writeFileSync(file, damaged.subarray(0, (run * 977) % whole.length))
    else writeFileSync(file, damaged)
    const result = useAll(file)
    found.set(result, (found.get(result) ?? 0) + 1)
  }
  t.same(
    [...found.keys()].filter((result) => !['corrupt', 'foreign', 'newer', 'read'].includes(result)),
    [],
  )
  t.ok((found.get('corrupt') ?? 0) > 20, `damage was found: ${JSON.stringify([...found])}`)
  truncateSync(file, 0)
  t.equal(useAll(file), 'read', 'an empty file is a new one')
})

t.test('errors are told apart by their codes', async (t) => {
  const withCode = (details: object) => Object.assign(new Error('any text'), details)
  for (const [error, problem] of [
    [withCode({ errcode: 11 }), 'corrupt'],
    [withCode({ errcode: 267 }), 'corrupt'],
    [withCode({ errcode: 8 }), 'read_only'],
    [withCode({ errcode: 13 }), 'full'],
    [withCode({ errcode: 5 }), 'busy'],
    [withCode({ errcode: 1 }), 'failed'],
    [withCode({ code: 'EROFS' }), 'read_only'],
    [withCode({ code: 'ENOSPC' }), 'full'],
    [withCode({ code: 'EACCES' }), 'unusable'],
    [withCode({ code: 'ESOMETHING' }), 'failed'],
    [new StateFileError('newer'), 'newer'],
    ['no error at all', 'failed'],
  ] as const) {
    t.equal(describeStateError(error), problem)
  }
})

function useAll(file: string): string {
  const opened = openStateDatabase(file)
  if (!opened.database) return opened.problem ?? 'nothing said'
  try {
    for (const row of opened.database.rows()) if (typeof row.value !== 'string') return 'not a text'
    opened.database.write([{ key: 'mac/000000000000', value: 'x', observedAtMs: 1_000_000 }])
    return 'read'
  } catch (error) {
    return describeStateError(error)
  } finally {
    opened.database.close()
  }
}

function otherProgram(file: string): void {
  const database = new DatabaseSync(file)
  database.exec('CREATE TABLE cookies (name TEXT)')
  database.close()
}

function laterVersion(file: string): void {
  new StateDatabase(file).close()
  const database = new DatabaseSync(file)
  database.exec('PRAGMA user_version = 99')
  database.close()
}
