import type { Clock } from '../clock.ts'

/** closed: everything is let through. open: nothing is. half_open: one question is out to try. */
export type BreakerState = 'closed' | 'open' | 'half_open'

/** The breaker at one moment; times in milliseconds since the epoch. */
export interface BreakerStatus {
  readonly state: BreakerState
  /** What opened it; absent while it is closed. */
  readonly cause?: 'failures' | 'retry_after'
  readonly openSinceMs?: number
  /** From then on the next question is let through as a probe; absent while one is out or the breaker is closed. */
  readonly nextProbeAtMs?: number
  readonly consecutiveFailures: number
}

/** The right to ask once. Exactly one of its functions is called, when the question has ended. */
export interface BreakerPermit {
  /** True for the one question that finds out whether the upstream is back. */
  readonly isProbe: boolean
  succeeded(): void
  /** `retryAfterMs`: how long the upstream asked us to stay away. */
  failed(retryAfterMs?: number): void
  /** Nothing was learnt about the upstream. */
  released(): void
}

export interface CircuitBreakerParts {
  readonly clock: Clock
  /** Returns [0, 1); spreads the probes of replicas. */
  readonly random: () => number
  readonly onChange?: (status: BreakerStatus) => void
}

/** So many failures in a row, with no answer in between, are an outage. */
const failuresToOpen = 5
const firstProbeAfterMs = 1000
const longestProbeIntervalMs = 30_000
/** Only ever later: a probe before the token's own cool-down (30 s) is over would find out nothing. */
const jitterShare = 0.1

/**
 * A circuit breaker on the injected clock. Five failures in a row or one Retry-After open it; then single probes,
 * after 1 s, 2 s, ... at most 33 s (never before a Retry-After is over); the first answer closes it.
 * Own code because the well-kept packages (opossum, cockatiel) read the system's time and wrap exceptions, where here
 * failures are values and two hours pass in a test within milliseconds.
 */
export class CircuitBreaker {
  readonly #parts: CircuitBreakerParts
  #state: BreakerState = 'closed'
  #cause: BreakerStatus['cause']
  #failures = 0
  #openSinceMs = 0
  #probeAtMs = 0
  #intervalMs = firstProbeAfterMs
  /** Counts the openings: what was let through before one says nothing about the time after it. */
  #epoch = 0

  constructor(parts: CircuitBreakerParts) {
    this.#parts = parts
  }

  /** The right to ask now, or nothing. */
  acquire(): BreakerPermit | undefined {
    if (this.#state === 'closed') return this.#permit(false)
    if (this.#state === 'half_open' || this.#parts.clock.monotonicMs() < this.#probeAtMs) return undefined
    this.#state = 'half_open'
    this.#changed()
    return this.#permit(true)
  }

  /** Whether a question would be let through now. */
  get admits(): boolean {
    if (this.#state === 'closed') return true
    return this.#state === 'open' && this.#parts.clock.monotonicMs() >= this.#probeAtMs
  }

  get status(): BreakerStatus {
    if (this.#state === 'closed') return { state: 'closed', consecutiveFailures: this.#failures }
    const { clock } = this.#parts
    // Moments are shown by the clock on the wall, as they look from now.
    const shownMs = (monotonicMs: number) => Math.round(clock.nowMs() + monotonicMs - clock.monotonicMs())
    return {
      state: this.#state,
      ...(this.#cause && { cause: this.#cause }),
      openSinceMs: this.#openSinceMs,
      ...(this.#state === 'open' && { nextProbeAtMs: shownMs(this.#probeAtMs) }),
      consecutiveFailures: this.#failures,
    }
  }

  #permit(isProbe: boolean): BreakerPermit {
    const epoch = this.#epoch
    const ifCurrent = (report: () => void) => () => {
      if (epoch === this.#epoch) report()
    }
    return {
      isProbe,
      succeeded: ifCurrent(() => this.#close()),
      failed: (retryAfterMs) => {
        if (epoch !== this.#epoch) this.#postpone(retryAfterMs)
        else this.#countFailure(isProbe, retryAfterMs)
      },
      released: ifCurrent(() => {
        if (isProbe) this.#state = 'open'
      }),
    }
  }

  #countFailure(isProbe: boolean, retryAfterMs: number | undefined): void {
    this.#failures += 1
    if (!isProbe && retryAfterMs === undefined && this.#failures < failuresToOpen) return
    if (!isProbe) {
      this.#openSinceMs = this.#parts.clock.nowMs()
      this.#intervalMs = firstProbeAfterMs
    }
    const spreadMs = this.#intervalMs * (1 + jitterShare * this.#parts.random())
    this.#intervalMs = Math.min(this.#intervalMs * 2, longestProbeIntervalMs)
    this.#probeAtMs = this.#parts.clock.monotonicMs() + Math.ceil(Math.max(spreadMs, retryAfterMs ?? 0))
    this.#cause = retryAfterMs === undefined ? 'failures' : 'retry_after'
    this.#state = 'open'
    this.#epoch += 1
    this.#changed()
  }

  /** A late Retry-After of a question that was under way when the breaker opened is obeyed all the same. */
  #postpone(retryAfterMs: number | undefined): void {
    if (this.#state !== 'open' || retryAfterMs === undefined) return
    this.#probeAtMs = Math.max(this.#probeAtMs, this.#parts.clock.monotonicMs() + retryAfterMs)
  }

  #close(): void {
    this.#failures = 0
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#cause = undefined
    this.#epoch += 1
    this.#changed()
  }

  #changed(): void {
    this.#parts.onChange?.(this.status)
  }
}
