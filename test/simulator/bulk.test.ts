import t, { type Test } from 'tap'
import { intuneScope, startRig } from './rig.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const retrievalPath = '/TrafficGateway/TrafficRoutingService/ResourceAccess/ComplianceRetrievalService'
const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const macOf = (n: number) => String(n).padStart(12, '0')

async function startBulk(t: Test) {
  const rig = await startRig(t)
  let token = await rig.token(intuneScope)
  const list = async (query = 'deviceidentifier=guid', paging = '0', path = '/cisco/devices/') => {
    const answer = await rig.call(
      `${retrievalPath}${path}?paging=${paging}&querycriteria=compliance&value=false&${query}&filter=all`,
      { headers: { authorization: `Bearer ${token}`, accept: 'application/xml' } },
    )
    const rows = answer.text.split('<device>').slice(1)
    const all = (name: string) =>
      rows.flatMap((row) => new RegExp(`^.*?<${name}>([^<]*)<`).exec(row)?.[1] ?? [])
    const [, paging_info] = /<paging_info>([^<]*)</.exec(answer.text) ?? []
    return {
      status: answer.status,
      text: answer.text,
      guids: all('guid'),
      macs: all('macaddress'),
      paging_info,
    }
  }
  return {
    rig,
    tenant: rig.simulator.tenant,
    list,
    async pass(ms: number) {
      rig.clock.advance(ms)
      token = await rig.token(intuneScope)
    },
  }
}

t.test('the list holds the enrolled devices that read noncompliant, on one page', async (t) => {
  const { tenant, list } = await startBulk(t)
  tenant.setVariants({ bulkRule: 'off' })
  const states = ['compliant', 'noncompliant', 'inGracePeriod', 'conflict', 'error', 'unknown'] as const
  tenant.putDevices(
    states.map((complianceState, n) => ({ deviceId: id(n), macs: [macOf(n)], complianceState })),
  )
  tenant.putDevices([
    { deviceId: id(10), complianceState: 'noncompliant', enrolled: false },
    { deviceId: id(11), complianceState: 'compliant', wireCompliance: 'False', macs: [macOf(11), macOf(12)] },
  ])
  const byGuid = await list()
  t.strictSame(byGuid.guids, [1, 2, 3, 4, 5, 11].map(id))
  t.match(
    byGuid.text,
    `<api_version>3</api_version><paging_info>0</paging_info><deviceList><device><guid>${id(1)}</guid><Attributes><guid>${id(1)}</guid><register_status>true</register_status><Compliance><status>false</status></Compliance></Attributes></device>`,
  )
  const byMac = await list('deviceidentifier=macaddress')
  t.strictSame(byMac.macs, [1, 2, 3, 4, 5, 11, 12].map(macOf), 'a row for each MAC')
  t.strictSame(byMac.guids, [], 'and no GUID')
  tenant.setVariants({ bulkMacRows: 'guid_and_macaddress', unknownOnWire: 'empty' })
  const both = await list('DeviceIdentifier=MacAddress')
  t.strictSame(both.guids, [1, 2, 3, 4, 11, 11].map(id), 'not one that is told from a noncompliant one')
  t.match(tenant.requests('bulk'), [{ identifier: { kind: 'compliance', value: 'false' } }, {}, {}])
  t.equal(tenant.requestCounts().query, 0)
})

t.test('a second list within four hours is refused', async (t) => {
  const { tenant, list, pass } = await startBulk(t)
  t.equal((await list()).status, 200)
  const refused = await list('deviceidentifier=macaddress')
  t.equal(refused.status, 503)
  t.match(JSON.parse(refused.text), { ErrorCode: 'ServiceUnavailable' })
  await pass(4 * hourMs - 1)
  t.equal((await list()).status, 503, 'a refused call does not start the time again')
  await pass(1)
  t.equal((await list()).status, 200)
  t.equal((await list()).status, 503)
  tenant.reset()
  t.equal((await list()).status, 200, 'a tenant that was emptied was never asked')
})

t.test('with the rule of the window the first hour is free', async (t) => {
  const { tenant, list, pass } = await startBulk(t)
  tenant.setVariants({ bulkRule: 'window' })
  for (const [waitMs, status] of [
    [0, 200],
    [59 * minuteMs, 200],
    [minuteMs, 503],
    [3 * hourMs - 1, 503],
    [1, 200],
    [30 * minuteMs, 200],
  ] as const) {
    await pass(waitMs)
    t.equal((await list()).status, status, `${waitMs} ms later`)
  }
})

