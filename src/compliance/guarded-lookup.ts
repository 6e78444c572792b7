import { noteBackgroundFailure } from '../background.ts'
import type { Clock } from '../clock.ts'
import type { FaultCode } from '../errors/catalogue.ts'
import { type Fault, failure, type Outcome } from '../errors/fault.ts'
import type { DeviceIdentifier, IdentifierKind } from '../identity/device-identity.ts'
import { type BreakerStatus, CircuitBreaker } from './circuit-breaker.ts'
import type { ComplianceLookup, Observation } from './compliance-record.ts'
import { LookupQueue } from './lookup-queue.ts'

/** The way to Intune at one moment. */
export interface UpstreamStatus {
  readonly breaker: BreakerStatus
  /** Questions that are with Intune now, and that wait for their turn. */
  readonly running: number
  readonly waiting: number
  /** Questions that were refused because the queue was full, since the start. */
  readonly shed: number
}

export interface GuardedLookupParts {
  readonly lookup: ComplianceLookup
  readonly clock: Clock
  readonly random: () => number
  /** A second attempt is made only while this much time has not passed since the first began, milliseconds. */
  readonly budgetMs: number
  readonly limits?: { readonly running: number; readonly waiting: number }
  readonly onBreakerChange?: (status: BreakerStatus) => void
}

/** A look-up that does not hurt an upstream in trouble, and tells how it is. */
export interface GuardedLookup {
  readonly lookup: ComplianceLookup
  status(): UpstreamStatus
  /** Whether a question would be sent now. */
  admits(): boolean
}

/**
 * At 150 ms an answer these are 1.1 s worth of questions with the upstream and 0.6 s worth in line: a longer line
 * would only hold questions whose callers have left.
 */
const defaultLimits = { running: 64, waiting: 256 }
const retryDelayMs = 50

/** Transient by nature and cheap to find out about; a time-out is neither. */
const retryableCodes: readonly FaultCode[] = ['connection_failed', 'connection_refused', 'intune_unavailable']
const retryableStatuses: readonly number[] = [502, 503, 504]

/** Intune did answer, only not usefully about this one device: no reason to stop asking about the others. */
const aboutOneDevice: readonly FaultCode[] = [
  'intune_reply_malformed',
  'intune_reply_mismatch',
  'intune_rejected',
  'reply_too_large',
]

/**
 * Stands between the cache and Intune: at most 64 questions at once and 256 in line, the rest is refused with
 * `intune_queue_full`; one second attempt where the query itself failed in a way that is often over at once; a breaker
 * that also obeys Retry-After. While the breaker is open the fault that opened it is the answer, at once.
 */
export function createGuardedLookup(parts: GuardedLookupParts): GuardedLookup {
  const { lookup, clock, random, budgetMs } = parts
  const queue = new LookupQueue(parts.limits ?? defaultLimits)
  const breaker = new CircuitBreaker({
    clock,
    random,
    ...(parts.onBreakerChange && { onChange: parts.onBreakerChange }),
  })
  /** Kinds that the API has no query for: said at once, so that the caller's next identifier gets its turn. */
  const unsupported = new Map<IdentifierKind, Fault>()
  let lastFault: Fault | undefined
  let shed = 0

  function refusal(identifier: DeviceIdentifier): Outcome<Observation> {
    const known = unsupported.get(identifier.kind)
    if (known) return { ok: false, fault: known }
    const fault = lastFault ?? failure('intune_unavailable', 'Intune is not asked at the moment').fault
    const { nextProbeAtMs } = breaker.status
    if (fault.retryAfterMs === undefined || nextProbeAtMs === undefined) return { ok: false, fault }
    return { ok: false, fault: { ...fault, retryAfterMs: Math.max(0, nextProbeAtMs - clock.nowMs()) } }
  }

  async function attempt(identifier: DeviceIdentifier): Promise<Outcome<Observation>> {
    const permit = breaker.acquire()
    if (!permit) return refusal(identifier)
    const startedMs = clock.nowMs()
    let outcome = await ask(identifier)
    if (!permit.isProbe && isWorthRetrying(outcome) && clock.nowMs() - startedMs < budgetMs - retryDelayMs) {
      await new Promise<void>((resolve) => clock.after(retryDelayMs, resolve))
      if (breaker.admits) outcome = await ask(identifier)
    }
    if (outcome.ok) {
      unsupported.delete(identifier.kind)
      permit.succeeded()
      return outcome
    }
    const { fault } = outcome
    if (fault.code === 'identifier_not_supported') {
      unsupported.set(identifier.kind, fault)
      permit.released()
    } else if (aboutOneDevice.includes(fault.code)) {
      permit.succeeded()
    } else {
      lastFault = fault
      permit.failed(fault.retryAfterMs)
    }
    return outcome
  }

  /** A look-up never rejects; one that does all the same must not leave the breaker half open for ever. */
  async function ask(identifier: DeviceIdentifier): Promise<Outcome<Observation>> {
    try {
      return await lookup(identifier)
    } catch (error) {
      noteBackgroundFailure('lookup', error)
      return failure('internal', 'a look-up ended in an exception')
    }
  }

  return {
    async lookup(identifier) {
      // Nothing waits in line for an upstream that is not being asked.
      if (!breaker.admits) return refusal(identifier)
      const place = queue.enter()
      if (place === false) {
        shed += 1
        return failure('intune_queue_full', 'too many questions wait for Intune already')
      }
      await place
      try {
        return await attempt(identifier)
      } finally {
        queue.leave()
      }
    },
    status: () => ({ breaker: breaker.status, running: queue.running, waiting: queue.waiting, shed }),
    admits: () => breaker.admits,
  }
}

/** A peer that says when to come back is not asked before that. */
function isWorthRetrying(outcome: Outcome<Observation>): boolean {
  if (outcome.ok) return false
  const { code, hop, status, retryAfterMs } = outcome.fault
  if (hop !== 'query' || retryAfterMs !== undefined || !retryableCodes.includes(code)) return false
  return status === undefined || retryableStatuses.includes(status)
}
