import t, { type Test } from 'tap'
import type { Fault } from '../../src/errors/fault.ts'
import type { DeviceIdentifier } from '../../src/identity/device-identity.ts'
import { factsOfGraphDevice, mergeGraphDevice, parseManagedDevice } from '../../src/intune/graph-device.ts'
import type { FaultInput } from '../../src/simulator/simulator.ts'
import {
  byDeviceId,
  byMac,
  compliantId,
  compliantMac,
  type Difference,
  noncompliantId,
  simulateIntune,
  unknownId,
  waitUntil,
} from './simulated-intune.ts'

const noncompliantMac = '005056A4895B'
const entraId = 'cccccccc-0000-4000-8000-000000000001'

/** The ordinary set-up with INTUNE_GRAPH_DETAILS=on and the permission that it needs. */
async function simulate(t: Test, difference: Difference = {}) {
  const intune = await simulateIntune(t, {
    ...difference,
    settings: { graphDetails: true, ...difference.settings },
  })
  const { tenant } = intune.simulator
  const [app] = tenant.listApps()
  if (!app) throw new Error('an app is registered')
  const graph = ['Application.Read.All', 'DeviceManagementManagedDevices.Read.All']
  tenant.registerApp({ ...app, roles: { graph, intune: ['get_device_compliance'] } })
  return { ...intune, tenant }
}

function bySerial(value: string): DeviceIdentifier {
  return { kind: 'serialNumber', value, origin: 'serialNumber', rank: 3 }
}

function byCommonName(value: string): DeviceIdentifier {
  return { kind: 'deviceId', value, origin: 'certificateCn', rank: 2 }
}

const record = (more: object) => ({ ok: true, value: { record: more } })

t.test('off, Graph is never asked and unknown reads noncompliant', async (t) => {
  const { lookup, tenant } = await simulate(t, { settings: { graphDetails: false } })
  for (const complianceState of ['unknown', 'inGracePeriod', 'conflict', 'error', 'noncompliant'] as const) {
    tenant.patchDevice(noncompliantId, { complianceState })
    t.match(
      await lookup(byDeviceId(noncompliantId)),
      record({ complianceState: 'noncompliant' }),
      complianceState,
    )
  }
  t.equal(tenant.requestCounts().details, 0)
})

t.test('on, the exact state of a device that is not compliant comes from Graph', async (t) => {
  const { lookup, tenant } = await simulate(t)
  const gracePeriodEndsMs = Date.UTC(2026, 11, 1, 12)
  const lastSyncMs = Date.UTC(2026, 10, 22, 23, 30)
  tenant.patchDevice(noncompliantId, {
    gracePeriodEndsMs,
    lastSyncMs,
    deviceName: "BOB'S-LAPTOP",
    userPrincipalName: 'bob@contoso.example',
    model: 'XPS',
    manufacturer: 'Dell',
    operatingSystem: 'Windows',
    osVersion: '10.0.19043.2006',
    ownerType: 'company',
    azureDeviceId: entraId,
  })
  const cases = {
    unknown: 'unknown',
    noncompliant: 'noncompliant',
    conflict: 'noncompliant',
    error: 'noncompliant',
    inGracePeriod: 'noncompliant',
    configManager: 'noncompliant',
  } as const
  for (const [graph, complianceState] of Object.entries(cases) as [keyof typeof cases, string][]) {
    tenant.patchDevice(noncompliantId, { complianceState: graph })
    for (const identifier of [byDeviceId(noncompliantId), byMac(noncompliantMac)]) {
      const answer = await lookup(identifier)
      t.match(
        answer,
        record({
          enrolled: true,
          complianceState,
          deviceId: noncompliantId,
          details: { graphComplianceState: graph },
        }),
        `${graph} by ${identifier.kind}`,
      )
      const ends = answer.ok ? answer.value.record.gracePeriodEndsMs : 0
      t.equal(
        ends,
        graph === 'inGracePeriod' ? gracePeriodEndsMs : undefined,
        `${graph}: end of a grace period`,
      )
    }
  }
  t.match(await lookup(byDeviceId(noncompliantId)), {
    value: {
      record: {
        details: {
          deviceName: "BOB'S-LAPTOP",
          userPrincipalName: 'bob@contoso.example',
          model: 'XPS',
          manufacturer: 'Dell',
          operatingSystem: 'Windows',
          osVersion: '10.0.19043.2006',
          ownership: 'corporate',
          entraDeviceId: entraId,
          lastSyncMs,
        },
      },
      trace: { api: 'compliance-retrieval' },
    },
  })
})

