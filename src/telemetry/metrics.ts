import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { BackgroundTask } from '../background.ts'
import type { Clock } from '../clock.ts'
import type { UpstreamService } from '../compliance/compliance-record.ts'
import type { FrontendName } from '../decision/decide.ts'
import type { DecisionRecord } from '../decision/decision-service.ts'
import type { ContextConditionName } from '../decision/request-context.ts'
import { remainingValidity, SoonestExpiry } from './device-certificates.ts'
import { labelValuesOf, oneValue } from './label-values.ts'
import { type MetricName, metricDefinitions } from './metric-definitions.ts'

/** Where the gauges read from, at the moment of a scrape. Times are milliseconds since the epoch. */
export interface MetricSources {
  readonly cacheEntries: () => {
    readonly c: number
    readonly n: number
    readonly u: number
    readonly x: number
  }
  readonly upstream: () => Readonly<Record<UpstreamService, UpstreamFigures>>
  readonly guard: () => {
    readonly burst?: { readonly records: number }
    readonly list?: { readonly flips: number }
    readonly recentFlips: number
    readonly threshold: number
  }
  readonly list: () => { readonly listedAtMs: number; readonly devices: readonly unknown[] } | undefined
  readonly runway: () => {
    readonly seenLast24Hours: number
    readonly keepAccess: readonly { readonly hours: number; readonly devices: number }[]
  }
  /** Undefined: STATE_DIR is not set. */
  readonly state: () =>
    | {
        readonly mode: 'opening' | 'read_write' | 'read_only' | 'memory_only'
        readonly pendingChanges: number
        readonly writeLagMs: number
        readonly writtenRecords: number
        readonly failedWrites: number
      }
    | undefined
  /** Undefined: TRACE_STORE is off. */
  readonly traces: () => { readonly written: number; readonly dropped: number } | undefined
  readonly certificateExpiresAtMs: () => number
  /** Undefined: there is no token, or the service speaks HTTP. */
  readonly tokenExpiresAtMs: () => {
    readonly intune: number | undefined
    readonly graph: number | undefined
  }
  readonly serviceCertificateExpiresAtMs: () => number | undefined
  readonly refusedFiles: () => Readonly<Record<FollowedFileName, boolean>>
  /** Undefined: DECISION_LOG_FILE is not set. */
  readonly decisionLogFile: () =>
    | { readonly failing: boolean; readonly pendingBytes: number; readonly lostLines: number }
    | undefined
  /** How far the clock of this machine is ahead of Microsoft's; undefined: nobody has told the time yet. */
  readonly clockAheadMs: () => number | undefined
  readonly isReady: () => boolean
  readonly version: string
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>
  readonly isOverloaded: () => boolean
}

/** One service of Microsoft's; there is a line only in front of what devices are asked about. */
export interface UpstreamFigures {
  readonly breaker: { readonly state: 'closed' | 'open' | 'half_open'; readonly openings: number }
  readonly running?: number
  readonly waiting?: number
  readonly shed?: number
}

/** The files that are followed while the service runs. */
export type FollowedFileName = 'clients' | 'policy' | 'service_tls' | 'client_certificate'

/** The files of the service itself that may be deleted or replaced underneath. */
export type WatchedFileName = 'state' | 'traces' | 'decision_log' | 'lock'

/** How an exchange with Microsoft ended, in a closed list. */
export type UpstreamResult =
  | 'ok'
  | 'client_error'
  | 'throttled'
  | 'server_error'
  | 'timeout'
  | 'network_error'

/** The exchanges with Microsoft. */
export type UpstreamOperation = 'token' | 'discovery' | 'query' | 'details' | 'bulk'

