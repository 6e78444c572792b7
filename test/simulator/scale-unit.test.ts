import t from 'tap'
import { graphScope, intuneScope, startRig } from './rig.ts'

const deviceId = 'ee9d3792-6859-4b71-93aa-56aba42581c5'
const endpoints = '/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints'

t.test('a move gives both services new paths and leaves the old ones empty', async (t) => {
  const rig = await startRig(t)
  const { tenant, origin } = rig.simulator
  const token = await rig.token(intuneScope)
  const headers = { authorization: `Bearer ${token}`, accept: 'application/xml' }
  const before = tenant.variants()
  tenant.putDevice({ deviceId, macs: ['005056A4895A'], complianceState: 'compliant' })

  const move = tenant.moveScaleUnit()
  t.match(move, { complianceRetrievalPath: /^\/msud02\/TrafficGateway\//, oldPaths: 404 })
  const discovery = await rig.call(endpoints, {
    headers: { authorization: `Bearer ${await rig.token(graphScope)}` },
  })
  const rows = discovery.json().value as { providerName: string; uri: string }[]
  const uris = Object.fromEntries(rows.map(({ providerName, uri }) => [providerName, uri]))
  t.match(uris, {
    ComplianceRetrievalService: `${origin}${move.complianceRetrievalPath}`,
    NACAPIService: `${origin}${move.nacPath}`,
  })
  const guid = `paging=0&querycriteria=guid&value=${deviceId}&filter=all`
  const mac = 'paging=0&querycriteria=macaddress&value=005056A4895A'
  t.match((await rig.query('guid', deviceId, token)).text, '<status>true</status>', 'devices move along')
  const nac = await rig.call(`${move.nacPath}/ciscodeviceinfo/mdm/api/devices/?${mac}`, { headers })
  t.match(nac.text, '<register_status>true')
  const info = await rig.call(`${move.nacPath}/ciscoise/mdminfo/?ise_api_version=2`, { headers })
  t.match(info.text, '<api_path>/msud02/StatelessNacService/ciscodeviceinfo/mdm/api<')

  const old = `${before.complianceRetrievalPath}/cisco/devices/?${guid}`
  t.equal((await rig.call(old, { headers })).status, 404)
  const oldNac = `${before.nacPath}/devices/?querycriteria=macaddress&value=005056A4895A&api-version=1.1`
  t.equal((await rig.call(oldNac, { headers })).status, 404)
  t.equal((await rig.call(`${before.nacPath}/ciscoise/mdminfo/`, { headers })).status, 404)

  const gone = await rig.control('POST', '/scale-unit', { name: 'msub05', oldPaths: 410 })
  t.match(gone.json(), { nacPath: '/msub05/StatelessNACService', oldPaths: 410 })
  t.equal((await rig.call(old, { headers })).status, 410)
  const dropped = await rig.call('/control/scale-unit', { method: 'POST' })
  t.match(dropped.json(), { nacPath: '/msud04/StatelessNACService' }, 'a name of its own each time')
  tenant.moveScaleUnit({ oldPaths: 'reset' })
  await t.rejects(rig.call(old, { headers }), { code: 'UND_ERR_SOCKET' }, 'as a host that is gone')
  t.equal(tenant.requests('query').at(-1)?.status, null)
  t.equal((await rig.query('guid', deviceId, token)).status, 200)

  t.equal((await rig.control('POST', '/scale-unit', { name: 'a/b' })).status, 400)
  t.throws(() => tenant.moveScaleUnit({ name: '' }), { name: 'ZodError' })
  t.equal(tenant.requestCounts().other, 0)
})
