import type { DecisionRecord } from '../decision/decision-service.ts'
import { saidByIntune } from '../decision/device-conditions.ts'
import type { Policy } from '../decision/policy.ts'
import { nasTexts, presentContextText, unknownContext } from '../decision/request-context.ts'
import { type FaultCode, faultCatalogue } from '../errors/catalogue.ts'
import type { Fault } from '../errors/fault.ts'
import type { MaskDevice } from '../identity/mask-device.ts'
import type { DecisionTrace } from './decision-trace.ts'

/** A decision, and the policy that was in force. */
export interface KeptDecision {
  readonly record: DecisionRecord
  readonly policy: Policy
  readonly decidedAtMs: number
}

/** Who reads: a client is not told what a fault says of hosts and settings. */
export type TraceReader = 'client' | 'operator'

/** Tells how a decision came about; identifiers are masked wherever they stand, in attributes and sentences too. */
export function presentTrace(kept: KeptDecision, mask: MaskDevice, reader: TraceReader): DecisionTrace {
  const { record, policy } = kept
  const { decision, request, answer, facts, trace } = record
  const hide = hider(valuesOf(record), mask)
  const known = answer?.known ? answer : undefined
  const observed = known?.record
  return {
    decisionId: decision.decisionId,
    decidedAt: new Date(kept.decidedAtMs).toISOString(),
    totalMs: Math.max(0, Math.round(record.totalMs)),
    traceId: request.traceContext?.traceId ?? null,
    decision: decision.outcome,
    sent: record.sent,
    reason: decision.reason,
    reasonText: decision.reasonText ?? null,
    request: {
      frontend: request.frontend,
      client: request.client,
      refresh: request.refresh,
      nasIpAddress: presentContextText(request.context?.nasIpAddress),
      nasIdentifier: presentContextText(request.context?.nasIdentifier),
      nas: [...nasTexts(request.context)],
      ssid: presentContextText(request.context?.ssid),
      unknown: [...unknownContext(request.context)],
      certificateExpiresAt: timeOrNull(request.certificateExpiresAtMs),
    },
    identifiers: identifiersOf(record, mask),
    rankConflict: record.rankConflict,
    unreadable: [...(request.identity.unreadable ?? [])],
    fact: {
      source: decision.source,
      cache: answer?.verdict ?? 'none',
      enrolled: decision.enrolled,
      complianceState: decision.complianceState,
      deviceId: observed?.deviceId === undefined ? null : mask(observed.deviceId),
      gracePeriodEndsAt: timeOrNull(observed?.gracePeriodEndsMs),
      observedAt: timeOrNull(decision.observedAtMs),
      ageSeconds: Math.max(0, Math.floor(decision.ageMs / 1000)),
      stale: decision.stale,
      held: known?.held ?? null,
    },
    upstream: trace ? { ...trace, durationMs: Math.max(0, Math.round(trace.durationMs)) } : null,
    fault: answer?.fault ? faultOf(answer.fault, reader) : null,
    rule: decision.rule ?? null,
    rules: facts
      ? policy.explain(facts).map(({ rule, result, unmet, unclear }) => ({
          rule,
          result,
          unmet: unmet.map(hide),
          unclear: unclear.map(hide),
        }))
      : [],
    profile: decision.profile
      ? {
          name: decision.profile.name,
          attributes: decision.profile.attributes.map(({ name, tag, values }) => ({
            name,
            tag: tag ?? null,
            values: values.map((value) => (typeof value === 'string' ? hide(value) : value)),
          })),
        }
      : null,
    remediation: decision.remediation
      ? { ...decision.remediation, message: hide(decision.remediation.message) }
      : null,
  }
}

/** What a client is told of a story that was told for the operator. */
export function asForClient(trace: DecisionTrace): DecisionTrace {
  if (trace.fault === null) return trace
  const { meaning } = faultCatalogue[trace.fault.code as FaultCode] ?? faultCatalogue.internal
  return { ...trace, fault: { ...trace.fault, message: meaning, host: null } }
}

/** Every identifier by which the decision can be found, in canonical form. */
export function valuesOf({ decision, request, answer }: DecisionRecord): readonly string[] {
  const { identifiers, randomizedMac } = request.identity
  const record = answer?.known ? answer.record : undefined
  const values = [
    decision.device,
    ...identifiers.map(({ value }) => value),
    randomizedMac ?? '',
    record?.deviceId ?? '',
    ...(record?.macs ?? []),
    ...saidByIntune('serialNumber', record),
  ]
  return [...new Set(values)].filter((value) => value !== '')
}

function identifiersOf(
  { decision, request, skippedKinds }: DecisionRecord,
  mask: MaskDevice,
): DecisionTrace['identifiers'] {
  const { identifiers, randomizedMac, conflict } = request.identity
  const rows: DecisionTrace['identifiers'] = identifiers.map((identifier) => {
    const { kind, origin, rank, value } = identifier
    const isDecider = kind === decision.matchedBy && value === decision.device
    const contradicts = decision.reason === 'identifier_conflict' && isDecider
    const result =
      contradicts || conflict?.some((other) => other.value === value)
        ? 'conflict'
        : isDecider
          ? 'decided'
          : skippedKinds.includes(kind)
            ? 'not_supported'
            : 'not_needed'
    return { kind, origin, rank, value: mask(value), result }
  })
  if (randomizedMac !== undefined) {
    rows.push({ kind: 'mac', origin: 'mac', rank: 4, value: mask(randomizedMac), result: 'randomized' })
  }
  return rows
}

function faultOf(fault: Fault, reader: TraceReader): NonNullable<DecisionTrace['fault']> {
  const { code, hop, status, requestId } = fault
  const { meaning, remedy } = faultCatalogue[code]
  const isOperator = reader === 'operator'
  return {
    code,
    message: isOperator ? fault.message : meaning,
    remedy,
    hop: hop ?? null,
    host: (isOperator ? fault.host : undefined) ?? null,
    status: status ?? null,
    requestId: requestId ?? null,
  }
}

function hider(values: readonly string[], mask: MaskDevice): (text: string) => string {
  const shown = values
    .map((value) => [value, mask(value)] as const)
    .filter(([value, masked]) => value !== masked)
  return (text) => shown.reduce((rest, [value, masked]) => rest.replaceAll(value, masked), text)
}

function timeOrNull(atMs: number | undefined): string | null {
  return atMs === undefined ? null : new Date(atMs).toISOString()
}
