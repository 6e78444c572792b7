/** What is in a file, or why it was not read, as a predicate that follows its name: `is larger than 1 MiB`. */
export type FileRead =
  | { readonly ok: true; readonly value: Buffer }
  | { readonly ok: false; readonly why: string }

const firstBytes = 16 * 1024

/** Collects what is read until it ends or is too much. However small the pieces are, it takes no more memory than they do. */
export class Intake {
  readonly #maxBytes: number
  #bytes: Buffer
  #length = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(firstBytes, maxBytes + 1))
  }

  get isEmpty(): boolean {
    return this.#length === 0
  }

  /** Where the next piece goes: at least one byte, and never more than shows that it is too much. */
  room(): Buffer {
    if (this.#length === this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(2 * this.#length, this.#maxBytes + 1))
      this.#bytes.copy(larger)
      this.#bytes = larger
    }
    return this.#bytes.subarray(this.#length)
  }

  /** Counts what was put into `room`; 0 is the end. Undefined: there may be more. */
  took(bytes: number): FileRead | undefined {
    if (bytes === 0) return { ok: true, value: this.#bytes.subarray(0, this.#length) }
    this.#length += bytes
    return this.#length > this.#maxBytes ? refuseLarger(this.#maxBytes) : undefined
  }
}

/** The refusal of what is more than so many bytes, which are whole KiB. */
export function refuseLarger(maxBytes: number): FileRead {
  const kibibytes = maxBytes / 1024
  const limit = kibibytes % 1024 === 0 ? `${kibibytes / 1024} MiB` : `${kibibytes} KiB`
  return { ok: false, why: `is larger than ${limit}` }
}
