import t, { type Test } from 'tap'
import {
  byDeviceId,
  byMac,
  compliantId,
  compliantMac,
  noncompliantId,
  type SimulatedIntune,
  simulateIntune,
  unknownId,
  waitUntil,
} from './simulated-intune.ts'

const compliant = { ok: true, value: { record: { enrolled: true, complianceState: 'compliant' } } }
const notEnrolled = { ok: true, value: { record: { enrolled: false, complianceState: 'unknown' } } }

t.test('a device is found by its Intune device id and by its MAC', async (t) => {
  const intune = await simulateIntune(t)
  const { tenant } = intune.simulator
  const observedAtMs = intune.clock.nowMs()
  t.match(await intune.lookup(byDeviceId(compliantId)), {
    ok: true,
    value: {
      record: { enrolled: true, complianceState: 'compliant', deviceId: compliantId, observedAtMs },
      trace: { api: 'compliance-retrieval', status: 200, requestId: /^[0-9a-f-]{36}$/, durationMs: Number },
    },
  })
  for (const macReply of ['guid_and_macaddress', 'macaddress', 'guid'] as const) {
    tenant.setVariants({ macReply })
    t.match(await intune.lookup(byMac(compliantMac)), compliant, `a MAC reply with ${macReply}`)
  }
  t.match(tenant.requests('query').slice(0, 2), [
    { method: 'GET', query: { paging: '0', querycriteria: 'guid', value: compliantId, filter: 'all' } },
    {
      method: 'GET',
      query: { paging: '0', querycriteria: 'macaddress', value: compliantMac, filter: 'all' },
    },
  ])
  const query = intune.sent.find(({ hop }) => hop === 'query')
  t.match(query?.headers, { accept: 'application/xml', authorization: /^Bearer \S+$/ })
  t.match(query?.url, /\/ComplianceRetrievalService\/cisco\/devices\/\?paging=0&querycriteria=guid&value=/)
})

t.test('what Intune says about a device is told apart', async (t) => {
  const intune = await simulateIntune(t)
  const { tenant } = intune.simulator
  t.match(await intune.lookup(byDeviceId(noncompliantId)), {
    value: { record: { complianceState: 'noncompliant' } },
  })
  for (const unknownOnWire of ['empty', 'nil'] as const) {
    tenant.setVariants({ unknownOnWire })
    t.match(
      await intune.lookup(byDeviceId(unknownId)),
      { value: { record: { enrolled: true, complianceState: 'unknown' } } },
      `not evaluated yet, written as ${unknownOnWire}`,
    )
  }
  for (const notFound of ['missing_list', 'nil_list'] as const) {
    tenant.setVariants({ notFound })
    t.match(
      await intune.lookup(byMac('005056A48900')),
      { ok: false, fault: { code: 'intune_reply_malformed', hop: 'query', status: 200 } },
      `nothing is said about the device, as ${notFound}`,
    )
  }
  for (const notFound of ['unregistered', 'empty_list', 'http_404'] as const) {
    tenant.setVariants({ notFound })
    t.match(
      await intune.lookup(byMac('005056A48900')),
      notEnrolled,
      `a device that is not there, as ${notFound}`,
    )
  }
  t.match(
    intune.logged.join(''),
    /"msg":"intune answered 404, read as not enrolled"/,
    'the 404 is in the log',
  )
})

t.test('a cold start with many devices costs two tokens and one discovery', async (t) => {
  const intune = await simulateIntune(t)
  const { tenant } = intune.simulator
  const macs = Array.from({ length: 20 }, (_, i) => `0050560000${String(i).padStart(2, '0')}`)
  const answers = await Promise.all(macs.map((mac) => intune.lookup(byMac(mac))))
  t.ok(
    answers.every((answer) => answer.ok),
    'all were answered',
  )
  const { token, discovery, query } = tenant.requestCounts()
  t.same({ token, discovery, query }, { token: 2, discovery: 1, query: 20 })
})

