/**
 * Those who wait, in lanes by name: the lanes take turns, and within a lane it is first come, first served. So whoever
 * waits for many things makes nobody wait longer who waits for one. A lane lives only while something is in it.
 */
export class FairLine<T> {
  /** In the order of their turns: whoever had one goes to the end. */
  readonly #lanes = new Map<string, T[]>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** How many wait in one lane. */
  sizeOf(name: string): number {
    return this.#lanes.get(name)?.length ?? 0
  }

  add(name: string, item: T): void {
    const lane = this.#lanes.get(name)
    if (lane === undefined) this.#lanes.set(name, [item])
    else lane.push(item)
    this.#size += 1
  }

  /** Takes the first of the lane whose turn it is, of those that may go now; undefined where none may. */
  take(mayGo: (name: string) => boolean): { readonly name: string; readonly item: T } | undefined {
    for (const [name, lane] of this.#lanes) {
      if (!mayGo(name)) continue
      const item = lane.shift() as T
      this.#size -= 1
      this.#lanes.delete(name)
      if (lane.length > 0) this.#lanes.set(name, lane)
      return { name, item }
    }
    return undefined
  }

  /** Takes one out of a lane that does not want to wait any more, or was served in another lane. */
  remove(name: string, item: T): void {
    const lane = this.#lanes.get(name)
    const index = lane?.indexOf(item) ?? -1
    if (lane === undefined || index < 0) return
    lane.splice(index, 1)
    this.#size -= 1
    if (lane.length === 0) this.#lanes.delete(name)
  }

  /** The name of the longest lane, undefined where nobody waits; of equals the one whose turn comes last. */
  get longest(): string | undefined {
    let longest: string | undefined
    for (const [name, lane] of this.#lanes) {
      if (longest === undefined || lane.length >= this.sizeOf(longest)) longest = name
    }
    return longest
  }

  /** Takes the newest out of a lane: the one that would have waited longest. */
  takeNewest(name: string): T | undefined {
    const item = this.#lanes.get(name)?.at(-1)
    if (item !== undefined) this.remove(name, item)
    return item
  }
}
