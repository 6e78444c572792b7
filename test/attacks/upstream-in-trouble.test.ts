import { join } from 'node:path'
import t from 'tap'
import type { FaultInput } from '../../src/simulator/state/faults.ts'
import { attackedService, device, devices } from './attacked-service.ts'

t.setTimeout(240_000)

const graph = { INTUNE_GRAPH_DETAILS: 'on' }
const serials = Array.from({ length: 5 }, (_, index) => device(index).serialNumber)

t.test('five serial numbers without the permission for Graph hurt nobody else', async (t) => {
  const { decide, letIn, simulator, management } = await attackedService(t, { environment: graph })
  const [app] = simulator.tenant.listApps()
  if (!app) return t.fail('an app is registered')
  simulator.tenant.registerApp({
    ...app,
    roles: { graph: ['Application.Read.All'], intune: ['get_device_compliance'] },
  })
  for (const serialNumber of [...serials, ...serials]) {
    t.match(await decide({ serialNumber }), { decision: 'deny', errorCode: 'details_forbidden' })
  }
  t.equal(await letIn(), devices)
  t.match(await management('/metrics'), /^nac_breaker_state\{service="graph",state="closed"\} 1$/m)
})

t.test('Graph that throttles one serial number is left alone, and Intune is not', async (t) => {
  const { decide, letIn, simulator, management } = await attackedService(t, { environment: graph })
  simulator.tenant.setFault({
    hop: 'details',
    kind: 'status',
    status: 429,
    headers: { 'retry-after': '3000' },
    match: serials[0] ?? '',
  })
  t.match(await decide({ serialNumber: serials[0] ?? '' }), { errorCode: 'details_throttled' })
  const { details } = simulator.tenant.requestCounts()
  t.match(await decide({ serialNumber: serials[1] ?? '' }), { errorCode: 'details_throttled' })
  t.equal(simulator.tenant.requestCounts().details, details, 'Graph asked the whole app to wait')
  t.equal(await letIn(), devices)

  const before = simulator.tenant.requestCounts().query
  for (let count = 0; count < 5; count += 1) {
    const answer = await decide({ certificateCn: 'deadbeef-0000-4000-8000-00000000000f' })
    t.match(answer, { errorCode: 'details_throttled' })
  }
  t.equal(
    simulator.tenant.requestCounts().query,
    before + 1,
    'a name that Graph translates: asked once a second',
  )

  const noncompliant = device(1)
  simulator.tenant.patchDevice(noncompliant.deviceId, { complianceState: 'noncompliant' })
  t.match(
    await decide({ deviceId: noncompliant.deviceId }),
    { decision: 'remediate', reason: 'noncompliant', source: 'intune' },
    'an answer of Intune stands without its details',
  )
  const { upstream } = JSON.parse(await management('/status'))
  t.match(upstream.services, {
    graph: { breaker: 'open', cause: 'retry_after', openSince: String, nextProbeAt: String },
    compliance_retrieval: { breaker: 'closed' },
  })
  t.match(JSON.parse(await management('/readyz')), {
    status: 'ready',
    checks: { upstream: { status: 'degraded', what: /^Microsoft Graph \(managed devices\) is not asked/ } },
  })
  const metrics = await management('/metrics')
  t.match(metrics, /^nac_breaker_state\{service="graph",state="open"\} 1$/m)
  t.match(metrics, /^nac_breaker_state\{service="compliance_retrieval",state="open"\} 0$/m)
  t.match(metrics, /^nac_breaker_opened_total\{service="graph"\} 1$/m)
})

const sick = device(0)
const troubles: readonly [string, FaultInput][] = [
  ['500', { hop: 'query', kind: 'status', status: 500, match: sick.deviceId }],
  ['502', { hop: 'query', kind: 'html', status: 502, match: sick.deviceId }],
  ['503', { hop: 'query', kind: 'empty', status: 503, match: sick.deviceId }],
  ['503 with a time in its body', { hop: 'query', kind: 'nested_error', match: sick.deviceId }],
  ['403', { hop: 'query', kind: 'status', status: 403, match: sick.deviceId }],
  ['a reset', { hop: 'query', kind: 'reset', match: sick.deviceId }],
  ['half a reply', { hop: 'query', kind: 'truncate', match: sick.deviceId }],
  ['nonsense', { hop: 'query', kind: 'body', body: '<html>', match: sick.deviceId }],
]

