import t from 'tap'
import { faultCatalogue } from '../../src/errors/catalogue.ts'
import { type Fault, failure } from '../../src/errors/fault.ts'
import { createHealth, type Health, type HealthSources, type TlsListener } from '../../src/health/health.ts'
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
      state: () => ({ mode: 'read_write', writeLagMs: 0, isRewriting: false }),
      traces: () => undefined,
      decisionLog: () => ({ failing: false }),
      clockProblem: () => undefined,
      clientsProblem: () => undefined,
      policyProblem: () => undefined,
      isOverloaded: () => false,
      tls: { service: valid, management: valid },
      ...different,
    },
    at,
  )
}

const valid = { notBeforeMs: 0, notAfterMs: Date.UTC(2027, 5, 1) }

/** A certificate of one listener; the other one is in order. */
function served(notAfterMs: number, notBeforeMs = 0, listener: TlsListener = 'service') {
  return { tls: { service: valid, management: valid, [listener]: { notBeforeMs, notAfterMs } } }
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
    'managementTls',
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
const stateOf = (different: object) =>
  ({ mode: 'read_write', writeLagMs: 0, isRewriting: false, ...different }) as const
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
    ['state', { state: () => stateOf({ mode: 'memory_only' }) }, /memory_only/],
    ['state', { state: () => stateOf({ mode: 'memory_only', problem: 'unusable' }) }, /unusable.*forgets/],
    ['state', { state: () => stateOf({ mode: 'opening' }) }, /being opened/],
    ['state', { state: () => stateOf({ writeLagMs: 31_000 }) }, /31 s/],
    ['state', { state: () => stateOf({ problem: 'full' }) }, /cannot be written or seen \(full\)/],
    ['state', { state: () => stateOf({ isRewriting: true }) }, /written again/],
    ['state', { traces: () => ({ problem: 'read_only' }) }, /file of decisions.*read_only/],
    ['decisionLog', { decisionLog: () => ({ failing: true, problem: 'ENOSPC' }) }, /ENOSPC.*wait in memory/],
    ['decisionLog', { decisionLog: () => ({ failing: false, problem: 'cannot be looked at' }) }, /nobody/],
    ['clients', { clientsProblem: () => 'clients.yaml:1:1: wrong' }, /clients.yaml:1:1/],
    ['policy', { policyProblem: () => 'policy.yaml:1:1: wrong' }, /policy.yaml:1:1/],
    ['tls', served(nowMs - dayMs), /expired/, '2026-11-22T08:00:00.000Z'],
    ['tls', served(nowMs + dayMs), /expires at/, '2026-11-10T08:00:00.000Z'],
    ['tls', served(nowMs + dayMs, nowMs + 1), /becomes valid at/],
    ['managementTls', served(nowMs - dayMs, 0, 'management'), /expired/, '2026-11-22T08:00:00.000Z'],
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
  const plain = healthOf({
    state: () => undefined,
    tls: { service: undefined, management: undefined },
  }).report().checks
  t.match(plain, { state: { status: 'ok', what: /STATE_DIR/ }, tls: { status: 'ok', what: /HTTP/ } })
  const behind = healthOf({ tls: { service: undefined, management: valid }, speaksPlainHttp: true }).report()
  t.match(behind.checks.tls, { status: 'ok', what: /SERVICE_PLAIN_HTTP=on.*end TLS/ })
  t.match(plain, { managementTls: { status: 'ok', what: /HTTP/ } })
  const codes = [served(nowMs - 1), served(nowMs + dayMs), served(nowMs + dayMs, nowMs + 1)].map(
    (sources) => healthOf(sources).report().checks.tls?.code,
  )
  t.same(codes, ['service_tls_expired', 'service_tls_expires_soon', 'service_tls_not_yet_valid'])
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
  let log: ReturnType<HealthSources['decisionLog']>
  const health = healthOf({ decisionLog: () => log }, time)
  await time.advance(60_000)
  log = { failing: true, problem: 'ENOSPC' }
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
  health.noteTls('service', { fault })
  const first = health.report()
  t.ok(first.ready)
  const since = '2026-11-23T08:01:00.000Z'
  t.match(first.checks, {
    token: { status: 'degraded', since, what: /client_error/, remedy: /doctor/ },
    tls: { status: 'degraded', since, what: /another/ },
  })
  await time.advance(60_000)
  t.equal(health.report().checks.token?.since, since, 'since then and not since the last look')
  health.noteExchange('token', 'ok')
  health.noteTls('service', { notBeforeMs: 0, notAfterMs: time.nowMs() + 100 * dayMs })
  const { token, tls } = health.report().checks
  for (const check of [token, tls]) t.same(check, { status: 'ok', since: '2026-11-23T08:02:00.000Z' })
})

