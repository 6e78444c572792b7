import t, { type Test } from 'tap'
import type { DeviceInput } from '../../src/simulator/simulator.ts'
import { graphScope, intuneScope, type Rig, startRig } from './rig.ts'

const deviceId = 'ee9d3792-6859-4b71-93aa-56aba42581c5'
const otherDeviceId = '3eeb9e62-91a5-4c40-8d5f-1d2f3c4b5a69'
const azureDeviceId = '3b0e5372-0000-4000-8000-000000000001'
const zeroGuid = '00000000-0000-0000-0000-000000000000'
const mac = '805056A4895A'

const phone: DeviceInput & { imei: string; meid: string; udid: string } = {
  deviceId,
  macs: [mac],
  complianceState: 'compliant',
  azureDeviceId,
  deviceOwner: 'Personal',
  imei: '354000000000001',
  meid: '35400000000001',
  udid: '0123456789abcdef0123456789abcdef01234567',
  manufacturer: 'motorola',
  model: 'XT2041',
  osVersion: 'Android 8.0.0',
  serialNumber: 'ZY1',
  lastContactMs: Date.UTC(2020, 11, 15, 10, 22, 45, 678),
}

async function startNac(t: Test) {
  const rig = await startRig(t)
  const token = await rig.token(intuneScope)
  const ask = (query: string, headers: Record<string, string> = {}) => askNac(rig, token, query, headers)
  const byMac = async (value = mac) =>
    (await ask(`querycriteria=macaddress&value=${value}&api-version=1.1`)).json()
  return { rig, tenant: rig.simulator.tenant, token, ask, byMac }
}