t.test('on, a compliant device costs no request to Graph, nor does one that is not enrolled', async (t) => {
  const { lookup, tenant } = await simulate(t)
  t.match(await lookup(byDeviceId(compliantId)), record({ complianceState: 'compliant' }))
  t.match(await lookup(byMac('005056A48900')), record({ enrolled: false }))
  t.equal(tenant.requestCounts().details, 0)
})

t.test('Graph never turns a "false" of Intune into compliant', async (t) => {
  const { lookup, tenant } = await simulate(t)
  tenant.patchDevice(noncompliantId, { complianceState: 'compliant', wireCompliance: 'false' })
  t.match(
    await lookup(byDeviceId(noncompliantId)),
    record({ complianceState: 'noncompliant', details: { graphComplianceState: 'compliant' } }),
  )
  tenant.patchDevice(noncompliantId, { wireCompliance: 'nil' })
  t.match(
    await lookup(byDeviceId(noncompliantId)),
    record({ complianceState: 'unknown' }),
    'nor what is unreadable',
  )
})

t.test('the merge is total: no state of Graph and no answer of Intune give compliant together', async (t) => {
  const states = [
    'unknown',
    'compliant',
    'noncompliant',
    'conflict',
    'error',
    'inGracePeriod',
    'configManager',
    'new',
    '',
  ]
  for (const complianceState of ['noncompliant', 'unknown'] as const) {
    for (const state of states) {
      const device = parseManagedDevice({ id: compliantId, complianceState: state }, () => {})
      if (!device) return t.fail('a device with an id is read')
      const merged = mergeGraphDevice({ enrolled: true, complianceState }, device)
      t.not(merged.complianceState, 'compliant', `${complianceState} and "${state}"`)
      t.equal(merged.enrolled, true)
      if (['compliant', 'configManager', 'new', ''].includes(state))
        t.equal(merged.complianceState, complianceState)
    }
  }
  const odd = parseManagedDevice({ id: compliantId, complianceState: 'NewState' }, () => {})
  t.match(odd && factsOfGraphDevice(odd), { complianceState: 'unknown' }, 'alone, a new state is unknown')
  t.equal(
    parseManagedDevice({ id: 'none' }, () => {}),
    undefined,
  )
  const grace = { id: compliantId, complianceState: 'inGracePeriod' }
  for (const sentinel of ['0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z', 'soon']) {
    const device = parseManagedDevice(
      { ...grace, complianceGracePeriodExpirationDateTime: sentinel },
      () => {},
    )
    t.notOk(device?.gracePeriodEndsMs, `${sentinel} is no end`)
  }
})

t.test('a details call that fails never fails the look-up', async (t) => {
  const faults: [FaultInput, string][] = [
    [{ hop: 'details', kind: 'status', status: 400 }, 'details_rejected'],
    [{ hop: 'details', kind: 'status', status: 401 }, 'details_unauthorized'],
    [{ hop: 'details', kind: 'status', status: 403 }, 'details_forbidden'],
    [{ hop: 'details', kind: 'status', status: 429, headers: { 'retry-after': '60' } }, 'details_throttled'],
    [{ hop: 'details', kind: 'status', status: 503, body: '<html>' }, 'details_unavailable'],
    [{ hop: 'details', kind: 'reset' }, 'connection_failed'],
    [{ hop: 'details', kind: 'truncate' }, 'connection_failed'],
    [{ hop: 'details', kind: 'huge', bytes: 2_000_000 }, 'reply_too_large'],
    [{ hop: 'details', kind: 'body', body: '<html>' }, 'details_reply_malformed'],
    [{ hop: 'details', kind: 'body', body: '{"value":[]}' }, 'details_reply_malformed'],
    [{ hop: 'details', kind: 'body', body: JSON.stringify({ id: compliantId }) }, 'intune_reply_mismatch'],
  ]
  const intune = await simulate(t)
  for (const [fault, code] of faults) {
    const failures: Fault[] = []
    const { lookup } = intune.again({ onDetailsFailure: (failure) => failures.push(failure) })
    intune.tenant.clearFaults()
    intune.tenant.setFault(fault)
    const answer = await lookup(byDeviceId(noncompliantId))
    t.match(
      answer,
      record({ enrolled: true, complianceState: 'noncompliant', deviceId: noncompliantId }),
      code,
    )
    t.match(failures, [{ code, hop: 'details' }], `${code} is counted`)
  }
})

