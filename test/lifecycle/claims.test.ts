import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/clock.ts'
import { type ClaimNotice, createClaims } from '../../src/lifecycle/claims.ts'
import { type LockHolder, takeFileLock } from '../../src/lifecycle/file-lock.ts'

const other: LockHolder = { pid: 4711, host: 'elsewhere', since: '2026-11-23', listensOn: '0.0.0.0:8080' }

function open(t: Test, files: { stateDir?: string; decisionLogFile?: string }) {
  const notices: ClaimNotice[] = []
  const claims = createClaims({
    service: { host: '127.0.0.1', port: 0 },
    ...files,
    clock: systemClock,
    onNotice: (notice) => notices.push(notice),
  })
  t.teardown(() => claims.release())
  return { claims, notices }
}

t.test('a lock that was deleted is taken again, so that nobody else gets it', async (t) => {
  const root = t.testdir({ logs: {} })
  const file = join(root, 'logs', 'decisions.log')
  const { claims, notices } = open(t, { decisionLogFile: file })
  await claims.take()
  await claims.check()
  t.same(notices, [], 'as long as it is there nothing happens')
  for (const act of [
    () => unlinkSync(`${file}.lock`),
    () => {
      rmSync(join(root, 'logs'), { recursive: true })
      mkdirSync(join(root, 'logs'))
    },
    () => {
      renameSync(join(root, 'logs'), join(root, 'away'))
      mkdirSync(join(root, 'elsewhere'))
      symlinkSync(join(root, 'elsewhere'), join(root, 'logs'))
    },
  ]) {
    act()
    await claims.check()
    t.match(notices.splice(0), [{ kind: 'lock_taken_again', file: /decisions\.log\.lock$/ }])
    t.equal(takeFileLock(`${file}.lock`, other).state, 'taken')
    await claims.check()
    t.same(notices, [])
  }
  t.equal(claims.decisionLogTakenBy(), undefined)
})

t.test('where the directory is gone the lock is taken as soon as it is back', async (t) => {
  const root = t.testdir({ logs: {} })
  const file = join(root, 'logs', 'decisions.log')
  const { claims, notices } = open(t, { decisionLogFile: file })
  await claims.take()
  rmSync(join(root, 'logs'), { recursive: true })
  for (let round = 0; round < 3; round += 1) await claims.check()
  t.same(notices, [], 'nothing is said of what cannot be known')
  mkdirSync(join(root, 'logs'))
  await claims.check()
  t.match(notices, [{ kind: 'lock_taken_again' }])
})

t.test('a decision log that another service has taken is theirs until they are gone', async (t) => {
  const file = join(t.testdir({}), 'decisions.log')
  const { claims, notices } = open(t, { decisionLogFile: file })
  await claims.take()
  unlinkSync(`${file}.lock`)
  const theirs = takeFileLock(`${file}.lock`, other)
  for (let round = 0; round < 3; round += 1) await claims.check()
  t.match(notices, [{ kind: 'decision_log_taken', file, by: /pid 4711 on elsewhere/ }], 'said once')
  t.match(claims.decisionLogTakenBy(), /pid 4711 on elsewhere/)
  if (theirs.state === 'held') theirs.release()
  await claims.check()
  t.equal(claims.decisionLogTakenBy(), undefined)
  t.match(notices, [{}, { kind: 'lock_taken_again' }])
})

t.test('a state directory that was emptied, or comes later, is joined again', async (t) => {
  const root = t.testdir({})
  const stateDir = join(root, 'state')
  const { claims, notices } = open(t, { stateDir })
  await claims.take()
  t.equal(readdirSync(join(stateDir, 'instances')).length, 1)
  rmSync(stateDir, { recursive: true })
  await claims.check()
  t.equal(readdirSync(join(stateDir, 'instances')).length, 1)
  t.match(notices, [{ kind: 'lock_taken_again', file: stateDir }])
  const replica = open(t, { stateDir })
  await replica.claims.take()
  t.match(replica.notices, [{ kind: 'state_shared', others: [{ pid: process.pid }] }], 'others see it')
  claims.release()
  t.equal(readdirSync(join(stateDir, 'instances')).length, 1)

  const late = open(t, { stateDir: '/proc/nostate' })
  await late.claims.take()
  await late.claims.check()
  t.same(late.notices, [])
  t.notOk(existsSync('/proc/nostate'))
})
