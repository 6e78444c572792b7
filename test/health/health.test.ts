import t from 'tap'
import { createHealth, type HealthSources } from '../../src/health/health.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const dayMs = 86_400_000
const clock = () => new FakeClock(Date.UTC(2026, 10, 23, 8))

const closed: ReturnType<HealthSources['breakers']> = {
  entra: { state: 'closed' },
  discovery: { state: 'closed' },
  compliance_retrieval: { state: 'closed' },
  nac: { state: 'closed' },
  graph: { state: 'closed' },
}

function healthOf(different: Partial<HealthSources> = {}, at = clock()) {
  const farMs = at.nowMs() + 100 * dayMs
  return createHealth(
    {
      isStopping: () => false,
      certificate: () => ({ inUse: { notBeforeMs: 0, notAfterMs: farMs } }),
      breakers: () => closed,
      state: () => ({ mode: 'read_write', writeLagMs: 0 }),
      clockProblem: () => undefined,
      clientsProblem: () => undefined,
      policyProblem: () => undefined,
      isOverloaded: () => false,
      tlsNotAfterMs: farMs,
      ...different,
    },
    at,
  )
}

t.test('nothing wrong is ready, and every check is there', async (t) => {
  const { ready, checks } = healthOf().report()
  t.ok(ready)
  const names = [
    'shutdown',
    'certificate',
    'clock',
    'token',
    'upstream',
    'state',
    'clients',
    'policy',
    'decisionLog',
    'tls',
    'overload',
  ]
  t.same(Object.keys(checks), names)
  for (const name of names) t.same(checks[name], { status: 'ok', since: '2026-11-23T08:00:00.000Z' }, name)
})

t.test('only a stop makes the service not ready', async (t) => {
  const { ready, checks } = healthOf({ isStopping: () => true }).report()
  t.notOk(ready)
  t.match(checks.shutdown, { status: 'failing', what: /stopping/, remedy: /./ })
})

const nowMs = clock().nowMs()
const fault = { code: 'certificate_key_mismatch', message: 'The key belongs to another.' } as const
const degradations: readonly [name: string, sources: Partial<HealthSources>, what: RegExp, since?: string][] =
  [
    [
      'upstream',
      {
        breakers: () => ({
          ...closed,
          compliance_retrieval: { state: 'open', cause: 'failures', openSinceMs: nowMs - 60_000 },
        }),
      },
      /^Intune \(Compliance Retrieval\) is not asked, because it failed several times in a row; what was last known is answered\.$/,
      '2026-11-23T07:59:00.000Z',
    ],
    [
      'upstream',
      {
        breakers: () => ({
          ...closed,
          entra: { state: 'half_open', cause: 'failures', openSinceMs: nowMs },
          graph: { state: 'open', cause: 'retry_after', openSinceMs: nowMs - 60_000 },
        }),
      },
      /^Entra ID is not asked, .*failed.* Microsoft Graph \(managed devices\) is not asked, because it asked for a pause; answers come without details/,
      '2026-11-23T07:59:00.000Z',
    ],
    [
      'certificate',
      { certificate: () => ({ inUse: { notBeforeMs: 0, notAfterMs: nowMs - dayMs } }) },
      /expired at 2026-11-22/,
      '2026-11-22T08:00:00.000Z',
    ],
    [
      'certificate',
      { certificate: () => ({ inUse: { notBeforeMs: 0, notAfterMs: nowMs + 13 * dayMs } }) },
      /expires at/,
      '2026-11-22T08:00:00.000Z',
    ],
    [
      'certificate',
      {
        certificate: () => ({ inUse: { notBeforeMs: 0, notAfterMs: nowMs + 99 * dayMs }, trialFault: fault }),
      },
      /another/,
    ],
    [
      'clock',
      { clockProblem: () => 'It is 90 s ahead.' },
      /^It is 90 s ahead\. This machine says that it is 2026-11-23T08:00:00\.000Z\.$/,
    ],
    ['state', { state: () => ({ mode: 'memory_only', writeLagMs: 0 }) }, /memory_only/],
    ['state', { state: () => ({ mode: 'opening', writeLagMs: 0 }) }, /being opened/],
    ['state', { state: () => ({ mode: 'read_write', writeLagMs: 31_000 }) }, /31 s/],
    ['clients', { clientsProblem: () => 'clients.yaml:1:1: wrong' }, /clients.yaml:1:1/],
    ['policy', { policyProblem: () => 'policy.yaml:1:1: wrong' }, /policy.yaml:1:1/],
    ['tls', { tlsNotAfterMs: nowMs - dayMs }, /expired/, '2026-11-22T08:00:00.000Z'],
    ['overload', { isOverloaded: () => true }, /refused/],
  ]

