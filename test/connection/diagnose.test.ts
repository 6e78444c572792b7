import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadSettings } from '../../src/config/load-settings.ts'
import type { IntuneSettings } from '../../src/config/settings.ts'
import { type Diagnosis, diagnoseConnection } from '../../src/connection/diagnose.ts'
import { clientId, laptopId, setRoles, workingSetup } from '../cli/doctor-rig.ts'
import { startSplitCloud } from '../matrix/split-cloud.ts'

function settingsOf(environment: Record<string, string>): IntuneSettings {
  const loaded = loadSettings(environment, (path) => readFileSync(path, 'utf8'))
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.settings.intune
}

async function simulated(t: Test) {
  const setup = await workingSetup(t)
  return { ...setup, settings: settingsOf(setup.environment) }
}

const stepOf = ({ steps }: Diagnosis, name: string) => steps.find(({ step }) => step === name)

t.test('an audience without its slash gets a token that Intune then refuses', async (t) => {
  const { settings } = await simulated(t)
  const diagnosis = await diagnoseConnection({
    settings: { ...settings, audience: 'https://api.manage.microsoft.com' },
  })
  t.match(stepOf(diagnosis, 'intune_token'), { result: 'ok' }, 'Entra gives a token, as in a real tenant')
  t.match(diagnosis.firstFailure, {
    step: 'query',
    fault: { code: 'intune_unauthorized' },
    remedy: /INTUNE_TOKEN_AUDIENCE.*trailing slash/,
  })
})

t.test('only NAC 1.x rows are a warning, or a failure where INTUNE_API wants the other', async (t) => {
  const { settings, simulator } = await simulated(t)
  simulator.tenant.setVariants({ discoveryRows: ['NACAPIService'] })
  const auto = await diagnoseConnection({ settings })
  t.match(stepOf(auto, 'providers'), {
    result: 'warn',
    detail: /^NACAPIService at 127/,
    remedy: /March 2024/,
  })
  const strict = await diagnoseConnection({ settings: { ...settings, api: 'compliance-retrieval' } })
  t.match(strict.firstFailure, {
    step: 'providers',
    fault: { code: 'discovery_endpoint_missing' },
    detail: /no ComplianceRetrievalService; it lists NACAPIService/,
  })
})

t.test('a row that may not be used is listed with the reason', async (t) => {
  const { settings, simulator } = await simulated(t)
  simulator.tenant.setVariants({
    discoveredUris: { ComplianceRetrievalService: 'https://fef.evil.example/CR' },
  })
  const strict = await diagnoseConnection({ settings: { ...settings, api: 'compliance-retrieval' } })
  t.match(strict.firstFailure, { step: 'providers', fault: { code: 'discovery_host_refused' } })
  const auto = await diagnoseConnection({ settings })
  t.match(stepOf(auto, 'providers'), {
    result: 'warn',
    detail: /ComplianceRetrievalService \(discovery_host_refused\), NACAPIService at/,
  })
})

t.test('details that are switched on without their permission are a warning', async (t) => {
  const { settings, simulator } = await simulated(t)
  const withDetails = { ...settings, graphDetails: true }
  const without = await diagnoseConnection({ settings: withDetails })
  t.match(stepOf(without, 'graph_token'), {
    result: 'warn',
    remedy: /DeviceManagementManagedDevices\.Read\.All/,
  })
  setRoles(simulator, { graph: ['Application.Read.All', 'DeviceManagementManagedDevices.Read.All'] })
  t.match(stepOf(await diagnoseConnection({ settings: withDetails }), 'graph_token'), { result: 'ok' })
})

t.test('a step that hangs ends at its limit, a slow one is a warning', async (t) => {
  const { settings, simulator } = await simulated(t)
  simulator.tenant.setFault({ hop: 'token', kind: 'hang' })
  const startedMs = Date.now()
  const hanging = await diagnoseConnection({ settings, stepLimitMs: 400 })
  t.match(hanging.firstFailure, { step: 'graph_token', fault: { code: 'upstream_timeout' } })
  t.ok(Date.now() - startedMs < 3000, 'and the rest does not wait for it')
  simulator.tenant.clearFaults()
  simulator.tenant.setFault({ hop: 'discovery', kind: 'latency', latencyMs: 250 })
  const slow = await diagnoseConnection({ settings, slowMs: 200 })
  t.equal(slow.ok, true)
  t.match(stepOf(slow, 'discovery'), {
    result: 'warn',
    detail: /slow: 0\.\d s/,
    remedy: /which host is slow/,
  })
})

