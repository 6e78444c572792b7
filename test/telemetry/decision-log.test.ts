import t from 'tap'
import type { DecisionRecord } from '../../src/decision/decision-service.ts'
import { createDecisionLog } from '../../src/telemetry/decision-log.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

const record: DecisionRecord = {
  decision: {
    decisionId: '6d8f0e0a-3f1c-4a53-9a59-5f4d2f1f7e11',
    outcome: 'remediate',
    reason: 'noncompliant',
    complianceState: 'noncompliant',
    enrolled: true,
    matchedBy: 'mac',
    device: '005056A4895A',
    source: 'intune',
    observedAtMs: 0,
    ageMs: 1499,
    stale: false,
    expiresInMs: 30_000,
    rule: 'builtin remediate',
    profile: { name: 'quarantine', attributes: [{ name: 'Filter-Id', values: ['quarantine.in'] }] },
  },
  request: { identity: { identifiers: [] }, refresh: false, frontend: 'json', client: 'ise-psn-1' },
  totalMs: 12.4,
  skippedKinds: ['imei'],
  rankConflict: false,
  trace: { api: 'compliance-retrieval', status: 200, requestId: 'r-1', durationMs: 11.6 },
}

function lines() {
  const written: string[] = []
  const logger = createLogger({ level: 'info' }, { write: (line: string) => written.push(line) })
  return { logger, parsed: () => written.map((line) => JSON.parse(line)), raw: () => written.join('') }
}

t.test('a decision is one line with exactly the documented fields', async (t) => {
  const { logger, parsed } = lines()
  createDecisionLog(logger, 'full', Buffer.from('key'))(record)
  const [line, ...more] = parsed()
  t.same(more, [])
  t.match(line.time, /^\d{4}-\d\d-\d\dT/)
  delete line.time
  t.strictSame(line, {
    level: 'info',
    service: 'intune-nac',
    event: 'decision',
    decisionId: '6d8f0e0a-3f1c-4a53-9a59-5f4d2f1f7e11',
    frontend: 'json',
    client: 'ise-psn-1',
    matchedBy: 'mac',
    device: '005056A4895A',
    decision: 'remediate',
    reason: 'noncompliant',
    rule: 'builtin remediate',
    profile: 'quarantine',
    complianceState: 'noncompliant',
    enrolled: true,
    source: 'intune',
    cache: 'none',
    ageSeconds: 1,
    stale: false,
    errorCode: null,
    upstreamMs: 12,
    upstreamRequestId: 'r-1',
    skippedKinds: ['imei'],
    rankConflict: false,
    totalMs: 12,
    msg: 'decision',
  })
})

t.test('device identifiers can be hashed with a key or left out', async (t) => {
  const { logger, parsed, raw } = lines()
  createDecisionLog(logger, 'hash', Buffer.from('key one'))(record)
  createDecisionLog(logger, 'hash', Buffer.from('key one'))(record)
  createDecisionLog(logger, 'hash', Buffer.from('key two'))(record)
  createDecisionLog(logger, 'none', Buffer.from('key one'))(record)
  const devices = parsed().map((line) => line.device)
  t.match(devices[0], /^[0-9a-f]{32}$/)
  t.equal(devices[0], devices[1], 'lines of one deployment can be matched')
  t.not(devices[0], devices[2], 'another key gives another hash')
  t.equal(devices[3], '')
  t.notMatch(raw(), /005056A4895A/)
})

t.test('the logger hides credentials and drops what errors drag behind them', async (t) => {
  const { logger, raw } = lines()
  logger.error({ headers: { authorization: 'Bearer very-secret' }, password: 'hunter2' }, 'x')
  logger.error(
    { err: Object.assign(new Error('failed'), { code: 'ECONNRESET', request: { body: 'very-secret' } }) },
    'y',
  )
  logger.error({ err: 'very odd' }, 'z')
  t.notMatch(raw(), /very-secret|hunter2/)
  t.match(raw(), /ECONNRESET/)
})
