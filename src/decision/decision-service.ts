import { randomUUID } from 'node:crypto'
import { inBackground } from '../background.ts'
import type { Clock } from '../clock.ts'
import type { CacheAnswer, ComplianceCache } from '../compliance/compliance-cache.ts'
import type { ComplianceRecord, UpstreamTrace } from '../compliance/compliance-record.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import type { DeviceIdentifier, DeviceIdentity } from '../identity/device-identity.ts'
import type { Decide, DecisionRequest } from './decide.ts'
import type { AttributeProfile, Decision, DecisionReason, FactSource, Remediation } from './decision.ts'
import { type Policy, type PolicyFacts, reasonFor, type Verdict } from './policy.ts'
import { type SentAnswer, sentAsDecided } from './sent-answer.ts'

/** What a decision is told to the log with: the decision, who asked, and how it came about. */
export interface DecisionRecord {
  readonly decision: Decision
  readonly request: DecisionRequest
  /** What the network was told; null where it was told nothing yet. */
  readonly sent: SentAnswer | null
  readonly totalMs: number
  /** The kinds that were given but that this Intune API has no query for. */
  readonly skippedKinds: readonly string[]
  /** True where a lower rank is known to name another device than the one that decided. */
  readonly rankConflict: boolean
  /** What policy judged; `explain` of the policy says which rules it passed on the way. */
  readonly facts?: PolicyFacts
  readonly answer?: CacheAnswer
  readonly trace?: UpstreamTrace
}

/** What the service works with. `record` is called once per decision, as soon as it is known what is sent. */
export interface DecisionServiceParts {
  readonly cache: ComplianceCache
  /** Gives 0 and counts a refresh, or how long it has to wait still, milliseconds; absent: no limit. */
  readonly admitRefresh?: (identifier: DeviceIdentifier, client: string) => number
  readonly policy: Policy
  readonly clock: Clock
  readonly deadlineMs: number
  readonly portalUrl: string
  /** How long a caller may rely on an answer that nobody could renew, milliseconds. */
  readonly retryAfterMs: number
  readonly record: (record: DecisionRecord) => void
}

/**
 * The flow of one decision: identity in, best usable rank asked, record judged by policy, decision out.
 * Never rejects and answers within the deadline; a look-up that fails is the reason intune_unavailable, never
 * "not enrolled". The faults are identifier_not_supported, where none of the given kinds can be looked up, and
 * recheck_too_soon.
 */
export function createDecide(parts: DecisionServiceParts): Decide {
  return (request) => {
    const startedMs = parts.clock.monotonicMs()
    const { identity } = request
    if (identity.conflict) {
      return success(
        conclude(parts, request, startedMs, { reason: 'identifier_conflict', by: identity.conflict[0] }),
      )
    }
    const [best] = identity.identifiers
    if (best === undefined) {
      if (identity.randomizedMac === undefined) {
        return failure('identifier_missing', 'the request names no device')
      }
      return success(conclude(parts, request, startedMs, { reason: 'randomized_mac' }))
    }
    const refreshInMs = refreshWaitMs(parts, request, best)
    if (refreshInMs > 0 && request.mustRefresh) return tooSoon(refreshInMs)
    const answer = request.refresh && refreshInMs === 0 ? undefined : parts.cache.answerNow(best)
    if (answer !== undefined) {
      return success(concludeFrom(parts, request, startedMs, { answer, by: best, refreshInMs }))
    }
    return askBestRank(parts, request, startedMs, refreshInMs)
  }
}

/**
 * The best rank decides. A lower one is used only where the API has no query for the better kind, and not where Intune
 * then names another device than the one whose id was given.
 */
async function askBestRank(
  parts: DecisionServiceParts,
  request: DecisionRequest,
  startedMs: number,
  firstRefreshInMs: number,
): Promise<Outcome<Decision>> {
  const skippedKinds: string[] = []
  const { traceContext } = request
  const share = request.isInBatch ? `${request.client} batch` : request.client
  const { identifiers } = request.identity
  const [best] = identifiers
  let refreshInMs = firstRefreshInMs
  for (const by of identifiers) {
    if (skippedKinds.length > 0) refreshInMs = refreshWaitMs(parts, request, by)
    if (refreshInMs > 0 && request.mustRefresh) return tooSoon(refreshInMs)
    const waitMs = Math.max(1, startedMs + parts.deadlineMs - parts.clock.monotonicMs())
    const refresh = request.refresh && refreshInMs === 0
    const answer = await parts.cache.ask(by, { refresh, waitMs, traceContext, share })
    if (answer.known && best?.rank === 1 && by !== best && isOtherDevice(best.value, answer.record)) {
      return success(
        conclude(parts, request, startedMs, { reason: 'identifier_conflict', by: best, skippedKinds }),
      )
    }
    if (answer.known || answer.fault.code !== 'identifier_not_supported') {
      return success(concludeFrom(parts, request, startedMs, { answer, by, skippedKinds, refreshInMs }))
    }
    skippedKinds.push(by.kind)
  }
  return failure(
    'identifier_not_supported',
    `the Intune API in use cannot look a device up by ${skippedKinds.join(', ')}; send deviceId or mac as well`,
    { field: skippedKinds[0] },
  )
}

function isOtherDevice(deviceId: string, record: ComplianceRecord): boolean {
  return record.deviceId !== undefined && record.deviceId !== deviceId
}