for (const [name, fault] of troubles) {
  t.test(`one device that Intune answers with ${name}, however often, hurts nobody else`, async (t) => {
    const { decide, letIn, simulator } = await attackedService(t)
    simulator.tenant.setFault(fault)
    for (let count = 0; count < 30; count += 1) {
      const named = count % 2 === 0 ? { mac: sick.mac } : { deviceId: sick.deviceId }
      t.match(await decide(named), { decision: 'deny', reason: 'intune_unavailable' })
    }
    t.equal(await letIn(), devices - 1)
  })
}

t.test('five sick devices in a row are taken for an outage, and cannot keep it up', async (t) => {
  const { decide, letIn, simulator, management } = await attackedService(t)
  const ill = [0, 1, 2, 3, 4].map(device)
  for (const { deviceId, mac } of ill) {
    simulator.tenant.setFault({ hop: 'query', kind: 'status', status: 500, match: deviceId })
    await decide({ mac })
  }
  t.match(
    await management('/metrics'),
    /^nac_breaker_state\{service="compliance_retrieval",state="open"\} 1$/m,
  )
  let isOver = false
  const insist = Promise.all(
    ill.map(async ({ mac }) => {
      while (!isOver) {
        await decide({ mac })
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }),
  )
  const startedMs = performance.now()
  let answer = await decide({ deviceId: device(9).deviceId })
  while (answer.decision !== 'allow' && performance.now() < startedMs + 20_000) {
    await new Promise((resolve) => setTimeout(resolve, 250))
    answer = await decide({ deviceId: device(9).deviceId })
  }
  t.match(answer, { decision: 'allow', source: 'intune' })
  t.comment(`a sound device was asked about after ${Math.round(performance.now() - startedMs)} ms`)
  t.equal(await letIn(), devices - ill.length, 'and then everybody else')
  isOver = true
  await insist
})

t.test('a token that is refused for one device is not taken from the others', async (t) => {
  const { decide, letIn, simulator } = await attackedService(t)
  t.match(await decide({ deviceId: device(5).deviceId }), { decision: 'allow' })
  simulator.tenant.setFault({ hop: 'query', kind: 'status', status: 401, match: sick.deviceId })
  simulator.tenant.setFault({ hop: 'token', kind: 'status', status: 503 })
  t.match(await decide({ deviceId: sick.deviceId }), { reason: 'intune_unavailable' })
  t.equal(await letIn(), devices - 1)
})

t.test('NAC 1.x out of order is nothing to Compliance Retrieval', async (t) => {
  const { decide, letIn, simulator, management } = await attackedService(t)
  for (let index = 0; index < 6; index += 1) {
    simulator.tenant.setFault({ hop: 'query', kind: 'status', status: 500, match: imei(index) })
    t.match(await decide({ imei: imei(index) }), { reason: 'intune_unavailable' })
  }
  t.match(await management('/metrics'), /^nac_breaker_state\{service="nac",state="open"\} 1$/m)
  t.equal(await letIn(), devices)
})

t.test('a 503 for the list of all noncompliant devices pauses nothing', async (t) => {
  const stateDirectory = join(t.testdir({ state: {} }), 'state')
  const { letIn, simulator } = await attackedService(t, {
    environment: { STATE_DIR: stateDirectory },
    prepare: ({ tenant }) =>
      void tenant.setFault({
        hop: 'bulk',
        kind: 'status',
        status: 503,
        headers: { 'retry-after': '3000' },
      }),
  })
  while (simulator.tenant.requestCounts().bulk === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  t.equal(await letIn(), devices)
})

/** A number with a right check digit (3GPP TS 23.003 annex B). */
function imei(index: number): string {
  const body = `3540000000${String(index).padStart(4, '0')}`
  const sum = [...body].reduce((total, digit, position) => {
    const value = Number(digit) * (position % 2 === 0 ? 1 : 2)
    return total + (value > 9 ? value - 9 : value)
  }, 0)
  return `${body}${(10 - (sum % 10)) % 10}`
}
