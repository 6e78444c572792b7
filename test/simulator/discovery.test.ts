import t from 'tap'
import { clientId, graphScope, intuneScope, type Rig, startRig } from './rig.ts'

const endpointsPath = '/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints'
const retrievalPath = '/TrafficGateway/TrafficRoutingService/ResourceAccess/ComplianceRetrievalService'

type Row = Record<string, string | null>

async function discover(rig: Rig, path = endpointsPath, token?: string) {
  const authorization = `Bearer ${token ?? (await rig.token(graphScope))}`
  return rig.call(path, { headers: { authorization, 'client-request-id': 'c1' } })
}

async function rowsOf(rig: Rig): Promise<Row[]> {
  return (await discover(rig)).json().value as Row[]
}

async function uriOf(rig: Rig, name: string): Promise<string | null | undefined> {
  return (await rowsOf(rig)).find((row) => row.providerName === name)?.uri
}

t.test('the endpoints list has the NAC rows among others, seven keys each', async (t) => {
  const rig = await startRig(t)
  const { origin } = rig.simulator
  const answer = await discover(rig)
  t.equal(answer.status, 200)
  t.match(answer.json(), {
    '@odata.context': /servicePrincipals\('appId%3D0000000a-0000-0000-c000-000000000000'\)\/endpoints$/,
  })
  t.equal(answer.headers['client-request-id'], 'c1')

  const rows = answer.json().value as Row[]
  const uris = Object.fromEntries(rows.map((row) => [row.providerName, row.uri]))
  t.match(uris, {
    NACAPIService: `${origin}/StatelessNACService`,
    NACAPIServiceBackup: `${origin}/StatelessNACService`,
    ComplianceRetrievalService: `${origin}${retrievalPath}`,
    Region: 'OC',
    DownloadService: /^http:/,
  })
  const keys = [
    'capability',
    'deletedDateTime',
    'id',
    'providerId',
    'providerName',
    'providerResourceId',
    'uri',
  ]
  for (const row of rows) {
    t.strictSame(Object.keys(row).sort(), keys, `${row.providerName} has the seven keys`)
    t.equal(row.capability, row.providerName)
    t.notMatch(row.uri, /\/$/, 'no uri ends in a slash')
  }
  t.strictSame(await rowsOf(rig), rows, 'a second answer is the same')
})

t.test('Graph takes the spellings that clients use and no other principal', async (t) => {
  const rig = await startRig(t)
  const taken = [
    `/${endpointsPath}`,
    endpointsPath.replace('appId=', 'appId%3D'),
    endpointsPath.toLowerCase(),
    endpointsPath.replace('/v1.0', '/v1.0/myorganization'),
    endpointsPath.replace('/v1.0', '/beta'),
    endpointsPath.replace(/\/appId=([^/]+)/, "(appId='$1')"),
    endpointsPath.replace(/\/appId=([^/]+)/, '(appId=%27$1%27)'),
  ]
  for (const path of taken) t.equal((await discover(rig, path)).status, 200, path)
  const other = await discover(rig, endpointsPath.replace('0000000a', '0000000b'))
  t.equal(other.status, 404)
  t.match(other.json(), { error: { code: 'Request_ResourceNotFound' } })
  t.equal((await discover(rig, '/v1.0/users')).status, 400, 'nothing else of Graph is there')
  t.equal((await discover(rig, '/v1.0/%E0%A4%A')).status, 400, 'a path with broken escapes is refused')
  const posted = await rig.call(endpointsPath, { json: {} })
  t.equal(posted.status, 405)
})

t.test('Graph refuses every token that is not its own, in date and with a sufficient role', async (t) => {
  const rig = await startRig(t)
  const invalid = { error: { code: 'InvalidAuthenticationToken', innerError: { 'client-request-id': 'c1' } } }

  const bare = await rig.call(endpointsPath)
  t.equal(bare.status, 401, 'no token')
  t.match(bare.json(), { error: { code: 'InvalidAuthenticationToken', message: 'Access token is empty.' } })

  const token = await rig.token(graphScope)
  const [head, claims, signature] = token.split('.')
  const forged = Buffer.from(
    JSON.stringify({ ...JSON.parse(Buffer.from(claims ?? '', 'base64url').toString()), roles: ['x'] }),
  )
  const refused: [string, string][] = [
    ['a token for Intune', await rig.token(intuneScope)],
    ['a forged token', `${head}.${forged.toString('base64url')}.${signature}`],
    ['no JWT', 'abc'],
  ]
  for (const [name, other] of refused) {
    const answer = await discover(rig, endpointsPath, other)
    t.equal(answer.status, 401, name)
    t.match(answer.json(), invalid, name)
  }

  rig.clock.advance(3_600_000)
  const expired = await discover(rig, endpointsPath, token)
  t.match(expired.json(), { error: { message: 'Lifetime validation failed, the token is expired.' } })

  const certificatesPem = [rig.app.certificatePem]
  for (const role of ['Directory.Read.All', 'ServicePrincipalEndpoint.Read.All']) {
    rig.simulator.tenant.registerApp({ clientId, certificatesPem, roles: { graph: [role] } })
    t.equal((await discover(rig)).status, 200, `${role} is enough`)
  }
  rig.simulator.tenant.registerApp({ clientId, certificatesPem, roles: { graph: ['Device.Read.All'] } })
  const denied = await discover(rig)
  t.equal(denied.status, 403)
  t.match(denied.json(), { error: { code: 'Authorization_RequestDenied' } })
})

t.test(
  "Graph is also the resource named by the simulator's own origin, which is its Graph host",
  async (t) => {
    const rig = await startRig(t)
    const token = await rig.token(`${rig.simulator.origin}/.default`)
    t.equal((await discover(rig, endpointsPath, token)).status, 200)
    t.match(rig.simulator.tenant.requests('token'), [{ audience: 'graph' }])
    t.equal(
      (await rig.query('guid', '0000000a-0000-0000-c000-000000000000', token)).status,
      401,
      'and not Intune',
    )
  },
)

t.test('the variants change which rows there are and where they point', async (t) => {
  const rig = await startRig(t)
  const { tenant, origin } = rig.simulator

  tenant.setVariants({ discoveryRows: ['NACAPIService'] })
  t.equal(await uriOf(rig, 'ComplianceRetrievalService'), undefined)
  t.ok(await uriOf(rig, 'NACAPIService'))
  tenant.resetVariants()

  tenant.setVariants({ complianceRetrievalPath: '/MovedService' })
  t.equal(await uriOf(rig, 'ComplianceRetrievalService'), `${origin}/MovedService`)
  tenant.setVariants({ discoveredOrigin: 'https://evil.example' })
  t.equal(await uriOf(rig, 'ComplianceRetrievalService'), 'https://evil.example/MovedService')
  tenant.setVariants({ discoveredUris: { ComplianceRetrievalService: 'MSUD01' } })
  t.equal(await uriOf(rig, 'ComplianceRetrievalService'), 'MSUD01')

  tenant.setVariants({ discoveryNameKey: 'serviceName' })
  const [row] = await rowsOf(rig)
  t.notOk('providerName' in (row ?? {}))
  t.ok(row?.serviceName)

  tenant.setVariants({ intuneProvisioned: false })
  t.match((await discover(rig)).json(), { error: { code: 'Request_ResourceNotFound' } })
})