t.test('Graph that hangs holds an answer up for half a second, and after five devices none', async (t) => {
  const { lookup, tenant, clock } = await simulate(t)
  tenant.setFault({ hop: 'details', kind: 'hang' })
  const ids = Array.from({ length: 6 }, (_, index) => `55555555-5555-4555-8555-00000000000${index}`)
  for (const deviceId of ids) tenant.putDevice({ deviceId, complianceState: 'noncompliant' })
  for (const [index, id] of ids.slice(0, 5).entries()) {
    const asked = lookup(byDeviceId(id))
    await waitUntil(() => tenant.requestCounts().details === index + 1)
    await clock.advance(500)
    t.match(await asked, record({ complianceState: 'noncompliant' }))
  }
  t.match(await lookup(byDeviceId(ids[5] ?? '')), record({ complianceState: 'noncompliant' }), 'at once')
  t.equal(tenant.requestCounts().details, 5, 'Graph is left alone for a while')
  tenant.clearFaults()
  await clock.advance(10_000)
  t.match(
    await lookup(byDeviceId(unknownId)),
    record({ complianceState: 'unknown' }),
    'and asked again after it',
  )
})

t.test('one device whose details hang holds up nobody but itself', async (t) => {
  const { lookup, tenant, clock } = await simulate(t)
  tenant.setFault({ hop: 'details', kind: 'hang', match: noncompliantId })
  for (let round = 0; round < 8; round += 1) {
    const asked = lookup(byDeviceId(noncompliantId))
    await waitUntil(() => tenant.requestCounts().details === 2 * round + 1)
    await clock.advance(500)
    t.match(await asked, record({ complianceState: 'noncompliant' }))
    t.match(await lookup(byDeviceId(unknownId)), record({ complianceState: 'unknown' }), 'with its details')
  }
})

t.test('without the permission the answers stand, and the remedy is logged once', async (t) => {
  const { lookup, tenant, logged } = await simulate(t)
  const [app] = tenant.listApps()
  if (!app) return t.fail('an app is registered')
  tenant.registerApp({
    ...app,
    roles: { graph: ['Application.Read.All'], intune: ['get_device_compliance'] },
  })
  for (let i = 0; i < 3; i += 1) {
    t.match(await lookup(byDeviceId(unknownId)), record({ complianceState: 'noncompliant' }))
  }
  const lines = logged.map((line) => JSON.parse(line))
  t.match(lines, [{ code: 'details_forbidden', remedy: /DeviceManagementManagedDevices\.Read\.All/ }])
  t.equal(lines.length, 1)
})

t.test('a serial number is looked up through Graph alone', async (t) => {
  const { lookup, tenant, sent } = await simulate(t)
  tenant.patchDevice(compliantId, { serialNumber: "O'Neil 7" })
  tenant.patchDevice(noncompliantId, { serialNumber: 'ZY22', complianceState: 'inGracePeriod' })
  t.match(await lookup(bySerial("O'NEIL 7")), {
    value: {
      record: { complianceState: 'compliant', deviceId: compliantId },
      trace: { api: 'graph', status: 200 },
    },
  })
  t.match(sent.at(-1)?.url, /managedDevices\?\$filter=serialNumber%20eq%20'O''NEIL%207'&\$select=/)
  t.match(await lookup(bySerial('ZY22')), record({ complianceState: 'noncompliant' }))
  t.match(await lookup(bySerial('NOBODY')), record({ enrolled: false, complianceState: 'unknown' }))
  tenant.patchDevice(unknownId, { serialNumber: 'ZY22', complianceState: 'compliant' })
  t.match(await lookup(bySerial('ZY22')), record({ complianceState: 'noncompliant' }), 'of two the worse one')
  tenant.patchDevice(compliantId, { serialNumber: 'SN-CM', complianceState: 'configManager' })
  t.match(await lookup(bySerial('SN-CM')), record({ complianceState: 'unknown' }), 'Graph alone cannot tell')
  tenant.setFault({ hop: 'details', kind: 'status', status: 503 })
  t.match(
    await lookup(bySerial('ZY22')),
    { fault: { code: 'details_unavailable', hop: 'details' } },
    'an outage is one',
  )
  t.equal(tenant.requestCounts().query, 0)
})

t.test('a filter that Graph ignored is noticed', async (t) => {
  const { lookup, tenant } = await simulate(t)
  const body = JSON.stringify({
    value: [{ id: compliantId, serialNumber: 'OTHER', complianceState: 'compliant' }],
  })
  tenant.setFault({ hop: 'details', kind: 'body', body })
  t.match(await lookup(bySerial('ZY22')), { fault: { code: 'intune_reply_mismatch', hop: 'details' } })
})

