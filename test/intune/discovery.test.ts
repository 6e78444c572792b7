import t from 'tap'
import type { Fault } from '../../src/errors/fault.ts'
import { parseDiscoveredEndpoint } from '../../src/intune/discovered-endpoint.ts'
import { createServiceDirectory } from '../../src/intune/discovery.ts'
import { createTokenSource } from '../../src/intune/entra-token.ts'
import { type SimulatedIntune, simulateIntune, waitUntil } from './simulated-intune.ts'

const oldPath = '/TrafficGateway/TrafficRoutingService/ResourceAccess/ComplianceRetrievalService'
const newPath = '/ScaleUnit2/ComplianceRetrievalService'

/** Discovery through a simulated Graph, with nothing remembered. */
function discoveryOf(intune: SimulatedIntune) {
  const failures: Fault[] = []
  const onBackgroundFailure = (fault: Fault) => failures.push(fault)
  const { settings, certificate, outbound, clock } = intune
  const { authorityUrl, clientId, graphUrl, allowedHosts } = settings
  const graphTokens = createTokenSource({
    authorityUrl,
    clientId,
    audience: graphUrl,
    certificate,
    outbound,
    clock,
    onBackgroundFailure,
  })
  const directory = createServiceDirectory(['ComplianceRetrievalService'], {
    graphUrl,
    allowedHosts,
    graphTokens,
    outbound,
    clock,
    onBackgroundFailure,
  })
  return { ...directory.of('ComplianceRetrievalService'), failures }
}

function discoveries({ simulator }: SimulatedIntune): number {
  return simulator.tenant.requestCounts().discovery
}

t.test('the address of the service is found among the tenant’s rows', async (t) => {
  const intune = await simulateIntune(t)
  const { origin, tenant } = intune.simulator
  t.same(await discoveryOf(intune).endpoint(), { ok: true, value: `${origin}${oldPath}` })
  t.match(tenant.requests('discovery'), [
    {
      method: 'GET',
      path: '/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints',
      clientRequestId: /^[0-9a-f-]{36}$/,
    },
  ])
  t.equal(tenant.requests('token')[0]?.scope, `${origin}/.default`)
  tenant.setVariants({ discoveryNameKey: 'serviceName' })
  t.match(await discoveryOf(intune).endpoint(), { ok: true }, 'by the name that AAD Graph used too')
})

t.test(
  'rows are matched in any case, by whichever name they have, and odd ones are passed over',
  async (t) => {
    const intune = await simulateIntune(t)
    const uri = 'https://127.0.0.1/x/'
    const rows = [
      { providerName: 'COMPLIANCERETRIEVALSERVICE', uri },
      { serviceName: 'complianceRetrievalService', uri },
      { providerName: null, capability: 'ComplianceRetrievalService', uri },
      { providerName: 'ComplianceRetrievalService', serviceName: 7, uri },
    ]
    const odd = [
      null,
      'text',
      { providerName: 'Region', uri: 'OC' },
      { providerName: 'ComplianceRetrievalService' },
    ]
    for (const row of rows) {
      const body = JSON.stringify({ value: [...odd, row] })
      intune.simulator.tenant.setFault({ hop: 'discovery', kind: 'body', body, times: 1 })
      t.same(
        await discoveryOf(intune).endpoint(),
        { ok: true, value: 'https://127.0.0.1/x' },
        JSON.stringify(row),
      )
    }
  },
)

t.test('the list is followed over its pages, on the same host and not for ever', async (t) => {
  const intune = await simulateIntune(t)
  const { tenant, origin } = intune.simulator
  const link = `${origin}/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints`
  const page = (rows: unknown[], next: string) => JSON.stringify({ value: rows, '@odata.nextLink': next })
  tenant.setFault({ hop: 'discovery', kind: 'body', body: page([], `${link}?$skiptoken=2`), times: 2 })
  t.match(await discoveryOf(intune).endpoint(), { ok: true })
  t.equal(discoveries(intune), 3, 'the third page had it')

  tenant.clearRequests()
  tenant.setFault({ hop: 'discovery', kind: 'body', body: page([], link) })
  t.match(await discoveryOf(intune).endpoint(), { fault: { code: 'discovery_endpoint_missing' } })
  t.equal(discoveries(intune), 5, 'five pages at most')
  tenant.clearFaults()
  const twice =
    '{"value":[],"value":[{"providerName":"ComplianceRetrievalService","uri":"https://127.0.0.1/x"}]}'
  tenant.setFault({ hop: 'discovery', kind: 'body', body: twice })
  t.match(
    await discoveryOf(intune).endpoint(),
    { fault: { code: 'discovery_reply_malformed' } },
    'a list that is there twice',
  )

  for (const next of ['https://evil.example/v1.0/', origin.replace('https', 'http'), 'next']) {
    tenant.clearFaults()
    tenant.setFault({ hop: 'discovery', kind: 'body', body: page([], next) })
    intune.sent.length = 0
    t.match(await discoveryOf(intune).endpoint(), { fault: { code: 'discovery_reply_malformed' } }, next)
    t.equal(intune.sent.filter(({ hop }) => hop === 'discovery').length, 1, 'the token went nowhere else')
  }
})

