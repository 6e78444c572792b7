import t, { type Test } from 'tap'
import { Agent, request } from 'undici'
import { laptop } from '../app/simulated-service.ts'
import { iseService, user } from './ise-service.ts'

const authorization = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`

/** Sends requests at a fixed rate whatever the answers do, and gives the sorted times to each whole answer. */
async function atRate(
  t: Test,
  {
    urls,
    perSecond,
    caPem,
  }: { readonly urls: readonly string[]; readonly perSecond: number; readonly caPem: string },
) {
  const agent = new Agent({ connect: { ca: [caPem] }, connections: 16 })
  t.teardown(() => agent.close())
  const statuses = new Map<number, number>()
  const ask = async (url: string) => {
    const startedMs = performance.now()
    const reply = await request(url, { dispatcher: agent, headers: { authorization } })
    await reply.body.text()
    statuses.set(reply.statusCode, (statuses.get(reply.statusCode) ?? 0) + 1)
    return performance.now() - startedMs
  }
  const startMs = performance.now()
  const answers: Promise<number>[] = []
  for (const [index, url] of urls.entries()) {
    const dueMs = startMs + (index * 1000) / perSecond
    if (performance.now() < dueMs) await new Promise((go) => setTimeout(go, dueMs - performance.now()))
    answers.push(ask(url))
  }
  const times = (await Promise.all(answers)).sort((a, b) => a - b)
  const quantile = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
  return { statuses: Object.fromEntries(statuses), p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) }
}

t.test('a remembered device is answered fast at 200 requests a second over TLS', async (t) => {
  const service = await iseService(t, { LOG_LEVEL: 'info' })
  const url = `${service.url}/ciscoise/mdmapi/v3/devices/?paging=0&querycriteria=guid&value=${laptop.deviceId}&filter=all`
  const rate = (count: number) =>
    atRate(t, { urls: Array(count).fill(url), perSecond: 200, caPem: service.caPem })
  await rate(200)
  const asked = service.simulator.tenant.requestCounts().query
  const { statuses, p50, p99, max } = await rate(1000)
  t.comment(
    `1000 remembered look-ups at 200/s over TLS: p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, max ${max.toFixed(1)} ms`,
  )
  t.same(statuses, { 200: 1000 })
  t.equal(service.simulator.tenant.requestCounts().query, asked, 'and Intune was asked nothing')
  // Cisco wants 200 ms; the aim is 20 ms on an idle machine.
  t.ok(p99 < 200, `p99 is ${p99.toFixed(1)} ms`)
})

t.test('devices that nobody remembers are answered within the deadline', async (t) => {
  const deadlineMs = 1000
  const service = await iseService(t, { DECISION_DEADLINE_MS: String(deadlineMs) })
  const { tenant } = service.simulator
  tenant.setFault({ hop: 'query', kind: 'latency', latencyMs: 150 })
  const ids = Array.from(
    { length: 200 },
    (_, index) => `${index.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`,
  )
  tenant.putDevices(ids.map((deviceId) => ({ deviceId, macs: [], complianceState: 'compliant' as const })))
  const urls = ids.map(
    (id) => `${service.url}/ciscoise/mdmapi/v3/devices/?paging=0&querycriteria=guid&value=${id}&filter=all`,
  )
  await service.client().lookUp({ guid: laptop.deviceId })
  const { statuses, p50, p99, max } = await atRate(t, { urls, perSecond: 50, caPem: service.caPem })
  t.comment(
    `200 look-ups of unknown devices, Intune taking 150 ms: p50 ${p50.toFixed(0)}, p99 ${p99.toFixed(0)}, max ${max.toFixed(0)} ms`,
  )
  t.same(statuses, { 200: 200 })
  t.ok(max < deadlineMs + 500, `the slowest took ${max.toFixed(0)} ms`)
})
