import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type DatabaseForm, inTransaction, openOwnedDatabase } from './owned-database.ts'
import type { OpenedDatabase } from './serve-database.ts'
import { describeStateError } from './state-file.ts'

/** One record as it is stored; the value is opaque here. */
export interface StateRow {
  readonly key: string
  readonly value: string
  readonly observedAtMs: number
}

/** A record to store, or the key of one to remove. */
export type StateChange = StateRow | { readonly key: string; readonly value?: undefined }

const form: DatabaseForm = {
  /** `inac` */
  applicationId: 0x696e6163,
  schemaVersion: 1,
  schema: `
    CREATE TABLE IF NOT EXISTS records (
      key TEXT PRIMARY KEY, value TEXT NOT NULL, observed_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS documents (
      name TEXT PRIMARY KEY, value TEXT NOT NULL, written_at INTEGER NOT NULL
    ) WITHOUT ROWID`,
}

/** The state file: records and a few named documents. Every function may throw; describeStateError reads the errors. */
export class StateDatabase {
  readonly #database: DatabaseSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #readOne: StatementSync

  /** Opens the file and makes it if there is none. `readOnly` needs a file that is there and ours. */
  constructor(file: string, { readOnly = false }: { readonly readOnly?: boolean } = {}) {
    this.#database = openOwnedDatabase(file, form, { readOnly })
    try {
      this.#put = this.#database.prepare(
        `INSERT INTO records (key, value, observed_at) VALUES (?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value, observed_at = excluded.observed_at
         WHERE excluded.observed_at >= observed_at`,
      )
      this.#remove = this.#database.prepare('DELETE FROM records WHERE key = ?')
      this.#readOne = this.#database.prepare('SELECT value FROM records WHERE key = ?')
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  /** Stores and removes in one transaction. Of two processes that store one key, the later observation stays. */
  write(changes: readonly StateChange[]): void {
    inTransaction(this.#database, () => {
      for (const change of changes) {
        if (change.value === undefined) this.#remove.run(change.key)
        else this.#put.run(change.key, change.value, change.observedAtMs)
      }
    })
  }

  read(key: string): string | undefined {
    const row = this.#readOne.get(key)
    return typeof row?.value === 'string' ? row.value : undefined
  }

  /** Every record that was observed at `sinceMs` or later, in no order; others may be written meanwhile. */
  *rows(sinceMs: number): Generator<StateRow> {
    const all = this.#database.prepare('SELECT key, value, observed_at FROM records WHERE observed_at >= ?')
    for (const { key, value, observed_at: observedAtMs } of all.iterate(sinceMs)) {
      if (typeof key !== 'string' || typeof value !== 'string') continue
      yield { key, value, observedAtMs: Number(observedAtMs) }
    }
  }

  /** Removes what was observed before `beforeMs`. */
  prune(beforeMs: number): void {
    this.#database.prepare('DELETE FROM records WHERE observed_at < ?').run(beforeMs)
  }

  /** Removes every record. Without a condition SQLite drops whole pages, and does not look at a single row. */
  clear(): void {
    this.#database.exec('DELETE FROM records')
  }

  /**
   * True for exactly one caller in `intervalMs`, over all processes that use the file. A claim that lies in the future
   * was made by a clock that was wrong, and does not count.
   */
  claim(name: string, nowMs: number, intervalMs: number): boolean {
    return inTransaction(this.#database, () => {
      const claimedAtMs = this.#writtenAt(name)
      if (claimedAtMs !== undefined && claimedAtMs <= nowMs && nowMs - claimedAtMs < intervalMs) return false
      this.putDocument(name, '', nowMs)
      return true
    })
  }

  /** Writes the document; `unlessLater` leaves alone one that was written at that time or later. */
  putDocument(name: string, value: string, writtenAtMs: number, { unlessLater = false } = {}): void {
    this.#database
      .prepare(
        `INSERT INTO documents (name, value, written_at) VALUES (:name, :value, :writtenAtMs)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, written_at = excluded.written_at
         WHERE NOT :unlessLater OR excluded.written_at > written_at`,
      )
      .run({ name, value, writtenAtMs, unlessLater: unlessLater ? 1 : 0 })
  }

  /** Removes the documents whose names begin with `prefix`, but not those that begin with `but`. */
  forgetDocuments(prefix: string, but: string): void {
    this.#database
      .prepare('DELETE FROM documents WHERE substr(name, 1, ?) = ? AND substr(name, 1, ?) <> ?')
      .run(prefix.length, prefix, but.length, but)
  }

  /** The document, if it was written after `afterMs`. */
  getDocument(name: string, afterMs: number): string | undefined {
    const row = this.#database
      .prepare('SELECT value FROM documents WHERE name = ? AND written_at > ?')
      .get(name, afterMs)
    return typeof row?.value === 'string' ? row.value : undefined
  }

  close(): void {
    this.#database.close()
  }

  #writtenAt(name: string): number | undefined {
    const row = this.#database.prepare('SELECT written_at FROM documents WHERE name = ?').get(name)
    return row === undefined ? undefined : Number(row.written_at)
  }
}

/** SQLite gives up at once, whatever the time-out, where two processes make one file at the same moment. */
const openAttempts = 100
const openPauseMs = 50

/** Opens the file; where it can only be read, for reading. Never throws; may block for five seconds. */
export function openStateDatabase(file: string, attempt = 1): OpenedDatabase<StateDatabase> {
  try {
    return { database: new StateDatabase(file), writable: true }
  } catch (error) {
    const problem = describeStateError(error)
    if (problem === 'busy' && attempt < openAttempts) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, openPauseMs)
      return openStateDatabase(file, attempt + 1)
    }
    if (problem === 'corrupt' || problem === 'foreign' || problem === 'newer') {
      return { writable: false, problem }
    }
    try {
      return { database: new StateDatabase(file, { readOnly: true }), writable: false, problem }
    } catch {
      return { writable: false, problem }
    }
  }
}
