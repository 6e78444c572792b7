import { Agent, request } from 'undici'
import type { Simulator } from '../../src/simulator/simulator.ts'
import type { BenchService } from './bench-service.ts'

const stormDevices = 10_000
const herdCallers = 500

/**
 * What cold devices cost upstream. Herd: 500 callers ask about one device at once. Storm: 10,000 devices are asked
 * about by 64 connections. Counts are exact, whatever the machine.
 */
export async function coldDevices(
  simulator: Simulator,
  service: BenchService,
  token: string,
): Promise<Record<string, number>> {
  const headers = { authorization: `Bearer ${token}` }
  const agent = new Agent({ connections: 64, pipelining: 1 })
  let failed = 0
  const ask = async (mac: string) => {
    const { statusCode, body } = await request(`${service.url}/v1/decision?mac=${mac}`, {
      headers,
      dispatcher: agent,
    })
    const answer = (await body.json()) as { decision?: string }
    if (statusCode !== 200 || answer.decision !== 'allow') failed += 1
  }
  try {
    const put = (mac: string, index: number) =>
      simulator.tenant.putDevice({
        deviceId: `c01d0000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`,
        macs: [mac],
        complianceState: 'compliant',
      })
    put('00505700FFFF', stormDevices)
    const queries = () => simulator.tenant.requestCounts().query
    const beforeHerd = queries()
    await Promise.all(Array.from({ length: herdCallers }, () => ask('00505700FFFF')))
    const herd = queries() - beforeHerd

    const macs = Array.from(
      { length: stormDevices },
      (_, index) => `005056${index.toString(16).padStart(6, '0')}`,
    )
    for (const [index, mac] of macs.entries()) put(mac, index)
    const beforeStorm = queries()
    const startedAt = performance.now()
    const waiting = macs.values()
    await Promise.all(
      Array.from({ length: 64 }, async () => {
        for (const mac of waiting) await ask(mac)
      }),
    )
    return {
      'herd: callers': herdCallers,
      'herd: queries': herd,
      'storm: devices': stormDevices,
      'storm: queries': queries() - beforeStorm,
      'storm: seconds': Math.round((performance.now() - startedAt) / 100) / 10,
      'storm and herd: failed answers': failed,
      'tokens asked for since the start': simulator.tenant.requestCounts().token,
      'discoveries since the start': simulator.tenant.requestCounts().discovery,
    }
  } finally {
    await agent.close()
  }
}
