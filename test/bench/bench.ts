import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BenchService, prepareAccess, type ServiceAccess, startService } from './bench-service.ts'
import { type BenchSimulator, startBenchSimulator } from './bench-simulator.ts'
import { type MeasuredProcess, startMeasured } from './measured-process.ts'
import type { BenchOptions } from './options.ts'
import { knownDevice } from './requests.ts'
import { Results } from './results.ts'

/** A yardstick that runs. */
export interface Yardstick extends MeasuredProcess {
  readonly url: string
}

/** What every scenario works with. */
export interface Bench {
  readonly options: BenchOptions
  readonly results: Results
  readonly directory: string
  readonly simulator: BenchSimulator
  readonly access: ServiceAccess
  startService(
    name: string,
    more?: {
      readonly environment?: Readonly<Record<string, string>>
      readonly cores?: number | readonly number[]
    },
  ): Promise<BenchService>
  startYardstick(
    kind: 'node-http' | 'fastify' | 'naive',
    more?: { readonly answerFile?: string; readonly cores?: number | readonly number[] },
  ): Promise<Yardstick>
  /** Stops every service and yardstick that was started. */
  stopServers(): Promise<void>
  /** A line for whoever waits. */
  say(text: string): void
}

/** Starts the simulator, with the known device in it, and prepares what a service needs. */
export async function openBench(
  options: BenchOptions,
): Promise<{ readonly bench: Bench; close(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'intune-nac-bench-'))
  const simulator = await startBenchSimulator(directory)
  await simulator.putDevices([knownDevice])
  const access = await prepareAccess(simulator.environment, directory)
  const results = new Results()
  // Compiled, as in the image; counts do not depend on it.
  const main = options.quick ? join(projectRoot, 'src/main.ts') : compileService()
  let yardsticks = 0
  let servers: MeasuredProcess[] = []
  const bench: Bench = {
    options,
    results,
    directory,
    simulator,
    access,
    async startService(name, more) {
      const service = await startService(access, { main, directory, name, ...more })
      servers.push(service)
      return service
    },
    async startYardstick(kind, { answerFile, cores } = {}) {
      yardsticks += 1
      const yardstick = startMeasured(
        [join(import.meta.dirname, 'yardstick.ts'), kind, ...(answerFile === undefined ? [] : [answerFile])],
        {
          environment: simulator.environment,
          outputFile: join(directory, `${kind}-${yardsticks}.log`),
          ...(cores !== undefined && { cores }),
        },
      )
      servers.push(yardstick)
      const [, url = ''] = await yardstick.waitFor(/listening on (\S+)/)
      return { ...yardstick, url }
    },
    async stopServers() {
      await Promise.all(servers.map((server) => server.stop()))
      servers = []
    },
    say: (text) => void process.stderr.write(`${text}\n`),
  }
  return {
    bench,
    async close() {
      await bench.stopServers()
      await simulator.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

const projectRoot = join(import.meta.dirname, '../..')

/** Compiles the service into dist, which git ignores, and gives its main module. */
function compileService(): string {
  const compiled = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: projectRoot, encoding: 'utf8' })
  if (compiled.status !== 0) throw new Error(`the service does not compile: ${compiled.stdout}`)
  return join(projectRoot, 'dist/main.js')
}
