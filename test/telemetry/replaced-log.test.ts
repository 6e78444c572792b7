import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { DecisionRecord } from '../../src/decision/decision-service.ts'
import { DecisionLog } from '../../src/telemetry/decision-log.ts'
import { DecisionLogFile, type DecisionLogFileNotice } from '../../src/telemetry/decision-log-file.ts'
import { verifyDecisionLog } from '../../src/telemetry/verify-decision-log.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const idOf = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`

const decided = (number: number): DecisionRecord => ({
  decision: {
    decisionId: idOf(number),
    outcome: 'allow',
    reason: 'compliant',
    complianceState: 'compliant',
    enrolled: true,
    matchedBy: 'mac',
    device: '005056A4895A',
    source: 'cache',
    ageMs: 0,
    stale: false,
    expiresInMs: 1,
  },
  request: { identity: { identifiers: [] }, refresh: false, frontend: 'json', client: 'local' },
  sent: 'accept',
  totalMs: 1,
  skippedKinds: [],
  rankConflict: false,
})

/** A log with its file on a clock that a test moves. */
function open(t: Test, file: string, taken: { by?: string } = {}) {
  const clock = new FakeClock()
  const notices: DecisionLogFileNotice[] = []
  const logFile = new DecisionLogFile(
    { file, maxBytes: 1_000_000, keepFiles: 3 },
    { clock, onNotice: (notice) => notices.push(notice), takenBy: () => taken.by },
  )
  const log = new DecisionLog({ mask: (device) => device, clock, hasRequestContext: true })
  log.start(logFile)
  t.teardown(() => log.close())
  return { clock, notices, log, status: () => logFile.status(), settled: () => logFile.settled() }
}

type Opened = ReturnType<typeof open>

/** So much time by the clock, and what the disk has to do in it. */
async function pass({ clock, settled }: Opened, ms: number): Promise<void> {
  const untilMs = clock.monotonicMs() + ms
  while (clock.monotonicMs() < untilMs) {
    await clock.advance(Math.min(100, untilMs - clock.monotonicMs()))
    await settled()
  }
}

const idsIn = (file: string) =>
  [...readFileSync(file, 'utf8').matchAll(/"decisionId":"([^"]+)"/g)].map(([, id]) => id)

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => idOf(from + index))

/**
 * What happens underneath; where the lines before that are afterwards, if anywhere; what stood in the place of the file and
 * has another name now.
 */
interface Kind {
  readonly what: string
  readonly act: (root: string) => void
  readonly before?: string
  readonly setsAside?: boolean
}

const kinds: readonly Kind[] = [
  { what: 'deleted', act: (root) => unlinkSync(join(root, 'logs', 'decisions.log')) },
  { what: 'deleted with its directory', act: (root) => rmSync(join(root, 'logs'), { recursive: true }) },
  {
    what: 'renamed',
    act: (root) => renameSync(join(root, 'logs', 'decisions.log'), join(root, 'logs', 'old')),
    before: 'logs/old',
  },
  {
    what: 'renamed, and a new one made in its place, as logrotate does it',
    act(root) {
      renameSync(join(root, 'logs', 'decisions.log'), join(root, 'logs', 'old'))
      writeFileSync(join(root, 'logs', 'decisions.log'), '')
    },
    before: 'logs/old',
  },
  {
    what: 'moved away with its directory, and an empty one made',
    act(root) {
      renameSync(join(root, 'logs'), join(root, 'away'))
      mkdirSync(join(root, 'logs'))
    },
    before: 'away/decisions.log',
  },
  {
    what: 'replaced by another file',
    act(root) {
      writeFileSync(join(root, 'other'), 'somebody else wrote this\n')
      renameSync(join(root, 'other'), join(root, 'logs', 'decisions.log'))
    },
    setsAside: true,
  },
  { what: 'emptied in place', act: (root) => truncateSync(join(root, 'logs', 'decisions.log'), 0) },
  {
    what: 'cut short in place',
    act: (root) => truncateSync(join(root, 'logs', 'decisions.log'), 100),
    setsAside: true,
  },
  {
    what: 'behind a link to a directory, which is switched',
    act(root) {
      mkdirSync(join(root, 'elsewhere'))
      renameSync(join(root, 'logs'), join(root, 'away'))
      symlinkSync(join(root, 'elsewhere'), join(root, 'logs'))
    },
    before: 'away/decisions.log',
  },
]

