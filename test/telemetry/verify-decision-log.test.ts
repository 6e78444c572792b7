import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runCommand } from '../../src/cli/run-command.ts'
import type { DecisionRecord } from '../../src/decision/decision-service.ts'
import { DecisionLog } from '../../src/telemetry/decision-log.ts'
import { DecisionLogFile, type DecisionLogFileNotice } from '../../src/telemetry/decision-log-file.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

function decided(number: number): DecisionRecord {
  return {
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
    request: { identity: { identifiers: [] }, refresh: false, frontend: 'json', client: 'Zürich �' },
    sent: 'accept',
    totalMs: 1,
    skippedKinds: [],
    rankConflict: false,
  }
}

function idOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
}

interface Run {
  readonly from: number
  readonly to: number
  readonly maxBytes?: number
  readonly keepFiles?: number
  /** False: the service is killed. */
  readonly stopped?: boolean
}

/** One life of the service that writes decisions `from` to `to`. */
async function run(file: string, { from, to, stopped = true, ...limits }: Run) {
  const clock = new FakeClock()
  const notices: DecisionLogFileNotice[] = []
  const logFile = new DecisionLogFile(
    { file, maxBytes: 1_000_000, keepFiles: 10, ...limits },
    { clock, onNotice: (notice) => notices.push(notice) },
  )
  const log = new DecisionLog({ mask: (device) => device, clock, hasRequestContext: true })
  log.start(logFile)
  for (let number = from; number <= to; number += 1) log.write(decided(number))
  const head = log.head()
  if (stopped) await log.close()
  else await logFile.close()
  return { head, notices }
}

async function verify(...args: string[]) {
  const out: string[] = []
  const err: string[] = []
  const context = {
    environment: {},
    out: (text: string) => out.push(text),
    err: (text: string) => err.push(text),
  }
  const code = await runCommand(['log', 'verify', ...args], context)
  return { code, out: out.join('\n'), err: err.join('\n') }
}

function fileOf(t: Test): string {
  return join(t.testdir(), 'decisions.log')
}

function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n').slice(0, -1)
}

function writeLines(file: string, lines: readonly string[]): void {
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
}

t.test('a log as it was written is intact, other lines of the service in between', async (t) => {
  const file = fileOf(t)
  await run(file, { from: 1, to: 5 })
  const { code, out } = await verify(file)
  t.equal(code, 0, out)
  t.match(out, /intact: 7 line\(s\) in 1 segment\(s\)/)
  t.notMatch(out, /note:/, 'a segment that was ended is whole')
  const lines = linesOf(file)
  writeLines(file, [
    ...lines.slice(0, 3),
    '{"level":"warn","component":"intune","msg":"x"}',
    ...lines.slice(3),
  ])
  t.equal((await verify(file)).code, 0)
})

t.test('every single byte that is changed is found, at its line', async (t) => {
  const file = fileOf(t)
  await run(file, { from: 1, to: 3 })
  const whole = readFileSync(file)
  let line = 1
  for (let at = 0; at < whole.length; at += 1) {
    const isLineEnd = whole[at] === 0x0a
    // The last line end carries nothing. Of the others each is tried, of the bytes in between one in seven.
    if (at === whole.length - 1 || (!isLineEnd && at % 7 !== 0)) {
      if (isLineEnd) line += 1
      continue
    }
    const changed = Buffer.from(whole)
    changed[at] = (whole[at] ?? 0) ^ 1
    writeFileSync(file, changed)
    const { code, out } = await verify(file, '--json')
    const { finding } = JSON.parse(out)
    if (code !== 1 || finding.kind !== 'altered' || finding.line !== line)
      t.fail(`byte ${at} of line ${line}: ${out}`)
    if (isLineEnd) line += 1
  }
  t.equal(line - 1, 5, 'every line was tried')
})

