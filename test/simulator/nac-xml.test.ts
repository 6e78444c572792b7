import t from 'tap'
import { intuneScope, startRig } from './rig.ts'

const deviceId = 'ee9d3792-6859-4b71-93aa-56aba42581c5'
const mac = '005056A4895A'

t.test('NAC 1.x speaks version 2 of the Cisco MDM API', async (t) => {
  const rig = await startRig(t)
  const { tenant } = rig.simulator
  const headers = { authorization: `Bearer ${await rig.token(intuneScope)}`, accept: 'application/xml' }
  const get = (path: string) => rig.call(`/StatelessNACService${path}`, { headers })
  const devices = (query: string) => get(`/ciscodeviceinfo/mdm/api/devices/?${query}&filter=all`)
  const byMac = async () => (await devices(`paging=0&querycriteria=macaddress&value=${mac}`)).text

  const info = await get('/ciscoise/mdminfo/?ise_api_version=2')
  t.equal(info.headers['content-type'], 'application/xml; charset=utf-8')
  t.equal(
    info.text,
    '<ise_api><name>mdminfo</name><api_version>2</api_version><api_path>/StatelessNacService/ciscodeviceinfo/mdm/api</api_path><redirect_url>https://portal.manage.microsoft.com/networkaccesscontrol/index</redirect_url><query_max_size>100</query_max_size><messaging_support>false</messaging_support><vendor>Microsoft</vendor><product_name>Microsoft Intune</product_name><product_version>5.0</product_version></ise_api>',
  )
  const [apiPath = ''] = /\/StatelessNac[^<]+/.exec(info.text) ?? []
  t.equal(
    (await rig.call(`${apiPath}/devices/?paging=0&querycriteria=macaddress&value=${mac}`, { headers }))
      .status,
    200,
    'the path that it names is served, although discovery spells it in another way',
  )
  t.equal((await get('/ciscoise/mdminfo')).status, 400)

  tenant.putDevice({
    deviceId,
    macs: [mac],
    complianceState: 'noncompliant',
    model: 'VMware Virtual Platform',
    serialNumber: 'VMware-4224',
    osVersion: '10.0.19043.2006',
  })
  const attributes =
    '<attributes><register_status>true</register_status><compliance><status>false</status></compliance><pin_lock_on>false</pin_lock_on><model>VMware Virtual Platform</model><udid/><serial_number>VMware-4224</serial_number><os_version>10.0.19043.2006</os_version></attributes>'
  const wrapped = (rows: string) =>
    `<ise_api><name>attributes</name><api_version>2</api_version><paging_info>0</paging_info><deviceList>${rows}</deviceList></ise_api>`
  t.equal(await byMac(), wrapped(`<device>${attributes}</device>`), 'no MAC and no GUID in the answer')
  t.equal(
    (await devices('paging=0&querycriteria=compliance&value=false')).text,
    wrapped(`<device><macaddress>${mac}</macaddress>${attributes}</device>`),
    'a row of the list names its device',
  )
  tenant.patchDevice(deviceId, { imei: '354', wireCompliance: 'nil' })
  t.match(await byMac(), '<compliance><status/></compliance>')
  t.match(await byMac(), '<imei>354</imei></attributes>')

  tenant.removeDevice(deviceId)
  const unregistered =
    '<device><attributes><register_status>false</register_status><compliance><status>false</status></compliance></attributes></device>'
  t.equal(await byMac(), wrapped(unregistered))
  tenant.setVariants({ notFound: 'empty_list' })
  t.equal(await byMac(), wrapped('').replace('<deviceList></deviceList>', '<deviceList/>'))
  tenant.setVariants({ notFound: 'missing_list' })
  t.notMatch(await byMac(), 'deviceList')
  tenant.setVariants({ notFound: 'http_404' })
  t.equal((await devices(`paging=0&querycriteria=macaddress&value=${mac}`)).status, 404)

  t.equal(
    (await devices(`paging=0&querycriteria=guid&value=${deviceId}`)).status,
    400,
    'GUIDs came with version 3',
  )
  t.equal((await devices(`querycriteria=macaddress&value=${mac}`)).status, 400, 'paging is required')
  t.match(tenant.requestCounts(), { mdminfo: 2, bulk: 1, other: 0 })
})
