/** One metric as it is documented and registered. Labels are a closed list with bounded values; no device is in any. */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  readonly buckets?: readonly number[]
}

const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]
const upstreamBuckets = [0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30]

const defined = {
  nac_decisions_total: {
    type: 'counter',
    help: 'Decisions, by the front end that asked, what was decided, why, and where the fact came from.',
    labels: ['frontend', 'outcome', 'reason', 'source'],
  },
  nac_answers_total: {
    type: 'counter',
    help: 'Decisions by what the network was told: reject is also a remediation without a profile to send, and unavailable an error (503). Without requests that were refused before a decision, and without those in the middle of EAP.',
    labels: ['frontend', 'sent'],
  },
  nac_request_duration_seconds: {
    type: 'histogram',
    help: 'Time from the arrival of a request to the end of its answer.',
    labels: ['frontend'],
    buckets: requestBuckets,
  },
  nac_responses_total: {
    type: 'counter',
    help: 'Answers of the front ends by the class of their HTTP status. A RADIUS denial in authorize is 401 and an answer that could not be decided is 503, both on purpose.',
    labels: ['frontend', 'status'],
  },
  nac_refused_requests_total: {
    type: 'counter',
    help: 'Requests that were refused before they were read, by the error code: unauthenticated, client_forbidden, host_not_served, too_many_attempts, rate_limited, service_overloaded, internal.',
    labels: ['frontend', 'code'],
  },
  nac_overloaded: {
    type: 'gauge',
    help: '1 while the event loop is so late that new requests are refused with 503.',
    labels: [],
  },
  nac_connections_dropped_total: {
    type: 'counter',
    help: 'Connections that were closed at once because there were too many.',
    labels: [],
  },
  nac_upstream_request_duration_seconds: {
    type: 'histogram',
    help: 'Exchanges with Microsoft: token, discovery, query, details, bulk; the result is ok, client_error (4xx), throttled (429), server_error (5xx), timeout or network_error.',
    labels: ['operation', 'result'],
    buckets: upstreamBuckets,
  },
  nac_cache_lookups_total: {
    type: 'counter',
    help: 'How each decision got its fact: hit, hit_refreshing, asked, coalesced, last_known, undetermined; none where no fact was needed.',
    labels: ['verdict'],
  },
  nac_cache_entries: {
    type: 'gauge',
    help: 'Remembered records by state; one device has one record for each identifier it was asked about by.',
    labels: ['state'],
  },
  nac_breaker_state: {
    type: 'gauge',
    help: '1 for the state that the breaker of each service of Microsoft is in, 0 for the others. open: that service is not asked, last known answers are given. entra and discovery are open while there is no token or no address and the next one cannot be had.',
    labels: ['service', 'state'],
  },
  nac_breaker_opened_total: {
    type: 'counter',
    help: 'How often the breaker of a service opened, after failures of different devices or because it sent Retry-After. For entra and discovery: how often getting a token or the address began to fail.',
    labels: ['service'],
  },
  nac_upstream_running: {
    type: 'gauge',
    help: 'Questions that are with the service now; at most 96, of one client 64.',
    labels: ['service'],
  },
  nac_upstream_waiting: {
    type: 'gauge',
    help: 'Questions that wait for their turn; at most 1024, of one client 256.',
    labels: ['service'],
  },
  nac_upstream_shed_total: {
    type: 'counter',
    help: 'Questions that were not asked because the line of the client, or all of it, was full; the last known answer was given, where there was one.',
    labels: ['service'],
  },
  nac_anomalies_total: {
    type: 'counter',
    help: 'Answers of Intune that were not believed. regressed: an evaluated, still enrolled device was reported as not evaluated.',
    labels: ['kind'],
  },
  nac_rank_conflicts_total: {
    type: 'counter',
    help: 'Decisions in which a lower-ranked identifier is known to name another device (a shared dock, for example).',
    labels: [],
  },
  nac_unknown_context_total: {
    type: 'counter',
    help: 'Decisions whose request did not say for certain what a rule of the policy looks at: nasAddress, nasIdentifier or ssid (a wireless request without a readable one). Rules that refuse count as met then.',
    labels: ['condition'],
  },
  nac_unreadable_names_total: {
    type: 'counter',
    help: 'Decisions in which a device id of the certificate did not count because it can be read in two ways: a separator inside a name, a text that was cut, several common names. The next rank decided (docs/security.md).',
    labels: ['attribute'],
  },
  nac_wire_drift_total: {
    type: 'counter',
    help: 'Parts of replies of Microsoft that differ from every known form, by dialect and kind.',
    labels: ['dialect', 'kind'],
  },
  nac_graph_details_failures_total: {
    type: 'counter',
    help: 'Answers that were given without their details because Graph did not deliver them.',
    labels: [],
  },
  nac_guard_holding: {
    type: 'gauge',
    help: '1 while the mass-flip guard holds a burst of single answers or a list back until an operator decides.',
    labels: ['what'],
  },
  nac_guard_trips_total: {
    type: 'counter',
    help: 'How often the guard began to hold: a burst of single answers, a list that would turn too many devices (mass_flip), or one that lost most of its rows (truncated).',
    labels: ['cause'],
  },
  nac_guard_held_records: {
    type: 'gauge',
    help: 'Records that would lose their access if what is held were accepted.',
    labels: [],
  },
  nac_guard_recent_flips: {
    type: 'gauge',
    help: 'Devices whose compliant records single answers have turned within the current window; one device counts once.',
    labels: [],
  },
  nac_guard_threshold: {
    type: 'gauge',
    help: 'How many of those are still ordinary: 20 % of the compliant records, at least 20.',
    labels: [],
  },
  nac_bulk_list_timestamp_seconds: {
    type: 'gauge',
    help: 'When the list of noncompliant devices in use was given out by Intune; 0 where there is none.',
    labels: [],
  },
  nac_bulk_list_devices: {
    type: 'gauge',
    help: 'Devices on the list of noncompliant devices in use.',
    labels: [],
  },
  nac_bulk_list_failures_total: {
    type: 'counter',
    help: 'Queries for the list of noncompliant devices that failed; the list before stays in use.',
    labels: [],
  },
  nac_devices_seen_last_24_hours: {
    type: 'gauge',
    help: 'Remembered records that Intune has said something about within the last 24 hours.',
    labels: [],
  },
  nac_outage_runway_devices: {
    type: 'gauge',
    help: 'How many of those are compliant and would still be answered as that after so many hours without Intune.',
    labels: ['hours'],
  },
  nac_state_mode: {
    type: 'gauge',
    help: '1 for what can be done with the state file: read_write, read_only, memory_only (nothing survives a restart), opening, not_configured (STATE_DIR is not set).',
    labels: ['mode'],
  },
  nac_state_write_lag_seconds: {
    type: 'gauge',
    help: 'Age of the oldest change that is not in the state file yet: what a crash would lose now.',
    labels: [],
  },
  nac_state_pending_changes: {
    type: 'gauge',
    help: 'Changes that are not in the state file yet.',
    labels: [],
  },
  nac_state_written_records_total: {
    type: 'counter',
    help: 'Changes that were written to the state file.',
    labels: [],
  },
  nac_state_failed_writes_total: {
    type: 'counter',
    help: 'Batches that the state file did not take; they are tried again.',
    labels: [],
  },
  nac_traces_written_total: {
    type: 'counter',
    help: 'Decisions whose story was written to the state directory (TRACE_STORE).',
    labels: [],
  },
  nac_traces_dropped_total: {
    type: 'counter',
    help: 'Decisions whose story was not written, because more came than are written or the file cannot be used.',
    labels: [],
  },
  nac_client_certificate_expiry_timestamp_seconds: {
    type: 'gauge',
    help: 'When the certificate that authenticates the service to Entra ID expires.',
    labels: [],
  },
  nac_access_token_expiry_timestamp_seconds: {
    type: 'gauge',
    help: 'When the access token in use expires, by the resource that it is for; 0 where there is none. It is renewed only for a question, so after a quiet night it lies in the past.',
    labels: ['resource'],
  },
  nac_service_tls_certificate_expiry_timestamp_seconds: {
    type: 'gauge',
    help: 'When the certificate that the service shows its callers (SERVICE_TLS_*) expires; 0 where it speaks HTTP.',
    labels: [],
  },
  nac_device_certificate_soonest_expiry_timestamp_seconds: {
    type: 'gauge',
    help: 'When the first of the device certificates expires that RADIUS decisions of the last 24 hours were made for; 0 where FreeRADIUS has told of none.',
    labels: [],
  },
  nac_device_certificates_seen_total: {
    type: 'counter',
    help: 'RADIUS decisions for a device with a certificate, by how long that still runs; a device counts each time it logs in.',
    labels: ['remaining'],
  },
  nac_refused_files: {
    type: 'gauge',
    help: '1 while a file that was changed is refused, and what was in force before stays: CLIENTS_FILE, POLICY_FILE, SERVICE_TLS_*, or the certificate for Entra ID (also while Entra ID does not accept it yet).',
    labels: ['file'],
  },
  nac_decision_log_failing: {
    type: 'gauge',
    help: '1 while DECISION_LOG_FILE cannot be written; lines wait in memory.',
    labels: [],
  },
  nac_decision_log_pending_bytes: {
    type: 'gauge',
    help: 'What waits to be written to DECISION_LOG_FILE; lines above 64 MiB are lost.',
    labels: [],
  },
  nac_decision_log_lost_lines_total: {
    type: 'counter',
    help: 'Lines that DECISION_LOG_FILE will never have, because too many waited.',
    labels: [],
  },
  nac_clock_ahead_seconds: {
    type: 'gauge',
    help: "How far the clock of this machine is ahead of that of Microsoft's servers (negative: behind), by the Date headers of their last replies; 0 where none has come yet. More than 60 either way is degraded on /readyz.",
    labels: [],
  },
  nac_clock_contradictions_total: {
    type: 'counter',
    help: 'Replies of Microsoft whose Date header is more than 60 s away from the clock of this machine, and connections whose certificate is not valid by it.',
    labels: [],
  },
  nac_background_failures_total: {
    type: 'counter',
    help: 'Exceptions in work that goes on behind answers, by the part of the service (unknown: a promise that was rejected and that nobody looked at): each is a defect, and what goes in rounds goes on.',
    labels: ['task'],
  },
  nac_files_replaced_total: {
    type: 'counter',
    help: 'How often a file was found deleted, moved or replaced while it was in use, or could be used only later, and was opened anew: state, traces, decision_log, lock.',
    labels: ['file'],
  },
  nac_ready: {
    type: 'gauge',
    help: '1 while /readyz answers 200.',
    labels: [],
  },
  nac_build_info: {
    type: 'gauge',
    help: 'Always 1; the labels say which version of the service runs on which Node.',
    labels: ['version', 'node'],
  },
} as const satisfies Record<string, MetricDefinition>

/** The name of a metric of the service. */
export type MetricName = keyof typeof defined

/** Every metric of the service, in the order of docs/metrics.md. */
export const metricDefinitions: Readonly<Record<MetricName, MetricDefinition>> = defined