/** Everything that is counted, and the text that Prometheus reads. */
export interface Metrics {
  decision(record: DecisionRecord): void
  request(frontend: FrontendName, seconds: number, status: number): void
  /** `management` is the listener of that name. */
  refused(frontend: FrontendName | 'management', code: string): void
  connectionDropped(): void
  upstreamRequest(operation: UpstreamOperation, result: UpstreamResult, seconds: number): void
  anomaly(kind: 'regressed'): void
  guardTripped(cause: 'burst' | 'mass_flip' | 'truncated'): void
  listFailed(): void
  contextUnknown(condition: ContextConditionName): void
  drift(drift: { readonly dialect: string; readonly kind: string }): void
  detailsFailed(): void
  /** A reply of Microsoft contradicts the clock of this machine. */
  clockContradicted(): void
  backgroundFailed(task: BackgroundTask): void
  /** A file was opened anew, because its path led elsewhere. */
  fileReplaced(file: WatchedFileName): void
  /** The exposition format, and its media type. */
  expose(): Promise<{ readonly contentType: string; readonly text: string }>
}

const entryStates = { c: 'compliant', n: 'noncompliant', u: 'unknown', x: 'not_enrolled' } as const
const breakerStates = ['closed', 'half_open', 'open'] as const
const statusClasses = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const
const stateModes = ['opening', 'read_write', 'read_only', 'memory_only', 'not_configured'] as const