t.test('every answer of Graph has its fault', async (t) => {
  const intune = await simulateIntune(t)
  const { tenant } = intune.simulator
  const cases: [string, Parameters<typeof tenant.setFault>[0], object][] = [
    [
      '401',
      { hop: 'discovery', kind: 'status', status: 401 },
      { code: 'discovery_unauthorized', status: 401 },
    ],
    ['403', { hop: 'discovery', kind: 'status', status: 403 }, { code: 'discovery_forbidden', status: 403 }],
    ['404', { hop: 'discovery', kind: 'status', status: 404 }, { code: 'discovery_service_missing' }],
    [
      '429',
      {
        hop: 'discovery',
        kind: 'status',
        status: 429,
        headers: { 'retry-after': '30', 'request-id': 'abc' },
      },
      { code: 'discovery_throttled', retryAfterMs: 30_000, requestId: 'abc' },
    ],
    [
      '503',
      { hop: 'discovery', kind: 'status', status: 503, body: '<html>' },
      { code: 'discovery_unavailable' },
    ],
    ['400', { hop: 'discovery', kind: 'status', status: 400 }, { code: 'discovery_rejected', status: 400 }],
    ['204', { hop: 'discovery', kind: 'status', status: 204 }, { code: 'discovery_rejected' }],
    ['HTML', { hop: 'discovery', kind: 'body', body: '<html>' }, { code: 'discovery_reply_malformed' }],
    [
      'no list',
      { hop: 'discovery', kind: 'body', body: '{"value":{}}' },
      { code: 'discovery_reply_malformed' },
    ],
    ['a huge reply', { hop: 'discovery', kind: 'huge', bytes: 3_000_000 }, { code: 'reply_too_large' }],
    ['a reset', { hop: 'discovery', kind: 'reset' }, { code: 'connection_failed' }],
    ['a redirect', { hop: 'discovery', kind: 'redirect', location: '/' }, { code: 'redirect_refused' }],
  ]
  const answered = { host: new URL(intune.simulator.origin).host, requestId: /./ }
  for (const [name, disturbance, fault] of cases) {
    tenant.clearFaults()
    tenant.setFault(disturbance)
    const outcome = await discoveryOf(intune).endpoint()
    t.match(outcome, { ok: false, fault: { hop: 'discovery', ...fault } }, name)
    if ('status' in fault) t.match(outcome, { fault: answered }, `${name} names host and request id`)
  }
  tenant.clearFaults()
  tenant.setVariants({ intuneProvisioned: false })
  t.match(await discoveryOf(intune).endpoint(), { fault: { code: 'discovery_service_missing' } })
  tenant.setVariants({ intuneProvisioned: true, discoveryRows: ['NACAPIService'] })
  t.match(await discoveryOf(intune).endpoint(), { fault: { code: 'discovery_endpoint_missing' } })
  const [app] = tenant.listApps()
  if (!app) return t.fail('an app is registered')
  tenant.registerApp({ ...app, roles: { graph: [] } })
  t.match(
    await discoveryOf(intune).endpoint(),
    { fault: { code: 'discovery_forbidden' } },
    'a strict Graph says so too',
  )
})

t.test('a refused Graph token is replaced once', async (t) => {
  const intune = await simulateIntune(t)
  const { tenant } = intune.simulator
  tenant.setFault({ hop: 'discovery', kind: 'status', status: 401, times: 1 })
  t.match(await discoveryOf(intune).endpoint(), { ok: true })
  const { token, discovery } = tenant.requestCounts()
  t.same({ token, discovery }, { token: 2, discovery: 2 })
  tenant.setFault({ hop: 'discovery', kind: 'status', status: 401 })
  tenant.clearRequests()
  t.match(await discoveryOf(intune).endpoint(), { fault: { code: 'discovery_unauthorized' } })
  t.match(tenant.requestCounts(), { token: 2, discovery: 2 }, 'and not twice')
})

