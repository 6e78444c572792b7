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

const counts = [1, 2] as const

interface Replica {
  readonly server: MeasuredProcess
  readonly target: LoadTarget
}

/** Replicas on ports of their own, as behind a load balancer, each with half of the connections. Nothing is pinned. */
export async function measureProcesses(bench: Bench): Promise<void> {
  const { options, access, results } = bench
  const request = cachedRequests(access.authorization)['json-get']
  if (request === undefined) return
  const services: Replica[] = []
  const yardsticks: Replica[] = []
  const answerFile = join(bench.directory, 'processes.json')
  for (let replica = 1; replica <= 2; replica += 1) {
    const service = await bench.startService(`replica-${replica}`, { cores: bothCores })
    services.push({ server: service, target: request.at(service.url) })
    await recordAnswer(request.at(service.url), answerFile)
    const yardstick = await bench.startYardstick('node-http', { answerFile, cores: bothCores })
    yardsticks.push({ server: yardstick, target: request.at(yardstick.url) })
  }
  const warmUps = options.quick ? [] : [...services, ...yardsticks]
  for (const { target } of warmUps) await sendLoad(target, { connections: 32, seconds: 1 })
  for (let round = 1; round <= options.rounds; round += 1) {
    bench.say(`several processes: round ${round} of ${options.rounds}`)
    for (const count of options.quick ? ([2] as const) : counts) {
      results.add(processesSection, processesRow('node:http', count), await loadAll(yardsticks, count, bench))
      results.add(processesSection, processesRow('service', count), await loadAll(services, count, bench))
    }
  }
}

/** Two senders in every case: what they cost must not differ. */
async function loadAll(replicas: readonly Replica[], count: number, { options }: Bench): Promise<Sample> {
  const { connections, seconds } = options
  const used = replicas.slice(0, count)
  const targets = count === 1 ? [used[0], used[0]] : used
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
