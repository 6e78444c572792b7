/** The keys whose records have changed and are not on disk yet, oldest change first. */
export class PendingChanges {
  /** Changed keys and since when, on the monotonic clock. */
  readonly #waiting = new Map<string, number>()
  #taken = new Map<string, number>()

  /** Keys that wait, those that are being written included. */
  get size(): number {
    return this.#waiting.size + this.#taken.size
  }

  /** Keys that nobody has taken. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** When the change was noted that waits longest, on the monotonic clock. */
  get oldestMs(): number | undefined {
    return this.#taken.values().next().value ?? this.#waiting.values().next().value
  }

  has(key: string): boolean {
    return this.#waiting.has(key)
  }

  note(key: string, monotonicMs: number): void {
    if (!this.#waiting.has(key)) this.#waiting.set(key, monotonicMs)
  }

  /** The oldest, at most so many. They count as being written until `settle`. */
  take(most: number): readonly string[] {
    for (const [key, sinceMs] of this.#waiting) {
      if (this.#taken.size >= most) break
      this.#waiting.delete(key)
      this.#taken.set(key, sinceMs)
    }
    return [...this.#taken.keys()]
  }

  /** What was taken is written, or goes back into the line; a key that has changed again is there already. */
  settle(isWritten: boolean): void {
    const taken = this.#taken
    this.#taken = new Map()
    if (isWritten) return
    for (const [key, sinceMs] of taken) this.note(key, sinceMs)
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting.clear()
  }
}
