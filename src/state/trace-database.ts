import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type DatabaseForm, inTransaction, openOwnedDatabase } from './owned-database.ts'
import { createStoryTest, type StoryConditions } from './story-test.ts'

/** The story of one decision as it is stored; the text is opaque here. */
export interface StoredTrace {
  readonly decisionId: string
  readonly decidedAtMs: number
  /** Identifiers that it can be found by, as they are shown. */
  readonly devices: readonly string[]
  readonly text: string
}

/** Which stories are looked for, and how many at most. */
export interface StoredSearch extends StoryConditions {
  readonly limit: number
  /** When they were decided: from and to, milliseconds since the epoch, both included. */
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
}

/** What a slice of a search has found, newest first. */
export interface StoredSlice {
  readonly texts: readonly string[]
  /** `before` of the next slice; absent: there are no older ones. */
  readonly next?: number
}

/** A few milliseconds: whoever asks for one decision waits for one slice at most. */
const storiesPerSlice = 500
const maxSliceLength = 1024 * 1024

const form: DatabaseForm = {
  /** `inat` */
  applicationId: 0x696e6174,
  schemaVersion: 1,
  schema: `
    CREATE TABLE IF NOT EXISTS traces (
      number INTEGER PRIMARY KEY, id TEXT NOT NULL, decided_at INTEGER NOT NULL, text TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS traces_by_id ON traces (id);
    CREATE TABLE IF NOT EXISTS devices (
      device TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (device, number)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS devices_by_number ON devices (number)`,
}

/**
 * The stories of decisions in the order in which they were written, which is that of their numbers, by several processes
 * too. Every function may throw; describeStateError reads the errors.
 */
export class TraceDatabase {
  readonly #database: DatabaseSync
  readonly #add: StatementSync
  readonly #addDevice: StatementSync

  constructor(file: string) {
    this.#database = openOwnedDatabase(file, form)
    try {
      this.#add = this.#database.prepare('INSERT INTO traces (id, decided_at, text) VALUES (?, ?, ?)')
      this.#addDevice = this.#database.prepare('INSERT OR IGNORE INTO devices (device, number) VALUES (?, ?)')
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  append(traces: readonly StoredTrace[]): void {
    inTransaction(this.#database, () => {
      for (const { decisionId, decidedAtMs, devices, text } of traces) {
        const { lastInsertRowid } = this.#add.run(decisionId, decidedAtMs, text)
        for (const device of devices) this.#addDevice.run(device, lastInsertRowid)
      }
    })
  }

  /** The text of a decision that was made at `sinceMs` or later. */
  find(decisionId: string, sinceMs: number): string | undefined {
    const row = this.#database
      .prepare('SELECT text FROM traces WHERE id = ? AND decided_at >= ?')
      .get(decisionId, sinceMs)
    return typeof row?.text === 'string' ? row.text : undefined
  }

  /**
   * One slice of a search: looks at the next stories before the number `before`, newest first, for those about any of the
   * devices that fit; about whatever device where none is given.
   */
  search(
    devices: readonly string[] | undefined,
    { sinceMs = 0, untilMs = Number.MAX_SAFE_INTEGER, where = [], limit }: StoredSearch,
    before = Number.MAX_SAFE_INTEGER,
  ): StoredSlice {
    const numbers = devices && this.#numbersAbout(devices, before)
    const about = numbers ? 'AND number IN (SELECT value FROM json_each(:numbers))' : ''
    const rows = this.#database
      .prepare(
        `SELECT number, CASE WHEN decided_at BETWEEN :sinceMs AND :untilMs THEN text END AS text FROM traces
         WHERE number < :before ${about} ORDER BY number DESC LIMIT ${storiesPerSlice}`,
      )
      .iterate({ sinceMs, untilMs, before, ...(numbers && { numbers: JSON.stringify(numbers) }) })
    const fits = createStoryTest(where)
    const texts: string[] = []
    let last = numbers?.at(-1)
    let looked = 0
    let length = 0
    for (const { number, text } of rows) {
      looked += 1
      last = Number(number)
      if (typeof text !== 'string') continue
      length += text.length
      if (fits(text)) texts.push(text)
      if (texts.length >= limit || length >= maxSliceLength) return { texts, next: last }
    }
    const isOver = (numbers?.length ?? looked) < storiesPerSlice
    return { texts, ...(!isOver && last !== undefined && { next: last }) }
  }

  /** Of each device by itself, which the index gives in their order. */
  #numbersAbout(devices: readonly string[], before: number): readonly number[] {
    const about = this.#database.prepare(
      `SELECT number FROM devices WHERE device = ? AND number < ? ORDER BY number DESC LIMIT ${storiesPerSlice}`,
    )
    const numbers = devices.flatMap((device) => about.all(device, before).map(({ number }) => Number(number)))
    return [...new Set(numbers)].sort((one, other) => other - one).slice(0, storiesPerSlice)
  }

  /** Removes what was decided before `beforeMs`, and the oldest of more than `maxTraces`. */
  prune(beforeMs: number, maxTraces: number): void {
    inTransaction(this.#database, () => {
      const firstKept = this.#database
        .prepare(
          `SELECT max(
             coalesce((SELECT number FROM traces WHERE decided_at >= ? ORDER BY number LIMIT 1),
                      (SELECT max(number) + 1 FROM traces), 0),
             coalesce((SELECT max(number) FROM traces), 0) - ? + 1
           ) AS number`,
        )
        .get(beforeMs, maxTraces)
      const number = Number(firstKept?.number)
      this.#database.prepare('DELETE FROM devices WHERE number < ?').run(number)
      this.#database.prepare('DELETE FROM traces WHERE number < ?').run(number)
    })
  }

  close(): void {
    this.#database.close()
  }
}
