import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StateDatabase } from '../../src/state/state-database.ts'
import { laptop, simulatedService } from '../app/simulated-service.ts'
import { runToEnd, startCommand } from '../e2e/run-process.ts'

t.setTimeout(240_000)

/** The service with a state directory, which outlives it. */
async function withState(t: Test, environment: Record<string, string> = {}) {
  const stateDirectory = join(t.testdir({}), 'state')
  const service = await simulatedService(t, { environment: { STATE_DIR: stateDirectory, ...environment } })
  return { ...service, stateDirectory }
}

t.test(
  'killed and started again with Intune dead, the service is ready in two seconds and knows its devices',
  async (t) => {
    const { simulator, environment } = await withState(t, {
      COMPLIANT_FRESH_SECONDS: '1',
      REFRESH_AHEAD_SECONDS: '0',
      DECISION_DEADLINE_MS: '1000',
    })
    const start = async () => {
      const startedMs = performance.now()
      const command = startCommand(['serve'], environment)
      t.teardown(() => command.child.kill('SIGKILL'))
      const [, url] = await command.waitFor(/"serviceUrl":"([^"]+)"/)
      return { command, url, readyMs: performance.now() - startedMs }
    }
    const ask = async (url: string | undefined, device: string) => {
      const startedMs = performance.now()
      const reply = await fetch(`${url}/v1/decision?deviceId=${device}`)
      const answer = (await reply.json()) as Record<string, unknown>
      return { answer, tookMs: performance.now() - startedMs }
    }
    const first = await start()
    t.match((await ask(first.url, laptop.deviceId)).answer, { decision: 'allow', source: 'intune' })
    await new Promise((resolve) => setTimeout(resolve, 2500))
    first.command.child.kill('SIGKILL')
    await first.command.exited

    for (const hop of ['token', 'discovery', 'query'] as const)
      simulator.tenant.setFault({ hop, kind: 'hang' })
    const second = await start()
    t.comment(`ready after ${Math.round(second.readyMs)} ms`)
    t.ok(second.readyMs < 5000, 'ready, though this machine does other things as well')
    const known = await ask(second.url, laptop.deviceId)
    t.match(known.answer, {
      decision: 'allow',
      source: 'last_known',
      stale: true,
      complianceState: 'compliant',
    })
    t.ok(Number(known.answer.ageSeconds) >= 2, `with its age: ${known.answer.ageSeconds} s`)
    t.ok(known.tookMs < 1300, `${Math.round(known.tookMs)} ms`)
    const stranger = await ask(second.url, '99999999-9999-4999-8999-999999999999')
    t.match(stranger.answer, { decision: 'deny', reason: 'intune_unavailable', source: 'none' })
    second.command.child.kill('SIGKILL')
    await second.command.exited
  },
)