/** Builds the metrics on a registry of their own; `process` and `nodejs` metrics of prom-client are among them. */
export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })

  const definition = (name: MetricName) => {
    const { help, labels, buckets } = metricDefinitions[name]
    return {
      name,
      help,
      labelNames: [...labels],
      registers: [registry],
      ...(buckets && { buckets: [...buckets] }),
    }
  }
  /** For what is counted with every request: prom-client would sort and join the labels every time. */
  const tally = (name: MetricName, counts = new Map<string, { count: number }>()) => {
    new Counter({
      ...definition(name),
      collect() {
        this.reset()
        for (const [labels, { count }] of counts) this.inc(labelled(name, labels.split(' ')), count)
      },
    })
    return (labels: string) => {
      const known = counts.get(labels)
      if (known === undefined) counts.set(labels, { count: 1 })
      else known.count += 1
    }
  }
  const tallyFromZero = (name: MetricName) => {
    const combinations = labelCombinations(name).map((labels) => Object.values(labels).join(' '))
    return tally(name, new Map(combinations.map((labels) => [labels, { count: 0 }])))
  }
  /** Prometheus takes a series that appears with 1 for one that has not risen, so these are there from the start. */
  const counterFromZero = (name: MetricName) => {
    const metric = new Counter(definition(name))
    for (const labels of labelCombinations(name)) metric.inc(labels, 0)
    return withCachedLabels(name, metric)
  }
  const histogram = (name: MetricName) => withCachedLabels(name, new Histogram(definition(name)))
  const gauge = (name: MetricName, set: (gauge: Gauge) => void) => {
    new Gauge({
      ...definition(name),
      collect() {
        set(this)
      },
    })
  }
  /** A total that is counted elsewhere. */
  const total = (name: MetricName, read: () => number) => {
    new Counter({
      ...definition(name),
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  }
  /** A figure of every service of Microsoft's that has one. */
  const ofServices = (read: (service: UpstreamFigures) => number | undefined) =>
    Object.entries(sources.upstream()).flatMap(([service, figures]) => {
      const value = read(figures)
      return value === undefined ? [] : [{ service, value }]
    })
  const serviceGauge = (name: MetricName, read: (service: UpstreamFigures) => number | undefined) =>
    gauge(name, (metric) => {
      for (const { service, value } of ofServices(read)) metric.set({ service }, value)
    })
  const serviceTotal = (name: MetricName, read: (service: UpstreamFigures) => number | undefined) => {
    new Counter({
      ...definition(name),
      collect() {
        this.reset()
        for (const { service, value } of ofServices(read)) this.inc({ service }, value)
      },
    })
  }

  const decisions = tally('nac_decisions_total')
  const answers = tally('nac_answers_total')
  const lookups = tallyFromZero('nac_cache_lookups_total')
  const conflicts = new Counter(definition('nac_rank_conflicts_total'))
  const unknownContexts = counterFromZero('nac_unknown_context_total')
  const unreadable = counterFromZero('nac_unreadable_names_total')
  const anomalies = counterFromZero('nac_anomalies_total')
  const trips = counterFromZero('nac_guard_trips_total')
  const listFailures = new Counter(definition('nac_bulk_list_failures_total'))
  const drifts = counterFromZero('nac_wire_drift_total')
  const detailsFailures = new Counter(definition('nac_graph_details_failures_total'))
  const contradictions = new Counter(definition('nac_clock_contradictions_total'))
  const backgroundFailures = counterFromZero('nac_background_failures_total')
  const filesReplaced = counterFromZero('nac_files_replaced_total')
  const responses = tallyFromZero('nac_responses_total')
  const certificatesSeen = counterFromZero('nac_device_certificates_seen_total')
  const soonestExpiry = new SoonestExpiry()
  const refusals = counterFromZero('nac_refused_requests_total')
  const dropped = new Counter(definition('nac_connections_dropped_total'))
  const requests = histogram('nac_request_duration_seconds')
  const upstreamRequests = histogram('nac_upstream_request_duration_seconds')

  gauge('nac_overloaded', (metric) => metric.set(sources.isOverloaded() ? 1 : 0))
  gauge('nac_cache_entries', (metric) => {
    const counts = sources.cacheEntries()
    for (const letter of ['c', 'n', 'u', 'x'] as const) {
      metric.set({ state: entryStates[letter] }, counts[letter])
    }
  })
  gauge('nac_breaker_state', (metric) => {
    for (const [service, { breaker }] of Object.entries(sources.upstream())) {
      for (const state of breakerStates) metric.set({ service, state }, state === breaker.state ? 1 : 0)
    }
  })
  serviceTotal('nac_breaker_opened_total', ({ breaker }) => breaker.openings)
  serviceGauge('nac_upstream_running', ({ running }) => running)
  serviceGauge('nac_upstream_waiting', ({ waiting }) => waiting)
  serviceTotal('nac_upstream_shed_total', ({ shed }) => shed)
  gauge('nac_guard_holding', (metric) => {
    const { burst, list } = sources.guard()
    metric.set({ what: 'burst' }, burst ? 1 : 0)
    metric.set({ what: 'list' }, list ? 1 : 0)
  })
  gauge('nac_guard_held_records', (metric) => {
    const { burst, list } = sources.guard()
    metric.set((burst?.records ?? 0) + (list?.flips ?? 0))
  })
  gauge('nac_guard_recent_flips', (metric) => metric.set(sources.guard().recentFlips))
  gauge('nac_guard_threshold', (metric) => metric.set(sources.guard().threshold))
  gauge('nac_bulk_list_timestamp_seconds', (metric) => metric.set((sources.list()?.listedAtMs ?? 0) / 1000))
  gauge('nac_bulk_list_devices', (metric) => metric.set(sources.list()?.devices.length ?? 0))
  gauge('nac_devices_seen_last_24_hours', (metric) => metric.set(sources.runway().seenLast24Hours))
  gauge('nac_outage_runway_devices', (metric) => {
    for (const { hours, devices } of sources.runway().keepAccess) metric.set({ hours }, devices)
  })
  gauge('nac_state_mode', (metric) => {
    const current = sources.state()?.mode ?? 'not_configured'
    for (const mode of stateModes) metric.set({ mode }, mode === current ? 1 : 0)
  })
  gauge('nac_state_write_lag_seconds', (metric) => metric.set((sources.state()?.writeLagMs ?? 0) / 1000))
  gauge('nac_state_pending_changes', (metric) => metric.set(sources.state()?.pendingChanges ?? 0))
  total('nac_state_written_records_total', () => sources.state()?.writtenRecords ?? 0)
  total('nac_state_failed_writes_total', () => sources.state()?.failedWrites ?? 0)
  total('nac_traces_written_total', () => sources.traces()?.written ?? 0)
  total('nac_traces_dropped_total', () => sources.traces()?.dropped ?? 0)
  gauge('nac_client_certificate_expiry_timestamp_seconds', (metric) =>
    metric.set(sources.certificateExpiresAtMs() / 1000),
  )
  const seconds = (ms: number | undefined) => (ms ?? 0) / 1000
  gauge('nac_access_token_expiry_timestamp_seconds', (metric) => {
    const { intune, graph } = sources.tokenExpiresAtMs()
    metric.set({ resource: 'intune' }, seconds(intune))
    metric.set({ resource: 'graph' }, seconds(graph))
  })
  gauge('nac_service_tls_certificate_expiry_timestamp_seconds', (metric) =>
    metric.set(seconds(sources.serviceCertificateExpiresAtMs())),
  )
  gauge('nac_device_certificate_soonest_expiry_timestamp_seconds', (metric) =>
    metric.set(seconds(soonestExpiry.soonest(sources.clock.monotonicMs()))),
  )
  gauge('nac_refused_files', (metric) => {
    for (const [file, isRefused] of Object.entries(sources.refusedFiles())) {
      metric.set({ file }, isRefused ? 1 : 0)
    }
  })
  gauge('nac_decision_log_failing', (metric) => metric.set(sources.decisionLogFile()?.failing ? 1 : 0))
  gauge('nac_decision_log_pending_bytes', (metric) =>
    metric.set(sources.decisionLogFile()?.pendingBytes ?? 0),
  )
  total('nac_decision_log_lost_lines_total', () => sources.decisionLogFile()?.lostLines ?? 0)
  gauge('nac_clock_ahead_seconds', (metric) => metric.set(seconds(sources.clockAheadMs())))
  gauge('nac_ready', (metric) => metric.set(sources.isReady() ? 1 : 0))
  gauge('nac_build_info', (metric) => metric.set({ version: sources.version, node: process.version }, 1))

  return {
    decision({ decision, request, sent, answer, rankConflict }) {
      decisions(`${request.frontend} ${decision.outcome} ${decision.reason} ${decision.source}`)
      if (sent !== null) answers(`${request.frontend} ${sent}`)
      lookups(answer?.verdict ?? 'none')
      if (rankConflict) conflicts.inc()
      for (const attribute of request.identity.unreadable ?? []) unreadable(attribute).inc()
      const { certificateExpiresAtMs } = request
      if (certificateExpiresAtMs === undefined) return
      soonestExpiry.note(certificateExpiresAtMs, sources.clock.monotonicMs())
      certificatesSeen(remainingValidity(certificateExpiresAtMs, sources.clock.nowMs())).inc()
    },
    request(frontend, seconds, status) {
      requests(frontend).observe(seconds)
      responses(`${frontend} ${statusClasses[Math.floor(status / 100) - 1] ?? '5xx'}`)
    },
    refused: (frontend, code) => refusals(frontend, code).inc(),
    connectionDropped: () => dropped.inc(),
    upstreamRequest: (operation, result, seconds) => upstreamRequests(operation, result).observe(seconds),
    anomaly: (kind) => anomalies(kind).inc(),
    guardTripped: (cause) => trips(cause).inc(),
    listFailed: () => listFailures.inc(),
    contextUnknown: (condition) => unknownContexts(condition).inc(),
    drift: ({ dialect, kind }) => drifts(dialect, kind).inc(),
    detailsFailed: () => detailsFailures.inc(),
    clockContradicted: () => contradictions.inc(),
    fileReplaced: (file) => filesReplaced(file).inc(),
    backgroundFailed: (task) => backgroundFailures(task).inc(),
    expose: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  }
}

/** Every combination of values that the labels of a metric can have. */
function labelCombinations(name: MetricName): readonly Readonly<Record<string, string>>[] {
  let combinations: readonly Readonly<Record<string, string>>[] = [{}]
  for (const label of metricDefinitions[name].labels) {
    const values = labelValuesOf(name, label)
    if (values === undefined || values === oneValue) return []
    combinations = combinations.flatMap((rest) => values.map((value) => ({ ...rest, [label]: value })))
  }
  return combinations
}

/** The labels of a metric with the values, given in the order of its definition. */
function labelled(name: MetricName, values: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    metricDefinitions[name].labels.map((label, index) => [label, values[index] ?? '']),
  )
}

/**
 * Remembers the metric of each combination of labels, of which there are few: prom-client sorts and joins them every
 * time otherwise, which is most of the cost of counting.
 */
function withCachedLabels<T>(
  name: MetricName,
  metric: { labels(labels: Record<string, string>): T },
): (...values: string[]) => T {
  const known = new Map<string, T>()
  return (...values) => {
    const key = values.join(' ')
    const found = known.get(key)
    if (found !== undefined) return found
    const made = metric.labels(labelled(name, values))
    known.set(key, made)
    return made
  }
}