function askNac(rig: Rig, token: string, query: string, headers: Record<string, string> = {}) {
  return rig.call(`/StatelessNACService/devices/?${query}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
  })
}

t.test('a managed device is one flat object of thirteen members', async (t) => {
  const { ask, tenant } = await startNac(t)
  tenant.putDevice(phone)
  const answer = await ask(`querycriteria=macaddress&api-version=1.1&value=${mac.toLowerCase()}`)
  t.equal(answer.status, 200)
  t.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
  t.equal(
    answer.text,
    JSON.stringify({
      azureDeviceId,
      complianceState: true,
      deviceOwner: 'Personal',
      imei: '354000000000001',
      isManaged: true,
      lastContactTimeUtc: '12/15/2020 10:22:45',
      macAddress: mac,
      manufacturer: 'motorola',
      meid: '35400000000001',
      model: 'XT2041',
      osVersion: 'Android 8.0.0',
      serialNumber: 'ZY1',
      udid: '0123456789abcdef0123456789abcdef01234567',
    }),
    'members and their order are those that were observed',
  )
  t.match(tenant.requests('query'), [{ identifier: { kind: 'macaddress', value: mac.toLowerCase() } }])
})

t.test('every criteria of NAC 1.x finds the device, and every version answers', async (t) => {
  const { ask, tenant } = await startNac(t)
  tenant.putDevice(phone)
  const asked = { macaddress: mac, imei: phone.imei, meid: phone.meid, udid: phone.udid.toUpperCase() }
  for (const [criteria, value] of Object.entries(asked)) {
    const answer = await ask(`querycriteria=${criteria}&value=${value}&api-version=1.3`)
    t.match(answer.json(), { azureDeviceId, isManaged: true }, criteria)
  }
  const query = `querycriteria=macaddress&value=${mac}`
  const oldest = (await ask(`${query}&api-version=1.0`)).json()
  t.notOk('deviceOwner' in oldest, '1.0 has no owner')
  t.equal(Object.keys(oldest).length, 12, 'and everything else')
  t.match(
    (await ask(query, { 'api-version': '1.1' })).json(),
    { deviceOwner: 'Personal' },
    'a header will do',
  )
  t.match((await ask(`${query}&API-Version=1.1&paging=0`)).json(), { isManaged: true })
})

t.test('a call that NAC 1.x would not understand is refused', async (t) => {
  const { ask, rig, tenant, token } = await startNac(t)
  const wrong: [string, string][] = [
    [`querycriteria=macaddress&value=${mac}`, 'no version'],
    [`querycriteria=macaddress&value=${mac}&api-version=2.0`, 'an unknown version'],
    ['querycriteria=serialnumber&value=ZY1&api-version=1.1', 'an unknown criteria'],
    [`querycriteria=guid&value=${deviceId}&api-version=1.1`, 'a criteria of Compliance Retrieval'],
    ['querycriteria=compliance&value=false&api-version=1.1', 'the list'],
    ['querycriteria=imei&api-version=1.1', 'no value'],
    ['value=1&api-version=1.1', 'no criteria'],
    ['querycriteria=macaddress&value=80:50:56:A4:89:5A&api-version=1.1', 'a MAC with separators'],
  ]
  for (const [query, name] of wrong) {
    const answer = await ask(query)
    t.equal(answer.status, 400, name)
    t.match(answer.json(), { ErrorCode: 'BadRequest' })
  }
  tenant.setVariants({ macSpelling: 'not_found' })
  t.match((await ask(wrong[7]?.[0] ?? '')).json(), { isManaged: false })

  const good = `querycriteria=macaddress&value=${mac}&api-version=1.1`
  t.equal((await ask(good, { accept: 'application/xml' })).status, 406, 'JSON is refused')
  t.equal((await ask(good, { accept: 'text/html, */*;q=0.1' })).status, 200, 'JSON is allowed')
  t.equal((await ask(good, { accept: 'application/json' })).status, 200)
  tenant.setVariants({ acceptHeader: 'optional' })
  t.equal((await ask(good, { accept: 'application/xml' })).status, 200)

  t.equal((await askNac(rig, await rig.token(graphScope), good)).status, 401, 'a token for Graph')
  const posted = await rig.call('/StatelessNACService/devices', {
    json: {},
    headers: { authorization: `Bearer ${token}` },
  })
  t.equal(posted.status, 405)
  tenant.setVariants({ nacServed: false })
  t.equal((await ask(good)).status, 404, 'listed and not served')
})

t.test('a device that Intune does not manage is 200 and isManaged false', async (t) => {
  const { ask, byMac, tenant } = await startNac(t)
  const full = {
    azureDeviceId: zeroGuid,
    complianceState: false,
    deviceOwner: '',
    imei: '',
    isManaged: false,
    lastContactTimeUtc: '',
    macAddress: '',
    manufacturer: '',
    meid: '',
    model: '',
    osVersion: '',
    serialNumber: '',
    udid: '',
  }
  t.strictSame(await byMac(), full)
  tenant.putDevice({ ...phone, enrolled: false })
  t.strictSame(await byMac(), full, 'a device that is not enrolled is not told from an unknown one')
  t.notOk(
    'deviceOwner' in (await ask(`querycriteria=macaddress&value=${mac}&api-version=1.0`)).json(),
    '1.0 has no owner',
  )
  tenant.setVariants({ nacNotFound: 'bare' })
  t.strictSame(await byMac(), { isManaged: false })
  tenant.setVariants({ nacBooleans: 'capitalised' })
  t.strictSame(await byMac(), { isManaged: 'False' })
  tenant.setVariants({ nacNotFound: 'http_404' })
  t.equal((await ask(`querycriteria=imei&value=1&api-version=1.1`)).status, 404)
})

t.test('what Intune does not know is written as the variants say', async (t) => {
  const { byMac, tenant } = await startNac(t)
  tenant.putDevice({ deviceId, macs: [mac], complianceState: 'noncompliant', ownerType: 'company' })
  const plain = await byMac()
  t.match(plain, { complianceState: false, isManaged: true, deviceOwner: 'Corporate', model: '', imei: '' })
  t.match(plain.azureDeviceId, /^[0-9a-f]{8}-.*[1-9a-f]/, 'a joined device has an Entra id')
  t.equal((await byMac()).azureDeviceId, plain.azureDeviceId, 'which stays the same')
  t.equal(plain.lastContactTimeUtc, '')

  tenant.setVariants({ nacAbsentValues: 'missing' })
  t.strictSame(Object.keys(await byMac()), [
    'azureDeviceId',
    'complianceState',
    'deviceOwner',
    'isManaged',
    'macAddress',
  ])
  tenant.setVariants({ nacAbsentValues: 'null' })
  t.match(await byMac(), { model: null, lastContactTimeUtc: null })

  tenant.patchDevice(deviceId, { lastSyncMs: Date.UTC(2026, 0, 2, 3, 4, 5) })
  tenant.setVariants({ nacLastContact: 'with_offset' })
  t.match(await byMac(), { lastContactTimeUtc: '01/02/2026 03:04:05 +00:00' })
  tenant.patchDevice(deviceId, { enrolling: true, azureDeviceId })
  t.match(await byMac(), { isManaged: true, azureDeviceId: zeroGuid }, 'still enrolling')
})

t.test('booleans come in every form that a client may meet', async (t) => {
  const { byMac, tenant } = await startNac(t)
  tenant.putDevice(phone)
  for (const [nacBooleans, yes] of [
    ['string', 'true'],
    ['capitalised', 'True'],
    ['number', 1],
    ['boolean', true],
  ] as const) {
    tenant.setVariants({ nacBooleans })
    t.match(await byMac(), { complianceState: yes, isManaged: yes }, nacBooleans)
  }
  for (const form of ['true', 1, null, 'unknown', { nested: [true] }]) {
    tenant.patchDevice(deviceId, { wireNacJson: { complianceState: form } })
    t.strictSame((await byMac()).complianceState, form, JSON.stringify(form))
  }
  tenant.patchDevice(deviceId, { wireNacJson: null, wireCompliance: 'nil' })
  t.equal((await byMac()).complianceState, null)
  tenant.patchDevice(deviceId, { wireCompliance: 'Unknown' })
  t.equal((await byMac()).complianceState, 'Unknown')
  tenant.patchDevice(deviceId, { wireCompliance: null, complianceState: 'unknown' })
  t.equal((await byMac()).complianceState, false)
  tenant.setVariants({ unknownOnWire: 'nil' })
  t.equal((await byMac()).complianceState, null)
  tenant.patchDevice(deviceId, { complianceState: 'conflict' })
  t.equal((await byMac()).complianceState, false)
})

t.test('several devices with one MAC are one object, an array or a value', async (t) => {
  const { byMac, tenant } = await startNac(t)
  const macs = [mac]
  tenant.putDevice({ deviceId, macs, complianceState: 'compliant', serialNumber: 'new', lastContactMs: 2000 })
  tenant.putDevice({
    deviceId: otherDeviceId,
    macs,
    complianceState: 'noncompliant',
    serialNumber: 'old',
    lastContactMs: 1000,
  })
  t.match(await byMac(), { serialNumber: 'new' }, 'the device in contact last')
  tenant.setVariants({ nacDuplicates: 'array' })
  t.match(await byMac(), [{ serialNumber: 'new' }, { serialNumber: 'old' }])
  tenant.setVariants({ nacDuplicates: 'value' })
  t.match(await byMac(), { value: [{ serialNumber: 'new' }, { serialNumber: 'old' }] })
  tenant.removeDevice(otherDeviceId)
  t.match(await byMac(), { serialNumber: 'new' }, 'a single device stays an object')
  tenant.putDevice({ deviceId: otherDeviceId, macs: ['001122334455'], complianceState: 'noncompliant' })
  tenant.patchDevice(deviceId, { replyAs: otherDeviceId })
  t.match(await byMac(), { macAddress: '001122334455', complianceState: false }, 'the row of another device')
})