t.test('a login host that does not answer at all ends in time', async (t) => {
  const { settings } = await simulated(t)
  const sockets: Socket[] = []
  const silent = createTcpServer((socket) => void sockets.push(socket))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  const { port } = silent.address() as AddressInfo
  const authorityUrl = `https://127.0.0.1:${port}/${clientId}`
  const diagnosis = await diagnoseConnection({ settings: { ...settings, authorityUrl }, stepLimitMs: 500 })
  t.match(diagnosis.firstFailure, { step: 'login_host', fault: { code: 'upstream_timeout' } })
})

t.test('a login host without a clock, a token without claims', async (t) => {
  const { settings, simulator, directory } = await simulated(t)
  simulator.tenant.setFault({ hop: 'openid', kind: 'body', body: '{}', headers: { date: 'noon' }, times: 1 })
  const undated = await diagnoseConnection({ settings })
  t.match(stepOf(undated, 'clock'), { result: 'warn', detail: /sent no Date header/ })

  const cloud = await startSplitCloud()
  t.teardown(() => cloud.close())
  const caFile = join(directory, 'split.pem')
  writeFileSync(caFile, cloud.caCertificatePem)
  const { authorityUrl, graphUrl } = cloud
  const opaque = await diagnoseConnection({
    settings: { ...settings, authorityUrl, graphUrl, caFile },
  })
  t.match(stepOf(opaque, 'intune_token'), { result: 'ok', detail: /opaque/ })
  t.equal(opaque.ok, true)
})

t.test('a clock that is off by an age is not: a cached reply says how old it is', async (t) => {
  const { settings, simulator } = await simulated(t)
  const date = new Date(Date.now() - 600_000).toUTCString()
  simulator.tenant.setFault({
    hop: 'openid',
    kind: 'body',
    body: '{}',
    headers: { date, age: '600' },
    times: 1,
  })
  t.match(stepOf(await diagnoseConnection({ settings }), 'clock'), { result: 'ok' })
})

t.test('the hosts are reached through the proxy, whose password is not told', async (t) => {
  const { settings } = await simulated(t)
  const targets = new Set<string>()
  const proxy = createServer()
  proxy.on('connect', ({ url = '' }, socket) => {
    targets.add(url)
    const { hostname, port } = new URL(`http://${url}`)
    const upstream = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
    for (const end of [socket, upstream]) end.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  t.teardown(() => proxy.close())
  const host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const diagnosis = await diagnoseConnection({
    settings,
    proxy: { httpsProxy: `http://nac:hunter2@${host}` },
    identifiers: [{ kind: 'deviceId', value: laptopId, origin: 'deviceId', rank: 1 }],
  })
  t.equal(diagnosis.ok, true)
  t.same([...targets], [new URL(settings.graphUrl).host])
  t.match(stepOf(diagnosis, 'configuration')?.detail, new RegExp(`proxy ${host}`))
  t.notMatch(JSON.stringify(diagnosis), /hunter2/)
})

t.test('an identifier that no service takes is said so', async (t) => {
  const { settings } = await simulated(t)
  const diagnosis = await diagnoseConnection({
    settings: { ...settings, api: 'compliance-retrieval' },
    identifiers: [{ kind: 'udid', value: '0'.repeat(40), origin: 'udid', rank: 3 }],
  })
  t.match(diagnosis.firstFailure, { step: 'query', fault: { code: 'identifier_not_supported' } })
})

t.test('trust roots that cannot be read stop everything but the certificate', async (t) => {
  const { settings } = await simulated(t)
  const diagnosis = await diagnoseConnection({ settings: { ...settings, caFile: '/nowhere/ca.pem' } })
  t.match(diagnosis.firstFailure, { step: 'configuration', fault: { code: 'configuration_invalid' } })
  t.same(
    diagnosis.steps.filter(({ result }) => result !== 'skipped').map(({ step }) => step),
    ['configuration', 'certificate'],
  )
})
