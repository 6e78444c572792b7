import { join } from 'node:path'
import { type BenchProcess, startNode } from './child-process.ts'
import { serverCore } from './cores.ts'
import type { ProbeFigures, ProbeRequest, ProfileKind } from './probe.ts'

/** A server with the probe in it. */
export interface MeasuredProcess extends BenchProcess {
  /** Does the work and gives, besides its result, what happened in the process meanwhile; pauses only if asked for. */
  during<T>(
    work: () => Promise<T>,
    more?: { readonly seesPauses: boolean },
  ): Promise<{ readonly result: T; readonly figures: ProbeFigures }>
  profile(kind: ProfileKind, file: string, work: () => Promise<unknown>): Promise<void>
}

const probe = join(import.meta.dirname, 'probe.ts')

/** Starts `node <args>` with the probe, on the core of its own unless others are given. */
export function startMeasured(
  args: readonly string[],
  {
    cores = serverCore,
    ...options
  }: {
    readonly environment?: Readonly<Record<string, string>>
    readonly outputFile: string
    readonly cores?: number | readonly number[]
  },
): MeasuredProcess {
  const started = startNode(cores, ['--import', probe, ...args], options)
  const ask = (request: ProbeRequest) => started.ask(request)
  return {
    ...started,
    async during(work, { seesPauses } = { seesPauses: true }) {
      await ask({ ask: 'begin', seesPauses })
      const result = await work()
      const figures = (await ask({ ask: 'end' })) as ProbeFigures
      return { result, figures }
    },
    async profile(kind, file, work) {
      await ask({ ask: 'begin_profile', of: kind })
      await work()
      await ask({ ask: 'end_profile', of: kind, file })
    },
  }
}
