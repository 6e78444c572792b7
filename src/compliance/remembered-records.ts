import { turnEvery } from '../turns/turn-every.ts'
import { fitsItsKey } from './device-of-fact.ts'
import { KeyIndex } from './key-index.ts'
import {
  packedObservedAtOf,
  packedStateOf,
  packedTimesOf,
  packRecord,
  type RememberedRecord,
  type StateLetter,
  unpackRecord,
} from './packed-record.ts'
import { RecencyOrder } from './recency-order.ts'
import type { RecordTimes } from './record-times.ts'
import { TextPages } from './text-pages.ts'

/** How many records there are of each state. */
export type RecordCounts = Readonly<Record<StateLetter, number>>

export interface RememberedRecordsOptions {
  readonly maxRecords: number
  /** Absent: times are what they were written as. */
  readonly times?: RecordTimes
  /** Told the key of every record that was set, deleted or pushed out. */
  readonly onChange?: (key: string) => void
  /** Told when all of them were forgotten at once; not told their keys. */
  readonly onClear?: () => void
}

/** A record with the key that it is remembered under. */
export interface ListedRecord {
  readonly key: string
  readonly remembered: RememberedRecord
}

/** Where a record is, and what was read there. */
interface Found {
  readonly place: number
  readonly packed: string
}

const minuteMs = 60_000

/**
 * The compliance records in memory: bounded, least recently used first out, counted by state and by the minute of
 * observation, walkable in slices. Each has a place, a number from 1 on; its key and its packed text are one text outside
 * of the heap, about 120 bytes with everything that belongs to it: a million objects would take twice that, and as much
 * again while the garbage collector looks for others among them.
 */
export class RememberedRecords {
  readonly #maxRecords: number
  readonly #times: RecordTimes | undefined
  #texts: TextPages
  readonly #keyLengths: Int32Array
  #places: KeyIndex
  #byUse: RecencyOrder
  /** Places that were taken once and are free again, and the highest one that was ever taken. */
  #free: number[] = []
  #highest = 0
  #size = 0
  readonly #onChange: (key: string) => void
  readonly #onClear: () => void
  readonly #counts: Record<StateLetter, number> = { c: 0, n: 0, u: 0, x: 0 }
  readonly #byMinute = new Map<number, { compliant: number; all: number }>()
  readonly #noncompliant = new Set<number>()
  #noncompliantVersion = 0

  constructor({ maxRecords, times, onChange = () => {}, onClear = () => {} }: RememberedRecordsOptions) {
    this.#maxRecords = maxRecords
    this.#times = times
    this.#texts = new TextPages(maxRecords + 1)
    this.#keyLengths = new Int32Array(maxRecords + 1)
    this.#places = new KeyIndex(maxRecords)
    this.#byUse = new RecencyOrder(maxRecords)
    this.#onChange = onChange
    this.#onClear = onClear
  }

  /** The record, as a use of it. */
  get(key: string): RememberedRecord | undefined {
    const found = this.#find(key)
    if (found === undefined) return undefined
    this.#byUse.use(found.place)
    return this.#unpack(key, found.packed)
  }

  /** The record, without counting as a use. */
  peek(key: string): RememberedRecord | undefined {
    const found = this.#find(key)
    return found && this.#unpack(key, found.packed)
  }

  /** The record as it is packed; for its state, not for its times. */
  packed(key: string): string | undefined {
    return this.#find(key)?.packed
  }

  /** The packed record and the time of its observation, for the store. */
  forFile(key: string): { readonly value: string; readonly observedAtMs: number } | undefined {
    const packed = this.#find(key)?.packed
    if (packed === undefined) return undefined
    return this.#times?.forFile(packed) ?? { value: packed, observedAtMs: packedObservedAtOf(packed) }
  }

  set(key: string, remembered: RememberedRecord): void {
    this.#put(key, packRecord(key, this.#times?.forMemory(remembered) ?? remembered))
    this.#onChange(key)
  }

