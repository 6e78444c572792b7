import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from 'undici'
import { coldMacs } from '../addresses.ts'
import type { Bench } from '../bench.ts'
import type { BenchService } from '../bench-service.ts'
import { askEach } from '../cold-load.ts'
import { sendLoad } from '../http-load.ts'
import type { LoadTarget } from '../load-target.ts'
import { measureLoad } from '../measure-load.ts'
import { randomDeviceUrl } from '../requests.ts'
import { seedState } from '../seed-state.ts'
import { putColdDevices } from './cold-devices.ts'

export const rememberedSection = 'Many remembered devices, asked about at random (JSON GET)'
export const startSection = 'Start with the devices on disk'
export const writingSection = 'The state file written under load'
export const rememberedCounts = { quick: [1000, 20_000], whole: [1000, 100_000, 1_000_000] } as const

export function rememberedRow(devices: number): string {
  return `${devices.toLocaleString('en')} devices`
}

const writingRow = 'cached load, 32 cold devices in flight'
/** What happens to a service now and then: Prometheus, and ISE that polls its list. */
const busyRow = 'the same, with a scrape and the ISE list every second'
const coldInFlight = 32

interface Kept {
  readonly devices: number
  readonly service: BenchService
  readonly target: LoadTarget
}

/** Services that differ in how much they remember alone, side by side. */
export async function measureRemembered(bench: Bench): Promise<void> {
  const { options, results } = bench
  const { connections, seconds } = options
  const kept: Kept[] = []
  for (const devices of options.quick ? rememberedCounts.quick : rememberedCounts.whole) {
    kept.push(await startWith(bench, devices))
  }
  if (!options.quick) for (const { target } of kept) await sendLoad(target, { connections, seconds: 1 })
  for (let round = 1; round <= options.rounds; round += 1) {
    bench.say(`remembered devices: round ${round} of ${options.rounds}`)
    for (const { devices, service, target } of kept) {
      const sample = await measureLoad(service, () => sendLoad(target, { connections, seconds }))
      results.add(rememberedSection, rememberedRow(devices), sample)
    }
  }
  const largest = kept.at(-1)
  if (largest === undefined) return
  for (let round = 1; round <= options.rounds; round += 1) {
    bench.say(`writing under load: round ${round} of ${options.rounds}`)
    await measureWriting(bench, largest, writingRow)
    await measureWriting(bench, largest, busyRow)
  }
}

/** Starts a service on a state file with so many devices in it. */
async function startWith(bench: Bench, devices: number): Promise<Kept> {
  const { directory, simulator, access, results } = bench
  const stateDirectory = join(directory, `state-${devices}`)
  mkdirSync(stateDirectory, { recursive: true })
  bench.say(`writing a state file of ${devices} devices`)
  const tenant = new URL(simulator.environment.INTUNE_TOKEN_ISSUING_URL ?? '').pathname.slice(1)
  seedState(stateDirectory, tenant, devices)
  const startedAt = performance.now()
  const service = await bench.startService(`remembered-${devices}`, {
    environment: { STATE_DIR: stateDirectory },
  })
  const { figures } = await service.during(async () => {
    while (!(await readStatus(service)).state.isLoaded) await sleep(10)
  })
  const loadedMs = performance.now() - startedAt
  const { cache } = await readStatus(service)
  results.expect(`${rememberedRow(devices)}: loaded`, cache.records, devices)
  results.add(startSection, rememberedRow(devices), {
    startMs: service.startMs,
    loadedMs,
    pausedWhileLoadingMs: figures.loopDelayMaxMs,
    peakRssMiB: figures.peakRssMiB,
  })
  const headers = { authorization: access.authorization }
  return { devices, service, target: { url: randomDeviceUrl(service.url), headers, macs: devices } }
}

/** Cached load at full speed while cold devices make records that have to be written. */
async function measureWriting(bench: Bench, { service, target }: Kept, row: string): Promise<void> {
  const { options, results, access, simulator } = bench
  const { connections, seconds } = options
  const macs = coldMacs(Math.ceil(seconds * 1000))
  await putColdDevices(simulator, macs)
  const agent = new Agent({ connections: coldInFlight })
  const headers = { authorization: access.authorization }
  const before = (await readStatus(service)).state.writtenRecords
  let asking = true
  const cold = async () => {
    const batch = 500
    for (let start = 0; asking && start < macs.length; start += batch) {
      await askEach(macs.slice(start, start + batch), {
        urlOf: (mac) => `${service.url}/v1/decision?mac=${mac}`,
        headers,
        dispatcher: agent,
        inFlight: coldInFlight,
      })
    }
  }
  const visits = async () => {
    const list = `${service.url}/ciscoise/mdmapi/v3/devices/?paging=0&querycriteria=compliance&value=false&filter=all`
    while (asking) {
      await (await fetch(`${service.managementUrl}/metrics`)).text()
      await (await fetch(list, { headers })).text()
      await sleep(Math.min(1000, seconds * 1000))
    }
  }
  const sample = await measureLoad(service, async () => {
    const others = Promise.all([cold(), ...(row === busyRow ? [visits()] : [])])
    const load = await sendLoad(target, { connections, seconds })
    asking = false
    await others
    return load
  })
  await agent.close()
  const { writtenRecords } = (await readStatus(service)).state
  results.add(writingSection, row, { ...sample, writtenRecords: writtenRecords - before })
}

interface Status {
  readonly cache: { readonly records: number }
  readonly state: { readonly isLoaded: boolean; readonly writtenRecords: number }
}

async function readStatus({ managementUrl }: BenchService): Promise<Status> {
  return (await (await fetch(`${managementUrl}/status`)).json()) as Status
}
