/**
 * Time as a collaborator. Everything that reads the time or waits takes a Clock, so that a test can move two
 * hours forward without sleeping. Nothing here fails.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch: for moments that are shown, kept or compared with the outside. May jump. */
  nowMs(): number
  /** Milliseconds since some moment of this process, never set back or forward: for every wait, limit and duration. */
  monotonicMs(): number
  /** Calls `run` once after `delayMs`; the returned function cancels it. Never keeps the process alive. */
  after(delayMs: number, run: () => void): () => void
}

/** The real clock. Its timers are unreferenced: a pending refresh must not hold up a shutdown. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