t.test('warming up gets the tokens and the address and asks about nothing', async (t) => {
  const intune = await simulateIntune(t)
  const { tenant } = intune.simulator
  t.match(await intune.warmUp(), { ok: true })
  await intune.lookup(byDeviceId(compliantId))
  const { token, discovery, query } = tenant.requestCounts()
  t.same({ token, discovery, query }, { token: 2, discovery: 1, query: 1 })
  const cold = intune.again({ settings: { clientId: 'aaaaaaaa-0000-4000-8000-000000000000' } })
  t.match(await cold.warmUp(), { fault: { code: 'entra_app_not_found' } })
  t.match(
    intune.logged.map((line) => JSON.parse(line)),
    [{ msg: 'intune warm-up failed', code: 'entra_app_not_found' }],
  )
  await cold.close()
})

t.test('kinds that Intune cannot be asked by are refused without a request', async (t) => {
  const intune = await simulateIntune(t)
  const cases = {
    auto: ['serialNumber'],
    'compliance-retrieval': ['serialNumber', 'imei', 'meid', 'udid'],
    nac: ['serialNumber', 'deviceId'],
  } as const
  for (const api of ['auto', 'compliance-retrieval', 'nac'] as const) {
    const { lookup } = intune.again({ settings: { api } })
    for (const kind of cases[api]) {
      t.match(
        await lookup({ kind, value: '1234567890', origin: 'serialNumber', rank: 3 }),
        { fault: { code: 'identifier_not_supported', field: kind } },
        `${kind} with INTUNE_API=${api}`,
      )
    }
  }
  t.equal(intune.sent.length, 0, 'nothing was sent')
  t.same(intune.logged, [], 'and nothing was logged')
})

/** Intune's error body, with the retry time inside the inner document. */
function frontEndError(retryAfter: unknown): string {
  const inner = {
    Message: 'An error - Activity ID: 4031429a-0000-4000-8000-000000000000 - Url: https://x',
    RetryAfter: retryAfter,
  }
  return JSON.stringify({ ErrorCode: 'TooManyRequests', Message: JSON.stringify(inner) })
}

t.test('every answer of Intune has its fault', async (t) => {
  const intune = await simulateIntune(t)
  const { tenant, origin } = intune.simulator
  const { host } = new URL(origin)
  const httpDate = new Date(intune.clock.nowMs() + 30_000).toUTCString()
  const activity = '4031429a-0000-4000-8000-000000000000'
  const status = (code: number, more: object = {}) =>
    ({ hop: 'query', kind: 'status', status: code, ...more }) as const
  const cases: [string, Parameters<typeof tenant.setFault>[0], object][] = [
    ['400', status(400), { code: 'intune_rejected', status: 400 }],
    ['403', status(403, { body: frontEndError(null) }), { code: 'intune_forbidden', requestId: activity }],
    ['406', status(406, { headers: { 'request-id': 'r-1' } }), { code: 'intune_rejected', requestId: 'r-1' }],
    [
      '429',
      status(429, { headers: { 'retry-after': '7' } }),
      { code: 'intune_throttled', retryAfterMs: 7000 },
    ],
    ['429 with a date', status(429, { headers: { 'retry-after': httpDate } }), { code: 'intune_throttled' }],
    [
      '429 with a nested time',
      status(429, { body: frontEndError('11') }),
      { retryAfterMs: 11_000, requestId: activity },
    ],
    ['429 with a nested number', status(429, { body: frontEndError(12) }), { retryAfterMs: 12_000 }],
    [
      '429 wrapped by Graph',
      status(429, { body: JSON.stringify({ error: { message: '{"RetryAfter":5}' } }) }),
      { code: 'intune_throttled', retryAfterMs: 5000 },
    ],
    [
      '500',
      status(500, { body: '{"Message":"no JSON inside"}' }),
      { code: 'intune_unavailable', status: 500 },
    ],
    [
      '503',
      status(503, { body: '<html>', headers: { 'retry-after': '9' } }),
      { code: 'intune_unavailable', retryAfterMs: 9000 },
    ],
    ['202', status(202), { code: 'intune_reply_malformed', status: 202 }],
    ['an empty 200', { hop: 'query', kind: 'body', body: '' }, { code: 'intune_reply_malformed' }],
    [
      'HTML',
      { hop: 'query', kind: 'body', body: '<html>' },
      { code: 'intune_reply_malformed', status: 200, requestId: /./ },
    ],
    ['a huge reply', { hop: 'query', kind: 'huge', bytes: 300_000 }, { code: 'reply_too_large' }],
    ['half a reply', { hop: 'query', kind: 'truncate' }, { code: 'connection_failed' }],
    ['a reset', { hop: 'query', kind: 'reset' }, { code: 'connection_failed' }],
    [
      'a redirect',
      { hop: 'query', kind: 'redirect', location: 'https://evil.example/' },
      { code: 'redirect_refused' },
    ],
  ]
  for (const [name, disturbance, fault] of cases) {
    tenant.clearFaults()
    tenant.setFault(disturbance)
    intune.logged.length = 0
    t.match(
      await intune.lookup(byDeviceId(compliantId)),
      { ok: false, fault: { hop: 'query', host, ...fault } },
      name,
    )
    const lines = intune.logged.map((line) => JSON.parse(line))
    t.match(
      lines,
      [{ msg: 'intune look-up failed', level: 40, hop: 'query', host, remedy: /./, ...fault }],
      `${name}: logged`,
    )
    t.equal(lines.length, 1, `${name}: logged once`)
  }
})

