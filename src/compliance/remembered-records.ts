import { LRUCache } from 'lru-cache'
import {
  packedObservedAtOf,
  packedStateOf,
  packRecord,
  type RememberedRecord,
  type StateLetter,
  unpackRecord,
} from './packed-record.ts'

/** How many records there are of each state. */
export type RecordCounts = Readonly<Record<StateLetter, number>>

export interface RememberedRecordsOptions {
  readonly maxRecords: number
  /** Told the key of every record that was set, deleted or pushed out. */
  readonly onChange?: (key: string) => void
}

interface Entry {
  readonly key: string
  packed: string
  /** Where the entry stands in the list of all entries. */
  position: number
}

const minuteMs = 60_000

/**
 * The compliance records in memory: bounded, least recently used first out, packed (about 250 bytes each with
 * everything that belongs to it), counted by state and by the minute of observation, walkable in slices.
 */
export class RememberedRecords {
  readonly #entries: LRUCache<string, Entry>
  /** All entries in no order, so that a walk can stop and go on: an LRU list changes under its iterator. */
  readonly #all: Entry[] = []
  readonly #onChange: (key: string) => void
  readonly #counts: Record<StateLetter, number> = { c: 0, n: 0, u: 0, x: 0 }
  readonly #byMinute = new Map<number, { compliant: number; all: number }>()
  readonly #noncompliant = new Set<string>()
  #noncompliantVersion = 0

  constructor({ maxRecords, onChange = () => {} }: RememberedRecordsOptions) {
    this.#onChange = onChange
    this.#entries = new LRUCache({
      max: maxRecords,
      dispose: (entry, key, reason) => {
        if (reason !== 'evict') return
        this.#drop(entry)
        this.#onChange(key)
      },
    })
  }

  /** The record, as a use of it. */
  get(key: string): RememberedRecord | undefined {
    return readEntry(this.#entries.get(key))
  }

  /** The record, without counting as a use. */
  peek(key: string): RememberedRecord | undefined {
    return readEntry(this.#entries.peek(key))
  }

  /** The packed record, for the store. */
  packed(key: string): string | undefined {
    return this.#entries.peek(key)?.packed
  }

  set(key: string, remembered: RememberedRecord): void {
    this.#put(key, packRecord(key, remembered))
    this.#onChange(key)
  }

  /** Takes a packed record from the store, unless there is a record already or it cannot be read. */
  restore(key: string, packed: string): boolean {
    if (this.#entries.peek(key) !== undefined || unpackRecord(key, packed) === undefined) return false
    this.#put(key, packed)
    return true
  }

  delete(key: string): boolean {
    const entry = this.#entries.peek(key)
    if (entry === undefined) return false
    this.#entries.delete(key)
    this.#drop(entry)
    this.#onChange(key)
    return true
  }

  get size(): number {
    return this.#all.length
  }

  /** Every key, in no order. */
  *keys(): Generator<string> {
    for (const { key } of this.#all) yield key
  }

  /** Records by state. */
  get counts(): RecordCounts {
    return this.#counts
  }

  /** The keys of all enrolled, noncompliant records. */
  get noncompliantKeys(): ReadonlySet<string> {
    return this.#noncompliant
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
   * A record that moves meanwhile may be visited twice, one that goes is not.
   */
  async walk(
    visit: (key: string, read: () => RememberedRecord, packed: string) => void,
    sliceSize = 2000,
  ): Promise<void> {
    let inSlice = 0
    // Downwards: removing an entry moves the last one, which has been visited, into its place.
    for (let position = this.#all.length - 1; position >= 0; position -= 1) {
      const entry = this.#all[position]
      if (entry === undefined) continue
      visit(entry.key, () => readEntry(entry), entry.packed)
      inSlice += 1
      if (inSlice < sliceSize) continue
      inSlice = 0
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #put(key: string, packed: string): void {
    const known = this.#entries.get(key)
    if (known !== undefined) {
      this.#count(known, -1)
      known.packed = flat(packed)
      this.#count(known, 1)
      return
    }
    const entry = { key: flat(key), packed: flat(packed), position: this.#all.length }
    this.#all.push(entry)
    this.#count(entry, 1)
    this.#entries.set(entry.key, entry)
  }

  #drop(entry: Entry): void {
    this.#count(entry, -1)
    const last = this.#all.pop()
    if (last === undefined || last === entry) return
    this.#all[entry.position] = last
    last.position = entry.position
  }

  #count({ key, packed }: Entry, by: 1 | -1): void {
    const state = packedStateOf(packed)
    this.#counts[state] += by
    if (state === 'n') {
      if (by === 1) this.#noncompliant.add(key)
      else this.#noncompliant.delete(key)
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

function readEntry(entry: Entry): RememberedRecord
function readEntry(entry: Entry | undefined): RememberedRecord | undefined
function readEntry(entry: Entry | undefined): RememberedRecord | undefined {
  if (entry === undefined) return undefined
  const remembered = unpackRecord(entry.key, entry.packed)
  // Only what packRecord wrote or unpackRecord has read gets in.
  if (remembered === undefined) throw new Error('a packed record cannot be read')
  return remembered
}

/** V8 keeps a joined text as a tree of its parts, and a cut one with the whole: both cost more than the text. */
function flat(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8')
}
