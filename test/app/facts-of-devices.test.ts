import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { refreshIntervalMs } from '../../src/compliance/refresh-limit.ts'
import { StateDatabase } from '../../src/state/state-database.ts'
import { createShiftedClock } from '../fakes/shifted-clock.ts'
import { laptop, simulatedService } from './simulated-service.ts'

t.setTimeout(240_000)

const otherId = '11111111-2222-4333-8444-555555555555'
const mac = (index: number) => `00505600${index.toString(16).toUpperCase().padStart(4, '0')}`
const idOf = (prefix: string, index: number) =>
  `${prefix}${index.toString(16).padStart(6, '0')}-0000-4000-8000-000000000001`

/** The whole service, with or without Graph details and the role that they need. */
async function serve(t: Test, environment: Record<string, string> = {}) {
  const clock = createShiftedClock()
  const service = await simulatedService(t, { environment, overrides: { clock } })
  const { app, simulator } = service
  if (!app) throw new Error('the service was not built')
  const { tenant } = simulator
  const [registered] = tenant.listApps()
  if (!registered) throw new Error('an app is registered')
  const graph = ['Application.Read.All', 'DeviceManagementManagedDevices.Read.All']
  tenant.registerApp({ ...registered, roles: { graph, intune: ['get_device_compliance'] } })
  const inject = async (path: string, body?: object) => {
    const reply = await app.server.inject({
      method: body ? 'POST' : 'GET',
      url: path,
      ...(body && { payload: body }),
    })
    return { status: reply.statusCode, text: reply.body, json: () => JSON.parse(reply.body) }
  }
  const radius = (attributes: Record<string, string>) =>
    inject(
      '/v1/radius/authorize',
      Object.fromEntries(
        Object.entries(attributes).map(([name, value]) => [name, { type: 'string', value: [value] }]),
      ),
    )
  const metrics = async () => (await app.management.inject('/metrics')).body
  /** As often as a test likes: a refresh comes when the limit on refreshes lets it. */
  const ask: typeof service.ask = (query) => {
    if (query.refresh === 'true') clock.pass(refreshIntervalMs)
    return service.ask(query)
  }
  return { ...service, app, tenant, clock, ask, inject, radius, metrics }
}

const details = { INTUNE_GRAPH_DETAILS: 'on' }

t.test(
  'a MAC that names another device, never evaluated, is not let in by what was known of the first',
  async (t) => {
    for (const graph of [{}, details]) {
      const { ask, tenant, radius, metrics } = await serve(t, graph)
      t.match(await ask({ mac: laptop.mac }), { decision: 'allow' })
      tenant.setVariants({ unknownOnWire: 'nil' })
      tenant.patchDevice(laptop.deviceId, { macs: [] })
      tenant.putDevice({ deviceId: otherId, macs: [laptop.mac], complianceState: 'unknown' })
      const answer = await ask({ mac: laptop.mac, refresh: 'true' })
      t.match(answer, { decision: 'remediate', reason: 'not_evaluated', source: 'intune' })
      t.match(await ask({ mac: laptop.mac }), { decision: 'remediate', source: 'cache' })
      const asked = {
        'Calling-Station-Id': laptop.mac,
        'User-Name': laptop.mac,
        'Service-Type': 'Call-Check',
      }
      t.not((await radius(asked)).json().decision, 'allow', 'through RADIUS')
      t.match(await metrics(), /nac_anomalies_total\{kind="regressed"\} 0/)
      // The same device that loses its evaluation is held, and says so.
      tenant.patchDevice(otherId, { complianceState: 'compliant' })
      t.match(await ask({ mac: laptop.mac, refresh: 'true' }), { decision: 'allow', source: 'intune' })
      tenant.patchDevice(otherId, { complianceState: 'unknown' })
      t.match(await ask({ mac: laptop.mac, refresh: 'true' }), { decision: 'allow', source: 'last_known' })
    }
  },
)

