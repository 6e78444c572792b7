import { randomInt } from 'node:crypto'

/** No number: where a chain ends. */
const none = 0

/**
 * Finds a number (1 and up) by the hash of its key, in arrays outside of the heap. A Map of a million entries takes twice
 * the memory, and makes its table anew when it is full: everybody waits 70 ms for that. Here nothing grows.
 */
export class KeyIndex {
  readonly #heads: Int32Array
  readonly #next: Int32Array
  readonly #hashes: Int32Array
  /** So that nobody can choose keys that fall together. */
  readonly #seed = randomInt(2 ** 31)

  /** For numbers up to `highest`. */
  constructor(highest: number) {
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(highest + 1)))
    this.#next = new Int32Array(highest + 1)
    this.#hashes = new Int32Array(highest + 1)
  }

  hash(key: string): number {
    let hash = this.#seed
    for (let index = 0; index < key.length; index += 1) {
      hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
    }
    return hash ^ (hash >>> 15)
  }

  /** The first number with this hash, 0 where there is none; its key may still be another one. */
  first(hash: number): number {
    return this.#from(this.#heads[this.#bucketOf(hash)] as number, hash)
  }

  /** The next one with the same hash. */
  after(number: number): number {
    return this.#from(this.#next[number] as number, this.#hashes[number] as number)
  }

  add(number: number, hash: number): void {
    const bucket = this.#bucketOf(hash)
    this.#hashes[number] = hash
    this.#next[number] = this.#heads[bucket] as number
    this.#heads[bucket] = number
  }

  remove(number: number): void {
    const bucket = this.#bucketOf(this.#hashes[number] as number)
    const next = this.#next[number] as number
    let before = this.#heads[bucket] as number
    if (before === number) {
      this.#heads[bucket] = next
      return
    }
    while (this.#next[before] !== number) before = this.#next[before] as number
    this.#next[before] = next
  }

  #from(start: number, hash: number): number {
    let number = start
    while (number !== none && this.#hashes[number] !== hash) number = this.#next[number] as number
    return number
  }

  #bucketOf(hash: number): number {
    return hash & (this.#heads.length - 1)
  }
}
