/** What can be put in order; the two neighbours belong to the order alone. */
export interface Recent<Self> {
  older: Self | undefined
  newer: Self | undefined
}

/** Items by their last use, as a chain through the items themselves: nothing to grow, every step the same. */
export class RecencyOrder<Item extends Recent<Item>> {
  #oldest: Item | undefined
  #newest: Item | undefined

  /** The item that was used longest ago. */
  get oldest(): Item | undefined {
    return this.#oldest
  }

  /** Takes in a new item, as used now. */
  add(item: Item): void {
    item.older = this.#newest
    item.newer = undefined
    if (this.#newest === undefined) this.#oldest = item
    else this.#newest.newer = item
    this.#newest = item
  }

  /** Says that an item of the order was used. */
  use(item: Item): void {
    if (item === this.#newest) return
    this.remove(item)
    this.add(item)
  }

  remove(item: Item): void {
    const { older, newer } = item
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
    // Else an item that is gone would keep its neighbours in memory.
    item.older = undefined
    item.newer = undefined
  }
}