  /**
   * Takes a packed record from the store, unless there is one already, it cannot be read, or it is about another device.
   * What may not be as fresh as it says there is told as a change, so that the next start does not meet it again.
   */
  restore(key: string, packed: string): boolean {
    if (this.#find(key) !== undefined) return false
    const remembered = unpackRecord(key, packed)
    if (remembered === undefined || !fitsItsKey(key, remembered.record)) return false
    const kept = this.#times?.fromFile(packed) ?? packed
    this.#put(key, kept)
    if (packedTimesOf(kept).freshForMs !== packedTimesOf(packed).freshForMs) this.#onChange(key)
    return true
  }

  /** Whether a packed record is certainly older than this. */
  isOlderThan(packed: string, ageMs: number): boolean {
    return this.#times?.isOlderThan(packed, ageMs) ?? false
  }

  delete(key: string): boolean {
    const found = this.#find(key)
    if (found === undefined) return false
    this.#drop(found)
    this.#onChange(key)
    return true
  }

  /** Forgets all of them at once, however many there are; gives how many there were. */
  clear(): number {
    const forgotten = this.#size
    this.#texts = new TextPages(this.#maxRecords + 1)
    this.#places = new KeyIndex(this.#maxRecords)
    this.#byUse = new RecencyOrder(this.#maxRecords)
    this.#free = []
    this.#highest = 0
    this.#size = 0
    Object.assign(this.#counts, { c: 0, n: 0, u: 0, x: 0 } satisfies RecordCounts)
    this.#byMinute.clear()
    this.#noncompliant.clear()
    this.#noncompliantVersion += 1
    this.#onClear()
    return forgotten
  }

  get size(): number {
    return this.#size
  }

  /** Every key, in no order. */
  *keys(): Generator<string> {
    for (let place = this.#highest; place > 0; place -= 1) {
      if (this.#texts.has(place)) yield this.#read(place).key
    }
  }

  /** Records by state. */
  get counts(): RecordCounts {
    return this.#counts
  }

  /**
   * The keys of all enrolled, noncompliant records. Whatever changes meanwhile, one that is noncompliant all the while is
   * among them: it keeps its place, and a set visits what is added under its iterator.
   */
  *noncompliantKeys(): Generator<string> {
    for (const place of this.#noncompliant) yield this.#read(place).key
  }

  /** Changes whenever a noncompliant record comes, goes or is replaced. */
  get noncompliantVersion(): number {
    return this.#noncompliantVersion
  }

  /** How many records, and compliant ones among them, were observed in a whole minute that began at `sinceMs` or later. */
  countObservedSince(sinceMs: number): { readonly compliant: number; readonly all: number } {
    let compliant = 0
    let all = 0
    for (const [minute, counts] of this.#byMinute) {
      if (minute * minuteMs < sinceMs) continue
      compliant += counts.compliant
      all += counts.all
    }
    return { compliant, all }
  }

  /**
   * Visits every record that is there when the walk begins, `sliceSize` at a time; the event loop turns in between.
   * One that goes meanwhile is not visited, one that comes may be. The walk waits for what `visit` returns.
   */
  async walk(
    visit: (key: string, read: () => RememberedRecord, packed: string) => void | Promise<void>,
    sliceSize = 1000,
  ): Promise<void> {
    const next = turnEvery(sliceSize)
    for (let place = this.#highest; place > 0; place -= 1) {
      if (this.#texts.has(place)) {
        const { key, packed } = this.#read(place)
        const visited = visit(key, () => this.#unpack(key, packed), packed)
        if (visited) await visited
      }
      const turned = next()
      if (turned) await turned
    }
  }

  /**
   * A page of the records in these states, in no order; the event loop turns while they are looked for. `next` is where
   * the page behind it begins, undefined where there is none. A record keeps its place, so whatever changes between two
   * pages, one that is there all the while is on one of them.
   */
  async page(
    {
      states,
      after,
      limit,
    }: { states?: ReadonlySet<StateLetter> | undefined; after?: number | undefined; limit: number },
    sliceSize = 1000,
  ): Promise<{ readonly records: readonly ListedRecord[]; readonly next?: number }> {
    const turnDue = turnEvery(sliceSize)
    const records: ListedRecord[] = []
    for (let place = Math.min(this.#highest, (after ?? Infinity) - 1); place > 0; place -= 1) {
      if (this.#texts.has(place)) {
        const { key, packed } = this.#read(place)
        if (states?.has(packedStateOf(packed)) ?? true) {
          if (records.length === limit) return { records, next: place + 1 }
          records.push({ key, remembered: this.#unpack(key, packed) })
        }
      }
      const turned = turnDue()
      if (turned) await turned
    }
    return { records }
  }

  #unpack(key: string, packed: string): RememberedRecord {
    const remembered = unpackRecord(key, packed)
    // Only what packRecord wrote or unpackRecord has read gets in.
    if (remembered === undefined) throw new Error('a packed record cannot be read')
    return this.#times?.asRead(remembered) ?? remembered
  }

  #find(key: string): Found | undefined {
    for (
      let place = this.#places.first(this.#places.hash(key));
      place > 0;
      place = this.#places.after(place)
    ) {
      if (this.#keyLengths[place] !== key.length) continue
      const text = this.#texts.read(place)
      if (text.startsWith(key)) return { place, packed: text.slice(key.length) }
    }
    return undefined
  }

  #read(place: number): { readonly key: string; readonly packed: string } {
    const text = this.#texts.read(place)
    const keyLength = this.#keyLengths[place] as number
    return { key: text.slice(0, keyLength), packed: text.slice(keyLength) }
  }

  #put(key: string, packed: string): void {
    const known = this.#find(key)
    if (known !== undefined) {
      this.#byUse.use(known.place)
      this.#count(known, -1)
      this.#texts.write(known.place, key + packed)
      this.#count({ place: known.place, packed }, 1)
      return
    }
    if (this.#size === this.#maxRecords) this.#evict()
    const place = this.#free.pop() ?? this.#highest + 1
    this.#highest = Math.max(this.#highest, place)
    this.#size += 1
    this.#texts.write(place, key + packed)
    this.#keyLengths[place] = key.length
    this.#places.add(place, this.#places.hash(key))
    this.#byUse.add(place)
    this.#count({ place, packed }, 1)
  }

  /** Pushes out the record that was used longest ago. */
  #evict(): void {
    const place = this.#byUse.oldest
    const { key, packed } = this.#read(place)
    this.#drop({ place, packed })
    this.#onChange(key)
  }

  #drop(found: Found): void {
    const { place } = found
    this.#places.remove(place)
    this.#byUse.remove(place)
    this.#count(found, -1)
    this.#texts.remove(place)
    this.#free.push(place)
    this.#size -= 1
  }

  #count({ place, packed }: Found, by: 1 | -1): void {
    const state = packedStateOf(packed)
    this.#counts[state] += by
    if (state === 'n') {
      if (by === 1) this.#noncompliant.add(place)
      else this.#noncompliant.delete(place)
      this.#noncompliantVersion += 1
    }
    const minute = Math.floor(packedObservedAtOf(packed) / minuteMs)
    const counts = this.#byMinute.get(minute) ?? { compliant: 0, all: 0 }
    counts.all += by
    if (state === 'c') counts.compliant += by
    if (counts.all === 0) this.#byMinute.delete(minute)
    else this.#byMinute.set(minute, counts)
  }
}
