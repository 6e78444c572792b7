/**
 * Time as a collaborator. Everything that reads the time or waits takes a Clock, so that a test can move two
 * hours forward without sleeping. Nothing here fails.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch: for moments that are shown, kept or compared with the outside. May jump. */
  nowMs(): number
  /** Whole milliseconds since some moment of this process, never set back or forward: for every wait, limit and duration. */
  monotonicMs(): number
  /** Calls `run` once after `delayMs`; the returned function cancels it. Never keeps the process alive. */
  after(delayMs: number, run: () => void): () => void
}

/** What others say about the time of day of this machine. */
export interface ClockWitness {
  /** How far `nowMs` is ahead of the time that servers tell (negative: behind); 0 unless they contradict it. */
  aheadMs(): number
  /** True where they were heard and agree with it. */
  isConfirmed(): boolean
}

/** For where nobody is heard: the clock is neither contradicted nor confirmed. */
export const noWitness: ClockWitness = { aheadMs: () => 0, isConfirmed: () => false }

/** The real clock. Its timers are unreferenced: a pending refresh must not hold up a shutdown. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => Math.trunc(performance.now()),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