t.test('an XML bomb gives no verdict', async (t) => {
  const intune = await simulateIntune(t)
  const body =
    '<!DOCTYPE x [<!ENTITY a "true"><!ENTITY b "&a;&a;">]><ise_api><deviceList>&b;</deviceList></ise_api>'
  intune.simulator.tenant.setFault({ hop: 'query', kind: 'body', body, contentType: 'application/xml' })
  t.match(await intune.lookup(byDeviceId(compliantId)), { fault: { code: 'intune_reply_malformed' } })
})

t.test('a reply about another device is not believed', async (t) => {
  const intune = await simulateIntune(t)
  intune.simulator.tenant.patchDevice(noncompliantId, { replyAs: compliantId })
  t.match(await intune.lookup(byDeviceId(noncompliantId)), {
    fault: { code: 'intune_reply_mismatch', status: 200 },
  })
})

t.test('a query that hangs ends after five seconds', async (t) => {
  const intune = await simulateIntune(t)
  await intune.warmUp()
  intune.simulator.tenant.setFault({ hop: 'query', kind: 'hang' })
  const asked = intune.lookup(byDeviceId(compliantId))
  await waitUntil(() => intune.simulator.tenant.requestCounts().query === 1)
  await intune.clock.advance(5000)
  t.match(await asked, { fault: { code: 'upstream_timeout', hop: 'query' } })
})

t.test('a refused token is replaced once, and a second refusal is final', async (t) => {
  const intune = await simulateIntune(t)
  const { tenant } = intune.simulator
  tenant.setFault({ hop: 'query', kind: 'status', status: 401, times: 1 })
  t.match(await intune.lookup(byDeviceId(compliantId)), compliant)
  t.match(tenant.requestCounts(), { token: 3, query: 2 })
  const bearers = intune.sent.filter(({ hop }) => hop === 'query').map(({ headers }) => headers.authorization)
  t.not(bearers[0], bearers[1], 'the second attempt had another token')

  tenant.setFault({ hop: 'query', kind: 'status', status: 401 })
  t.match(await intune.lookup(byDeviceId(compliantId)), {
    fault: { code: 'intune_unauthorized', status: 401 },
  })
  t.match(tenant.requestCounts(), { token: 3, query: 3 }, 'no token storm within the minute')
  await intune.clock.advance(60_000)
  t.match(await intune.lookup(byDeviceId(compliantId)), { fault: { code: 'intune_unauthorized' } })
  t.match(tenant.requestCounts(), { token: 4, query: 5 }, 'later one more fresh token is tried')
})

