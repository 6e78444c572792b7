import t from 'tap'
import type { DecisionRecord } from '../../src/decision/decision-service.ts'
import { type MetricName, metricDefinitions } from '../../src/telemetry/metric-definitions.ts'
import { createMetrics, type MetricSources } from '../../src/telemetry/metrics.ts'
import { observeUpstream } from '../../src/telemetry/observe-exchanges.ts'

const nowMs = Date.UTC(2026, 10, 23, 8)
const dayMs = 86_400_000

const sources: MetricSources = {
  cacheEntries: () => ({ c: 5, n: 4, u: 3, x: 2 }),
  upstream: () => ({
    entra: { breaker: { state: 'closed', openings: 0 } },
    discovery: { breaker: { state: 'closed', openings: 2 } },
    compliance_retrieval: {
      breaker: { state: 'half_open', openings: 3 },
      running: 7,
      waiting: 8,
      shed: 9,
    },
    nac: { breaker: { state: 'closed', openings: 0 }, running: 0, waiting: 0, shed: 0 },
    graph: { breaker: { state: 'open', openings: 1 }, running: 1, waiting: 0, shed: 0 },
  }),
  guard: () => ({ burst: { records: 30 }, list: { flips: 12 }, recentFlips: 1, threshold: 20 }),
  list: () => ({ listedAtMs: 1_700_000_000_000, devices: [1, 2, 3] }),
  runway: () => ({ seenLast24Hours: 100, keepAccess: [{ hours: 1, devices: 90 }] }),
  state: () => ({
    mode: 'read_only',
    pendingChanges: 6,
    writeLagMs: 1500,
    writtenRecords: 11,
    failedWrites: 2,
  }),
  traces: () => ({ written: 7, dropped: 3 }),
  certificateExpiresAtMs: () => 1_800_000_000_000,
  isOverloaded: () => true,
  tokenExpiresAtMs: () => ({ intune: 1_700_003_600_000, graph: undefined }),
  serviceCertificateExpiresAtMs: () => 1_790_000_000_000,
  refusedFiles: () => ({ clients: false, policy: true, service_tls: false, client_certificate: false }),
  decisionLogFile: () => ({ failing: true, pendingBytes: 4096, lostLines: 3 }),
  isReady: () => true,
  version: '1.2.3',
  clock: { nowMs: () => nowMs, monotonicMs: () => 0 },
  clockAheadMs: () => -90_000,
}
const nothing: MetricSources = {
  ...sources,
  list: () => undefined,
  state: () => undefined,
  traces: () => undefined,
  guard: () => ({ recentFlips: 0, threshold: 20 }),
  tokenExpiresAtMs: () => ({ intune: undefined, graph: undefined }),
  serviceCertificateExpiresAtMs: () => undefined,
  decisionLogFile: () => undefined,
  isReady: () => false,
}

const decided = {
  decision: { outcome: 'allow', reason: 'compliant', source: 'last_known' },
  request: {
    frontend: 'radius',
    identity: { identifiers: [], unreadable: ['certificateSan'] },
    certificateExpiresAtMs: nowMs + 13 * dayMs,
  },
  answer: { verdict: 'last_known' },
  rankConflict: true,
} as unknown as DecisionRecord

/** One of everything. */
function count(metrics: ReturnType<typeof createMetrics>): void {
  metrics.decision(decided)
  metrics.decision({ ...decided, answer: undefined, rankConflict: false } as unknown as DecisionRecord)
  metrics.refused('json', 'unauthenticated')
  metrics.request('radius', 0.002, 401)
  metrics.upstreamRequest('bulk', 'throttled', 1)
  metrics.anomaly('regressed')
  metrics.guardTripped('truncated')
  metrics.listFailed()
  metrics.drift({ dialect: 'nac', kind: 'field' })
  metrics.detailsFailed()
  metrics.connectionDropped()
}

