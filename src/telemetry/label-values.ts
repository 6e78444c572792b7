import type { BackgroundTask } from '../background.ts'
import type { CacheVerdict } from '../compliance/compliance-cache.ts'
import type { MdmService, UpstreamService } from '../compliance/compliance-record.ts'
import type { FrontendName } from '../decision/decide.ts'
import type { DecisionOutcome, DecisionReason, FactSource } from '../decision/decision.ts'
import type { ContextConditionName } from '../decision/request-context.ts'
import { sentAnswers } from '../decision/sent-answer.ts'
import type { CertificateAttribute } from '../identity/certificate-names.ts'
import type { MetricName } from './metric-definitions.ts'
import type { WatchedFileName } from './metrics.ts'

/** Every member of a union, checked: leaving one out does not compile. */
function all<T extends string>(members: Readonly<Record<T, true>>): readonly T[] {
  return Object.keys(members) as T[]
}

/** One value per build, named by the service itself. */
export const oneValue = 'one value, the same for as long as the process runs'

const upstreamServices = all<UpstreamService>({
  entra: true,
  discovery: true,
  compliance_retrieval: true,
  nac: true,
  graph: true,
})

/**
 * What each label of the service's metrics can be: a closed list, or `oneValue`. Where a label means different things to
 * different metrics, it is listed with the metric's name.
 */
const labelValues: Readonly<Record<string, readonly string[] | typeof oneValue>> = {
  frontend: all<FrontendName>({ json: true, radius: true, ise: true }),
  'nac_refused_requests_total.frontend': ['json', 'radius', 'ise', 'management'],
  outcome: all<DecisionOutcome>({ allow: true, deny: true, remediate: true, fail: true }),
  reason: all<DecisionReason>({
    compliant: true,
    noncompliant: true,
    in_grace_period: true,
    not_evaluated: true,
    not_enrolled: true,
    randomized_mac: true,
    identifier_conflict: true,
    intune_unavailable: true,
  }),
  source: all<FactSource>({ intune: true, cache: true, last_known: true, none: true }),
  sent: sentAnswers,
  code: [
    'unauthenticated',
    'client_forbidden',
    'host_not_served',
    'too_many_attempts',
    'rate_limited',
    'service_overloaded',
    'internal',
  ],
  service: all<MdmService>({ compliance_retrieval: true, nac: true, graph: true }),
  'nac_breaker_state.service': upstreamServices,
  'nac_breaker_opened_total.service': upstreamServices,
  status: ['1xx', '2xx', '3xx', '4xx', '5xx'],
  operation: ['token', 'discovery', 'query', 'details', 'bulk'],
  result: ['ok', 'client_error', 'throttled', 'server_error', 'timeout', 'network_error'],
  verdict: all<CacheVerdict | 'none'>({
    hit: true,
    hit_refreshing: true,
    asked: true,
    coalesced: true,
    last_known: true,
    undetermined: true,
    none: true,
  }),
  'nac_cache_entries.state': ['compliant', 'noncompliant', 'unknown', 'not_enrolled'],
  'nac_breaker_state.state': ['closed', 'half_open', 'open'],
  'nac_unreadable_names_total.attribute': all<CertificateAttribute>({
    certificateSan: true,
    certificateCn: true,
  }),
  'nac_anomalies_total.kind': ['regressed'],
  dialect: ['compliance-retrieval', 'nac', 'nac-ise-v2', 'graph', 'discovery'],
  'nac_wire_drift_total.kind': ['field', 'value', 'casing', 'date', 'shape', 'service'],
  condition: all<ContextConditionName>({ nasAddress: true, nasIdentifier: true, ssid: true }),
  what: ['burst', 'list'],
  cause: ['burst', 'mass_flip', 'truncated'],
  hours: ['1', '4', '8'],
  mode: ['opening', 'read_write', 'read_only', 'memory_only', 'not_configured'],
  resource: ['intune', 'graph'],
  remaining: ['expired', 'under_14_days', 'under_30_days', 'longer'],
  file: ['clients', 'policy', 'service_tls', 'client_certificate'],
  task: all<BackgroundTask>({
    authentication: true,
    client_certificate: true,
    decision_log: true,
    discovery: true,
    doctor: true,
    file_watch: true,
    followed_file: true,
    forget_old_records: true,
    graph_details: true,
    lab: true,
    lookup: true,
    mass_flip_guard: true,
    noncompliant_list: true,
    refresh: true,
    service_tls: true,
    state_file: true,
    trace_file: true,
    unknown: true,
    warm_up: true,
  }),
  'nac_files_replaced_total.file': all<WatchedFileName>({
    state: true,
    traces: true,
    decision_log: true,
    lock: true,
  }),
  version: oneValue,
  node: oneValue,
}

/** What a label of a metric can be; undefined where nobody has said. */
export function labelValuesOf(
  metric: MetricName,
  label: string,
): readonly string[] | typeof oneValue | undefined {
  return labelValues[`${metric}.${label}`] ?? labelValues[label]
}