t.test('the list is asked for once under five restarts', async (t) => {
  const { simulator, environment } = await withState(t)
  simulator.tenant.putDevice({
    deviceId: '22222222-2222-4222-8222-222222222222',
    macs: ['00000000000A'],
    complianceState: 'noncompliant',
  })
  for (let restart = 0; restart <= 5; restart += 1) {
    const command = startCommand(['serve'], environment)
    const [, url] = await command.waitFor(/"managementUrl":"([^"]+)"/)
    for (;;) {
      const status = (await (await fetch(`${url}/status`)).json()) as { noncompliantList: unknown }
      if (status.noncompliantList !== null) {
        t.match(status.noncompliantList, { devices: 1 }, 'and is there after every one')
        break
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    command.child.kill(restart % 2 === 0 ? 'SIGKILL' : 'SIGTERM')
    await command.exited
  }
  t.equal(simulator.tenant.requestCounts().bulk, 1)
})

t.test('a state directory that cannot be used is named, and the service starts', async (t) => {
  const { environment, stateDirectory } = await withState(t)
  writeFileSync(stateDirectory, 'a file in the way')
  const command = startCommand(['serve'], environment)
  await command.waitFor(/"event":"listening"/)
  t.match(command.output(), /"event":"state_file","problem":"unusable"/)
  t.match(command.output(), /will not survive a restart/)
  command.child.kill('SIGTERM')
  t.equal(await command.exited, 0)
})

t.test('an unknown variable that begins like STATE_DIR is a typo', async (t) => {
  const { environment } = await withState(t)
  const { exitCode, output } = await runToEnd(['serve'], { ...environment, STATE_DIRS: 'x' })
  t.equal(exitCode, 78)
  t.match(output, /STATE_DIRS.*did you mean STATE_DIR/)
})

t.test('management: status, metrics, purge and the guard', async (t) => {
  const { app, ask, simulator, stateDirectory } = await withState(t)
  if (!app) throw new Error('the service was not built')
  await app.listen()
  await ask({ mac: laptop.mac })
  await ask({ mac: laptop.mac })
  await ask({ deviceId: laptop.deviceId, mac: laptop.mac })
  const call = async (method: 'GET' | 'POST' | 'DELETE', url: string, headers: Record<string, string> = {}) =>
    app.management.inject({ method, url, headers })

  const status = (await call('GET', '/status')).json()
  t.match(status, {
    upstream: {
      breaker: 'closed',
      cause: null,
      running: 0,
      waiting: 0,
      shed: 0,
      services: {
        entra: { breaker: 'closed' },
        discovery: { breaker: 'closed' },
        compliance_retrieval: { breaker: 'closed', cause: null, running: 0, waiting: 0, shed: 0 },
        nac: { breaker: 'closed' },
        graph: { breaker: 'closed' },
      },
    },
    cache: { records: 2, compliant: 2, noncompliant: 0, unknown: 0, notEnrolled: 0 },
    runway: { seenLast24Hours: 2, keepAccess: { '1h': Number, '4h': Number, '8h': Number } },
    guard: { holding: false, burst: null, list: null, recentFlips: 0, threshold: 20 },
    state: { mode: 'read_write', isLoaded: true },
  })
  t.same(
    readdirSync(stateDirectory).filter((name) => name.endsWith('.sqlite')),
    [`compliance-${simulator.tenantId}.sqlite`],
    'one file for the tenant',
  )

  const metrics = await call('GET', '/metrics')
  t.match(metrics.headers['content-type'], /text\/plain/)
  for (const line of [
    'nac_decisions_total{frontend="json",outcome="allow",reason="compliant",source="intune"} 2',
    'nac_decisions_total{frontend="json",outcome="allow",reason="compliant",source="cache"} 1',
    'nac_cache_lookups_total{verdict="asked"} 2',
    'nac_cache_lookups_total{verdict="hit"} 1',
    'nac_cache_entries{state="compliant"} 2',
    'nac_breaker_state{service="compliance_retrieval",state="closed"} 1',
    'nac_breaker_state{service="compliance_retrieval",state="open"} 0',
    'nac_state_mode{mode="read_write"} 1',
    'nac_request_duration_seconds_count{frontend="json"} 3',
    'nac_upstream_request_duration_seconds_count{operation="query",result="ok"} 2',
    'nac_devices_seen_last_24_hours 2',
  ]) {
    t.ok(metrics.payload.includes(`${line}\n`), line)
  }
  t.notMatch(metrics.payload, new RegExp(`${laptop.mac}|${laptop.deviceId}`, 'i'), 'no device is in a label')
  t.equal((await app.server.inject({ url: '/metrics' })).statusCode, 404, 'only on the management listener')

  t.same((await call('POST', '/guard/accept')).json(), { records: 0, list: false })
  t.same((await call('POST', '/guard/reject')).json(), { records: 0, list: false })
  const foreign = { origin: 'https://evil.example' }
  t.match((await call('POST', '/guard/accept', foreign)).json(), { status: 403, code: 'client_forbidden' })
  t.equal((await call('DELETE', '/devices', { 'sec-fetch-site': 'cross-site' })).statusCode, 403)
  t.same((await call('DELETE', `/devices/mac/${laptop.mac}`)).json(), { purged: 1 })
  t.same((await call('DELETE', `/devices/mac/${laptop.mac}`)).json(), { purged: 0 })
  t.match((await call('DELETE', '/devices/mac/nonsense')).json(), {
    status: 400,
    code: 'identifier_malformed',
  })
  const file = new StateDatabase(join(stateDirectory, `compliance-${simulator.tenantId}.sqlite`))
  t.teardown(() => file.close())
  file.write([{ key: 'mac/00505600000B', value: 'c-1.1', observedAtMs: Date.now() }])
  t.same((await call('DELETE', '/devices')).json(), { purged: 1 })
  t.match((await call('GET', '/status')).json(), { cache: { records: 0 } })
  while (file.read('mac/00505600000B') !== undefined) await new Promise((resolve) => setTimeout(resolve, 10))
  t.pass('the file is cleared as well, whoever wrote into it')
})

t.test('without STATE_DIR nothing is stored and the list is not asked for', async (t) => {
  const { app, simulator } = await simulatedService(t)
  await app?.listen()
  const status = (await app?.management.inject({ url: '/status' }))?.json()
  t.match(status, { state: { mode: 'not_configured' }, noncompliantList: null })
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.equal(simulator.tenant.requestCounts().bulk, 0)
})
