import { type Clock, systemClock } from '../../src/clock.ts'

/** The real clock, on which time can be let pass at once: for intervals that nobody wants to wait for. */
export function createShiftedClock(): Clock & { pass(ms: number): void } {
  let passedMs = 0
  return {
    ...systemClock,
    nowMs: () => systemClock.nowMs() + passedMs,
    monotonicMs: () => systemClock.monotonicMs() + passedMs,
    pass(ms) {
      passedMs += ms
    },
  }
}
