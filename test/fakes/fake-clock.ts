import type { Clock } from '../../src/clock.ts'

/** A clock that stands still until a test moves it; timers that come due run in order of their time. */
export class FakeClock implements Clock {
  /** Monotonic; the wall clock is this plus an offset that `jump` changes. */
  #nowMs: number
  #offsetMs = 0
  #timers: { atMs: number; run: () => void }[] = []

  constructor(startMs = Date.UTC(2026, 10, 23, 8, 0, 0)) {
    this.#nowMs = startMs
  }

  nowMs(): number {
    return this.#nowMs + this.#offsetMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  /** Sets the wall clock forward (or back, below zero) without time passing: no timer comes due. */
  jump(ms: number): void {
    this.#offsetMs += ms
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Moves the time, runs what comes due, and lets promise callbacks run in between. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (!due) break
      this.#timers = this.#timers.filter((timer) => timer !== due)
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      due.run()
      await settle()
    }
    this.#nowMs = untilMs
    await settle()
  }

  /** How many timers are waiting: a test can see that nothing was left behind. */
  get pendingTimers(): number {
    return this.#timers.length
  }
}

/** Lets everything run that is waiting for nothing but its turn. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
