/**
 * Every figure that is measured, how a table calls it, and its digits; the unit is in the name. `range` puts least and
 * most beside the median: the JSON has them of every figure.
 */
export const figures = {
  requestsPerSecond: { heading: 'requests/s', digits: 0, range: true },
  p50Ms: { heading: 'p50 ms', digits: 2 },
  p99Ms: { heading: 'p99 ms', digits: 2, range: true },
  p999Ms: { heading: 'p99.9 ms', digits: 2 },
  p99OfSecondMs: { heading: 'p99 of one second ms', digits: 2, range: true },
  cpuMicrosPerRequest: { heading: 'CPU µs/request', digits: 1, range: true },
  waitedForCoreMs: { heading: 'waited for its core ms', digits: 0 },
  loopDelayP99Ms: { heading: 'loop delay p99 ms', digits: 1 },
  loopDelayMaxMs: { heading: 'longest pause ms', digits: 1, range: true },
  gcPauses: { heading: 'GC pauses', digits: 0 },
  gcPauseMaxMs: { heading: 'longest GC ms', digits: 1 },
  gcPauseTotalMs: { heading: 'GC total ms', digits: 0 },
  peakRssMiB: { heading: 'peak RSS MiB', digits: 0 },
  startMs: { heading: 'start to ready ms', digits: 0 },
  loadedMs: { heading: 'start to all loaded ms', digits: 0 },
  pausedWhileLoadingMs: { heading: 'longest pause while loading ms', digits: 1 },
  writtenRecords: { heading: 'records written', digits: 0 },
  aboveP50Ms: { heading: 'above the upstream p50 ms', digits: 2 },
  aboveP99Ms: { heading: 'above the upstream p99 ms', digits: 2, range: true },
  directAboveP50Ms: { heading: 'the same without the service p50 ms', digits: 2 },
  directAboveP99Ms: { heading: 'the same without the service p99 ms', digits: 2, range: true },
  directP50Ms: { heading: 'upstream alone p50 ms', digits: 2 },
  directP99Ms: { heading: 'upstream alone p99 ms', digits: 2 },
  addedP50Ms: { heading: 'added at p50 ms', digits: 2 },
  addedP99Ms: { heading: 'added at p99 ms', digits: 2, range: true },
  overSetP50Ms: { heading: 'over the set latency p50 ms', digits: 2 },
  overSetP99Ms: { heading: 'over the set latency p99 ms', digits: 2 },
  ratePerSecond: { heading: 'rate/s', digits: 0 },
  callers: { heading: 'callers', digits: 0 },
  devices: { heading: 'devices', digits: 0 },
  queries: { heading: 'upstream queries', digits: 0 },
  tokens: { heading: 'tokens', digits: 0 },
  discoveries: { heading: 'discoveries', digits: 0 },
  seconds: { heading: 'seconds', digits: 1 },
  failed: { heading: 'failed', digits: 0 },
} as const satisfies Record<string, { heading: string; digits: number; range?: boolean }>

export type Figure = keyof typeof figures
export type Sample = Partial<Record<Figure, number>>