t.test(
  'what was known of a MAC is used while Intune is away, and not after its device has changed',
  async (t) => {
    const { ask, tenant } = await serve(t)
    t.match(await ask({ mac: laptop.mac }), { decision: 'allow' })
    tenant.setFault({ hop: 'query', kind: 'status', status: 500 })
    t.match(await ask({ mac: laptop.mac, refresh: 'true' }), { decision: 'allow', source: 'last_known' })
    tenant.clearFaults()
    tenant.setVariants({ unknownOnWire: 'nil' })
    tenant.patchDevice(laptop.deviceId, { macs: [] })
    tenant.putDevice({ deviceId: otherId, macs: [laptop.mac], complianceState: 'unknown' })
    await new Promise((resolve) => setTimeout(resolve, 1100))
    t.match(await ask({ mac: laptop.mac, refresh: 'true' }), { decision: 'remediate' })
    tenant.setFault({ hop: 'query', kind: 'status', status: 500 })
    t.match(await ask({ mac: laptop.mac, refresh: 'true' }), { decision: 'remediate', source: 'last_known' })
  },
)

t.test(
  'Intune says "not compliant", Graph says "unknown": the device is not compliant as before',
  async (t) => {
    const { ask, tenant } = await serve(t, details)
    for (const by of [
      { mac: laptop.mac },
      { deviceId: laptop.deviceId },
      { certificateCn: laptop.deviceId },
    ]) {
      tenant.patchDevice(laptop.deviceId, { complianceState: 'compliant' })
      t.match(await ask({ ...by, refresh: 'true' }), { decision: 'allow' })
      tenant.patchDevice(laptop.deviceId, { complianceState: 'unknown' })
      const answer = await ask({ ...by, refresh: 'true' })
      t.match(answer, { decision: 'remediate', reason: 'noncompliant', source: 'intune' }, JSON.stringify(by))
      t.match(await ask(by), { decision: 'remediate', reason: 'noncompliant' })
    }
    tenant.putDevice({ deviceId: otherId, complianceState: 'unknown' })
    t.match(
      await ask({ deviceId: otherId }),
      { reason: 'not_evaluated' },
      'a device that was never evaluated',
    )
  },
)

t.test('no choice of question flips a device or trips the guard', async (t) => {
  const { ask, tenant, inject, radius, app, metrics } = await serve(t, details)
  const devices = Array.from({ length: 24 }, (_, index) => ({
    deviceId: idOf('aa', index),
    azureDeviceId: idOf('ee', index),
    macs: [mac(index)],
    complianceState: 'compliant' as const,
  }))
  tenant.putDevices(devices)
  for (const { azureDeviceId, deviceId } of devices) {
    t.match(await ask({ certificateCn: azureDeviceId }), { decision: 'allow' }, 'translated')
    await ask({ deviceId })
  }
  const guid = (value: string) =>
    `/ciscoise/mdmapi/v3/devices?paging=0&querycriteria=guid&value=${value}&filter=all`
  for (const [index, { azureDeviceId, deviceId }] of devices.entries()) {
    // An Entra device id is no Intune device id, whoever asks and however.
    t.match(await ask({ deviceId: azureDeviceId }), { reason: 'not_enrolled' })
    t.match((await inject('/v1/decision', { deviceId: azureDeviceId, refresh: true })).json(), {
      reason: 'not_enrolled',
    })
    await ask({ certificateSan: `IntuneDeviceId://${azureDeviceId}`, refresh: 'true' })
    t.match((await inject(guid(azureDeviceId))).text, /<deviceList><\/deviceList>|<deviceList\/>/)
    await inject(`/v1/devices/deviceId/${azureDeviceId}/recheck`, {})
    await radius({ 'TLS-Client-Cert-Subject-Alt-Name-Uri': `IntuneDeviceId://${azureDeviceId}` })
    // Nor does a name of another kind say anything about the device.
    await ask({ serialNumber: azureDeviceId, refresh: 'true' })
    await ask({ certificateCn: deviceId, refresh: 'true' })
    await ask({ mac: mac(0x500 + index), refresh: 'true' })
  }
  for (const { azureDeviceId, deviceId } of devices) {
    t.match(await ask({ certificateCn: azureDeviceId }), { decision: 'allow' }, 'not flipped')
    t.match(await ask({ deviceId }), { decision: 'allow' })
  }
  t.match((await app.management.inject('/status')).json(), { guard: { holding: false, recentFlips: 0 } })
  t.match(await metrics(), /nac_guard_holding\{what="burst"\} 0/)
  const [victim] = devices
  if (!victim) return
  tenant.patchDevice(victim.deviceId, { complianceState: 'noncompliant' })
  for (const by of [{ certificateCn: victim.azureDeviceId }, { deviceId: victim.deviceId }]) {
    t.match(await ask({ ...by, refresh: 'true' }), { decision: 'remediate' }, 'a real change counts at once')
  }
  t.match((await app.management.inject('/status')).json(), { guard: { holding: false, recentFlips: 1 } })
})

