import t from 'tap'
import { deadlineMs, type Outage, simulateOutage } from './simulated-outage.ts'

const known = '11111111-1111-4111-8111-111111111111'
const stranger = '99999999-9999-4999-8999-999999999999'
const hourMs = 60 * 60 * 1000

t.setTimeout(120_000)

/**
 * How many requests are let out in two hours, and how long after the end it may take until one is let out. Two devices are
 * too few for the breaker: each of them has a pause of its own, half a minute in the end.
 */
const outages: readonly { readonly outage: Outage; readonly budget: number; readonly probeMs: number }[] = [
  // A probe that left just before the end is only given up after its own five seconds.
  { outage: 'black hole', budget: 500, probeMs: 38_000 },
  { outage: 'refused', budget: 500, probeMs: 33_000 },
  { outage: 'reset', budget: 500, probeMs: 33_000 },
  { outage: '503', budget: 520, probeMs: 33_000 },
  { outage: '429 with Retry-After 120', budget: 65, probeMs: 120_000 },
]

for (const { outage, budget, probeMs } of outages) {
  t.test(`two hours of ${outage}: known devices keep their access, in time and marked`, async (t) => {
    const service = await simulateOutage(t)
    const { clock, simulator } = service
    for (const deviceId of [known, stranger]) {
      simulator.tenant.putDevice({ deviceId, complianceState: 'compliant' })
    }
    const first = await service.ask(known)
    t.match(first.decision, { outcome: 'allow', source: 'intune' }, 'the device is known before')
    await clock.advance(1200_000)
    // What was learnt is on disk within seconds; the fake clock has started the writing.
    await new Promise((resolve) => setTimeout(resolve, 300))

    service.begin(outage)
    const beganMs = clock.nowMs()
    let slowestMs = 0
    let answers = 0
    const wrong: unknown[] = []
    let isRestarted = false
    while (clock.nowMs() < beganMs + 2 * hourMs) {
      if (!isRestarted && clock.nowMs() > beganMs + hourMs) {
        await service.restart()
        isRestarted = true
      }
      for (const deviceId of [known, stranger]) {
        const observedMs = first.decision.observedAtMs ?? 0
        const { decision, tookMs } = await service.ask(deviceId)
        answers += 1
        slowestMs = Math.max(slowestMs, tookMs)
        const asExpected =
          deviceId === known
            ? decision.outcome === 'allow' &&
              decision.source === 'last_known' &&
              decision.stale &&
              Math.abs(decision.ageMs - (clock.nowMs() - observedMs)) < 2000
            : decision.outcome === 'deny' && decision.reason === 'intune_unavailable'
        if (!asExpected) wrong.push(decision)
      }
      await clock.advance(5000)
    }
    const attempts = service.attempts()
    t.same(wrong.slice(0, 3), [], 'every answer is the last known one, and a stranger gets the outage policy')
    t.ok(slowestMs <= deadlineMs + 100, `every answer is in time: ${slowestMs} ms at most`)
    t.ok(attempts <= budget, `${attempts} requests in two hours, ${budget} at most`)

    service.end()
    const endedMs = clock.nowMs()
    let back = (await service.ask(known)).decision
    while (back.source !== 'intune' && clock.nowMs() < endedMs + 10 * 60_000) {
      await clock.advance(1000)
      back = (await service.ask(known)).decision
    }
    const recoveredMs = clock.nowMs() - endedMs
    t.match(back, { outcome: 'allow', source: 'intune', stale: false })
    t.ok(recoveredMs <= probeMs + 1000, `back after ${recoveredMs / 1000} s, one probe interval at most`)
    t.match((await service.ask(stranger)).decision, { outcome: 'allow' }, 'and so is everybody else')
    t.comment(
      `${answers} answers, slowest ${slowestMs} ms, ${attempts} requests, back after ${recoveredMs / 1000} s`,
    )
  })
}
