import t, { type Test } from 'tap'
import { clientId, graphScope, intuneScope, startRig } from './rig.ts'

const deviceId = 'ee9d3792-6859-4b71-93aa-56aba42581c5'
const otherDeviceId = '3eeb9e62-91a5-4c40-8d5f-1d2f3c4b5a69'
const azureDeviceId = '3b0e5372-0000-4000-8000-000000000001'
const base = '/v1.0/deviceManagement/managedDevices'
const readRole = 'DeviceManagementManagedDevices.Read.All'

type Row = Record<string, unknown>

async function startDetails(t: Test, roles: string[] = [readRole]) {
  const rig = await startRig(t)
  const { tenant } = rig.simulator
  const certificatesPem = [rig.app.certificatePem]
  tenant.registerApp({ clientId, certificatesPem, roles: { graph: roles } })
  const authorization = `Bearer ${await rig.token(graphScope)}`
  const get = (path: string) => rig.call(path, { headers: { authorization, 'client-request-id': 'c1' } })
  const list = async (query: Record<string, string>) => {
    const answer = await get(`${base}?${new URLSearchParams(query)}`)
    return { ...answer, rows: (answer.json().value ?? []) as Row[] }
  }
  return { rig, tenant, get, list }
}

t.test('a managed device is told in full, and with $select in part', async (t) => {
  const { get, tenant } = await startDetails(t)
  tenant.putDevice({
    deviceId,
    macs: ['005056A4895A', '005056A4895B'],
    complianceState: 'inGracePeriod',
    gracePeriodEndsMs: Date.UTC(2026, 11, 1, 12),
    lastSyncMs: Date.UTC(2026, 10, 23, 8, 0, 0, 500),
    azureDeviceId,
    deviceName: 'alice-laptop',
    userPrincipalName: 'alice@contoso.example',
    ownerType: 'company',
    operatingSystem: 'Windows',
    osVersion: '10.0.22631.3737',
    model: 'Latitude 5440',
    manufacturer: 'Dell',
    serialNumber: 'SN1',
    imei: '354',
    meid: '35',
  })
  const whole = await get(`${base}/${deviceId.toUpperCase()}`)
  t.equal(whole.status, 200)
  t.equal(whole.headers['client-request-id'], 'c1')
  t.strictSame(whole.json(), {
    '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#deviceManagement/managedDevices/$entity',
    id: deviceId,
    deviceName: 'alice-laptop',
    managedDeviceOwnerType: 'company',
    lastSyncDateTime: '2026-11-23T08:00:00.500Z',
    operatingSystem: 'Windows',
    osVersion: '10.0.22631.3737',
    complianceState: 'inGracePeriod',
    complianceGracePeriodExpirationDateTime: '2026-12-01T12:00:00Z',
    azureADDeviceId: azureDeviceId,
    userPrincipalName: 'alice@contoso.example',
    model: 'Latitude 5440',
    manufacturer: 'Dell',
    serialNumber: 'SN1',
    imei: '354',
    meid: '35',
    wiFiMacAddress: '005056A4895A',
    ethernetMacAddress: null,
  })
  const part = await get(`${base}('${deviceId}')?$select=complianceState,ethernetMacAddress`)
  t.strictSame(part.json(), {
    '@odata.context':
      'https://graph.microsoft.com/v1.0/$metadata#deviceManagement/managedDevices(complianceState,ethernetMacAddress)/$entity',
    id: deviceId,
    complianceState: 'inGracePeriod',
    ethernetMacAddress: '005056A4895B',
  })
  t.match(tenant.requests('details'), [
    { identifier: { kind: 'id', value: deviceId } },
    { identifier: { kind: 'id' }, status: 200 },
  ])
})

t.test('every state of Graph is told, dates that are not set are sentinels', async (t) => {
  const { get, tenant } = await startDetails(t)
  const states = [
    'unknown',
    'compliant',
    'noncompliant',
    'conflict',
    'error',
    'inGracePeriod',
    'configManager',
  ] as const
  for (const complianceState of states) {
    tenant.putDevice({ deviceId, complianceState })
    t.match((await get(`${base}/${deviceId}`)).json(), {
      complianceState,
      lastSyncDateTime: '0001-01-01T00:00:00Z',
      complianceGracePeriodExpirationDateTime: '9999-12-31T23:59:59Z',
      managedDeviceOwnerType: 'unknown',
      serialNumber: '',
    })
  }
  tenant.patchDevice(deviceId, { enrolling: true })
  t.match((await get(`${base}/${deviceId}`)).json(), {
    azureADDeviceId: '00000000-0000-0000-0000-000000000000',
  })
})

t.test('a device that is gone is 404 in the envelope of Graph', async (t) => {
  const { get, tenant } = await startDetails(t)
  const expected = {
    error: {
      code: 'ResourceNotFound',
      message: /"_version": 3,\r\n.*Activity ID: [0-9a-f-]{36}/,
      innerError: { 'client-request-id': 'c1', date: /^\d{4}-/ },
    },
  }
  const missing = await get(`${base}/${deviceId}`)
  t.equal(missing.status, 404)
  t.match(missing.json(), expected)
  tenant.putDevice({ deviceId, complianceState: 'compliant', enrolled: false })
  t.match((await get(`${base}/${deviceId}`)).json(), expected, 'a device that left')
  tenant.putDevice({ deviceId, complianceState: 'compliant', replyAs: otherDeviceId })
  t.match((await get(`${base}/${deviceId}`)).json(), { id: otherDeviceId }, 'told to lie')
})