t.test('a purge by device id forgets what a certificate with another id was asked about', async (t) => {
  const { ask, tenant, app } = await serve(t, details)
  const azureDeviceId = idOf('ee', 1)
  tenant.patchDevice(laptop.deviceId, { azureDeviceId })
  const purge = async (kind: string, value: string) =>
    (await app.management.inject({ method: 'DELETE', url: `/devices/${kind}/${value}` })).json()
  await ask({ certificateCn: azureDeviceId })
  await ask({ certificateCn: laptop.deviceId })
  await ask({ mac: laptop.mac })
  t.match(await ask({ certificateCn: azureDeviceId }), { source: 'cache' })
  t.same(await purge('deviceId', laptop.deviceId), { purged: 3 })
  t.match(await ask({ certificateCn: azureDeviceId }), { source: 'intune' })
  t.match(await ask({ certificateCn: laptop.deviceId }), { source: 'intune' })
  t.match(await ask({ mac: laptop.mac }), { source: 'intune' })
  t.same(await purge('certificateCn', azureDeviceId), { purged: 1 })
  t.same(await purge('certificateCn', azureDeviceId), { purged: 0 })
  t.match(await purge('certificateCn', 'Bobs phone'), { code: 'identifier_malformed' })
})

t.test('a recheck by device id counts for the certificate whose common name it is', async (t) => {
  const { ask, tenant, inject } = await serve(t)
  t.match(await ask({ certificateCn: laptop.deviceId }), { decision: 'allow' })
  tenant.patchDevice(laptop.deviceId, { complianceState: 'noncompliant' })
  t.match((await inject(`/v1/devices/deviceId/${laptop.deviceId}/recheck`, {})).json(), {
    decision: 'remediate',
  })
  t.match(await ask({ certificateCn: laptop.deviceId }), { decision: 'remediate', source: 'cache' })
  t.match((await inject(`/v1/devices/certificateCn/${laptop.deviceId}/recheck`, {})).json(), {
    code: 'recheck_too_soon',
  })
})

t.test('rows of an older state file let nobody in by the fact of another device', async (t) => {
  const stateDirectory = join(t.testdir({}), 'state')
  const { ask, app, simulator, tenant } = await serve(t, { STATE_DIR: stateDirectory })
  mkdirSync(stateDirectory, { recursive: true })
  const file = new StateDatabase(join(stateDirectory, `compliance-${simulator.tenantId}.sqlite`))
  const observedAtMs = Date.now() - 1000
  const fresh = `${observedAtMs.toString(36)}.cyo0`
  const entraId = idOf('ee', 2)
  file.write([
    // A common name was translated and remembered under the untranslated id.
    { key: `deviceId/${entraId}`, value: `c-${fresh}|${laptop.deviceId}`, observedAtMs },
    // The MAC of one device was held compliant although Intune had named another one by it.
    { key: `mac/${mac(7)}`, value: `cr${fresh}|${laptop.deviceId}`, observedAtMs },
    { key: `deviceId/${laptop.deviceId}`, value: `c-${fresh}|=`, observedAtMs },
  ])
  file.close()
  await app.listen()
  t.match(
    await ask({ deviceId: laptop.deviceId }),
    { decision: 'allow', source: 'cache' },
    'the others are read',
  )
  tenant.setFault({ hop: 'query', kind: 'status', status: 500 })
  t.match(await ask({ deviceId: entraId }), { decision: 'deny', reason: 'intune_unavailable' })
  t.match(await ask({ mac: mac(7) }), { decision: 'deny', reason: 'intune_unavailable' })
})