t.test('a failed discovery is not repeated at once', async (t) => {
  const intune = await simulateIntune(t)
  intune.simulator.tenant.setFault({ hop: 'discovery', kind: 'status', status: 503, times: 1 })
  const { endpoint } = discoveryOf(intune)
  t.match(await endpoint(), { fault: { code: 'discovery_unavailable' } })
  t.match(await endpoint(), { fault: { code: 'discovery_unavailable' } })
  t.equal(discoveries(intune), 1)
  await intune.clock.advance(1000)
  t.match(await endpoint(), { ok: true })
})

t.test('the address is kept for a day, then refreshed behind, and stays when that fails', async (t) => {
  const intune = await simulateIntune(t)
  const { endpoint, failures } = discoveryOf(intune)
  const first = await endpoint()
  await intune.clock.advance(86_399_999)
  await endpoint()
  t.equal(discoveries(intune), 1, 'kept for a day')
  // The Graph token has long expired, and the simulated Entra finds MSAL's clock a day slow.
  await intune.clock.advance(1)
  t.same(await endpoint(), first, 'given at once')
  await waitUntil(() => failures.length === 1)
  t.match(failures, [{ code: 'entra_clock_skew' }], 'the refresh failed')
  t.same(await endpoint(), first, 'the old address stays')
})

t.test('rediscovery finds a moved service, at most once a minute', async (t) => {
  const intune = await simulateIntune(t)
  const { origin, tenant } = intune.simulator
  const { endpoint, rediscover, failures } = discoveryOf(intune)
  await endpoint()
  t.same(
    await rediscover(`${origin}${oldPath}`),
    { endpoint: `${origin}${oldPath}`, verified: true },
    'not moved',
  )
  tenant.setVariants({ complianceRetrievalPath: newPath })
  const during = await Promise.all([rediscover(`${origin}${oldPath}`), rediscover(`${origin}${oldPath}`)])
  t.same(during[1], { endpoint: `${origin}${oldPath}`, verified: true }, 'too soon to ask again')
  t.equal(discoveries(intune), 2)
  await intune.clock.advance(60_000)
  const after = await Promise.all([rediscover(`${origin}${oldPath}`), rediscover(`${origin}${oldPath}`)])
  t.same(after[1], { endpoint: `${origin}${newPath}`, verified: true }, 'moved')
  t.equal(discoveries(intune), 3, 'one request for both')
  await intune.clock.advance(60_000)
  t.match(
    await rediscover(`${origin}${oldPath}`),
    { endpoint: `${origin}${newPath}` },
    'a late caller is told at once',
  )
  t.equal(discoveries(intune), 3, 'without another request')

  tenant.setFault({ hop: 'discovery', kind: 'reset' })
  t.same(await rediscover(`${origin}${newPath}`), { endpoint: `${origin}${newPath}`, verified: false })
  t.match(
    failures,
    [{ code: 'connection_failed', hop: 'discovery' }],
    'a failure is told, and nothing verified',
  )
})

t.test('only a host within the allow-list is ever given out', async (t) => {
  const allowed = ['manage.microsoft.com', 'Partner.Example']
  const accepted: [string, string][] = [
    ['https://fef.msud01.manage.microsoft.com/A/b', 'https://fef.msud01.manage.microsoft.com/A/b'],
    ['https://manage.microsoft.com', 'https://manage.microsoft.com'],
    ['https://FEF.Manage.Microsoft.COM:8443/x//', 'https://fef.manage.microsoft.com:8443/x'],
    ['https://partner.example/x?y=z#f', 'https://partner.example/x'],
  ]
  for (const [uri, value] of accepted) t.same(parseDiscoveredEndpoint(uri, allowed), { ok: true, value }, uri)
  const refused = [
    'https://evilmanage.microsoft.com/',
    'https://evil-manage.microsoft.com/',
    'https://fef.manage.microsoft.com.example/',
    'https://manage.microsoft.com@evil.example/',
    'https://evil.example/?fef.manage.microsoft.com',
    'https://evil.example/.manage.microsoft.com',
    'https://evil.example\\.manage.microsoft.com/',
    'https://fef.manage.microsoft.com./',
    'https://user:pass@fef.manage.microsoft.com/',
    'https://user@fef.manage.microsoft.com/',
    'http://fef.manage.microsoft.com/',
    'ftp://fef.manage.microsoft.com/',
    'https://microsoft.com/',
    'https://127.0.0.1/',
  ]
  for (const uri of refused) {
    t.match(
      parseDiscoveredEndpoint(uri, allowed),
      { fault: { code: 'discovery_host_refused', hop: 'discovery' } },
      uri,
    )
  }
  t.match(
    parseDiscoveredEndpoint('https://x.example/', ['']),
    { ok: false },
    'an empty suffix allows nothing',
  )
  t.match(parseDiscoveredEndpoint('MSUD01', allowed), { fault: { code: 'discovery_reply_malformed' } })
})
