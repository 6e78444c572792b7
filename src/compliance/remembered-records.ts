import { turnEvery } from '../turns/turn-every.ts'
import {
  packedObservedAtOf,
  packedStateOf,
  packRecord,
  type RememberedRecord,
  type StateLetter,
  unpackRecord,
} from './packed-record.ts'
import { RecencyOrder, type Recent } from './recency-order.ts'
import { ShardedMap } from './sharded-map.ts'

/** How many records there are of each state. */
export type RecordCounts = Readonly<Record<StateLetter, number>>

export interface RememberedRecordsOptions {
  readonly maxRecords: number
  /** Told the key of every record that was set, deleted or pushed out. */
  readonly onChange?: (key: string) => void
}

interface Entry extends Recent<Entry> {
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
  readonly #maxRecords: number
  readonly #entries = new ShardedMap<Entry>()
  readonly #byUse = new RecencyOrder<Entry>()
  /** All entries in no order, so that a walk can stop and go on: the order of use changes under it. */
  readonly #all: Entry[] = []
  readonly #onChange: (key: string) => void
  readonly #counts: Record<StateLetter, number> = { c: 0, n: 0, u: 0, x: 0 }
  readonly #byMinute = new Map<number, { compliant: number; all: number }>()
  readonly #noncompliant = new Set<string>()
  #noncompliantVersion = 0

  constructor({ maxRecords, onChange = () => {} }: RememberedRecordsOptions) {
    this.#maxRecords = maxRecords
    this.#onChange = onChange
  }

  /** The record, as a use of it. */
  get(key: string): RememberedRecord | undefined {
    const entry = this.#entries.get(key)
    if (entry !== undefined) this.#byUse.use(entry)
    return readEntry(entry)
  }

  /** The record, without counting as a use. */
  peek(key: string): RememberedRecord | undefined {
    return readEntry(this.#entries.get(key))
  }

  /** The packed record, for the store. */
  packed(key: string): string | undefined {
    return this.#entries.get(key)?.packed
  }

  set(key: string, remembered: RememberedRecord): void {
    this.#put(key, packRecord(key, remembered))
    this.#onChange(key)
  }

  /** Takes a packed record from the store, unless there is a record already or it cannot be read. */
  restore(key: string, packed: string): boolean {
    if (this.#entries.get(key) !== undefined || unpackRecord(key, packed) === undefined) return false
    this.#put(key, packed)
    return true
  }

  delete(key: string): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) return false
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
    sliceSize = 1000,
  ): Promise<void> {
    const next = turnEvery(sliceSize)
    // Downwards: removing an entry moves the last one, which has been visited, into its place.
    for (let position = this.#all.length - 1; position >= 0; position -= 1) {
      const entry = this.#all[position]
      if (entry === undefined) continue
      visit(entry.key, () => readEntry(entry), entry.packed)
      const turned = next()
      if (turned) await turned
    }
  }

  #put(key: string, packed: string): void {
    const known = this.#entries.get(key)
    if (known !== undefined) {
      this.#byUse.use(known)
      this.#count(known, -1)
      known.packed = flat(packed)
      this.#count(known, 1)
      return
    }
    const entry: Entry = {
      key: flat(key),
      packed: flat(packed),
      position: this.#all.length,
      older: undefined,
      newer: undefined,
    }
    this.#all.push(entry)
    this.#entries.set(entry.key, entry)
    this.#byUse.add(entry)
    this.#count(entry, 1)
    if (this.#all.length > this.#maxRecords) this.#evict()
  }

  /** Pushes out the record that was used longest ago. */
  #evict(): void {
    const { oldest } = this.#byUse
    if (oldest === undefined) return
    this.#drop(oldest)
    this.#onChange(oldest.key)
  }

  #drop(entry: Entry): void {
    this.#entries.delete(entry.key)
    this.#byUse.remove(entry)
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
