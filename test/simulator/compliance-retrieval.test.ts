import t from 'tap'
import { clientId, graphScope, intuneScope, startRig } from './rig.ts'

const deviceId = 'ee9d3792-6859-4b71-93aa-56aba42581c5'
const otherDeviceId = '3eeb9e62-91a5-4c40-8d5f-1d2f3c4b5a69'
const retrievalPath = '/TrafficGateway/TrafficRoutingService/ResourceAccess/ComplianceRetrievalService'
const root =
  '<ise_api xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns="http://schemas.datacontract.org/2004/07/Microsoft.Intune.ResourceAccess.ComplianceRetrievalService.Model">'

function attributesDocument(deviceList: string): string {
  return `${root}<name>attributes</name><api_version>3</api_version>${deviceList}</ise_api>`
}

function row(names: string, registered: string, status: string): string {
  return `<device>${names}<Attributes>${names}<register_status>${registered}</register_status><Compliance>${status}</Compliance></Attributes></device>`
}

t.test('mdminfo names the path of the devices API', async (t) => {
  const rig = await startRig(t)
  const headers = { authorization: `Bearer ${await rig.token(intuneScope)}`, accept: 'application/xml' }
  const answer = await rig.call(`${retrievalPath}/ciscoise/mdminfo/?ise_api_version=3`, { headers })
  t.equal(answer.headers['content-type'], 'application/xml; charset=utf-8')
  t.equal(
    answer.text,
    `${root}<name>mdminfo</name><api_version>3</api_version><api_path>${retrievalPath}/cisco</api_path><redirect_url>https://portal.manage.microsoft.com/networkaccesscontrol/index</redirect_url><query_max_size>100</query_max_size><messaging_support>false</messaging_support><vendor>Microsoft</vendor><product_name>Microsoft Intune</product_name><product_version>5.0</product_version></ise_api>`,
  )
  t.equal(
    (await rig.call(`${retrievalPath}/ciscoise/mdminfo/`, { headers })).status,
    400,
    'the version is required',
  )
  const lowerCase = `/${retrievalPath.toLowerCase()}/CiscoISE/mdminfo?ISE_API_VERSION=3`
  t.equal(
    (await rig.call(lowerCase, { headers })).status,
    200,
    'paths and parameter names are matched in any case',
  )
  t.strictSame(rig.simulator.tenant.requestCounts().mdminfo, 3)
})

t.test('a device asked by GUID or by MAC is answered in the shape of Compliance Retrieval', async (t) => {
  const rig = await startRig(t)
  const { tenant } = rig.simulator
  const token = await rig.token(intuneScope)
  tenant.putDevice({ deviceId, macs: ['00:50:56:a4:89:5a'], complianceState: 'compliant' })

  const byGuid = await rig.query('guid', deviceId.toUpperCase(), token)
  t.equal(byGuid.status, 200)
  const guid = `<guid>${deviceId}</guid>`
  t.equal(
    byGuid.text,
    attributesDocument(`<deviceList>${row(guid, 'true', '<status>true</status>')}</deviceList>`),
  )

  const mac = '<macaddress>005056A4895A</macaddress>'
  const replies = { guid_and_macaddress: `${guid}${mac}`, macaddress: mac, guid } as const
  for (const macReply of ['guid_and_macaddress', 'macaddress', 'guid'] as const) {
    tenant.setVariants({ macReply })
    const expected = attributesDocument(
      `<deviceList>${row(replies[macReply], 'true', '<status>true</status>')}</deviceList>`,
    )
    t.equal((await rig.query('macaddress', '005056a4895a', token)).text, expected, macReply)
  }
})

