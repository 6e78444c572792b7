import type { Clock } from '../clock.ts'

/** When something was observed, as two clocks tell it. */
export interface Moment {
  /** What the time of day was said to be: by this machine then, or by the file. */
  readonly stampMs: number
  /** Since when this process has known of it, on the timeline of `Moments.steadyNowMs`. */
  readonly knownSinceMs: number
}

/** Two clocks that agree to this are not told apart: reading them takes time, and NTP moves them a little. */
const toleranceMs = 1000

/**
 * Moments that are kept, read so that no clock that was wrong, then or now, makes a fact younger than it is.
 * The time of day can be set, the monotonic clock cannot, and only the first one survives a restart (or a suspended
 * machine). So a moment has both, and the older of the two readings counts.
 */
export class Moments {
  readonly #clock: Clock
  /** Makes the monotonic clock look like the time of day for as long as nobody sets that. */
  readonly #originMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#originMs = clock.nowMs() - clock.monotonicMs()
  }

  /** Monotonic time, beginning with the time of day at which this object was made. */
  steadyNowMs(): number {
    return this.#originMs + this.#clock.monotonicMs()
  }

  /** This moment. */
  now(): Moment {
    return { stampMs: this.#clock.nowMs(), knownSinceMs: this.steadyNowMs() }
  }

  /** The moment of something with this stamp that becomes known now; a stamp from the future is as old as nothing. */
  from(stampMs: number): Moment {
    const ageMs = Math.max(0, this.#clock.nowMs() - stampMs)
    return { stampMs, knownSinceMs: this.steadyNowMs() - ageMs }
  }

  /** Whether the clock says that this has not happened yet. */
  isFromFuture(stampMs: number): boolean {
    return stampMs > this.#clock.nowMs() + toleranceMs
  }

  /** For how long this process has known of it: a proof of age that needs no time of day. */
  knownForMs({ knownSinceMs }: Pick<Moment, 'knownSinceMs'>): number {
    return this.steadyNowMs() - knownSinceMs
  }

  /** The moment in terms of the clock as it is now: never in the future, never younger than it is known for. */
  asOfNow(moment: Moment): number {
    const nowMs = this.#clock.nowMs()
    const knownForMs = this.knownForMs(moment)
    return knownForMs > nowMs - moment.stampMs + toleranceMs
      ? nowMs - knownForMs
      : Math.min(moment.stampMs, nowMs)
  }

  /** Whether the stamp says all that there is to know about the moment. */
  isToldByStamp({ stampMs, knownSinceMs }: Moment): boolean {
    return Math.abs(stampMs - knownSinceMs) <= toleranceMs
  }
}
