import { join } from 'node:path'
import type { DeviceInput, RequestCounts } from '../../src/simulator/simulator.ts'
import { startNode } from './child-process.ts'
import { loadCore } from './cores.ts'
import type { OwnTimes, SimulatorRequest } from './simulator-process.ts'

/** The simulated cloud, on the core of the load. */
export interface BenchSimulator {
  /** INTUNE_* for whoever asks it. */
  readonly environment: Readonly<Record<string, string>>
  putDevices(devices: readonly DeviceInput[]): Promise<void>
  setLatency(latencyMs: number): Promise<void>
  counts(): Promise<RequestCounts>
  /** How long it took with each value that was queried since this was called last, milliseconds. */
  takeOwnTimes(): Promise<ReadonlyMap<string, number>>
  stop(): Promise<void>
}

export async function startBenchSimulator(directory: string): Promise<BenchSimulator> {
  const main = join(import.meta.dirname, 'simulator-process.ts')
  const started = startNode(loadCore, [main, directory], { outputFile: join(directory, 'simulator.log') })
  const [, environment = ''] = await started.waitFor(/^environment (.+)$/m)
  const ask = (request: SimulatorRequest) => started.ask(request)
  return {
    environment: JSON.parse(environment),
    async putDevices(devices) {
      await ask({ ask: 'put_devices', devices })
    },
    async setLatency(latencyMs) {
      await ask({ ask: 'set_latency', latencyMs })
    },
    counts: () => ask({ ask: 'counts' }) as Promise<RequestCounts>,
    takeOwnTimes: async () => new Map((await ask({ ask: 'own_times' })) as OwnTimes),
    stop: () => started.stop(),
  }
}