t.test('only Compliant reads true; a repaired device reads true at once', async (t) => {
  const rig = await startRig(t)
  const { tenant } = rig.simulator
  const token = await rig.token(intuneScope)
  const statusOf = async () =>
    /<Compliance>(.*)<\/Compliance>/.exec((await rig.query('guid', deviceId, token)).text)?.[1]

  tenant.putDevice({ deviceId, complianceState: 'noncompliant' })
  t.equal(await statusOf(), '<status>false</status>')
  tenant.patchDevice(deviceId, { complianceState: 'inGracePeriod' })
  t.equal(await statusOf(), '<status>false</status>')
  tenant.patchDevice(deviceId, { complianceState: 'unknown' })
  t.equal(await statusOf(), '<status>false</status>')
  tenant.setVariants({ unknownOnWire: 'empty' })
  t.equal(await statusOf(), '<status/>')
  tenant.setVariants({ unknownOnWire: 'nil' })
  t.equal(await statusOf(), '<status i:nil="true"/>')
  tenant.patchDevice(deviceId, { wireCompliance: 'not <evaluated> & "odd"' })
  t.equal(await statusOf(), '<status>not &lt;evaluated&gt; &amp; "odd"</status>')
  tenant.patchDevice(deviceId, { wireCompliance: 'nil' })
  t.equal(await statusOf(), '<status i:nil="true"/>')
  tenant.patchDevice(deviceId, { complianceState: 'compliant', wireCompliance: null })
  t.equal(await statusOf(), '<status>true</status>')
})

t.test('a device that Intune does not manage is answered as the variant says', async (t) => {
  const rig = await startRig(t)
  const { tenant } = rig.simulator
  const token = await rig.token(intuneScope)
  const unregistered = row(`<guid>${deviceId}</guid>`, 'false', '<status>false</status>')

  t.equal(
    (await rig.query('guid', deviceId, token)).text,
    attributesDocument(`<deviceList>${unregistered}</deviceList>`),
  )
  tenant.putDevice({ deviceId, complianceState: 'compliant', enrolled: false })
  t.equal(
    (await rig.query('guid', deviceId, token)).text,
    attributesDocument(`<deviceList>${unregistered}</deviceList>`),
    'an unenrolled device is not told from an unknown one',
  )
  t.match(
    (await rig.query('macaddress', '005056A4895A', token)).text,
    '<macaddress>005056A4895A</macaddress>',
  )
  tenant.setVariants({ notFound: 'empty_list' })
  t.equal((await rig.query('guid', deviceId, token)).text, attributesDocument('<deviceList/>'))
  tenant.setVariants({ notFound: 'missing_list' })
  t.equal((await rig.query('guid', deviceId, token)).text, attributesDocument(''))
  tenant.setVariants({ notFound: 'nil_list' })
  t.equal((await rig.query('guid', deviceId, token)).text, attributesDocument('<deviceList i:nil="true"/>'))
  tenant.setVariants({ notFound: 'unregistered', deviceNames: 'withheld' })
  t.notMatch((await rig.query('guid', deviceId, token)).text, /<guid>/, 'a row that names nobody')
  tenant.setVariants({ notFound: 'http_404', deviceNames: 'given' })
  const missing = await rig.query('guid', deviceId, token)
  t.equal(missing.status, 404)
  t.match(missing.json(), { ErrorCode: 'ResourceNotFound' })
})

t.test('a shared MAC gives a row for each device, and replyAs gives the row of another', async (t) => {
  const rig = await startRig(t)
  const { tenant } = rig.simulator
  const token = await rig.token(intuneScope)
  const macs = ['005056A4895A']
  tenant.putDevice({ deviceId, macs, complianceState: 'compliant' })
  tenant.putDevice({
    deviceId: otherDeviceId,
    macs: ['005056A4895A', '005056A4895B'],
    complianceState: 'noncompliant',
  })
  t.equal((await rig.query('macaddress', '005056A4895A', token)).text.split('<device>').length, 3, 'two rows')

  tenant.removeDevice(otherDeviceId)
  t.equal((await rig.query('macaddress', '005056A4895A', token)).text.split('<device>').length, 2, 'one row')
  tenant.patchDevice(deviceId, { replyAs: otherDeviceId })
  const lie = await rig.query('guid', deviceId, token)
  t.match(lie.text, `<guid>${otherDeviceId}</guid>`)
  t.notMatch(lie.text, deviceId)
  tenant.putDevice({ deviceId: otherDeviceId, macs: ['001122334455'], complianceState: 'noncompliant' })
  const lieByMac = await rig.query('macaddress', '005056A4895A', token)
  t.match(lieByMac.text, `<guid>${otherDeviceId}</guid><macaddress>001122334455</macaddress>`)
  t.match(lieByMac.text, '<status>false</status>')
})