for (const { what, act, before, setsAside = false } of kinds) {
  for (const isBusy of [true, false]) {
    t.test(`a file that is ${what} ${isBusy ? 'while lines wait' : 'while it is quiet'}`, async (t) => {
      const root = t.testdir({ logs: {} })
      const file = join(root, 'logs', 'decisions.log')
      const opened = open(t, file)
      for (let number = 1; number <= 10; number += 1) opened.log.write(decided(number))
      await pass(opened, 100)
      if (isBusy) opened.log.write(decided(11))
      act(root)
      if (isBusy) opened.log.write(decided(12))
      await pass(opened, 1000)
      t.ok(existsSync(file), 'there is a file again within a second')
      t.match(opened.notices, [{ kind: 'replaced', ...(setsAside && { movedTo: /set-aside/ }) }], 'said once')
      t.match(opened.status(), { failing: false, pendingBytes: 0, lostLines: 0, replaced: 1 })

      for (let number = 13; number <= 15; number += 1) opened.log.write(decided(number))
      await pass(opened, 100)
      await pass(opened, 5000)
      await opened.log.close()
      t.equal(opened.notices.length, 1, 'and then it is quiet')
      // Into a file that has another name, what waited is written still: it can be found there.
      const inBoth = [...(before === undefined ? [] : idsIn(join(root, before))), ...idsIn(file)]
      const kept =
        before === undefined ? (isBusy ? range(11, 15) : range(13, 15)) : range(1, isBusy ? 15 : 10)
      const expected = before === undefined || isBusy ? kept : [...kept, ...range(13, 15)]
      t.same(inBoth, expected, 'nothing that came since is lost, and nothing is there twice')
      t.match(readFileSync(file, 'utf8').split('\n')[0], '"event":"log_continued"')

      const alone = await verifyDecisionLog([file])
      t.notOk(alone.finding, 'the new file is intact by itself')
      t.match(alone.notes.join('\n'), /earlier lines, up to seq \d+ of segment/)
      if (before !== undefined) {
        const both = await verifyDecisionLog([join(root, before), file])
        t.notOk(both.finding, 'and behind the old one')
        t.same(both.notes, [])
      }
      if (setsAside) {
        t.ok(readdirSync(join(root, 'logs')).some((name) => name.includes('set-aside')))
      }
    })
  }
}

t.test('a link says nothing that the line behind it does not prove', async (t) => {
  const root = t.testdir({ logs: {} })
  const file = join(root, 'logs', 'decisions.log')
  const opened = open(t, file)
  for (let number = 1; number <= 5; number += 1) opened.log.write(decided(number))
  await pass(opened, 100)
  renameSync(file, join(root, 'old'))
  for (let number = 6; number <= 9; number += 1) opened.log.write(decided(number))
  await pass(opened, 1000)
  opened.log.write(decided(10))
  await opened.log.close()
  const [link = '', ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
  const written = join(root, 'written')
  const verify = async (...texts: string[]) => {
    writeFileSync(written, `${texts.join('\n')}\n`)
    return (await verifyDecisionLog([written])).finding
  }
  t.notOk(await verify(link, ...lines))
  t.match(await verify(link, ...lines.slice(1)), { kind: 'removed', line: 2 })
  t.match(await verify(link.replace(/"seq":\d+/, '"seq":1'), ...lines), { line: 2 })
  const otherChain = link.replace(/"chain":"(.)/, (_, first) => `"chain":"${first === '0' ? 1 : 0}`)
  t.match(await verify(otherChain, ...lines), { line: 2 })
  t.match(await verify(...lines), { kind: 'removed', line: 1 }, 'without it the beginning is missing')
  const old = readFileSync(join(root, 'old'), 'utf8').trimEnd().split('\n')
  t.match(await verify(...old.slice(0, -1), link, ...lines), {
    kind: 'removed',
    text: /deleted, moved or replaced/,
  })
  t.match(await verify(...old, ...lines.slice(0, 1), link, ...lines.slice(1)), { kind: 'removed' })
})

t.test('a FIFO, a device or a directory in place of the file is waited for, and never blocks', async (t) => {
  const root = t.testdir({ logs: {} })
  const file = join(root, 'logs', 'decisions.log')
  const opened = open(t, file)
  await pass(opened, 100)
  unlinkSync(file)
  spawnSync('mkfifo', [file])
  opened.log.write(decided(1))
  await pass(opened, 1000)
  t.match(opened.notices, [{ kind: 'failed', code: /ENXIO|not a regular file/ }])
  t.match(opened.status(), { failing: true, problem: /ENXIO|not a regular file/ })
  rmSync(file)
  symlinkSync('/dev/null', file)
  await pass(opened, 1000)
  t.match(opened.status(), { failing: true, problem: 'not a regular file' })
  rmSync(file)
  mkdirSync(file)
  await pass(opened, 1000)
  t.match(opened.status(), { failing: true, problem: 'EISDIR' })
  rmSync(file, { recursive: true })
  await pass(opened, 1000)
  t.match(opened.status(), { failing: false, pendingBytes: 0 })
  t.same(idsIn(file), [idOf(1)], 'what waited is there')
  t.notOk((await verifyDecisionLog([file])).finding)
})

t.test('a file that another service has taken is left alone until that is gone', async (t) => {
  const root = t.testdir({})
  const file = join(root, 'decisions.log')
  const taken: { by?: string } = {}
  const opened = open(t, file, taken)
  opened.log.write(decided(1))
  await pass(opened, 100)
  taken.by = 'another service (pid 7)'
  opened.log.write(decided(2))
  await pass(opened, 1000)
  t.match(opened.status(), { failing: true, problem: 'another service (pid 7)' })
  t.same(idsIn(file), [idOf(1)])
  delete taken.by
  await pass(opened, 1000)
  t.match(opened.status(), { failing: false, pendingBytes: 0 })
  t.same(idsIn(file), [idOf(2)])
  t.notOk((await verifyDecisionLog([file])).finding)
})