t.test('every line that is removed is found, and the number of the gap', async (t) => {
  const file = fileOf(t)
  await run(file, { from: 1, to: 4, stopped: false })
  await run(file, { from: 5, to: 8 })
  const lines = linesOf(file)
  t.equal(lines.length, 11)
  for (let at = 0; at < lines.length - 1; at += 1) {
    writeLines(file, lines.toSpliced(at, 1))
    const { code, out } = await verify(file, '--json')
    t.equal(code, 1, `line ${at + 1}: ${out}`)
    t.match(JSON.parse(out).finding, { kind: 'removed', line: at + 1 })
  }
  writeLines(file, lines.toSpliced(2, 2))
  const gap = await verify(file)
  t.match(gap.out, `removed: ${file}:3 (decision ${idOf(4)}): 2 line(s) before it, from seq 2, are missing`)
})

t.test('two swapped neighbours are found, wherever they stand', async (t) => {
  const file = fileOf(t)
  await run(file, { from: 1, to: 3 })
  await run(file, { from: 4, to: 6 })
  const lines = linesOf(file)
  for (let at = 0; at < lines.length - 1; at += 1) {
    const [a = '', b = ''] = lines.slice(at, at + 2)
    writeLines(file, lines.toSpliced(at, 2, b, a))
    const { code, out } = await verify(file, '--json')
    t.equal(code, 1, `lines ${at + 1} and ${at + 2}: ${out}`)
    const { finding } = JSON.parse(out)
    t.match(finding, { kind: 'reordered', line: at + 1 }, out)
  }
  writeLines(file, [...lines.slice(0, 3), lines[2] ?? '', ...lines.slice(3)])
  t.match((await verify(file)).out, /reordered: .*:4 .*seq 2 stands behind seq 2/, 'a line given twice')
})

t.test('a segment that is given twice is found, though its first line needs no other', async (t) => {
  const file = fileOf(t)
  await run(file, { from: 1, to: 3 })
  const lines = linesOf(file)
  writeLines(file, [lines[0] ?? '', ...lines])
  t.match((await verify(file)).out, /reordered: .*:2: segment .* has begun before/)
  writeLines(file, [...lines, ...lines])
  t.match((await verify(file)).out, /reordered: .*:6: segment .* has begun before/)
})

t.test('the end of a segment that is cut off is found as soon as another follows', async (t) => {
  const file = fileOf(t)
  await run(file, { from: 1, to: 5 })
  await run(file, { from: 6, to: 7 })
  const lines = linesOf(file)
  writeLines(file, lines.toSpliced(4, 3))
  const { code, out } = await verify(file)
  t.equal(code, 1)
  t.match(out, /removed: .*:5: 3 line\(s\) before it, up to seq 6, are missing/)
  writeLines(file, lines.toSpliced(0, 7))
  const without = await verify(file)
  t.equal(without.code, 0, 'whole segments at the beginning could have been rotated away')
  t.match(without.out, /note: .*earlier lines, up to seq 6 of segment/)
})

t.test('the end of the last segment that is cut off is found with the hash kept elsewhere', async (t) => {
  const file = fileOf(t)
  const { head } = await run(file, { from: 1, to: 5, stopped: false })
  t.equal((await verify(file, '--head', head.chain)).code, 0)
  writeLines(file, linesOf(file).slice(0, -2))
  const blind = await verify(file)
  t.equal(blind.code, 0)
  t.match(blind.out, /note: the last segment has no end/)
  const seen = await verify(file, '--head', head.chain)
  t.equal(seen.code, 1)
  t.match(seen.out, /removed: .*behind seq 3/)
})

t.test('a line that a crash left unfinished is told from one that somebody cut', async (t) => {
  const file = fileOf(t)
  await run(file, { from: 1, to: 2, stopped: false })
  appendFileSync(file, '{"level":"info","ti')
  t.equal((await verify(file)).code, 1, 'before the next start nobody vouches for it')
  await run(file, { from: 3, to: 4 })
  const { code, out } = await verify(file)
  t.equal(code, 0, out)
  t.match(out, /note: .*:4: a line was not finished/)
  const lines = linesOf(file)
  writeLines(file, lines.toSpliced(3, 1, '{"level":"in'))
  t.match((await verify(file)).out, /altered: .*:4/)
})

