import { join } from 'node:path'
import type { Bench } from '../bench.ts'
import { bothCores } from '../cores.ts'
import type { Sample } from '../figures.ts'
import { sendLoad } from '../http-load.ts'
import type { LoadTarget } from '../load-target.ts'
import type { MeasuredProcess } from '../measured-process.ts'
import { recordAnswer } from '../record-answer.ts'
import { cachedRequests } from '../requests.ts'

export const processesSection = 'Several processes, the load on the same two cores (JSON GET)'

export function processesRow(what: 'service' | 'node:http', count: number): string {
  return `${what}, ${count} ${count === 1 ? 'process' : 'processes'}`
}

interface Replica {
  readonly server: MeasuredProcess
  readonly target: LoadTarget
}

/**
 * One service; two that share a port (SERVICE_REUSE_PORT), where the kernel gives each its part of the connections; and
 * as many node:http servers, with half of the connections each. Nothing is pinned.
 */
export async function measureProcesses(bench: Bench): Promise<void> {
  const { options, access, results } = bench
  const request = cachedRequests(access.authorization)['json-get']
  if (request === undefined) return
  const startReplica = async (name: string, environment: Readonly<Record<string, string>> = {}) => {
    const server = await bench.startService(name, { cores: bothCores, environment })
    return { server, target: request.at(server.url) }
  }
  const single = await startReplica('single')
  const first = await startReplica('replica-1', { SERVICE_REUSE_PORT: 'on' })
  const { port } = new URL(first.target.url)
  const services = [first, await startReplica('replica-2', { SERVICE_REUSE_PORT: 'on', SERVICE_PORT: port })]
  const answerFile = join(bench.directory, 'processes.json')
  await recordAnswer(single.target, answerFile)
  const yardsticks: Replica[] = []
  for (let replica = 1; replica <= 2; replica += 1) {
    const server = await bench.startYardstick('node-http', { answerFile, cores: bothCores })
    yardsticks.push({ server, target: request.at(server.url) })
  }
  // The kernel chooses who answers: after this many questions each knows the device.
  const warmUps = options.quick ? services : [single, ...services, ...yardsticks]
  for (const { target } of warmUps) await sendLoad(target, { connections: 32, seconds: 1 })
  for (let round = 1; round <= options.rounds; round += 1) {
    bench.say(`several processes: round ${round} of ${options.rounds}`)
    if (!options.quick) {
      results.add(
        processesSection,
        processesRow('node:http', 1),
        await loadAll(yardsticks.slice(0, 1), bench),
      )
      results.add(processesSection, processesRow('service', 1), await loadAll([single], bench))
    }
    results.add(processesSection, processesRow('node:http', 2), await loadAll(yardsticks, bench))
    results.add(processesSection, processesRow('service', 2), await loadAll(services, bench))
  }
}

/** Two senders in every case: what they cost must not differ. */
async function loadAll(used: readonly Replica[], { options }: Bench): Promise<Sample> {
  const { connections, seconds } = options
  const targets = used.length === 1 ? [used[0], used[0]] : used
  const senders = targets.flatMap((replica) => (replica === undefined ? [] : [replica.target]))
  const sendAll = () =>
    Promise.all(
      senders.map((target) => sendLoad(target, { connections: connections / 2, seconds, cores: bothCores })),
    )
  let send = async () => ({ loads: await sendAll(), cpuMicroseconds: 0 })
  for (const { server } of used) {
    const inner = send
    send = async () => {
      const { result, figures } = await server.during(inner)
      return { ...result, cpuMicroseconds: result.cpuMicroseconds + figures.cpuMicroseconds }
    }
  }
  const { loads, cpuMicroseconds } = await send()
  const sum = (pick: (load: (typeof loads)[number]) => number) =>
    loads.reduce((total, load) => total + pick(load), 0)
  return {
    requestsPerSecond: sum((load) => load.requestsPerSecond),
    cpuMicrosPerRequest:
      cpuMicroseconds /
      Math.max(
        1,
        sum((load) => load.requests),
      ),
    failed: sum((load) => load.failed),
  }
}
