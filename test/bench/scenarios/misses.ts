import { createHistogram } from 'node:perf_hooks'
import { Agent } from 'undici'
import { coldMacs } from '../addresses.ts'
import type { Bench } from '../bench.ts'
import type { BenchService } from '../bench-service.ts'
import { askEach, type ColdLoadResult } from '../cold-load.ts'
import { createNaiveIntune, intuneResource, macQuery } from '../naive-intune.ts'
import { putColdDevices } from './cold-devices.ts'

export const missesSection = 'Cold devices, 50 in flight'
const inFlight = 50

/** How long the upstream takes, and whether the callers begin at the same moment. */
interface MissCase {
  readonly latencyMs: number
  readonly atOnce: boolean
}

/** Without a latency there is no time to spread the callers over. */
export const missCases: readonly MissCase[] = [
  { latencyMs: 0, atOnce: true },
  { latencyMs: 20, atOnce: false },
  { latencyMs: 150, atOnce: false },
  { latencyMs: 20, atOnce: true },
  { latencyMs: 150, atOnce: true },
]

export function missRow({ latencyMs, atOnce }: MissCase): string {
  return `upstream takes ${latencyMs} ms${atOnce && latencyMs > 0 ? ', all 50 at the same moment' : ''}`
}

/**
 * What the service adds to the upstream's own time. The control asks the simulator the same questions with the same
 * client, as many at once, without the service.
 *
 * `added` is the difference of two percentiles. `above` is seen request by request: what the caller waited, less what
 * the simulator took with this very query. It holds the service, the client and every wait for a core between them, so
 * it is never too small.
 *
 * 50 callers that begin at the same moment stay together for good, because every answer takes the same time: each round
 * is a burst, in which the last one waits for 49 others, in the control as well. That is worth knowing, and a row of
 * its own, but no independent callers do that: the others begin one after the other over the time of one answer, and
 * then 50 questions are in flight at every moment.
 */
export async function measureMisses(bench: Bench): Promise<void> {
  const { options, results, simulator } = bench
  const service = await bench.startService('misses')
  const ways = await openWays(bench, service)
  try {
    const warmUp = await putFresh(bench, options.quick ? 500 : 3000)
    await ways.askUpstream(warmUp, 0)
    await ways.askService(warmUp, 0)
    for (let round = 1; round <= options.rounds; round += 1) {
      bench.say(`misses: round ${round} of ${options.rounds}`)
      for (const missCase of missCases) {
        const { latencyMs, atOnce } = missCase
        const seconds = options.quick ? 0.2 : options.seconds
        // As many as that time has room for, at 15 ms of work each.
        const macs = await putFresh(bench, Math.round((seconds * inFlight * 1000) / (latencyMs + 15)))
        const spreadMs = atOnce ? 0 : latencyMs
        await simulator.setLatency(latencyMs)
        const direct = await ways.askUpstream(macs, spreadMs)
        const before = (await simulator.counts()).query
        const { result, figures } = await service.during(() => ways.askService(macs, spreadMs), {
          seesPauses: false,
        })
        const queries = (await simulator.counts()).query - before
        await simulator.setLatency(0)
        const row = missRow(missCase)
        results.expect(`${row}: queries`, queries, macs.length)
        results.add(missesSection, row, {
          ...result,
          failed: result.failed + direct.failed,
          cpuMicrosPerRequest: figures.cpuMicroseconds / macs.length,
          waitedForCoreMs: figures.waitedForCoreMs,
          directAboveP50Ms: direct.aboveP50Ms,
          directAboveP99Ms: direct.aboveP99Ms,
          directP50Ms: direct.p50Ms,
          directP99Ms: direct.p99Ms,
          addedP50Ms: result.p50Ms - direct.p50Ms,
          addedP99Ms: result.p99Ms - direct.p99Ms,
          overSetP50Ms: result.p50Ms - latencyMs,
          overSetP99Ms: result.p99Ms - latencyMs,
        })
      }
    }
  } finally {
    await ways.close()
  }
}

/** Misses as a load to profile: as many as `seconds` have room for with an upstream that takes 20 ms. Gives how many. */
export async function openMissLoad(
  bench: Bench,
  service: BenchService,
): Promise<{ load(seconds: number): Promise<number>; close(): Promise<void> }> {
  const ways = await openWays(bench, service)
  const latencyMs = 20
  return {
    async load(seconds) {
      const macs = await putFresh(bench, Math.round((seconds * inFlight * 1000) / (latencyMs + 15)))
      await bench.simulator.setLatency(latencyMs)
      await ways.askService(macs, latencyMs)
      await bench.simulator.setLatency(0)
      return macs.length
    },
    close: ways.close,
  }
}

interface MissResult extends ColdLoadResult {
  readonly aboveP50Ms: number
  readonly aboveP99Ms: number
}

type Ask = (macs: readonly string[], spreadMs: number) => Promise<MissResult>

/** Both ways to the simulator: through a service, and past it. */
async function openWays({ access, simulator }: Bench, service: BenchService) {
  const intune = createNaiveIntune(simulator.environment)
  const uri = await intune.fetchServiceUri()
  const headers = { ...(await intune.fetchToken(intuneResource)), accept: 'application/xml' }
  const agent = new Agent({ connections: inFlight })
  const ask =
    (target: Pick<Parameters<typeof askEach>[1], 'urlOf' | 'headers' | 'dispatcher' | 'isRight'>): Ask =>
    async (macs, spreadMs) => {
      const tookMs = new Map<string, number>()
      await simulator.takeOwnTimes()
      const result = await askEach(macs, {
        ...target,
        inFlight,
        spreadMs,
        onAnswer: (mac, ms) => tookMs.set(mac, ms),
      })
      const own = await simulator.takeOwnTimes()
      const above = createHistogram({ lowest: 1000, highest: 60_000_000_000, figures: 3 })
      for (const [mac, ms] of tookMs) {
        above.record(Math.max(1000, Math.round((ms - (own.get(mac) ?? 0)) * 1e6)))
      }
      const at = (percentile: number) => above.percentile(percentile) / 1e6
      return { ...result, aboveP50Ms: at(50), aboveP99Ms: at(99) }
    }
  return {
    askUpstream: ask({
      urlOf: (mac) => uri + macQuery(mac),
      headers,
      dispatcher: intune.agent,
      isRight: (body) => /<status>true/i.test(body),
    }),
    askService: ask({
      urlOf: (mac) => `${service.url}/v1/decision?mac=${mac}`,
      headers: { authorization: access.authorization },
      dispatcher: agent,
      isRight: (body) => body.includes('"decision":"allow"'),
    }),
    async close() {
      await Promise.all([agent.close(), intune.agent.close()])
    },
  }
}

/** So many devices that the simulator knows and no service has asked about. */
async function putFresh({ simulator }: Bench, count: number): Promise<readonly string[]> {
  const macs = coldMacs(count)
  await putColdDevices(simulator, macs)
  return macs
}