t.test('a file that is full is moved aside, and the chain runs on through all of them', async (t) => {
  const file = fileOf(t)
  await run(file, { from: 1, to: 60, maxBytes: 4096, keepFiles: 20 })
  t.ok(existsSync(`${file}.5`))
  const { code, out } = await verify(file)
  t.equal(code, 0, out)
  t.match(out, /in 1 segment/)
  t.notMatch(out, /note:/)
  const decisions = [...Array(21).keys()]
    .map((number) => (number === 20 ? file : `${file}.${20 - number}`))
    .filter((name) => existsSync(name))
    .flatMap(linesOf)
    .filter((line) => line.includes('"event":"decision"'))
  t.same(
    decisions.map((line) => JSON.parse(line).decisionId),
    [...Array(60).keys()].map((number) => idOf(number + 1)),
    'every decision is in one of the files, in order',
  )
  rmSync(`${file}.3`)
  t.match((await verify(file)).out, /^removed: .*log\.2:1: \d+ line\(s\) before it/m, 'a whole file removed')
})

t.test('files beyond the number to keep are deleted, and what is left is provable', async (t) => {
  const file = fileOf(t)
  await run(file, { from: 1, to: 60, maxBytes: 4096, keepFiles: 2 })
  t.ok(existsSync(`${file}.2`))
  t.notOk(existsSync(`${file}.3`))
  const { code, out } = await verify(file)
  t.equal(code, 0, out)
  t.match(out, /note: .*earlier lines, up to seq \d+/)
  rmSync(file)
  await run(file, { from: 61, to: 62 })
  const linked = await verify(file)
  t.equal(linked.code, 0, linked.out)
  t.match(
    linked.out,
    /note: .*the segment before has no end/,
    'the newest file was deleted before the next start',
  )
})

t.test('a file that cannot be written is retried, and nothing that waits is lost', async (t) => {
  const directory = t.testdir({ logs: {} })
  const file = join(directory, 'logs', 'decisions.log')
  const clock = new FakeClock()
  const notices: DecisionLogFileNotice[] = []
  const logFile = new DecisionLogFile(
    { file, maxBytes: 1_000_000, keepFiles: 1 },
    { clock, onNotice: (notice) => notices.push(notice) },
  )
  const log = new DecisionLog({ mask: (device) => device, clock, hasRequestContext: true })
  log.start(logFile)
  rmSync(join(directory, 'logs'), { recursive: true })
  writeFileSync(join(directory, 'logs'), 'no directory')
  log.write(decided(1))
  await clock.advance(150)
  while (notices.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.same(notices, [{ kind: 'failed', code: 'ENOTDIR' }])
  rmSync(join(directory, 'logs'))
  mkdirSync(join(directory, 'logs'))
  log.write(decided(2))
  await log.close()
  t.same(notices.at(-1), { kind: 'back', lostLines: 0 })
  t.equal((await verify(file)).code, 0)
  t.equal(linesOf(file).length, 4)
})

t.test('a piece of standard output is verified from its first line on', async (t) => {
  const file = fileOf(t)
  await run(file, { from: 1, to: 5 })
  writeLines(file, linesOf(file).slice(2))
  t.match(await verify(file), { code: 1, out: /the log begins with seq 2/ })
  t.match(await verify(file, '--partial'), { code: 0, out: /the first line cannot be proven/ })
})

t.test('a line without end is a finding, and is not collected', async (t) => {
  const file = fileOf(t)
  await run(file, { from: 1, to: 2 })
  const startedMs = performance.now()
  t.match(await verify(file, '/dev/zero'), { code: 1, out: /altered: .*zero:1: it is longer than any line/ })
  appendFileSync(file, Buffer.alloc(8 * 1024 * 1024, '{"component":"x"} '))
  t.match(await verify(file), { code: 1, out: /altered: .*:5: it is longer than any line/ })
  t.ok(performance.now() - startedMs < 10_000)
})

t.test('wrong use is told apart from a finding', async (t) => {
  const file = fileOf(t)
  t.match(await verify(), { code: 2, err: /log verify FILE/ })
  t.match(await verify(file), { code: 2, err: /cannot read .*ENOENT/ })
  writeFileSync(file, '')
  t.match(await verify(file), { code: 2, err: /no line of a decision log/ })
  t.match(await verify(file, '--head', 'x'), { code: 2, err: /64 hexadecimal/ })
})
