import type { Bench } from '../bench.ts'
import { cachedNames, measureCached } from './cached.ts'
import { measureHerd, measureStorm } from './cold-devices.ts'
import { measureLatency } from './latency.ts'
import { measureMisses } from './misses.ts'
import { measureProcesses } from './processes.ts'
import { measureRemembered } from './remembered.ts'

const cached = new Set<string>([...cachedNames, 'naive'])

const others: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  latency: measureLatency,
  misses: measureMisses,
  herd: measureHerd,
  storm: measureStorm,
  remembered: measureRemembered,
  processes: measureProcesses,
}

/** What `--only` takes. */
export const scenarioNames: readonly string[] = [...cached, ...Object.keys(others)]

/** Runs the scenarios of these names, one after the other, each with servers of its own. */
export async function runScenarios(bench: Bench, names: ReadonlySet<string>): Promise<void> {
  const asked = new Set([...names].filter((name) => cached.has(name)))
  if (asked.size > 0) {
    await measureCached(bench, asked)
    await bench.stopServers()
  }
  for (const [name, measure] of Object.entries(others)) {
    if (!names.has(name)) continue
    await measure(bench)
    await bench.stopServers()
  }
}
