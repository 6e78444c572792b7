import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Logger } from 'pino'
import t from 'tap'
import type { DecisionRecord } from '../../src/decision/decision-service.ts'
import { createDeviceMask } from '../../src/identity/mask-device.ts'
import { DecisionLog } from '../../src/telemetry/decision-log.ts'
import { createLogger, lineOutput } from '../../src/telemetry/logger.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

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
  sent: 'reject',
  totalMs: 12.4,
  skippedKinds: ['imei'],
  rankConflict: false,
  trace: { api: 'compliance-retrieval', status: 200, requestId: 'r-1', durationMs: 11.6 },
}

function lines() {
  const written: string[] = []
  const logger = createLogger({ level: 'info' }, { write: (line: string) => written.push(line) })
  return {
    logger,
    written,
    parsed: () => written.map((line) => JSON.parse(line)),
    raw: () => written.join(''),
  }
}

function openLog(
  logger: Logger,
  shown: 'full' | 'hash' | 'none' = 'full',
  key = 'key',
  hasRequestContext = true,
) {
  const mask = createDeviceMask(shown, Buffer.from(key))
  return new DecisionLog({ mask, clock: new FakeClock(), hasRequestContext, out: lineOutput(logger) })
}

t.test('a decision is one line with exactly the documented fields', async (t) => {
  const { logger, parsed } = lines()
  openLog(logger).write(record)
  const [started, line, ...more] = parsed()
  t.same(more, [])
  t.match(started, { event: 'log_started', v: 1, seq: 0, previous: null, segment: /^[\w-]{16}$/ })
  t.strictSame(line, {
    level: 'info',
    time: '2026-11-23T08:00:00.000Z',
    service: 'intune-nac',
    component: 'decision',
    event: 'decision',
    v: 1,
    segment: started.segment,
    seq: 1,
    decisionId: '6d8f0e0a-3f1c-4a53-9a59-5f4d2f1f7e11',
    frontend: 'json',
    client: 'ise-psn-1',
    matchedBy: 'mac',
    device: '005056A4895A',
    decision: 'remediate',
    sent: 'reject',
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
    chain: line.chain,
  })
  const page = readFileSync(new URL('../../docs/decision-log.md', import.meta.url), 'utf8')
  for (const key of Object.keys({ ...line, ...started })) t.match(page, `\`${key}\``, `${key} is documented`)
})

t.test('the trace and the expiry of a certificate are there where the request had them', async (t) => {
  const { logger, parsed } = lines()
  const traceContext = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', sampled: true }
  const certificateExpiresAtMs = Date.UTC(2026, 11, 12, 23, 37, 19)
  openLog(logger).write({
    ...record,
    request: {
      ...record.request,
      traceContext,
      certificateExpiresAtMs,
      identity: { ...record.request.identity, unreadable: ['certificateSan'] },
    },
  })
  const added = {
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    certificateExpiresAt: '2026-12-12T23:37:19.000Z',
    unreadable: ['certificateSan'],
  }
  t.match(parsed()[1], added)
  const page = readFileSync(new URL('../../docs/decision-log.md', import.meta.url), 'utf8')
  for (const key of Object.keys(added)) t.match(page, `\`${key}\``, `${key} is documented`)
})

const asked: DecisionRecord = {
  ...record,
  request: {
    ...record.request,
    frontend: 'radius',
    identity: {
      identifiers: [
        {
          kind: 'deviceId',
          origin: 'certificateSan',
          rank: 1,
          value: 'ee9d3792-6859-4b71-93aa-56aba42581c5',
        },
        { kind: 'mac', origin: 'mac', rank: 4, value: '005056A4895A' },
      ],
      randomizedMac: '021B2C3D4E5F',
    },
    context: {
      nasIpAddress: '192.0.2.7',
      nasIdentifier: 'switch-7',
      ssid: { alternatives: ['Corp', 'Lab'], isOpen: false },
    },
    origin: {
      nasPort: '50101',
      nasPortId: 'GigabitEthernet1/0/1',
      user: 'host/laptop-1',
      certificateUser: 'alice@corp.example',
    },
  },
}

