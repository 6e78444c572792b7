import type { Clock } from '../clock.ts'

/** One client's allowance: a token bucket that holds what one second brings. */
export interface RateLimit {
  /** Takes a token and gives 0, or gives how long until there is one, milliseconds. */
  take(): number
}

/** Builds a full bucket. A client that was silent may ask a second's worth at once. */
export function createRateLimit(perSecond: number, clock: Clock): RateLimit {
  // In thousandths of a token: what a millisecond brings is then a whole number.
  const full = perSecond * 1000
  let credit = full
  let filledAtMs = clock.monotonicMs()
  return {
    take() {
      const nowMs = clock.monotonicMs()
      const passedMs = nowMs - filledAtMs
      filledAtMs = nowMs
      credit = Math.min(full, credit + passedMs * perSecond)
      if (credit < 1000) return Math.ceil((1000 - credit) / perSecond)
      credit -= 1000
      return 0
    },
  }
}
