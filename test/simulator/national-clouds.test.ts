import { decodeJwt } from 'jose'
import t from 'tap'
import { intuneScope, startRig } from './rig.ts'

const retrievalPath = '/TrafficGateway/TrafficRoutingService/ResourceAccess/ComplianceRetrievalService'
const endpoints = '/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints'
const deviceId = 'ee9d3792-6859-4b71-93aa-56aba42581c5'

const expected = [
  {
    cloud: 'usgov',
    graph: 'https://graph.microsoft.us',
    login: 'https://login.microsoftonline.us',
    issuer: 'https://sts.windows.net/',
    instance: 'microsoftonline.us',
  },
  {
    cloud: 'usgov-dod',
    graph: 'https://dod-graph.microsoft.us',
    login: 'https://login.microsoftonline.us',
    issuer: 'https://sts.windows.net/',
    instance: 'microsoftonline.us',
  },
  {
    cloud: 'china',
    graph: 'https://microsoftgraph.chinacloudapi.cn',
    login: 'https://login.partner.microsoftonline.cn',
    issuer: 'https://sts.chinacloudapi.cn/',
    instance: 'partner.microsoftonline.cn',
  },
] as const

for (const { cloud, graph, login, issuer, instance } of expected) {
  t.test(`the ${cloud} cloud knows its own names and no others`, async (t) => {
    const rig = await startRig(t, { cloud })
    const { tenant, tenantId } = rig.simulator
    const china = cloud === 'china'
    if (china) tenant.setVariants({ intuneResource: 'https://intune.example.cn/' })
    const intune = china ? 'https://intune.example.cn/' : 'https://api.manage.microsoft.us/'

    const client_assertion = await rig.assertion({
      claims: { aud: `${login}/${tenantId}/oauth2/v2.0/token` },
    })
    const granted = await rig.requestToken({ scope: `${intune}/.default`, client_assertion })
    t.equal(granted.status, 200, 'a token is granted')
    const token = String(granted.json().access_token)
    t.match(decodeJwt(token), { aud: intune, iss: `${issuer}${tenantId}/` })
    const publicLogin = { aud: `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token` }
    const foreign = await rig.assertion({ claims: publicLogin })
    t.match((await rig.requestToken({ client_assertion: foreign })).json(), { error_codes: [700023] })
    t.match((await rig.requestToken()).json(), { error_codes: [500011] }, 'Intune of the public cloud')
    const publicGraph = { scope: 'https://graph.microsoft.com/.default' }
    t.match((await rig.requestToken(publicGraph)).json(), { error_codes: [500011] }, 'Graph of it')

    const headers = { authorization: `Bearer ${token}`, accept: 'application/xml' }
    t.equal((await rig.query('guid', deviceId, token)).status, 200)
    const info = await rig.call(`${retrievalPath}/ciscoise/mdminfo/?ise_api_version=3`, { headers })
    t.match(info.text, china ? 'portal.manage.microsoft.com' : 'portal.manage.microsoft.us')

    const graphHeaders = { authorization: `Bearer ${await rig.token(`${graph}/.default`)}` }
    const discovery = await rig.call(endpoints, { headers: graphHeaders })
    t.match(discovery.json(), { '@odata.context': new RegExp(`^${graph}/v1.0/`) })
    if (!china) t.match(discovery.text, 'http://fef.fxpasu01.manage.microsoft.us/DownloadService')
    const openid = await rig.call(`/${tenantId}/v2.0/.well-known/openid-configuration`)
    t.match(openid.json(), { cloud_instance_name: instance, msgraph_host: new URL(graph).host })

    tenant.resetVariants()
    t.equal(tenant.variants().cloud, cloud, 'the variants go back to the cloud of the start')
  })
}

t.test('in China no Intune resource is known unless one is given', async (t) => {
  const rig = await startRig(t, { cloud: 'china' })
  t.match((await rig.requestToken({ scope: 'https://api.manage.microsoft.us//.default' })).json(), {
    error_codes: [500011],
  })
  rig.simulator.tenant.setVariants({ cloud: 'public' })
  const token = await rig.token(intuneScope)
  rig.simulator.tenant.setVariants({ cloud: 'china' })
  t.equal((await rig.query('guid', deviceId, token)).status, 401, 'a token of another cloud')
})

t.test('a tenant that is at home in another cloud is refused as Entra does', async (t) => {
  const rig = await startRig(t)
  for (const crossCloudRefusal of [90038, 900382] as const) {
    rig.simulator.tenant.setVariants({ crossCloudRefusal })
    const answer = await rig.requestToken()
    t.equal(answer.status, 400)
    t.match(answer.json(), { error: 'invalid_request', error_codes: [crossCloudRefusal] })
  }
  const other = '/11111111-2222-4333-8444-555555555555/oauth2/v2.0/token'
  t.match((await rig.requestToken({}, other)).json(), { error_codes: [90002] }, 'not so an unknown tenant')
})
