/** Most lines are well below a kilobyte, so that about a hundred leave together. */
const defaultCapacityBytes = 272 * 1024

/**
 * Lines in one piece of memory: joined as texts they would be a tree of thousands of parts that lives until it is
 * written, which cost four times as much as the writing (docs/performance.md).
 */
export class LineBatch {
  #bytes: Buffer
  #length = 0

  constructor(capacityBytes = defaultCapacityBytes) {
    this.#bytes = Buffer.allocUnsafeSlow(capacityBytes)
  }

  /** Bytes that are in here. */
  get length(): number {
    return this.#length
  }

  /** Copies the line behind those that are in here; the memory grows where it does not suffice. */
  append(line: Uint8Array | string): void {
    if (typeof line === 'string') {
      // UTF-16 to UTF-8: three bytes a unit at most.
      this.#makeRoom(line.length * 3)
      this.#length += this.#bytes.write(line, this.#length)
      return
    }
    this.#makeRoom(line.length)
    this.#bytes.set(line, this.#length)
    this.#length += line.length
  }

  /** What is in here, as a view that the next `append` may change. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Forgets what is in here and keeps the memory. */
  clear(): void {
    this.#length = 0
  }

  #makeRoom(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length))
    larger.set(this.bytes)
    this.#bytes = larger
  }
}
