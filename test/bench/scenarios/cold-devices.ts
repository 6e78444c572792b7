import { Agent } from 'undici'
import { coldMacs } from '../addresses.ts'
import type { Bench } from '../bench.ts'
import type { BenchSimulator } from '../bench-simulator.ts'
import { askEach } from '../cold-load.ts'

export const coldSection = 'What cold devices cost upstream'
export const herdRow = 'herd: many callers, one device'
export const stormRow = 'storm: many devices, 64 connections'

const herdCallers = 500
/** Long enough for every caller of a herd to arrive before the answer. */
const herdLatencyMs = 500
const stormDevices = { quick: 2000, whole: 10_000 }

/** Makes the simulated tenant know these devices, all compliant. */
export async function putColdDevices(simulator: BenchSimulator, macs: readonly string[]): Promise<void> {
  await simulator.putDevices(
    macs.map((mac) => ({
      deviceId: `c01d0000-0000-4000-8000-${mac.toLowerCase()}`,
      macs: [mac],
      complianceState: 'compliant',
    })),
  )
}

/** Many callers ask a service that knows nothing about one device at once. */
export async function measureHerd(bench: Bench): Promise<void> {
  const macs = coldMacs(1)
  await putColdDevices(bench.simulator, macs)
  const callers = Array.from({ length: herdCallers }, () => macs[0] ?? '')
  await bench.simulator.setLatency(herdLatencyMs)
  const sample = await askCold(bench, { name: 'herd', macs: callers, inFlight: herdCallers })
  await bench.simulator.setLatency(0)
  bench.results.add(coldSection, herdRow, { callers: herdCallers, devices: 1, ...sample })
  bench.results.expect('herd: queries', sample.queries, 1)
}

/** Many devices that nobody has asked about, by 64 connections, from the start of a service. */
export async function measureStorm(bench: Bench): Promise<void> {
  const devices = bench.options.quick ? stormDevices.quick : stormDevices.whole
  const macs = coldMacs(devices)
  await putColdDevices(bench.simulator, macs)
  const sample = await askCold(bench, { name: 'storm', macs, inFlight: 64 })
  bench.results.add(coldSection, stormRow, { callers: 64, devices, ...sample })
  bench.results.expect('storm: queries', sample.queries, devices)
}

async function askCold(
  { simulator, access, results, ...bench }: Bench,
  { name, macs, inFlight }: { name: string; macs: readonly string[]; inFlight: number },
) {
  bench.say(`${name} of ${macs.length}`)
  const before = await simulator.counts()
  const service = await bench.startService(name)
  const agent = new Agent({ connections: inFlight })
  const startedAt = performance.now()
  const { failed, p50Ms, p99Ms } = await askEach(macs, {
    urlOf: (mac) => `${service.url}/v1/decision?mac=${mac}`,
    headers: { authorization: access.authorization },
    dispatcher: agent,
    inFlight,
    isRight: (body) => body.includes('"decision":"allow"'),
  })
  const seconds = (performance.now() - startedAt) / 1000
  await agent.close()
  const after = await simulator.counts()
  const counted = {
    queries: after.query - before.query,
    tokens: after.token - before.token,
    discoveries: after.discovery - before.discovery,
  }
  // One token for Graph and one for Intune.
  results.expect(`${name}: tokens`, counted.tokens, 2)
  results.expect(`${name}: discoveries`, counted.discoveries, 1)
  return { ...counted, seconds, p50Ms, p99Ms, failed }
}
