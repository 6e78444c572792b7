import t from 'tap'
import { clientId, graphScope, intuneScope, startRig } from './rig.ts'

const appId = '0000000a-0000-0000-c000-000000000000'

t.test('the retired AAD Graph lists the same services under their old name', async (t) => {
  const rig = await startRig(t)
  const { origin, tenantId, tenant } = rig.simulator
  const path = `/${tenantId}/servicePrincipalsByAppId/${appId}/serviceEndpoints`
  const get = (target: string, token: string, headers: Record<string, string> = {}) =>
    rig.call(target, { headers: { authorization: `Bearer ${token}`, ...headers } })
  const token = await rig.token('https://graph.windows.net//.default')

  const answer = await get(`${path}?api-version=1.6&client-request-id=c1`, token)
  t.equal(answer.status, 200)
  const rows = answer.json().value as Record<string, unknown>[]
  const uris = Object.fromEntries(rows.map(({ serviceName, uri }) => [serviceName, uri]))
  t.match(uris, {
    NACAPIService: `${origin}/StatelessNACService`,
    NACAPIServiceBackup: `${origin}/StatelessNACService`,
    ComplianceRetrievalService: /ComplianceRetrievalService$/,
    Region: 'OC',
  })
  t.notOk(rows.some((row) => 'providerName' in row))
  t.match(tenant.requests('discovery'), [{ clientRequestId: 'c1', status: 200 }])

  const domain = path.replace(tenantId, 'contoso.onmicrosoft.com')
  t.equal(
    (await get(`${domain}?api-version=1.6`, await rig.token(graphScope))).status,
    200,
    'domain, Graph token',
  )
  t.equal((await get(path, token, { 'api-version': '1.6' })).status, 200, 'the version as a header')
  tenant.registerApp({ clientId, certificatesPem: [rig.app.certificatePem], roles: { graph: [] } })
  const roleless = await rig.token('https://graph.windows.net/.default')
  t.equal((await get(`${path}?api-version=1.6`, roleless)).status, 200, 'no role is asked for')

  const refused: [string, string, number, string][] = [
    [path, token, 400, 'Request_BadRequest'],
    [`${path}?api-version=9`, token, 400, 'Request_BadRequest'],
    [`${path}?api-version=1.6`, await rig.token(intuneScope), 401, 'Authentication_MissingOrMalformed'],
    [`${path}?api-version=1.6`, 'abc', 401, 'Authentication_MissingOrMalformed'],
    [`${path.replace('000a-', '000b-')}?api-version=1.6`, token, 404, 'Request_ResourceNotFound'],
    [`${path.replace(tenantId, clientId)}?api-version=1.6`, token, 404, 'Directory_ObjectNotFound'],
  ]
  for (const [target, other, status, code] of refused) {
    const refusal = await get(target, other)
    t.equal(refusal.status, status, code)
    t.match(refusal.json(), { 'odata.error': { code, message: { lang: 'en' } } })
  }
  tenant.setVariants({ intuneProvisioned: false })
  t.equal((await get(`${path}?api-version=1.6`, token)).status, 404, 'no licence')
  t.equal((await rig.call(path, { json: {} })).status, 405)
  rig.clock.advance(3_600_000)
  t.match((await get(`${path}?api-version=1.6`, token)).json(), {
    'odata.error': { code: 'Authentication_ExpiredToken' },
  })
})