t.test('callers without a token for this API, or without the role, are refused', async (t) => {
  const rig = await startRig(t)
  const { tenant } = rig.simulator
  tenant.putDevice({ deviceId, complianceState: 'compliant' })
  const refused: [string, string][] = [
    ['a Graph token', await rig.token(graphScope)],
    ['an audience without its slash', await rig.token('https://api.manage.microsoft.com/.default')],
    ['no JWT', 'abc'],
  ]
  for (const [name, token] of refused) {
    const answer = await rig.query('guid', deviceId, token)
    t.equal(answer.status, 401, name)
    t.match(answer.json(), { ErrorCode: 'Unauthorized', Message: /"_version": 3,\r\n/, Target: null })
  }
  const token = await rig.token(intuneScope)
  t.equal((await rig.query('guid', deviceId, token)).status, 200)
  rig.clock.advance(3_599_001)
  t.equal((await rig.query('guid', deviceId, token)).status, 401, 'an expired token, although it was good')

  tenant.registerApp({
    clientId,
    certificatesPem: [rig.app.certificatePem],
    roles: { intune: ['scep_challenge_provider'] },
  })
  t.equal(
    (await rig.query('guid', deviceId, await rig.token(intuneScope))).status,
    403,
    'no get_device_compliance',
  )
})

t.test('a request that Intune would not understand is 400, 405 or 406', async (t) => {
  const rig = await startRig(t)
  const { tenant } = rig.simulator
  const authorization = `Bearer ${await rig.token(intuneScope)}`
  const xml = { authorization, accept: 'application/xml' }
  const get = (query: string, headers: Record<string, string> = xml) =>
    rig.call(`${retrievalPath}/cisco/devices/?${query}`, { headers })

  t.equal((await get(`querycriteria=guid&value=${deviceId}&filter=all`)).status, 400, 'paging is required')
  t.equal((await get('paging=0&value=1')).status, 400, 'so is querycriteria')
  t.equal((await get('paging=0&querycriteria=guid')).status, 400, 'so is value')
  t.equal((await get('paging=0&querycriteria=serialnumber&value=1')).status, 400, 'no such criteria')
  t.equal((await get('paging=0&querycriteria=guid&value=1')).status, 400, 'no GUID')
  t.equal((await get('paging=0&querycriteria=macaddress&value=00:50:56:A4:89:5A')).status, 400, 'not bare')
  tenant.setVariants({ macSpelling: 'not_found' })
  t.match(
    (await get('paging=0&querycriteria=macaddress&value=00:50:56:A4:89:5A')).text,
    '<register_status>false',
  )

  const good = `paging=0&querycriteria=guid&value=${deviceId}&filter=all`
  t.equal((await get(good, { authorization, accept: 'application/json' })).status, 406)
  t.equal((await get(good, { authorization })).status, 406)
  tenant.setVariants({ acceptHeader: 'optional' })
  t.equal((await get(good, { authorization })).status, 200)
  t.equal((await rig.call(`${retrievalPath}/cisco/devices/`, { method: 'POST', headers: xml })).status, 405)
})

t.test('after a move the old path is gone and still counted as a query', async (t) => {
  const rig = await startRig(t)
  const { tenant } = rig.simulator
  const headers = { authorization: `Bearer ${await rig.token(intuneScope)}`, accept: 'application/xml' }
  tenant.setVariants({ complianceRetrievalPath: '/NewScaleUnit' })
  const old = `${retrievalPath}/cisco/devices/?paging=0&querycriteria=guid&value=${deviceId}&filter=all`
  t.equal((await rig.call(old, { headers })).status, 404)
  tenant.setVariants({ retiredPathStatus: 410 })
  t.equal((await rig.call(old, { headers })).status, 410)
  t.equal((await rig.query('guid', deviceId, headers.authorization.slice(7))).status, 200)
  t.equal(tenant.requestCounts().query, 3)
  t.equal((await rig.call('/StatelessNACService/nothing/', { headers })).status, 404)
  t.equal(tenant.requestCounts().other, 1)
})
