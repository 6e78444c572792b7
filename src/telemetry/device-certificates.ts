const hourMs = 60 * 60 * 1000
const dayMs = 24 * hourMs
const hoursKept = 24

/** How long a certificate still runs, in four steps. */
export type RemainingValidity = 'expired' | 'under_14_days' | 'under_30_days' | 'longer'

/** In which step a certificate is; both times are milliseconds since the epoch. */
export function remainingValidity(expiresAtMs: number, nowMs: number): RemainingValidity {
  const leftMs = expiresAtMs - nowMs
  if (leftMs <= 0) return 'expired'
  if (leftMs < 14 * dayMs) return 'under_14_days'
  return leftMs < 30 * dayMs ? 'under_30_days' : 'longer'
}

/**
 * The soonest expiry among the device certificates of the last 24 hours: one number for each hour, so that it takes the
 * same memory for ten devices and for a million, and forgets a device within an hour of its day.
 */
export class SoonestExpiry {
  readonly #hours: { hour: number; expiresAtMs: number }[] = []

  /** `monotonicMs`: the hours are counted on, also where the clock is set. */
  note(expiresAtMs: number, monotonicMs: number): void {
    const hour = Math.floor(monotonicMs / hourMs)
    const slot = this.#hours[hour % hoursKept]
    if (slot?.hour === hour) slot.expiresAtMs = Math.min(slot.expiresAtMs, expiresAtMs)
    else this.#hours[hour % hoursKept] = { hour, expiresAtMs }
  }

  /** Milliseconds since the epoch; undefined where no certificate was seen. */
  soonest(monotonicMs: number): number | undefined {
    const oldest = Math.floor(monotonicMs / hourMs) - hoursKept
    const recent = this.#hours.filter((slot) => slot !== undefined && slot.hour > oldest)
    return recent.reduce<number | undefined>(
      (soonest, { expiresAtMs }) => Math.min(soonest ?? expiresAtMs, expiresAtMs),
      undefined,
    )
  }
}
