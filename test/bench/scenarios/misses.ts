import { Agent } from 'undici'
import { coldMacs } from '../addresses.ts'
import type { Bench } from '../bench.ts'
import { askEach } from '../cold-load.ts'
import { createNaiveIntune, intuneResource, macQuery } from '../naive-intune.ts'
import { putColdDevices } from './cold-devices.ts'

export const missesSection = 'Cold devices, 50 in flight'
export const missLatenciesMs = [0, 20, 150] as const
const inFlight = 50

export function missRow(latencyMs: number): string {
  return `upstream takes ${latencyMs} ms`
}

/**
 * What the service adds to the upstream's own time. The control asks the simulator the same questions with the same
 * client, as many at once, without the service.
 */
export async function measureMisses(bench: Bench): Promise<void> {
  const { options, results, access, simulator } = bench
  const service = await bench.startService('misses')
  const intune = createNaiveIntune(simulator.environment)
  const uri = await intune.fetchServiceUri()
  const headers = { ...(await intune.fetchToken(intuneResource)), accept: 'application/xml' }
  const agent = new Agent({ connections: inFlight })

  const askIntune = (macs: readonly string[]) =>
    askEach(macs, {
      urlOf: (mac) => uri + macQuery(mac),
      headers,
      dispatcher: intune.agent,
      inFlight,
      isRight: (body) => /<status>true/i.test(body),
    })
  const askService = (macs: readonly string[]) =>
    askEach(macs, {
      urlOf: (mac) => `${service.url}/v1/decision?mac=${mac}`,
      headers: { authorization: access.authorization },
      dispatcher: agent,
      inFlight,
      isRight: (body) => body.includes('"decision":"allow"'),
    })
  const fresh = async (count: number) => {
    const macs = coldMacs(count)
    await putColdDevices(simulator, macs)
    return macs
  }
  try {
    const warmUp = await fresh(500)
    await askIntune(warmUp)
    await askService(warmUp)
    for (let round = 1; round <= options.rounds; round += 1) {
      bench.say(`misses: round ${round} of ${options.rounds}`)
      for (const latencyMs of missLatenciesMs) {
        const seconds = options.quick ? 0.2 : options.seconds
        // As many as that time has room for, at 15 ms of work each.
        const macs = await fresh(Math.round((seconds * inFlight * 1000) / (latencyMs + 15)))
        await simulator.setLatency(latencyMs)
        const direct = await askIntune(macs)
        const before = (await simulator.counts()).query
        const { result, figures } = await service.during(() => askService(macs))
        const queries = (await simulator.counts()).query - before
        await simulator.setLatency(0)
        results.expect(`${missRow(latencyMs)}: queries`, queries, macs.length)
        results.add(missesSection, missRow(latencyMs), {
          ...result,
          failed: result.failed + direct.failed,
          cpuMicrosPerRequest: figures.cpuMicroseconds / macs.length,
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
    await Promise.all([agent.close(), intune.agent.close()])
  }
}
