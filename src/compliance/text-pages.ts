/** Texts begin at multiples of this, so that 32 bits can say where each of them is in up to 16 GiB. */
const unitBytes = 8
const unitsPerPage = 131_072
const pageBytes = unitBytes * unitsPerPage
/** A quarter of all pages may be taken by texts that are gone, before one of them is cleared for another. */
const mostWasted = 0.25

interface Page {
  readonly bytes: Buffer
  /** Units of it that a text takes which is still there. */
  usedUnits: number
}

/**
 * Numbered texts in pages of memory outside of the heap: the garbage collector neither visits nor counts them one by one.
 * A text that is gone leaves a gap; a page without any text is given back, and one with gaps is cleared, by moving what
 * is left of it, when there are many. So no step takes longer than a page: a millisecond or two.
 */
export class TextPages {
  readonly #pages: (Page | undefined)[] = []
  /** Where each text begins, in units over all pages. */
  readonly #starts: Int32Array
  /** How many bytes each has; 0 where there is none. */
  readonly #lengths: Int32Array
  /** The page that is being filled, and how far. */
  #open = -1
  #filledUnits = unitsPerPage
  #usedUnits = 0
  #allUnits = 0

  /** For texts with the numbers from 0 up to but not including `numbers`. */
  constructor(numbers: number) {
    // Memory that nobody has written to is not taken from the machine yet.
    this.#starts = new Int32Array(numbers)
    this.#lengths = new Int32Array(numbers)
  }

  has(number: number): boolean {
    return this.#lengths[number] !== 0
  }

  read(number: number): string {
    const start = this.#starts[number] as number
    const offset = offsetOf(start)
    return this.#pageOf(start).bytes.toString('utf8', offset, offset + (this.#lengths[number] as number))
  }

  /** Sets the text of a number, which may have one already. An empty text is none. */
  write(number: number, text: string): void {
    const length = Buffer.byteLength(text)
    const units = unitsOf(length)
    if (units !== unitsOf(this.#lengths[number] as number)) {
      this.remove(number)
      this.#starts[number] = this.#roomFor(units)
    }
    this.#lengths[number] = length
    const start = this.#starts[number] as number
    this.#pageOf(start).bytes.write(text, offsetOf(start))
  }

  remove(number: number): void {
    if (!this.has(number)) return
    const start = this.#starts[number] as number
    const units = unitsOf(this.#lengths[number] as number)
    this.#lengths[number] = 0
    this.#usedUnits -= units
    const page = this.#pageOf(start)
    page.usedUnits -= units
    const index = pageIndexOf(start)
    if (page.usedUnits === 0 && index !== this.#open) this.#giveBack(index)
  }

  #pageOf(start: number): Page {
    return this.#pages[pageIndexOf(start)] as Page
  }

  /** Takes so many units, and says where they begin. */
  #roomFor(units: number): number {
    if (this.#filledUnits + units > unitsPerPage) this.#openPage(units)
    const start = this.#open * unitsPerPage + this.#filledUnits
    this.#filledUnits += units
    this.#usedUnits += units
    this.#pageOf(start).usedUnits += units
    return start
  }

  #openPage(units: number): void {
    const before = this.#open
    const cleared = this.#pageToClear(units)
    const free = this.#pages.indexOf(undefined)
    this.#open = free === -1 ? this.#pages.length : free
    // A text that is longer than a page gets a larger one for itself.
    const bytes = Buffer.allocUnsafeSlow(Math.max(pageBytes, units * unitBytes))
    this.#pages[this.#open] = { bytes, usedUnits: 0 }
    this.#allUnits += bytes.length / unitBytes
    this.#filledUnits = 0
    if (this.#pages[before]?.usedUnits === 0) this.#giveBack(before)
    else if (cleared !== undefined) this.#clear(cleared)
  }

  /** The page with the most gaps, if there are many, and what is left of it fits into a new one with so much besides. */
  #pageToClear(units: number): number | undefined {
    if (this.#allUnits - this.#usedUnits <= mostWasted * this.#allUnits) return undefined
    let most = 0
    let found: number | undefined
    for (const [index, page] of this.#pages.entries()) {
      if (page === undefined) continue
      const gaps = page.bytes.length / unitBytes - page.usedUnits
      if (gaps <= most) continue
      most = gaps
      found = index
    }
    return most >= units ? found : undefined
  }

  /** Moves every text of a page into the one that is being filled. */
  #clear(index: number): void {
    const { bytes } = this.#pages[index] as Page
    for (let number = 0; number < this.#starts.length; number += 1) {
      const start = this.#starts[number] as number
      if (pageIndexOf(start) !== index || !this.has(number)) continue
      const length = this.#lengths[number] as number
      const offset = offsetOf(start)
      this.remove(number)
      const moved = this.#roomFor(unitsOf(length))
      bytes.copy(this.#pageOf(moved).bytes, offsetOf(moved), offset, offset + length)
      this.#starts[number] = moved
      this.#lengths[number] = length
    }
  }

  #giveBack(index: number): void {
    this.#allUnits -= (this.#pages[index] as Page).bytes.length / unitBytes
    this.#pages[index] = undefined
  }
}

function unitsOf(bytes: number): number {
  return Math.ceil(bytes / unitBytes)
}

function pageIndexOf(start: number): number {
  return Math.floor(start / unitsPerPage)
}

/** In bytes, within the page. */
function offsetOf(start: number): number {
  return (start % unitsPerPage) * unitBytes
}