const forbidden = failure('intune_forbidden', 'i.example answered 403 to a device query', {
  hop: 'query',
}).fault
const standing: readonly (readonly [check: string, fault: Fault, mended: (health: Health) => void])[] = [
  ['upstream', forbidden, (health) => health.noteExchange('query', 'ok')],
  [
    'upstream',
    failure('discovery_host_refused', 'discovery named evil.example', { hop: 'discovery' }).fault,
    (health) => health.noteExchange('discovery', 'ok'),
  ],
  [
    'upstream',
    failure('tls_untrusted', 'the certificate of i.example is not trusted', { hop: 'query' }).fault,
    (health) => health.noteExchange('query', 'ok'),
  ],
  [
    'upstream',
    failure('intune_forbidden', 'i.example answered 403', { hop: 'bulk' }).fault,
    (health) => health.noteReady(),
  ],
  [
    'upstream',
    failure('details_forbidden', 'g.example answered 403', { hop: 'details' }).fault,
    (health) => health.noteExchange('details', 'ok'),
  ],
  [
    'token',
    failure('token_role_missing', 'the token does not carry the role', { hop: 'token' }).fault,
    (health) => health.noteReady(),
  ],
  [
    'token',
    failure('entra_certificate_expired', 'Entra ID says so', { hop: 'token' }).fault,
    (health) => health.noteExchange('token', 'ok'),
  ],
  [
    'token',
    failure('certificate_expired', 'the certificate expired').fault,
    (health) => health.noteExchange('token', 'ok'),
  ],
]

t.test(
  'a permission, a host or a certificate that stands in the way is said at once, and until it is over',
  async (t) => {
    for (const [check, fault, mended] of standing) {
      const health = healthOf()
      health.noteFault(fault)
      const { ready, checks } = health.report()
      t.ok(ready, 'what is known is answered')
      t.match(
        checks[check],
        {
          status: 'degraded',
          code: fault.code,
          what: fault.message,
          remedy: faultCatalogue[fault.code].remedy,
        },
        fault.code,
      )
      t.equal(Object.values(checks).filter(({ status }) => status !== 'ok').length, 1)
      health.noteFault(failure('upstream_timeout', 'late', { hop: fault.hop }).fault)
      t.equal(health.report().checks[check]?.code, fault.code, 'a time-out says nothing else')
      mended(health)
      t.equal(health.report().checks[check]?.status, 'ok', 'and a good exchange ends it')
    }
  },
)

t.test('what concerns one device, or passes by itself, is no standing fault', async (t) => {
  const health = healthOf()
  for (const code of [
    'intune_rejected',
    'intune_reply_mismatch',
    'upstream_timeout',
    'intune_throttled',
  ] as const) {
    health.noteFault(failure(code, 'x', { hop: 'query' }).fault)
  }
  t.ok(Object.values(health.report().checks).every(({ status }) => status === 'ok'))
})

t.test('a token that lacks the role stays so however many of them are issued', async (t) => {
  const health = healthOf()
  health.noteFault(failure('token_role_missing', 'no role', { hop: 'token' }).fault)
  health.noteExchange('token', 'ok')
  t.match(health.report().checks.token, { status: 'degraded', code: 'token_role_missing' })
  health.noteExchange('query', 'ok')
  t.equal(health.report().checks.token?.status, 'ok')
})