t.test(
  'every metric that is documented is exposed, with its type and its labels, and no other',
  async (t) => {
    const metrics = createMetrics(sources)
    count(metrics)
    const { text, contentType } = await metrics.expose()
    t.match(contentType, /^text\/plain; version=0\.0\.4/)
    const exposed = [...text.matchAll(/^# TYPE (nac_\w+) (\w+)$/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    )
    t.same(
      exposed.sort(),
      Object.entries(metricDefinitions)
        .map(([name, { type }]) => `${name} ${type}`)
        .sort(),
    )
    for (const name of Object.keys(metricDefinitions) as MetricName[]) {
      const { labels, type } = metricDefinitions[name]
      const [, shown = ''] = new RegExp(`^${name}(?:_bucket)?(?:\\{(.*)\\})? `, 'm').exec(text) ?? []
      const names = [...shown.matchAll(/(\w+)="/g)]
        .map(([, label]) => label)
        .filter((label) => label !== 'le')
      t.same(names.sort(), [...labels].sort(), `${name} ${type}`)
    }
    t.match(text, /^process_cpu_seconds_total|nodejs_eventloop_lag/m, 'with those of the process')
  },
)

t.test('the figures are those of the moment', async (t) => {
  const metrics = createMetrics(sources)
  count(metrics)
  await metrics.expose()
  const { text } = await metrics.expose()
  for (const line of [
    'nac_decisions_total{frontend="radius",outcome="allow",reason="compliant",source="last_known"} 2',
    'nac_cache_lookups_total{verdict="last_known"} 1',
    'nac_cache_lookups_total{verdict="none"} 1',
    'nac_rank_conflicts_total 1',
    'nac_unreadable_names_total{attribute="certificateSan"} 2',
    'nac_unreadable_names_total{attribute="certificateCn"} 0',
    'nac_cache_entries{state="not_enrolled"} 2',
    'nac_breaker_state{service="compliance_retrieval",state="half_open"} 1',
    'nac_breaker_state{service="compliance_retrieval",state="open"} 0',
    'nac_breaker_state{service="graph",state="open"} 1',
    'nac_breaker_state{service="entra",state="closed"} 1',
    'nac_breaker_opened_total{service="compliance_retrieval"} 3',
    'nac_breaker_opened_total{service="discovery"} 2',
    'nac_upstream_running{service="compliance_retrieval"} 7',
    'nac_upstream_waiting{service="compliance_retrieval"} 8',
    'nac_upstream_shed_total{service="compliance_retrieval"} 9',
    'nac_upstream_shed_total{service="nac"} 0',
    'nac_guard_holding{what="burst"} 1',
    'nac_guard_held_records 42',
    'nac_bulk_list_timestamp_seconds 1700000000',
    'nac_outage_runway_devices{hours="1"} 90',
    'nac_state_mode{mode="read_only"} 1',
    'nac_state_write_lag_seconds 1.5',
    'nac_state_failed_writes_total 2',
    'nac_traces_written_total 7',
    'nac_traces_dropped_total 3',
    'nac_client_certificate_expiry_timestamp_seconds 1800000000',
    'nac_access_token_expiry_timestamp_seconds{resource="intune"} 1700003600',
    'nac_service_tls_certificate_expiry_timestamp_seconds 1790000000',
    `nac_device_certificate_soonest_expiry_timestamp_seconds ${(nowMs + 13 * dayMs) / 1000}`,
    'nac_device_certificates_seen_total{remaining="under_14_days"} 2',
    'nac_device_certificates_seen_total{remaining="expired"} 0',
    'nac_responses_total{frontend="radius",status="4xx"} 1',
    'nac_refused_files{file="policy"} 1',
    'nac_refused_files{file="clients"} 0',
    'nac_decision_log_failing 1',
    'nac_decision_log_pending_bytes 4096',
    'nac_decision_log_lost_lines_total 3',
    'nac_ready 1',
    `nac_build_info{version="1.2.3",node="${process.version}"} 1`,
  ]) {
    t.ok(text.includes(`${line}\n`), line)
  }
})

t.test('what there is not is zero and not absent', async (t) => {
  const { text } = await createMetrics(nothing).expose()
  for (const line of [
    'nac_bulk_list_timestamp_seconds 0',
    'nac_bulk_list_devices 0',
    'nac_guard_holding{what="list"} 0',
    'nac_guard_held_records 0',
    'nac_state_mode{mode="not_configured"} 1',
    'nac_traces_dropped_total 0',
    'nac_state_write_lag_seconds 0',
    'nac_rank_conflicts_total 0',
    'nac_access_token_expiry_timestamp_seconds{resource="graph"} 0',
    'nac_service_tls_certificate_expiry_timestamp_seconds 0',
    'nac_device_certificate_soonest_expiry_timestamp_seconds 0',
    'nac_decision_log_failing 0',
    'nac_ready 0',
    'nac_refused_requests_total{frontend="json",code="unauthenticated"} 0',
    'nac_wire_drift_total{dialect="nac",kind="field"} 0',
    'nac_guard_trips_total{cause="mass_flip"} 0',
  ]) {
    t.ok(text.includes(`${line}\n`), line)
  }
})

t.test('an exchange with Microsoft is counted by how it ended', async (t) => {
  const seen: string[] = []
  const replies = [
    [{ ok: true, value: { status: 200 } }, 'ok'],
    [{ ok: true, value: { status: 429 } }, 'throttled'],
    [{ ok: true, value: { status: 403 } }, 'client_error'],
    [{ ok: true, value: { status: 503 } }, 'server_error'],
    [{ ok: false, fault: { code: 'upstream_timeout' } }, 'timeout'],
    [{ ok: false, fault: { code: 'connection_refused' } }, 'network_error'],
    [{ ok: false, fault: { code: 'reply_too_large', status: 200 } }, 'network_error'],
  ] as const
  for (const [reply] of replies) {
    const outbound = observeUpstream(
      { close: () => 'closed', send: async (_request: { readonly hop: 'query' }) => reply },
      {
        upstreamRequest: (operation, result, seconds) => {
          seen.push(result)
          t.equal(operation, 'query')
          t.ok(seconds >= 0)
        },
      },
    )
    t.equal(await outbound.send({ hop: 'query' }), reply, 'what comes back stays as it is')
    t.equal(outbound.close(), 'closed')
  }
  t.same(
    seen,
    replies.map(([, result]) => result),
  )
})
