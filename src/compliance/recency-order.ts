/** Stands between the newest and the oldest, so that every number has two neighbours. */
const seam = 0

/** Numbers (1 and up) by their last use, as a ring in two arrays outside of the heap: nothing to grow, every step the same. */
export class RecencyOrder {
  readonly #older: Int32Array
  readonly #newer: Int32Array

  /** For numbers up to `highest`. */
  constructor(highest: number) {
    this.#older = new Int32Array(highest + 1)
    this.#newer = new Int32Array(highest + 1)
  }

  /** The number that was used longest ago; 0 where there is none. */
  get oldest(): number {
    return this.#newer[seam] as number
  }

  /** Takes in a new number, as used now. */
  add(number: number): void {
    const newest = this.#older[seam] as number
    this.#join(newest, number)
    this.#join(number, seam)
  }

  /** Says that a number of the order was used. */
  use(number: number): void {
    if (number === this.#older[seam]) return
    this.remove(number)
    this.add(number)
  }

  remove(number: number): void {
    this.#join(this.#older[number] as number, this.#newer[number] as number)
  }

  #join(older: number, newer: number): void {
    this.#newer[older] = newer
    this.#older[newer] = older
  }
}