t.test(
  'where a request came from, who asked and what else it named are there, unless switched off',
  async (t) => {
    const shown = {
      nasIpAddress: '192.0.2.7',
      nasIdentifier: 'switch-7',
      nasPort: '50101',
      nasPortId: 'GigabitEthernet1/0/1',
      ssid: 'Corp or Lab',
      user: 'host/laptop-1',
      certificateUser: 'alice@corp.example',
      otherIdentifiers: [
        { kind: 'deviceId', value: 'ee9d3792-6859-4b71-93aa-56aba42581c5' },
        { kind: 'mac', value: '021B2C3D4E5F' },
      ],
    }
    const full = lines()
    openLog(full.logger).write(asked)
    t.match(full.parsed()[1], shown)
    const page = readFileSync(new URL('../../docs/decision-log.md', import.meta.url), 'utf8')
    for (const key of Object.keys(shown)) t.match(page, `\`${key}\``, `${key} is documented`)

    for (const how of ['hash', 'none'] as const) {
      const hidden = lines()
      openLog(hidden.logger, how).write(asked)
      const form = how === 'hash' ? /^[0-9a-f]{32}$/ : /^$/
      t.match(hidden.parsed()[1], {
        nasIpAddress: '192.0.2.7',
        nasPort: '50101',
        device: form,
        user: form,
        certificateUser: form,
        otherIdentifiers: [
          { kind: 'deviceId', value: form },
          { kind: 'mac', value: form },
        ],
      })
      for (const secret of ['host/laptop-1', 'alice', 'ee9d3792', '021B2C3D4E5F', '005056A4895A']) {
        t.notMatch(hidden.raw(), secret, `${how} hides ${secret}`)
      }
    }

    const off = lines()
    openLog(off.logger, 'full', 'key', false).write(asked)
    const [, line] = off.parsed()
    for (const key of Object.keys(shown)) t.notOk(Object.hasOwn(line, key), `off: no ${key}`)
    t.match(line, { device: '005056A4895A', sent: 'reject' })
    t.notMatch(off.raw(), /192\.0\.2\.7|switch-7|alice|laptop-1|ee9d3792/)
  },
)

t.test('the chain is what sha256sum says of the line before and the line', async (t) => {
  const { logger, written } = lines()
  const log = openLog(logger)
  log.write(record)
  log.write(record)
  let before = ''
  for (const line of written) {
    const [, content = '', chain] = /^(.*),"chain":"([0-9a-f]{64})"\}\n$/.exec(line) ?? []
    const digest = createHash('sha256')
      .update(before + content)
      .digest('hex')
    t.equal(chain, digest)
    before = digest
  }
  t.equal(before, log.head().chain)
  t.equal(written.length, 3)
})

t.test('device identifiers can be hashed with a key or left out', async (t) => {
  const { logger, parsed, raw } = lines()
  openLog(logger, 'hash', 'key one').write(record)
  openLog(logger, 'hash', 'key one').write(record)
  openLog(logger, 'hash', 'key two').write(record)
  openLog(logger, 'none', 'key one').write(record)
  const devices = parsed()
    .filter(({ event }) => event === 'decision')
    .map(({ device }) => device)
  t.match(devices[0], /^[0-9a-f]{32}$/)
  t.equal(devices[0], devices[1], 'lines of one deployment can be matched')
  t.not(devices[0], devices[2], 'another key gives another hash')
  t.equal(devices[3], '')
  t.notMatch(raw(), /005056A4895A/)
})

t.test('a logger that writes no level info writes no decision either', async (t) => {
  t.equal(lineOutput(createLogger({ level: 'warn' }, { write: () => {} })), undefined)
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