t.test('an IMEI and a device id are looked up through Graph where no service takes them', async (t) => {
  const { lookup, tenant } = await simulate(t)
  tenant.patchDevice(compliantId, { imei: '354000000000001' })
  tenant.setVariants({ discoveryRows: ['ComplianceRetrievalService'] })
  const imei = { kind: 'imei', value: '354000000000001', origin: 'imei', rank: 3 } as const
  t.match(await lookup(imei), {
    value: { record: { complianceState: 'compliant' }, trace: { api: 'graph' } },
  })
  const nac = await simulate(t, { settings: { api: 'nac' } })
  t.match(await nac.lookup(byDeviceId(unknownId)), {
    value: { record: { complianceState: 'unknown' }, trace: { api: 'graph' } },
  })
  t.match(
    await nac.lookup(byDeviceId(entraId)),
    record({ enrolled: false }),
    'a 404 is a device that is not there',
  )
})

t.test('details of a NAC 1.x answer are found by the ids that it names', async (t) => {
  const { lookup, tenant } = await simulate(t, { settings: { api: 'nac' } })
  const complianceState = 'inGracePeriod'
  const ends = { gracePeriodEndsMs: Date.UTC(2026, 11, 1) }
  tenant.patchDevice(noncompliantId, {
    complianceState,
    ...ends,
    azureDeviceId: entraId,
    serialNumber: 'ZY22',
  })
  t.match(
    await lookup(byMac(noncompliantMac)),
    record({ ...ends, deviceId: noncompliantId }),
    'by the Entra id',
  )
  t.match(tenant.requests('details').at(-1), { query: { $filter: `azureADDeviceId eq '${entraId}'` } })
  tenant.patchDevice(noncompliantId, { wireNacJson: { azureDeviceId: '' } })
  t.match(await lookup(byMac(noncompliantMac)), record(ends), 'by the serial number')
  tenant.patchDevice(unknownId, { serialNumber: 'ZY22' })
  const shared = await lookup(byMac(noncompliantMac))
  t.match(shared, record({ complianceState: 'noncompliant' }))
  t.notOk(shared.ok && shared.value.record.gracePeriodEndsMs, 'a serial number of two devices proves nothing')
  tenant.patchDevice(noncompliantId, { wireNacJson: { azureDeviceId: '', serialNumber: '', imei: '' } })
  const before = tenant.requestCounts().details
  t.match(await lookup(byMac(noncompliantMac)), record({ complianceState: 'noncompliant' }))
  t.equal(tenant.requestCounts().details, before, 'without an id nothing is asked')
})

t.test('a common name that is an Entra device id is translated through Graph', async (t) => {
  const { lookup, tenant, clock } = await simulate(t)
  tenant.patchDevice(compliantId, { azureDeviceId: entraId, macs: [compliantMac] })
  t.match(
    await lookup(byCommonName(entraId)),
    record({ complianceState: 'compliant', deviceId: compliantId }),
  )
  tenant.patchDevice(compliantId, {
    complianceState: 'inGracePeriod',
    gracePeriodEndsMs: Date.UTC(2026, 11, 1),
  })
  t.match(
    await lookup(byCommonName(entraId)),
    record({ complianceState: 'noncompliant', gracePeriodEndsMs: Date.UTC(2026, 11, 1) }),
  )
  t.match(await lookup(byDeviceId(entraId)), record({ enrolled: false }), 'a device id that was given is one')
  t.match(await lookup(byCommonName('dddddddd-0000-4000-8000-000000000001')), record({ enrolled: false }))
  tenant.setFault({ hop: 'details', kind: 'status', status: 503 })
  t.match(
    await lookup(byCommonName(entraId)),
    { ok: false, fault: { code: 'details_unavailable' } },
    'an outage of Graph is not "not enrolled"',
  )
  tenant.clearFaults()
  await clock.advance(10_000)
  tenant.setFault({ hop: 'details', kind: 'status', status: 403 })
  t.match(
    await lookup(byCommonName(entraId)),
    { ok: false, fault: { code: 'details_forbidden' } },
    'nor is a missing permission: nobody has looked',
  )
})

