import type { Sample } from './figures.ts'
import type { LoadResult } from './load-target.ts'
import type { MeasuredProcess } from './measured-process.ts'
import type { ProbeFigures } from './probe.ts'
import { spreadOf } from './results.ts'

/** Does the work that sends load, and gives what it saw together with what happened inside the server. */
export async function measureLoad(server: MeasuredProcess, work: () => Promise<LoadResult>): Promise<Sample> {
  const { result, figures } = await server.during(work)
  return sampleOf(result, figures)
}

export function sampleOf(
  { requests, requestsWithWarmUp, p99EachSecondMs, ...seen }: LoadResult,
  figures: ProbeFigures,
): Sample {
  const { cpuMicroseconds, ...inside } = figures
  // The server was busy during the warm-up as well.
  const served = Math.max(1, requestsWithWarmUp ?? requests)
  return {
    ...seen,
    ...(p99EachSecondMs && { p99OfSecondMs: spreadOf(p99EachSecondMs).median }),
    ...inside,
    cpuMicrosPerRequest: cpuMicroseconds / served,
  }
}
