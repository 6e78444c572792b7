/**
 * The last texts, in one piece of memory outside of the heap: the garbage collector neither copies nor counts them.
 * Bounded by number and by bytes; the oldest make room.
 */
export class TextRing {
  readonly #maxTexts: number
  readonly #maxBytes: number
  #bytes: Buffer
  readonly #starts: Float64Array
  readonly #ends: Float64Array
  /** How many texts were ever added, and how many of them are gone. */
  #added = 0
  #gone = 0
  /** Where the next text goes. */
  #head = 0

  constructor({ maxTexts, maxBytes }: { readonly maxTexts: number; readonly maxBytes: number }) {
    this.#maxTexts = maxTexts
    this.#maxBytes = maxBytes
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(maxBytes, 1024 * 1024))
    this.#starts = new Float64Array(maxTexts)
    this.#ends = new Float64Array(maxTexts)
  }

  /** Number of the text that was added first and is still there; they are numbered from 0 on. */
  get first(): number {
    return this.#gone
  }

  /** Number that the next text will have. */
  get next(): number {
    return this.#added
  }

  /** Adds a text; one that is longer than everything together is kept as an empty one. */
  add(text: string): void {
    if (this.#added - this.#gone === this.#maxTexts) this.#gone += 1
    const start = this.#roomFor(text.length * 3)
    const end = start + (start + text.length * 3 > this.#bytes.length ? 0 : this.#bytes.write(text, start))
    const place = this.#added % this.#maxTexts
    this.#starts[place] = start
    this.#ends[place] = end
    this.#added += 1
    this.#head = end
  }

  /** The text of a number from `first` up to but not including `next`. */
  read(number: number): string {
    return this.#view(number).toString()
  }

  /** Whether the text of that number has this in it, without reading it. */
  has(number: number, part: Uint8Array): boolean {
    return this.#view(number).includes(part)
  }

  #view(number: number): Buffer {
    const place = number % this.#maxTexts
    return this.#bytes.subarray(this.#starts[place], this.#ends[place])
  }

  /** Where so many bytes can be written; the texts that stand there are gone. */
  #roomFor(bytes: number): number {
    if (this.#head + bytes > this.#bytes.length && this.#bytes.length < this.#maxBytes) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.#maxBytes, 2 * (this.#bytes.length + bytes)))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    if (this.#head + bytes <= this.#bytes.length) {
      this.#clear(this.#head, this.#head + bytes)
      return this.#head
    }
    // The rest up to the end stays unused: a text is in one piece.
    this.#clear(this.#head, this.#bytes.length)
    this.#clear(0, bytes)
    return 0
  }

  /** The oldest texts lie in front of the head, in their order. */
  #clear(from: number, to: number): void {
    while (this.#gone < this.#added) {
      const place = this.#gone % this.#maxTexts
      const start = this.#starts[place] ?? 0
      if (start < from || start >= to) return
      this.#gone += 1
    }
  }
}
