/**
 * Bounds how many questions are with the upstream at once and how many wait for their turn, first come first served.
 * Whoever was given a place has to `leave`.
 */
export class LookupQueue {
  readonly #limits: { readonly running: number; readonly waiting: number }
  readonly #line: (() => void)[] = []
  #running = 0

  constructor(limits: { readonly running: number; readonly waiting: number }) {
    this.#limits = limits
  }

  /** False when there is no room; else the place, now or when it is this question's turn. */
  enter(): false | Promise<void> {
    if (this.#running < this.#limits.running) {
      this.#running += 1
      return Promise.resolve()
    }
    if (this.#line.length >= this.#limits.waiting) return false
    return new Promise((resolve) => this.#line.push(resolve))
  }

  /** Gives the place up; the next in line has it at once. */
  leave(): void {
    const next = this.#line.shift()
    if (next === undefined) this.#running -= 1
    else next()
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#line.length
  }
}
