import type { Clock } from '../clock.ts'

/** One client's allowance: a token bucket that holds what one second brings. */
export interface RateLimit {
  /** Takes a token and gives 0, or gives how long until there is one, milliseconds. */
  take(): number
}

/** Builds a full bucket. A client that was silent may ask a second's worth at once. */
export function createRateLimit(perSecond: number, clock: Clock): RateLimit {
  // In thousandths of a token, so that everything stays a whole number.
  const full = perSecond * 1000
  let credit = full
  let filledAtMs = clock.nowMs()
  return {
    take() {
      const now = clock.nowMs()
      // Below 0: the clock of the machine was set back.
      const passedMs = Math.max(0, now - filledAtMs)
      filledAtMs = now
      credit = Math.min(full, credit + passedMs * perSecond)
      if (credit < 1000) return Math.ceil((1000 - credit) / perSecond)
      credit -= 1000
      return 0
    },
  }
}