t.test('both dialects share one allowance, and only a list that was given uses it', async (t) => {
  const { rig, tenant, list } = await startBulk(t)
  const headers = { authorization: `Bearer ${await rig.token(intuneScope)}`, accept: 'application/xml' }
  const nac = () =>
    rig.call(
      '/StatelessNACService/ciscodeviceinfo/mdm/api/devices/?paging=0&querycriteria=compliance&value=false&filter=all',
      { headers },
    )
  tenant.setFault({ hop: 'bulk', kind: 'status', status: 500, times: 1 })
  t.equal((await list()).status, 500)
  t.equal((await list('deviceidentifier=serialnumber')).status, 400)
  t.equal((await list('')).status, 400, 'the identifier has to be said')
  t.equal((await list('deviceidentifier=guid', 'x')).status, 400)
  t.equal((await list('deviceidentifier=guid&value=true')).status, 200, 'the first of two values counts')
  t.equal((await nac()).status, 503)
  tenant.setVariants({ bulkRule: 'off', bulkDeviceIdentifier: 'optional' })
  t.equal((await list('')).status, 200)
  t.equal((await list('deviceidentifier=')).status, 400)
  const compliant = await rig.call(
    `${retrievalPath}/cisco/devices/?paging=0&querycriteria=compliance&value=true&deviceidentifier=guid`,
    { headers },
  )
  t.equal(compliant.status, 400, 'there is no list of compliant devices')
  tenant.setFault({ hop: 'bulk', match: 'macaddress', kind: 'html' })
  t.equal((await list('deviceidentifier=macaddress')).status, 503)
  t.equal((await list('deviceidentifier=guid')).status, 200)
})

t.test('a long list comes in pages with opaque tokens', async (t) => {
  const { tenant, list } = await startBulk(t)
  tenant.putDevices(
    Array.from({ length: 7 }, (_, n) => ({ deviceId: id(n), complianceState: 'noncompliant' as const })),
  )
  tenant.setVariants({ bulkPageSize: 3 })
  const first = await list()
  t.strictSame(first.guids, [0, 1, 2].map(id))
  t.match(first.paging_info, /^[\w-]{20,}$/)
  tenant.removeDevice(id(4))
  const second = await list('deviceidentifier=guid', first.paging_info)
  t.strictSame(second.guids, [3, 4, 5].map(id), 'the list as it was when it was asked for')
  t.strictSame((await list('deviceidentifier=guid', first.paging_info)).guids, second.guids, 'asked again')
  const third = await list('deviceidentifier=guid', second.paging_info)
  t.strictSame(third.guids, [6].map(id))
  t.equal(third.paging_info, '0', 'the end')
  t.equal((await list('deviceidentifier=guid', 'bm90LWEtdG9rZW4')).status, 400, 'no such token')

  tenant.setVariants({ bulkRule: 'off', bulkPaging: 'repeats_token' })
  const { paging_info } = await list()
  const again = await list('deviceidentifier=guid', paging_info)
  t.equal(again.paging_info, paging_info, 'a client that follows it never ends')
  t.strictSame((await list('deviceidentifier=guid', again.paging_info)).guids, again.guids)
  t.equal((await list('deviceidentifier=guid', first.paging_info)).status, 400, 'the older list is forgotten')
})

t.test('20,000 devices are set at once and listed', async (t) => {
  const { rig, tenant, list } = await startBulk(t)
  const devices = Array.from({ length: 20_000 }, (_, n) => ({
    deviceId: id(n),
    macs: [macOf(n)],
    complianceState: n % 2 === 0 ? ('noncompliant' as const) : ('compliant' as const),
    serialNumber: `S${n}`,
    model: 'Latitude 5440',
    userPrincipalName: `user${n}@contoso.example`,
  }))
  const put = await rig.control('PUT', '/devices', devices)
  t.strictSame(put.json(), { devices: 20_000 })
  t.equal((await list()).guids.length, 10_000)
  tenant.setVariants({ bulkPageSize: 100, bulkRule: 'off' })
  t.equal((await list('deviceidentifier=macaddress')).macs.length, 100)
})