t.test('everything else is degraded, with since, what and remedy, and the service stays ready', async (t) => {
  for (const [name, sources, what, since = '2026-11-23T08:00:00.000Z'] of degradations) {
    const { ready, checks } = healthOf(sources).report()
    t.ok(ready, name)
    t.match(checks[name], { status: 'degraded', since, what, remedy: /./ }, `${name}: ${what}`)
    const others = Object.entries(checks).filter(([other]) => other !== name)
    t.ok(
      others.every(([, { status }]) => status === 'ok'),
      'and the others are not',
    )
  }
  const plain = healthOf({ state: () => undefined, tlsNotAfterMs: undefined }).report().checks
  t.match(plain, { state: { status: 'ok', what: /STATE_DIR/ }, tls: { status: 'ok', what: /HTTP/ } })
})

t.test('before the certificate becomes valid both it and the clock are in doubt', async (t) => {
  const certificate = () => ({ inUse: { notBeforeMs: nowMs + 1, notAfterMs: nowMs + 99 * dayMs } })
  const { ready, checks } = healthOf({ certificate }).report()
  t.ok(ready)
  t.match(checks.certificate, { status: 'degraded', what: /becomes valid at 2026-11-23/, remedy: /clock/ })
  t.match(checks.clock, { status: 'degraded', what: /2026-11-23T08:00/, remedy: /Synchronise/ })
})

t.test('since when a check says what it says does not depend on a clock that is set', async (t) => {
  const time = clock()
  const health = healthOf({}, time)
  await time.advance(60_000)
  health.noteDecisionLog('ENOSPC')
  health.report()
  await time.advance(60_000)
  time.jump(-26 * 60 * 60_000)
  t.equal(health.report().checks.decisionLog?.since, '2026-11-22T06:01:00.000Z', 'a minute ago')
})

t.test('what only an event tells is remembered until it is over, and since when', async (t) => {
  const time = clock()
  const health = healthOf({}, time)
  await time.advance(60_000)
  health.noteExchange('query', 'timeout')
  t.equal(health.report().checks.token?.status, 'ok', 'a query is no token')
  health.noteExchange('token', 'client_error')
  health.noteDecisionLog('ENOSPC')
  health.noteTls({ fault })
  const first = health.report()
  t.ok(first.ready)
  const since = '2026-11-23T08:01:00.000Z'
  t.match(first.checks, {
    token: { status: 'degraded', since, what: /client_error/, remedy: /doctor/ },
    decisionLog: { status: 'degraded', since, what: /ENOSPC/ },
    tls: { status: 'degraded', since, what: /another/ },
  })
  await time.advance(60_000)
  t.equal(health.report().checks.token?.since, since, 'since then and not since the last look')
  health.noteExchange('token', 'ok')
  health.noteDecisionLog(undefined)
  health.noteTls({ notAfterMs: time.nowMs() + 100 * dayMs })
  const { token, decisionLog, tls } = health.report().checks
  for (const check of [token, decisionLog, tls])
    t.same(check, { status: 'ok', since: '2026-11-23T08:02:00.000Z' })
})
