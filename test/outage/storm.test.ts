import t from 'tap'
import { Pool } from 'undici'
import { simulatedService } from '../app/simulated-service.ts'

const devices = 10_000
const connections = 64
const latencyMs = 150

t.setTimeout(120_000)

t.test('a storm of 10,000 cold devices, each asked about twice, costs one query each', async (t) => {
  const { simulator, app } = await simulatedService(t, { environment: { DECISION_DEADLINE_MS: '5000' } })
  if (!app) throw new Error('the service was not built')
  const ids = Array.from({ length: devices }, (_, index) => deviceIdOf(index))
  for (const deviceId of ids) simulator.tenant.putDevice({ deviceId, complianceState: 'compliant' })
  simulator.tenant.setFault({ hop: 'query', kind: 'latency', latencyMs })
  const { serviceUrl } = await app.listen()
  const pool = new Pool(serviceUrl, { connections, pipelining: 1 })
  t.teardown(() => pool.close())

  const questions = shuffled([...ids, ...ids])
  const missMs: number[] = []
  const outcomes = new Map<string, number>()
  const startedMs = performance.now()
  await Promise.all(
    Array.from({ length: connections }, async () => {
      for (let deviceId = questions.pop(); deviceId !== undefined; deviceId = questions.pop()) {
        const askedMs = performance.now()
        const reply = await pool.request({ method: 'GET', path: `/v1/decision?deviceId=${deviceId}` })
        const { decision, source } = (await reply.body.json()) as { decision: string; source: string }
        const outcome = `${reply.statusCode} ${decision}`
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        if (source === 'intune') missMs.push(performance.now() - askedMs)
      }
    }),
  )
  const tookSeconds = (performance.now() - startedMs) / 1000
  missMs.sort((a, b) => a - b)
  const p99Ms = missMs[Math.floor(missMs.length * 0.99)] ?? 0
  t.comment(
    `${2 * devices} answers in ${tookSeconds.toFixed(1)} s; a miss takes ${Math.round(p99Ms)} ms at p99 with ${latencyMs} ms upstream`,
  )
  t.same([...outcomes], [['200 allow', 2 * devices]], 'nothing failed')
  const { token, discovery, query } = simulator.tenant.requestCounts()
  t.same({ token, discovery, query }, { token: 2, discovery: 1, query: devices })
})

function deviceIdOf(index: number): string {
  return `${index.toString(16).padStart(8, '0')}-6859-4b71-93aa-56aba42581c5`
}

/** The same order every time: a linear congruential generator is random enough to mix. */
function shuffled(items: string[]): string[] {
  let state = 42
  for (let index = items.length - 1; index > 0; index -= 1) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    const other = state % (index + 1)
    ;[items[index], items[other]] = [items[other] ?? '', items[index] ?? '']
  }
  return items
}