t.test('an Entra device id of several devices stands for the one with the least trust', async (t) => {
  const { lookup, tenant } = await simulate(t)
  const before = '44444444-4444-4444-8444-444444444444'
  tenant.patchDevice(compliantId, { azureDeviceId: entraId })
  tenant.putDevice({ deviceId: before, complianceState: 'noncompliant', azureDeviceId: entraId })
  for (const order of ['put first', 'put last']) {
    t.match(
      await lookup(byCommonName(entraId)),
      record({ enrolled: true, complianceState: 'noncompliant', deviceId: undefined }),
      `${order}: and nobody knows which of them it is`,
    )
    tenant.removeDevice(compliantId)
    tenant.putDevice({ deviceId: compliantId, complianceState: 'compliant', azureDeviceId: entraId })
  }
  tenant.patchDevice(before, { complianceState: 'compliant' })
  t.match(await lookup(byCommonName(entraId)), record({ complianceState: 'compliant' }))
  for (let index = 0; index < 4; index += 1) {
    const deviceId = `55555555-5555-4555-8555-55555555555${index}`
    tenant.putDevice({ deviceId, complianceState: 'compliant', azureDeviceId: entraId })
  }
  const many = await lookup(byCommonName(entraId))
  t.match(
    many,
    { ok: false, fault: { code: 'details_reply_malformed' } },
    'and six are too many to ask about',
  )
})

t.test('details of other hardware are not details of the device', async (t) => {
  const { lookup, tenant } = await simulate(t, { settings: { api: 'nac' } })
  // A maker's placeholder in place of a serial number: Graph lists one such device, and it is not this one.
  const serialNumber = 'To be filled by O.E.M.'
  tenant.patchDevice(noncompliantId, {
    serialNumber,
    imei: '354000000000001',
    wireNacJson: { azureDeviceId: '' },
  })
  const graphDevice = {
    id: unknownId,
    serialNumber,
    imei: '359999999999999',
    complianceState: 'inGracePeriod',
    complianceGracePeriodExpirationDateTime: '2200-01-01T00:00:00Z',
  }
  tenant.setFault({ hop: 'details', kind: 'body', body: JSON.stringify({ value: [graphDevice] }) })
  const answer = await lookup(byMac(noncompliantMac))
  t.match(answer, record({ complianceState: 'noncompliant' }))
  t.notOk(answer.ok && answer.value.record.deviceId, 'it does not get the id of the other one')
  t.notOk(answer.ok && answer.value.record.gracePeriodEndsMs, 'nor its grace period')
})

t.test(
  'what is no managed device proves nothing, alone as little as beside an answer of Intune',
  async (t) => {
    const { lookup, tenant } = await simulate(t)
    const device = JSON.stringify({ id: compliantId, serialNumber: 'ZY22', complianceState: 'compliant' })
    const bodies: Record<string, string> = {
      'an empty object': '{}',
      null: 'null',
      'a device in place of a list': device,
      'another wrapper': `{"devices":[${device}]}`,
      'an empty item': '{"value":[{}]}',
      'an unrelated item beside the device': `{"value":[${device},{"name":"x"}]}`,
      'an empty page that is not the last': '{"value":[],"@odata.nextLink":"https://graph.example/next"}',
      HTML: '<html></html>',
    }
    for (const [name, body] of Object.entries(bodies)) {
      tenant.clearFaults()
      tenant.setFault({ hop: 'details', kind: 'body', body })
      t.match(await lookup(bySerial('ZY22')), { ok: false, fault: { code: 'details_reply_malformed' } }, name)
    }
    tenant.clearFaults()
    const twice = device.replace('"complianceState"', '"complianceState":"noncompliant","complianceState"')
    tenant.setFault({ hop: 'details', kind: 'body', body: `{"value":[${twice}]}` })
    t.match(
      await lookup(bySerial('ZY22')),
      { ok: false, fault: { code: 'details_reply_malformed', isContradiction: true } },
      'one property twice, of which JSON.parse keeps the last',
    )
  },
)

t.test('only a 404 of Graph itself says that a device is not there', async (t) => {
  const { lookup, tenant } = await simulate(t, { settings: { api: 'nac' } })
  t.match(await lookup(byDeviceId(entraId)), record({ enrolled: false }))
  tenant.setFault({ hop: 'details', kind: 'html', status: 404 })
  t.match(await lookup(byDeviceId(entraId)), { ok: false, fault: { code: 'details_rejected', status: 404 } })
})

t.test(
  'a plain "not compliant" of Intune that Graph calls unknown is told apart from a mere unknown',
  async (t) => {
    const { lookup, tenant } = await simulate(t)
    tenant.patchDevice(unknownId, { complianceState: 'unknown' })
    const refined = { complianceState: 'unknown', details: { graphComplianceState: 'unknown' } }
    t.match(await lookup(byDeviceId(unknownId)), { value: { record: refined, isNotCompliant: true } })
    tenant.patchDevice(unknownId, { wireCompliance: 'nil' })
    const mere = await lookup(byDeviceId(unknownId))
    t.match(mere, { value: { record: refined } })
    t.notOk(mere.ok && mere.value.isNotCompliant, 'where Intune said nothing, nothing was denied')
  },
)
