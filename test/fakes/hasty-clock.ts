import { FakeClock } from './fake-clock.ts'

/** A clock on which time passes as soon as somebody waits for it, and not otherwise: for callers behind real sockets. */
export class HastyClock extends FakeClock {
  #passing: Promise<void> = Promise.resolve()

  override after(delayMs: number, run: () => void): () => void {
    const cancel = super.after(delayMs, run)
    this.#passing = this.#passing.then(() => this.advance(delayMs))
    return cancel
  }
}