t.test('a token that cannot be replaced says so', async (t) => {
  const intune = await simulateIntune(t)
  const { tenant } = intune.simulator
  await intune.warmUp()
  tenant.setFault({ hop: 'query', kind: 'status', status: 401 })
  tenant.setFault({ hop: 'token', kind: 'aadsts', aadsts: 7000112 })
  t.match(await intune.lookup(byDeviceId(compliantId)), {
    fault: { code: 'entra_app_disabled', hop: 'token' },
  })
})

t.test('a token without the role is not sent to Intune', async (t) => {
  const intune = await simulateIntune(t)
  const { tenant } = intune.simulator
  const [app] = tenant.listApps()
  if (!app) return t.fail('an app is registered')
  tenant.registerApp({ ...app, roles: { intune: [] } })
  t.match(await intune.lookup(byDeviceId(compliantId)), {
    fault: { code: 'token_role_missing', hop: 'token', host: /./ },
  })
  t.equal(tenant.requestCounts().query, 0)
  tenant.registerApp(app)
  await intune.clock.advance(1000)
  t.match(await intune.lookup(byDeviceId(compliantId)), compliant, 'consent is noticed by itself')
})

t.test('a discovered host outside the allow-list gets no token, and none is asked for', async (t) => {
  const intune = await simulateIntune(t, { settings: { allowedHosts: ['manage.microsoft.com'] } })
  const { tenant } = intune.simulator
  for (const origin of ['https://evilmanage.microsoft.com.example', 'https://evil-manage.microsoft.com']) {
    tenant.setVariants({ discoveredOrigin: origin })
    t.match(await intune.lookup(byDeviceId(compliantId)), {
      fault: { code: 'discovery_host_refused', host: new URL(origin).host },
    })
    await intune.clock.advance(1000)
  }
  t.notOk(
    tenant.requests('token').some(({ audience }) => audience === 'intune'),
    'no token for Intune was asked for',
  )
  t.notOk(
    intune.sent.some(({ hop }) => hop === 'query'),
    'and nothing was sent',
  )
})

t.test('a tenant that moves to another scale unit is followed', async (t) => {
  for (const retiredPathStatus of [404, 410] as const) {
    const intune = await simulateIntune(t)
    const { tenant } = intune.simulator
    t.match(await intune.lookup(byDeviceId(compliantId)), compliant)
    tenant.setVariants({ complianceRetrievalPath: '/ScaleUnit2/Retrieval', retiredPathStatus })
    const answers = await Promise.all([1, 2, 3].map(() => intune.lookup(byDeviceId(compliantId))))
    for (const answer of answers)
      t.match(answer, compliant, `after ${retiredPathStatus} from the old address`)
    t.equal(tenant.requestCounts().discovery, 2, 'one more discovery for all')
    t.match(await intune.lookup(byMac('005056A48900')), notEnrolled, 'the new address is used from now on')
    t.equal(intune.logged.length, 0, 'nothing went wrong')
  }
})

t.test('a device that is missing at the new address is not enrolled', async (t) => {
  const intune = await simulateIntune(t)
  const { tenant } = intune.simulator
  await intune.warmUp()
  tenant.setVariants({ complianceRetrievalPath: '/ScaleUnit2/Retrieval', notFound: 'http_404' })
  t.match(await intune.lookup(byMac('005056A48900')), notEnrolled)
})

t.test('a 404 proves nothing while discovery cannot confirm the address', async (t) => {
  const intune = await simulateIntune(t)
  const { tenant } = intune.simulator
  await intune.warmUp()
  tenant.setVariants({ notFound: 'http_404' })
  tenant.setFault({ hop: 'discovery', kind: 'status', status: 503 })
  for (let i = 0; i < 2; i += 1) {
    t.match(await intune.lookup(byMac('005056A48900')), {
      fault: { code: 'intune_endpoint_gone', status: 404 },
    })
  }
  t.match(
    intune.logged.map((line) => JSON.parse(line).msg),
    ['service discovery failed', 'intune look-up failed', 'intune look-up failed'],
  )
  tenant.clearFaults()
  await intune.clock.advance(60_000)
  t.match(await intune.lookup(byMac('005056A48900')), notEnrolled, 'and does once it can')
  t.equal(tenant.requestCounts().discovery, 3)
})

