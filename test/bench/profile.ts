import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Bench } from './bench.ts'
import type { BenchService } from './bench-service.ts'
import { sendLoad } from './http-load.ts'
import {
  type CpuProfile,
  formatShares,
  type HeapProfile,
  sharesOfCpu,
  sharesOfHeap,
} from './profile-table.ts'
import { cachedRequests } from './requests.ts'
import { cachedNames } from './scenarios/cached.ts'
import { openMissLoad } from './scenarios/misses.ts'

/** The scenarios that can be profiled. */
export const profiledNames: readonly string[] = [...cachedNames, 'misses']

/**
 * Where the time and the allocations of a scenario go, while it is under load and without the start of the service.
 * Leaves a .cpuprofile and a .heapprofile, which Chrome's developer tools and VS Code open.
 */
export async function profileScenario(bench: Bench, name: string): Promise<string> {
  const { options } = bench
  const folder = resolve(options.profiles)
  mkdirSync(folder, { recursive: true })
  const service = await bench.startService('profile')
  const { title, load, close } = await openLoad(bench, service, name)
  await load(2)
  const cpuFile = join(folder, `${name}.cpuprofile`)
  const heapFile = join(folder, `${name}.heapprofile`)
  await service.profile('cpu', cpuFile, () => load(options.seconds))
  let requests = 0
  await service.profile('heap', heapFile, async () => {
    requests = await load(options.seconds)
  })
  await close()
  const cpu = sharesOfCpu(JSON.parse(readFileSync(cpuFile, 'utf8')) as CpuProfile)
  const heap = sharesOfHeap(JSON.parse(readFileSync(heapFile, 'utf8')) as HeapProfile)
  return [
    `## ${title}: processor time by function, without the time that it waited`,
    formatShares(cpu.functions, { heading: 'ms', scale: 1 / 1000 }),
    '## the same by part',
    formatShares(cpu.parts, { heading: 'ms', scale: 1 / 1000 }),
    '## allocations by function, bytes a request',
    formatShares(heap.functions, { heading: 'bytes/request', scale: 1 / Math.max(1, requests) }),
    '## the same by part',
    formatShares(heap.parts, { heading: 'bytes/request', scale: 1 / Math.max(1, requests) }),
    `${cpuFile}\n${heapFile}`,
  ].join('\n\n')
}

/** A load of so many seconds, which gives how many requests it sent. */
interface Load {
  readonly title: string
  load(seconds: number): Promise<number>
  close(): Promise<void>
}

async function openLoad(bench: Bench, service: BenchService, name: string): Promise<Load> {
  if (name === 'misses') return { title: 'Misses', ...(await openMissLoad(bench, service)) }
  const request = cachedRequests(bench.access.authorization)[name]
  if (request === undefined) throw new Error(`${name} cannot be profiled`)
  const target = request.at(service.url)
  const { connections } = bench.options
  return {
    title: request.title,
    load: async (seconds) => (await sendLoad(target, { connections, seconds })).requests,
    async close() {},
  }
}
