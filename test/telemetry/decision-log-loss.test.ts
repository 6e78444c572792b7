import { mkdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/clock.ts'
import type { DecisionRecord } from '../../src/decision/decision-service.ts'
import { DecisionLog } from '../../src/telemetry/decision-log.ts'
import { DecisionLogFile, type DecisionLogFileNotice } from '../../src/telemetry/decision-log-file.ts'
import { verifyDecisionLog } from '../../src/telemetry/verify-decision-log.ts'

const decided = (number: number): DecisionRecord => ({
  decision: {
    decisionId: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
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

/** A log whose file can be taken away, with what it tells of it; the n-th notice can be waited for. */
function open(file: string, maxPendingBytes?: number) {
  const notices: DecisionLogFileNotice[] = []
  let wake = () => {}
  const logFile = new DecisionLogFile(
    { file, maxBytes: 900_000_000, keepFiles: 1 },
    {
      clock: systemClock,
      onNotice(notice) {
        notices.push(notice)
        wake()
      },
      ...(maxPendingBytes !== undefined && { maxPendingBytes }),
    },
  )
  const log = new DecisionLog({ mask: (device) => device, clock: systemClock, hasRequestContext: true })
  log.start(logFile)
  const notice = async (number: number) => {
    // The clock of the log keeps no process alive.
    const alive = setInterval(() => {}, 1000)
    while (notices.length <= number) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    clearInterval(alive)
    return notices[number]
  }
  return { log, notice }
}

/** In place of the file there is a directory: what is written next fails. */
function takeAway(file: string): () => void {
  renameSync(file, `${file}.before`)
  mkdirSync(file)
  return () => {
    rmdirSync(file)
    renameSync(`${file}.before`, file)
  }
}

const lineCount = (file: string) => readFileSync(file, 'utf8').split('\n').length - 1

t.test(
  'lines above the limit are lost while the file cannot be written, counted, and found missing',
  async (t) => {
    const file = join(t.testdir({}), 'decisions.log')
    const { log, notice } = open(file, 50_000)
    const giveBack = takeAway(file)
    let number = 0
    const write = (count: number) => {
      for (const last = number + count; number < last; number += 1) log.write(decided(number))
    }
    write(10)
    t.same(await notice(0), { kind: 'failed', code: 'EISDIR' })
    write(190)
    giveBack()
    const back = await notice(1)
    if (back?.kind !== 'back') throw new Error('not written again')
    t.ok(back.lostLines > 50 && back.lostLines < 190, `${back.lostLines} lines were lost`)
    t.equal(lineCount(file), 1 + 200 - back.lostLines, 'what waited is all there')
    const intact = await verifyDecisionLog([file])
    t.equal(intact.finding, undefined, 'and is a whole chain: the loss is at its end')

    write(5)
    await log.close()
    t.equal(lineCount(file), 1 + 205 - back.lostLines + 1)
    const { finding } = await verifyDecisionLog([file])
    t.match(finding, { kind: 'removed', line: 1 + 200 - back.lostLines + 1 })
    t.match(finding?.text, `${back.lostLines} line(s) before it`)
    t.equal(finding?.decisionId, decided(200).decision.decisionId, 'the first one after the gap is named')
  },
)

t.test('unless told otherwise 64 MiB of lines wait', async (t) => {
  const file = join(t.testdir({}), 'decisions.log')
  const { log, notice } = open(file)
  const giveBack = takeAway(file)
  log.write(decided(0))
  t.match(await notice(0), { kind: 'failed' })
  const long = 'x'.repeat(1_000_000)
  for (let number = 1; number <= 70; number += 1) {
    const record = decided(number)
    log.write({ ...record, request: { ...record.request, client: long } })
  }
  giveBack()
  t.same(await notice(1), { kind: 'back', lostLines: 70 - 67 })
  await log.close()
})
