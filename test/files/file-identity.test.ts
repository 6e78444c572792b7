import { linkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { answersInTime } from '../../src/files/answers-in-time.ts'
import { identifyFile, identifyFileLater, isSameFile } from '../../src/files/file-identity.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'

t.test('a file is another one as soon as its path leads elsewhere', async (t) => {
  const root = t.testdir({ one: '1', other: '2' })
  const path = join(root, 'one')
  const before = identifyFile(path)
  t.ok(isSameFile(before, await identifyFileLater(path)))
  writeFileSync(path, 'longer')
  t.ok(isSameFile(before, identifyFile(path)), 'what is in it does not matter')
  linkSync(path, join(root, 'kept'))
  renameSync(join(root, 'other'), path)
  t.notOk(isSameFile(before, identifyFile(path)))
  rmSync(path)
  t.equal(identifyFile(path), 'gone')
  t.equal(identifyFile(join(path, 'below')), 'gone')
  symlinkSync(join(root, 'kept'), path)
  t.ok(isSameFile(before, identifyFile(path)), 'links are followed')
  t.ok(isSameFile('gone', 'gone'))
  t.notOk(isSameFile(before, 'gone'))
})

t.test('what the system does not say proves nothing', async (t) => {
  const path = join(t.testdir({}), 'x'.repeat(300))
  t.equal(identifyFile(path), 'unknown')
  t.equal(await identifyFileLater(path), 'unknown')
  t.ok(isSameFile(identifyFile(import.meta.filename), 'unknown'))
})

t.test('a file system that does not answer is waited for as long as was said', async (t) => {
  const clock = new FakeClock()
  t.equal(await answersInTime(import.meta.filename, 3000, clock), true)
  t.equal(await answersInTime('/no/such/path', 3000, clock), true, 'that there is nothing is an answer')
  t.equal(clock.pendingTimers, 0)
  let said: boolean | undefined
  const never = () => new Promise(() => {})
  const asked = answersInTime('/mnt/away', 3000, clock, never).then((answer) => {
    said = answer
  })
  await clock.advance(2999)
  await settle()
  t.equal(said, undefined)
  await clock.advance(1)
  await asked
  t.equal(said, false)
})