t.test('a 410 from the confirmed address is a fault', async (t) => {
  const intune = await simulateIntune(t)
  const fault = { hop: 'query', kind: 'status', status: 410 } as const
  intune.simulator.tenant.setFault(fault)
  t.match(await intune.lookup(byDeviceId(compliantId)), {
    fault: { code: 'intune_endpoint_gone', status: 410 },
  })
})

t.test('a host that is gone is looked for again, at most once a minute', async (t) => {
  const intune = await simulateIntune(t)
  const { tenant, origin } = intune.simulator
  // Nothing listens on port 1.
  tenant.setVariants({ discoveredOrigin: 'https://127.0.0.1:1' })
  t.match(await intune.lookup(byDeviceId(compliantId)), {
    fault: { code: 'connection_refused', host: '127.0.0.1:1' },
  })
  t.match(await intune.lookup(byDeviceId(compliantId)), { fault: { code: 'connection_refused' } })
  t.equal(tenant.requestCounts().discovery, 2, 'the first one and one more')
  tenant.setVariants({ discoveredOrigin: origin })
  await intune.clock.advance(60_000)
  t.match(await intune.lookup(byDeviceId(compliantId)), compliant)
})

t.test('hosts that this machine does not trust are named with their issuer', async (t) => {
  const intune = await simulateIntune(t, { trusted: false })
  t.match(await intune.lookup(byDeviceId(compliantId)), {
    fault: { code: 'tls_untrusted', hop: 'token', message: /its issuer is "Intune simulator root"/ },
  })
  t.equal(intune.simulator.tenant.requestCounts().openid, 0, 'nothing was sent')
})

/** Every text that must never be seen outside the requests. */
function secretsOf({ sent, certificate }: SimulatedIntune): string[] {
  const bearers = sent.flatMap(({ headers }) => headers.authorization?.slice('Bearer '.length) ?? [])
  const assertions = sent.flatMap(({ body }) => new URLSearchParams(body ?? '').get('client_assertion') ?? [])
  const keyLines = certificate.privateKeyPem.split('\n').filter((line) => line.length > 30)
  // A JWT's payload and signature are as telling as the whole.
  return [...bearers, ...assertions].flatMap((jwt) => jwt.split('.').slice(1)).concat(keyLines)
}

t.test('nothing secret and no device is in a log line or a fault', async (t: Test) => {
  const intune = await simulateIntune(t)
  const { tenant } = intune.simulator
  const outcomes: unknown[] = []
  const ask = async () => outcomes.push(await intune.again().lookup(byMac(compliantMac)))
  await ask()
  const echoed = () => secretsOf(intune).join(' ')
  for (const hop of ['token', 'discovery', 'query'] as const) {
    for (const status of [400, 401, 403, 404, 410, 429, 503]) {
      const body = JSON.stringify({
        error: 'invalid_client',
        error_description: echoed(),
        error_codes: [700027],
        trace_id: echoed(),
        Message: JSON.stringify({ Message: `Activity ID: ${echoed()}` }),
      })
      const id = tenant.setFault({ hop, kind: 'status', status, body, headers: { 'request-id': 'x y' } })
      await ask()
      tenant.clearFault(id)
    }
    for (const kind of ['reset', 'truncate'] as const) {
      const id = tenant.setFault({ hop, kind })
      await ask()
      tenant.clearFault(id)
    }
  }
  const seen = intune.logged.join('\n') + JSON.stringify(outcomes.slice(1))
  const secrets = secretsOf(intune)
  t.ok(secrets.length > 100 && intune.logged.length > 20, 'there was much to leak')
  t.same(
    secrets.filter((secret) => seen.includes(secret)),
    [],
    'and nothing was leaked',
  )
  t.notMatch(
    intune.logged.join('\n'),
    new RegExp(`${compliantMac}|${compliantId}`, 'i'),
    'no device in the log',
  )
})