t.test('the list is filtered by some properties, and by any other not at all', async (t) => {
  const { list, tenant } = await startDetails(t)
  tenant.putDevice({
    deviceId,
    macs: ['005056A4895A', '005056A4895B'],
    complianceState: 'compliant',
    serialNumber: "O'Neill",
    imei: '354',
    azureDeviceId,
    deviceName: 'one',
  })
  tenant.putDevice({ deviceId: otherDeviceId, macs: ['001122334455'], complianceState: 'noncompliant' })
  tenant.putDevice({ deviceId: azureDeviceId, complianceState: 'compliant', enrolled: false })
  for (const filter of [
    "serialNumber eq 'O''Neill'",
    "serialnumber eq 'o''neill'",
    "imei eq '354'",
    `azureADDeviceId eq '${azureDeviceId}'`,
    "deviceName eq 'one'",
    "complianceState eq 'compliant'",
  ]) {
    const { rows } = await list({ $filter: filter })
    t.strictSame(
      rows.map(({ id }) => id),
      [deviceId],
      filter,
    )
  }
  t.strictSame((await list({ $filter: "serialNumber eq 'none'" })).json(), {
    '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#deviceManagement/managedDevices',
    '@odata.count': 0,
    value: [],
  })
  for (const filter of ["wiFiMacAddress eq '005056A4895A'", "userId eq '1'"]) {
    t.equal((await list({ $filter: filter })).rows.length, 2, `${filter} gives every device`)
  }
  const { rows } = await list({ $select: 'ethernetMacAddress,wiFiMacAddress' })
  t.strictSame(rows[0], { id: deviceId, wiFiMacAddress: '005056A4895A', ethernetMacAddress: null })
  for (const [option, value] of [
    ['$filter', "serialNumber ne '1'"],
    ['$filter', 'serialNumber eq 1'],
    ['$select', 'colour'],
    ['$top', '0'],
    ['$top', 'many'],
    ['$skiptoken', 'x'],
  ] as const) {
    const answer = await list({ [option]: value })
    t.equal(answer.status, 400, `${option}=${value}`)
    t.match(answer.json(), { error: { code: 'BadRequest' } })
  }
  t.match(tenant.requests('details')[0], { identifier: { kind: 'serialNumber', value: "O'Neill" } })
})

t.test('a long list comes in pages', async (t) => {
  const { rig, get, list, tenant } = await startDetails(t)
  tenant.putDevices(
    Array.from({ length: 7 }, (_, n) => ({
      deviceId: `00000000-0000-4000-8000-00000000000${n}`,
      complianceState: n === 6 ? ('compliant' as const) : ('noncompliant' as const),
    })),
  )
  const seen: unknown[] = []
  let answer = await list({ $top: '4', $select: 'id', $filter: "complianceState eq 'noncompliant'" })
  const counts = [answer.json()['@odata.count']]
  for (;;) {
    seen.push(...(answer.json().value as Row[]).map(({ id }) => id))
    const link = answer.json()['@odata.nextLink']
    if (typeof link !== 'string') break
    t.ok(link.startsWith(`${rig.simulator.origin}${base}?`), 'the link is on the same host')
    answer = { ...(await get(link.slice(rig.simulator.origin.length))), rows: [] }
    counts.push(answer.json()['@odata.count'])
  }
  t.equal(new Set(seen).size, 6, 'every device once')
  t.strictSame(counts, [4, 2], 'the count is that of the page')
  tenant.setVariants({ detailsPageSize: 3 })
  t.equal((await list({ $top: '5' })).rows.length, 3, 'the service has a limit of its own')
})

t.test('managed devices need a token for Graph with the role', async (t) => {
  const { rig, get } = await startDetails(t, ['Application.Read.All'])
  const denied = await get(`${base}/${deviceId}`)
  t.equal(denied.status, 403)
  t.match(denied.json(), {
    error: { code: 'Forbidden', message: /DeviceManagementManagedDevices\.Read\.All/ },
  })
  const bare = await rig.call(base)
  t.match(bare.json(), { error: { code: 'InvalidAuthenticationToken' } })
  const headers = { authorization: `Bearer ${await rig.token(intuneScope)}` }
  t.equal((await rig.call(base, { headers })).status, 401)
  t.equal((await rig.call(base, { json: {}, headers })).status, 405)
  t.equal((await get('/v1.0/deviceManagement/managedDevices/a/b')).status, 400)
})

t.test('faults strike details by any name of the device', async (t) => {
  const { get, tenant } = await startDetails(t)
  tenant.putDevice({ deviceId, macs: ['005056A4895A'], complianceState: 'compliant', serialNumber: 'SN1' })
  tenant.setFault({ hop: 'details', match: '00:50:56:a4:89:5a', kind: 'status', status: 429, times: 2 })
  const throttled = await get(`${base}/${deviceId}`)
  t.equal(throttled.status, 429)
  t.notOk('retry-after' in throttled.headers, 'nobody says for how long')
  t.equal((await get(`${base}?$filter=serialNumber%20eq%20'SN1'`)).status, 429, 'by its serial number')
  t.strictSame(tenant.listFaults(), [])
  tenant.setFault({ hop: 'details', kind: 'nested_error', status: 429, retryAfterSeconds: 7 })
  const nested = await get(`${base}/${deviceId}`)
  const { error } = nested.json() as { error: { code: string; message: string } }
  t.equal(error.code, 'TooManyRequests')
  t.match(JSON.parse(error.message), { RetryAfter: 7, _version: 3 })
})
