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
  /** Different devices whose questions have failed since the last answer. */
  readonly consecutiveFailures: number
  /** How often it has opened since the start. */
  readonly openings: number
}

/** The right to ask once. Exactly one of its functions is called, when the question has ended. */
export interface BreakerPermit {
  /** True for the one question that finds out whether the service is back. */
  readonly isProbe: boolean
  succeeded(): void
  /** `pauseMs`: how long the service asked everybody to stay away; 0 where it asked that without saying how long. */
  failed(pauseMs?: number): void
  /** Nothing was learnt about the service. */
  released(): void
}

export interface CircuitBreakerParts {
  readonly clock: Clock
  /** Returns [0, 1); spreads the probes of replicas. */
  readonly random: () => number
  readonly onChange?: (status: BreakerStatus) => void
}

/** So many different devices in a row, with no answer in between, are an outage; fewer may have a trouble of their own. */
const devicesToOpen = 5
/** As many as are looked at; an outage of days goes through more. */
const maxFailures = 1000
const firstProbeAfterMs = 1000
const longestProbeIntervalMs = 30_000
/** For so long after an outage the devices that failed in it have to answer before they count again. */
const suspectForMs = 120_000
/** For so long after a probe is due only devices that have not failed are let through. */
const precedenceMs = 500
/** Only ever later: a probe before the token's own cool-down (30 s) is over would find out nothing. */
const jitterShare = 0.1

/**
 * The circuit breaker of one service. Failures of five different devices in a row open it, or one request to everybody to
 * stay away; then single probes, after 1 s, 2 s, ... at most 33 s (never before such a pause is over); the first answer
 * closes it. Devices with a trouble of their own cannot keep it open by being the probe every time: those that have failed
 * stand back for half a second, those of the last four probes for one interval. Nor can they open it again and again: who
 * failed before it closed, and fails again, tells nothing new.
 * Own code because the well-kept packages (opossum, cockatiel) read the system's time, count calls and not devices, and
 * wrap exceptions, where here failures are values and two hours pass in a test within milliseconds.
 */
export class CircuitBreaker {
  readonly #parts: CircuitBreakerParts
  #state: BreakerState = 'closed'
  #cause: BreakerStatus['cause']
  /** The devices that have failed since the last answer. */
  readonly #failures = new Set<string>()
  /** The devices that failed before it closed and have not answered since; nobody is one after `#suspectUntilMs`. */
  readonly #suspects = new Set<string>()
  #suspectUntilMs = 0
  #lastProbes: readonly string[] = []
  #openedAtMs = 0
  #probeAtMs = 0
  #intervalMs = firstProbeAfterMs
  /** Counts the openings: what was let through before one says nothing about the time after it. */
  #epoch = 0
  #openings = 0

  constructor(parts: CircuitBreakerParts) {
    this.#parts = parts
  }

  /** The right to ask about this device now, or nothing. */
  acquire(device: string): BreakerPermit | undefined {
    if (this.#state === 'closed') return this.#permit(device, false)
    if (!this.#isDueFor(device)) return undefined
    this.#state = 'half_open'
    this.#lastProbes = [...this.#lastProbes, device].slice(1 - devicesToOpen)
    this.#changed()
    return this.#permit(device, true)
  }

  /** Whether a question about this device would be let through now; without one, about any. */
  admits(device?: string): boolean {
    return this.#state === 'closed' || this.#isDueFor(device)
  }

  get status(): BreakerStatus {
    const counts = { consecutiveFailures: this.#failures.size, openings: this.#openings }
    if (this.#state === 'closed') return { state: 'closed', ...counts }
    const { clock } = this.#parts
    // Moments are shown by the clock on the wall, as they look from now.
    const shownMs = (monotonicMs: number) => Math.round(clock.nowMs() + monotonicMs - clock.monotonicMs())
    return {
      state: this.#state,
      ...(this.#cause && { cause: this.#cause }),
      openSinceMs: shownMs(this.#openedAtMs),
      ...(this.#state === 'open' && { nextProbeAtMs: shownMs(this.#probeAtMs) }),
      ...counts,
    }
  }

  /** How long until the next probe, milliseconds; 0 while it is due, out, or not needed. */
  get pauseMs(): number {
    return this.#state === 'open' ? Math.max(0, this.#probeAtMs - this.#parts.clock.monotonicMs()) : 0
  }

  #isDueFor(device: string | undefined): boolean {
    if (this.#state !== 'open') return false
    const nowMs = this.#parts.clock.monotonicMs()
    if (nowMs < this.#probeAtMs) return false
    return nowMs >= this.#probeAtMs + this.#standsBackMs(device)
  }

  /** A device that has failed lets others be the probe first: whether the service is back is what a sound one finds out. */
  #standsBackMs(device: string | undefined): number {
    if (device === undefined) return 0
    if (this.#lastProbes.includes(device)) return this.#intervalMs
    return this.#failures.has(device) ? precedenceMs : 0
  }

  #permit(device: string, isProbe: boolean): BreakerPermit {
    const epoch = this.#epoch
    const ifCurrent = (report: () => void) => () => {
      if (epoch === this.#epoch) report()
    }
    return {
      isProbe,
      succeeded: ifCurrent(() => this.#close(device)),
      failed: (pauseMs) => {
        if (epoch !== this.#epoch) this.#postpone(pauseMs)
        else this.#countFailure(device, isProbe, pauseMs)
      },
      released: ifCurrent(() => {
        if (isProbe) this.#state = 'open'
      }),
    }
  }

  #countFailure(device: string, isProbe: boolean, pauseMs: number | undefined): void {
    if (this.#failures.size < maxFailures) this.#failures.add(device)
    const nowMs = this.#parts.clock.monotonicMs()
    if (!isProbe && pauseMs === undefined && this.#witnesses(nowMs) < devicesToOpen) return
    if (!isProbe) {
      this.#openings += 1
      this.#openedAtMs = nowMs
      this.#intervalMs = firstProbeAfterMs
      this.#lastProbes = []
    }
    const spreadMs = this.#intervalMs * (1 + jitterShare * this.#parts.random())
    this.#intervalMs = Math.min(this.#intervalMs * 2, longestProbeIntervalMs)
    this.#probeAtMs = nowMs + Math.ceil(Math.max(spreadMs, pauseMs ?? 0))
    this.#cause = pauseMs === undefined ? 'failures' : 'retry_after'
    this.#state = 'open'
    this.#epoch += 1
    this.#changed()
  }

  /** A late Retry-After of a question that was under way when the breaker opened is obeyed all the same. */
  #postpone(pauseMs: number | undefined): void {
    if (this.#state !== 'open' || pauseMs === undefined) return
    this.#probeAtMs = Math.max(this.#probeAtMs, this.#parts.clock.monotonicMs() + pauseMs)
  }

  /** How many devices that failed say that it is not them. */
  #witnesses(nowMs: number): number {
    if (nowMs >= this.#suspectUntilMs) this.#suspects.clear()
    return [...this.#failures].filter((device) => !this.#suspects.has(device)).length
  }

  #close(device: string): void {
    if (this.#state !== 'closed') {
      for (const failed of this.#failures) if (this.#suspects.size < maxFailures) this.#suspects.add(failed)
      this.#suspectUntilMs = this.#parts.clock.monotonicMs() + suspectForMs
    }
    this.#suspects.delete(device)
    this.#failures.clear()
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
