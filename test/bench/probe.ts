/**
 * Loaded with `--import` into every measured process, service and yardstick alike: measures the process from inside and
 * tells the benchmark on request. Nothing runs between two windows.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'
import { answerParent } from './parent-channel.ts'

export type ProbeRequest =
  /**
   * Begins a window. The timer that sees pauses takes 4 % of a core: nothing where requests come as fast as they can,
   * half of what a request seems to cost where there are 300 a second.
   */
  | { readonly ask: 'begin'; readonly seesPauses: boolean }
  /** Ends it; answered with ProbeFigures. */
  | { readonly ask: 'end' }
  | { readonly ask: 'begin_profile'; readonly of: ProfileKind }
  /** Writes the profile, in the format of --cpu-prof or --heap-prof. */
  | { readonly ask: 'end_profile'; readonly of: ProfileKind; readonly file: string }

export type ProfileKind = 'cpu' | 'heap'

/** What a window saw. The processor time is that of all threads of the process. */
export interface ProbeFigures {
  readonly cpuMicroseconds: number
  /** How late a timer of 1 ms was: the length of a pause, less 1 ms at most. */
  readonly loopDelayP99Ms: number
  readonly loopDelayMaxMs: number
  readonly gcPauses: number
  readonly gcPauseMaxMs: number
  readonly gcPauseTotalMs: number
  readonly peakRssMiB: number
  /** How long the main thread was ready to run but did not get its core: others on it, the hypervisor. */
  readonly waitedForCoreMs: number
}

const resolutionMs = 1
/** Coarse enough to leave the measured process its speed, fine enough for a window of a second. */
const cpuSamplingMicroseconds = 250
const heapSamplingBytes = 32_768

const delay = monitorEventLoopDelay({ resolution: resolutionMs })
let pauses: number[] = []
const keep = (entries: readonly { readonly duration: number }[]) => {
  for (const { duration } of entries) pauses.push(duration)
}
const collections = new PerformanceObserver((list) => keep(list.getEntries()))
let cpuAtBegin = process.cpuUsage()
let waitedAtBegin = waitedForCoreMs()
let session: Session | undefined

function begin(seesPauses: boolean): void {
  pauses = []
  delay.reset()
  if (seesPauses) delay.enable()
  else delay.disable()
  collections.observe({ entryTypes: ['gc'] })
  cpuAtBegin = process.cpuUsage()
  waitedAtBegin = waitedForCoreMs()
}

async function end(): Promise<ProbeFigures> {
  const { user, system } = process.cpuUsage(cpuAtBegin)
  const waitedMs = waitedForCoreMs() - waitedAtBegin
  delay.disable()
  // Entries are queued by a timer of their own.
  await new Promise((resolve) => setTimeout(resolve, 20))
  const mebibytes = (bytes: number) => bytes / 1024 / 1024
  const lateMs = (ns: number) => Math.max(0, ns / 1e6 - resolutionMs)
  keep(collections.takeRecords())
  collections.disconnect()
  return {
    cpuMicroseconds: user + system,
    loopDelayP99Ms: delay.count === 0 ? 0 : lateMs(delay.percentile(99)),
    loopDelayMaxMs: delay.count === 0 ? 0 : lateMs(delay.max),
    gcPauses: pauses.length,
    gcPauseMaxMs: Math.max(0, ...pauses),
    gcPauseTotalMs: pauses.reduce((sum, pause) => sum + pause, 0),
    peakRssMiB: mebibytes(process.resourceUsage().maxRSS * 1024),
    waitedForCoreMs: waitedMs,
  }
}

/** Linux counts it in nanoseconds, second of the three numbers (kernel.org, sched-stats.rst); 0 where it is not told. */
function waitedForCoreMs(): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[1] ?? 0) / 1e6
  } catch {
    return 0
  }
}

async function beginProfile(kind: ProfileKind): Promise<void> {
  session ??= new Session()
  session.connect()
  if (kind === 'cpu') {
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: cpuSamplingMicroseconds })
    await session.post('Profiler.start')
    return
  }
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: heapSamplingBytes,
    // What a request allocates is gone at the next collection, and is what costs.
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  })
}

async function endProfile(kind: ProfileKind, file: string): Promise<void> {
  if (session === undefined) throw new Error('no profile was begun')
  const { profile } =
    kind === 'cpu' ? await session.post('Profiler.stop') : await session.post('HeapProfiler.stopSampling')
  writeFileSync(file, JSON.stringify(profile))
  session.disconnect()
}

if (isMainThread) {
  answerParent<ProbeRequest>((request) => {
    switch (request.ask) {
      case 'begin':
        return begin(request.seesPauses)
      case 'end':
        return end()
      case 'begin_profile':
        return beginProfile(request.of)
      case 'end_profile':
        return endProfile(request.of, request.file)
    }
  })
}
