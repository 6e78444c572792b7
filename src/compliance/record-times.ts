import { type Clock, type ClockWitness, noWitness } from '../clock.ts'
import { type Moment, Moments } from './moments.ts'
import {
  type PackedTimes,
  packedStateOf,
  packedTimesOf,
  type RememberedRecord,
  type StateLetter,
  withTimes,
} from './packed-record.ts'

export interface RecordTimesParts {
  readonly clock: Clock
  readonly witness?: ClockWitness
  /** For how long a record of this state may be fresh, milliseconds. */
  readonly longestFreshMs: (state: StateLetter) => number
  /** Told that the time of day was set: what is stored may have other times now. */
  readonly onClockSet?: () => void
}

/** A clock that is set by more than this was wrong before, or is now. NTP corrects less without a jump. */
const settingMs = 60_000

/**
 * The times of remembered records, under a clock that may be wrong now, or may have been when they were written.
 * In memory a record has the stamp of its observation and since when this process knows it; whoever reads it is given
 * times in terms of the clock as it is now (`Moments`). A stamp from the future is due at once, and its age is for how
 * long this process has known it. When the clock is set, everything that was known before is due at once: it costs one
 * question for each device, and nobody has to know which of the two clocks was right.
 */
export class RecordTimes {
  readonly #clock: Clock
  readonly #witness: ClockWitness
  readonly #longestFreshMs: (state: StateLetter) => number
  readonly #onClockSet: () => void
  readonly #moments: Moments
  /** By how much the time of day was set since the start, and when that was last noticed, on the steady timeline. */
  #setByMs = 0
  #setAtMs = Number.NEGATIVE_INFINITY

  constructor({ clock, witness = noWitness, longestFreshMs, onClockSet = () => {} }: RecordTimesParts) {
    this.#clock = clock
    this.#witness = witness
    this.#longestFreshMs = longestFreshMs
    this.#onClockSet = onClockSet
    this.#moments = new Moments(clock)
  }

  /** Sees whether the clock was set; whatever reads or writes a record does so too. */
  noticeSetting(): void {
    const steadyMs = this.#moments.steadyNowMs()
    const setByMs = this.#clock.nowMs() - steadyMs
    if (Math.abs(setByMs - this.#setByMs) <= settingMs) return
    this.#setByMs = setByMs
    this.#setAtMs = steadyMs
    this.#onClockSet()
  }

  /** A record as it is kept. */
  forMemory(remembered: RememberedRecord): RememberedRecord {
    this.noticeSetting()
    if (remembered.known) return remembered
    const moment = this.#moments.from(remembered.record.observedAtMs)
    if (this.#moments.isToldByStamp(moment)) return remembered
    return { ...remembered, known: { sinceMs: moment.knownSinceMs, fromFile: false } }
  }

  /**
   * A record as it is read. Nothing is fresh that is from the future or that was given no freshness: `freshUntilMs` is
   * then so long ago that it is not answered while it is being refreshed either.
   */
  asRead(remembered: RememberedRecord): RememberedRecord {
    this.noticeSetting()
    const { record, freshUntilMs } = remembered
    const stampMs = record.observedAtMs
    const moment = momentOf({ observedAtMs: stampMs, known: remembered.known })
    const observedAtMs = this.#moments.asOfNow(moment)
    const isDue =
      freshUntilMs <= stampMs || this.#moments.isFromFuture(stampMs) || moment.knownSinceMs < this.#setAtMs
    if (observedAtMs === stampMs && !isDue) return remembered
    const { gracePeriodEndsMs } = record
    return {
      ...remembered,
      record: {
        ...record,
        observedAtMs,
        // What was left of it then is what there is of it, also where the clock was set back since.
        ...(gracePeriodEndsMs !== undefined && {
          gracePeriodEndsMs: Math.min(gracePeriodEndsMs, gracePeriodEndsMs - stampMs + observedAtMs),
        }),
      },
      freshUntilMs: isDue ? 0 : observedAtMs + freshUntilMs - stampMs,
    }
  }

  /**
   * A packed record of the file as it is kept. One from the future is due for good: nobody knows how old it is, and
   * one day its stamp would look like the present.
   */
  fromFile(packed: string): string {
    const { observedAtMs, freshForMs } = packedTimesOf(packed)
    const ageMs = Math.max(0, this.#clock.nowMs() - observedAtMs)
    // Freshness counts from the observation; that of a record that is held was given to it later.
    const limitMs = this.#longestFreshMs(packedStateOf(packed)) + (packed[1] === '-' ? 0 : ageMs)
    return withTimes(packed, {
      observedAtMs,
      freshForMs: this.#moments.isFromFuture(observedAtMs) ? 0 : Math.min(freshForMs, limitMs),
      known: { sinceMs: this.#moments.steadyNowMs(), fromFile: true },
    })
  }

  /**
   * A packed record of the memory as the file should have it: with the time at which it was observed as far as that is
   * known now. A clock that servers contradict is put right by what they say; and what was learnt under such a clock, or
   * before it was set, is due at the next start as it is now. What came from the file keeps its stamp.
   */
  forFile(packed: string): { readonly value: string; readonly observedAtMs: number } {
    this.noticeSetting()
    const times = packedTimesOf(packed)
    const moment = momentOf(times)
    const observedAtMs = times.known?.fromFile ? times.observedAtMs : this.#observedAtMs(moment)
    const isInDoubt = this.#witness.aheadMs() !== 0 || moment.knownSinceMs < this.#setAtMs
    if (times.known === undefined && observedAtMs === times.observedAtMs && !isInDoubt)
      return { value: packed, observedAtMs }
    const freshForMs = isInDoubt ? 0 : times.freshForMs
    return { value: withTimes(packed, { observedAtMs, freshForMs }), observedAtMs }
  }

  /**
   * Whether a packed record is certainly older than this: by how long it is known, which needs no time of day, or by its
   * stamp where the clock is confirmed.
   */
  isOlderThan(packed: string, ageMs: number): boolean {
    const moment = momentOf(packedTimesOf(packed))
    if (this.#moments.knownForMs(moment) > ageMs) return true
    return this.#witness.isConfirmed() && this.#clock.nowMs() - moment.stampMs > ageMs
  }

  #observedAtMs(moment: Moment): number {
    const aheadMs = this.#witness.aheadMs()
    if (aheadMs === 0) return Math.round(this.#moments.asOfNow(moment))
    return Math.round(this.#clock.nowMs() - aheadMs - this.#moments.knownForMs(moment))
  }
}

/** A record that this process has learnt, under a clock that nobody has set since, is known since its observation. */
function momentOf({
  observedAtMs,
  known,
}: Pick<PackedTimes, 'observedAtMs'> & { readonly known?: PackedTimes['known'] | undefined }): Moment {
  return { stampMs: observedAtMs, knownSinceMs: known?.sinceMs ?? observedAtMs }
}