/** 0 where Intune may be asked again for this request, or where that was not asked for. */
function refreshWaitMs(
  { admitRefresh }: DecisionServiceParts,
  { refresh, client }: DecisionRequest,
  identifier: DeviceIdentifier,
): number {
  return refresh ? (admitRefresh?.(identifier, client) ?? 0) : 0
}

function tooSoon(retryAfterMs: number) {
  const message = 'The device was checked again a few seconds ago, or the client rechecks very many.'
  return failure('recheck_too_soon', message, { retryAfterMs })
}

const noKinds: readonly string[] = []

interface Conclusion {
  readonly reason: DecisionReason
  readonly by?: DeviceIdentifier
  readonly answer?: CacheAnswer
  readonly skippedKinds?: readonly string[]
  readonly refreshInMs?: number
}

function concludeFrom(
  parts: DecisionServiceParts,
  request: DecisionRequest,
  startedMs: number,
  asked: Omit<Conclusion, 'reason'> & { readonly answer: CacheAnswer },
): Decision {
  const { answer } = asked
  const reason = answer.known ? reasonFor(answer.record, parts.clock.nowMs()) : 'intune_unavailable'
  return conclude(parts, request, startedMs, { ...asked, reason })
}

function conclude(
  parts: DecisionServiceParts,
  request: DecisionRequest,
  startedMs: number,
  { reason, by, answer, skippedKinds = noKinds, refreshInMs = 0 }: Conclusion,
): Decision {
  const { identity } = request
  const known = answer?.known ? answer : undefined
  const rankConflict = known !== undefined && namesAnotherDevice(parts.cache, identity, known.record.deviceId)
  const facts = parts.policy.withLists({
    reason,
    request,
    matchedBy: by?.kind ?? (identity.randomizedMac === undefined ? 'none' : 'mac'),
    rank: by?.rank ?? 4,
    rankConflict,
    stale: known?.verdict === 'last_known',
    ageMs: known?.ageMs ?? 0,
    nowMs: parts.clock.nowMs(),
    ...(known && { record: known.record }),
  })
  const verdict = parts.policy.decide(facts)
  const decisionId = randomUUID()
  const device = by?.value ?? identity.randomizedMac ?? ''
  const remediation = remediationOf(verdict, parts.portalUrl)
  const profile = profileOf(verdict, { decisionId, device, reason, remediation })
  const decision: Decision = {
    decisionId,
    outcome: verdict.outcome,
    reason,
    ...(verdict.reasonText !== undefined && { reasonText: verdict.reasonText }),
    complianceState: known?.record.complianceState ?? null,
    enrolled: known?.record.enrolled ?? null,
    matchedBy: facts.matchedBy,
    device,
    source: sourceOf(answer),
    ...(known && { observedAtMs: known.record.observedAtMs }),
    ageMs: facts.ageMs,
    stale: facts.stale,
    expiresInMs: known && known.verdict !== 'last_known' ? known.freshForMs : parts.retryAfterMs,
    ...(refreshInMs > 0 && sourceOf(answer) !== 'intune' && { refreshInMs }),
    ...(remediation && { remediation }),
    rule: verdict.rule,
    ...(profile && { profile }),
    ...(known && inventoryOf(known.record)),
    ...(answer && !answer.known && { faultCode: answer.fault.code }),
  }
  const totalMs = parts.clock.monotonicMs() - startedMs
  const record = (sent: SentAnswer | undefined) =>
    parts.record({
      decision,
      request,
      sent: sent ?? null,
      totalMs,
      skippedKinds,
      rankConflict,
      facts,
      ...(answer && { answer }),
      ...(known?.trace && { trace: known.trace }),
    })
  const sent = request.sentFor ? request.sentFor(decision) : sentAsDecided[decision.outcome]
  if (sent instanceof Promise) inBackground('decision_log', async () => record(await sent))
  else record(sent)
  return decision
}

function remediationOf({ remediation }: Verdict, portalUrl: string): Remediation | undefined {
  if (!remediation) return undefined
  return { action: remediation.action, url: remediation.url ?? portalUrl, message: remediation.message }
}

function profileOf(
  { profile, reasonText }: Verdict,
  shown: {
    readonly decisionId: string
    readonly device: string
    readonly reason: DecisionReason
    readonly remediation: Remediation | undefined
  },
): AttributeProfile | undefined {
  return profile?.fill(() => ({
    decisionId: shown.decisionId,
    device: shown.device,
    reason: reasonText ?? shown.reason,
    message: shown.remediation?.message ?? '',
    url: shown.remediation?.url ?? '',
  }))
}

function inventoryOf({ deviceId, macs, details }: ComplianceRecord): Partial<Decision> {
  return { ...(deviceId && { deviceId }), ...(macs && { macs }), ...(details && { details }) }
}

function sourceOf(answer: CacheAnswer | undefined): FactSource {
  switch (answer?.verdict) {
    case 'hit':
    case 'hit_refreshing':
      return 'cache'
    case 'asked':
    case 'coalesced':
      return 'intune'
    case 'last_known':
      return 'last_known'
    default:
      return 'none'
  }
}

/** Looks only at what is remembered: a dock's MAC shared by two laptops is worth a count, not a second query. */
function namesAnotherDevice(
  cache: ComplianceCache,
  identity: DeviceIdentity,
  deviceId: string | undefined,
): boolean {
  if (deviceId === undefined || identity.identifiers.length < 2) return false
  return identity.identifiers.some((identifier) => {
    if (identifier.kind !== 'mac') return false
    const other = cache.remembered(identifier)?.deviceId
    return other !== undefined && other !== deviceId
  })
}
