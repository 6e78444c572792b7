import { noteBackgroundFailure } from '../background.ts'
import type { Clock } from '../clock.ts'
import type { FaultCode } from '../errors/catalogue.ts'
import { type Fault, failure, type Outcome } from '../errors/fault.ts'
import { type BreakerPermit, type BreakerStatus, CircuitBreaker } from './circuit-breaker.ts'
import { DevicePauses, longestOutagePauseMs } from './device-pauses.ts'
import { type LineLimits, type Question, QuestionLine } from './question-line.ts'

/** One service of Microsoft's at one moment. */
export interface ServiceStatus {
  readonly breaker: BreakerStatus
  /** Questions that are with the service now, and that wait for their turn. */
  readonly running: number
  readonly waiting: number
  /** Questions that were refused because there was no room in line, since the start. */
  readonly shed: number
}

export interface ServiceGateParts {
  readonly clock: Clock
  readonly random: () => number
  /** A second attempt is made only while this much time has not passed since the first began, milliseconds. */
  readonly budgetMs: number
  readonly limits: LineLimits
  readonly onBreakerChange?: (status: BreakerStatus) => void
}

/** The way to one service: whatever is asked of it goes through here, and nothing that is asked of another one. */
export interface ServiceGate {
  /** Asks when it is this question's turn, or says at once why not. Never rejects. */
  through<T>(question: Question, ask: () => Promise<Outcome<T>>): Promise<Outcome<T>>
  /** Somebody else waits for this question as well. */
  join(question: Question, share: string): void
  /** Whether a question would be sent now. */
  admits(): boolean
  status(): ServiceStatus
}

const retryDelayMs = 50

/** Transient by nature and cheap to find out about; a time-out is neither. */
const retryableCodes: readonly FaultCode[] = ['connection_failed', 'connection_refused', 'intune_unavailable']
const retryableStatuses: readonly number[] = [502, 503, 504]

/**
 * The service did answer, only not usefully about this one question, or said that we may not ask it: no reason to stop
 * asking about others, who may be asked about in another way or with another permission.
 */
const answers: readonly FaultCode[] = [
  'intune_reply_malformed',
  'intune_reply_mismatch',
  'intune_rejected',
  'intune_forbidden',
  'intune_unauthorized',
  'details_reply_malformed',
  'details_rejected',
  'details_forbidden',
  'details_unauthorized',
  'reply_too_large',
]

/**
 * Stands in front of one service: a line that is fair to everybody who asks, one second attempt where the query itself
 * failed in a way that is often over at once, a pause for each device that fails, and a breaker that also obeys
 * Retry-After. While nothing is sent, the fault that was the reason is the answer, at once.
 */
export function createServiceGate(parts: ServiceGateParts): ServiceGate {
  const { clock, random, budgetMs, onBreakerChange } = parts
  const line = new QuestionLine(parts.limits)
  const pauses = new DevicePauses(clock)
  const breaker = new CircuitBreaker({
    clock,
    random,
    ...(onBreakerChange && { onChange: onBreakerChange }),
  })
  let lastFault: Fault | undefined

  /** Why a question about this device is not sent now. */
  function refusalOf(device: string): Fault | undefined {
    return breaker.admits(device) ? pauseOf(device) : closedFault()
  }

  function pauseOf(device: string): Fault | undefined {
    const fault = pauses.faultOf(device)
    return fault && { ...fault, wasNotSent: true }
  }

  function closedFault(): Fault {
    const fault = lastFault ?? failure('intune_unavailable', 'Intune is not asked at the moment').fault
    const retryAfter = fault.retryAfterMs !== undefined && { retryAfterMs: Math.ceil(breaker.pauseMs) }
    return { ...fault, ...retryAfter, wasNotSent: true }
  }

  async function attempt<T>({ device }: Question, ask: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    const pause = pauseOf(device)
    if (pause) return { ok: false, fault: pause }
    const permit = breaker.acquire(device)
    if (!permit) return { ok: false, fault: closedFault() }
    const isFirst = !permit.isProbe && !pauses.hasFailed(device)
    const startedMs = clock.monotonicMs()
    let outcome = await askSafely(ask)
    const leftMs = budgetMs - (clock.monotonicMs() - startedMs)
    if (isFirst && isWorthRetrying(outcome) && leftMs > retryDelayMs) {
      await new Promise<void>((resolve) => clock.after(retryDelayMs, resolve))
      if (breaker.admits()) outcome = await askSafely(ask)
    }
    report(permit, device, outcome)
    return outcome
  }

  function report(permit: BreakerPermit, device: string, outcome: Outcome<unknown>): void {
    const fault = outcome.ok ? undefined : outcome.fault
    if (fault === undefined || answers.includes(fault.code)) {
      pauses.succeeded(device)
      permit.succeeded()
    } else if (wasNotAsked(fault)) {
      permit.released()
    } else {
      lastFault = fault
      pauses.failed(device, fault)
      permit.failed(pauseForEverybodyMs(fault))
    }
  }

  return {
    async through(question, ask) {
      // Nothing waits in line for a service that is not being asked.
      const fault = refusalOf(question.device)
      if (fault) return { ok: false, fault }
      const share = await line.enter(question)
      if (share === undefined) {
        return failure('intune_queue_full', 'too many questions wait for Intune already')
      }
      try {
        return await attempt(question, ask)
      } finally {
        line.leave(share)
      }
    },
    join: (question, share) => line.join(question, share),
    admits: () => breaker.admits(),
    status: () => ({
      breaker: breaker.status,
      running: line.running,
      waiting: line.waiting,
      shed: line.shed,
    }),
  }
}

/** A question never rejects; one that does all the same must not leave the breaker half open for ever. */
async function askSafely<T>(ask: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await ask()
  } catch (error) {
    noteBackgroundFailure('lookup', error)
    return failure('internal', 'a look-up ended in an exception')
  }
}

/** The token or the address was missing, which have pauses of their own, or there was nothing to ask any more. */
function wasNotAsked({ hop, code }: Fault): boolean {
  return (
    hop === 'token' ||
    hop === 'discovery' ||
    code === 'identifier_not_supported' ||
    code === 'deadline_exceeded'
  )
}

/** A peer that says when to come back is not asked before that. */
function isWorthRetrying(outcome: Outcome<unknown>): boolean {
  if (outcome.ok) return false
  const { code, hop, status, retryAfterMs } = outcome.fault
  if (hop !== 'query' || retryAfterMs !== undefined || !retryableCodes.includes(code)) return false
  return status === undefined || retryableStatuses.includes(status)
}

/**
 * How long the service asks everybody to stay away, undefined where it does not. 429 is about the application, whatever
 * was asked (Microsoft Graph throttles an app per service). A 503 that says when it will be over is about the service
 * (RFC 9110 section 10.2.3), but may be said of one question by mistake: so it counts for two minutes at most.
 */
function pauseForEverybodyMs({ status, retryAfterMs }: Fault): number | undefined {
  if (status === 429) return retryAfterMs ?? 0
  if (status !== 503 || retryAfterMs === undefined) return undefined
  return Math.min(retryAfterMs, longestOutagePauseMs)
}
