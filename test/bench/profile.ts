import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Bench } from './bench.ts'
import { sendLoad } from './http-load.ts'
import {
  type CpuProfile,
  formatShares,
  type HeapProfile,
  sharesOfCpu,
  sharesOfHeap,
} from './profile-table.ts'
import { cachedRequests } from './requests.ts'

/**
 * Where the time and the allocations of a cached scenario go, while it is under full load and without the start of the
 * service. Leaves a .cpuprofile and a .heapprofile, which Chrome's developer tools and VS Code open.
 */
export async function profileCached(bench: Bench, name: string): Promise<string> {
  const { options, access } = bench
  const request = cachedRequests(access.authorization)[name]
  if (request === undefined) throw new Error(`only cached scenarios are profiled, and ${name} is none`)
  const folder = resolve(options.profiles)
  mkdirSync(folder, { recursive: true })
  const service = await bench.startService('profile')
  const target = request.at(service.url)
  const { connections, seconds } = options
  const load = (howLong = seconds) => sendLoad(target, { connections, seconds: howLong })
  await load(2)
  const cpuFile = join(folder, `${name}.cpuprofile`)
  const heapFile = join(folder, `${name}.heapprofile`)
  await service.profile('cpu', cpuFile, () => load())
  let requests = 0
  await service.profile('heap', heapFile, async () => {
    requests = (await load()).requests
  })
  const cpu = sharesOfCpu(JSON.parse(readFileSync(cpuFile, 'utf8')) as CpuProfile)
  const heap = sharesOfHeap(JSON.parse(readFileSync(heapFile, 'utf8')) as HeapProfile)
  return [
    `## ${request.title}: processor time by function, without the time that it waited`,
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
