import { randomUUID } from 'node:crypto'
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

/** Until when a document may be dated that is kept because it is later; absent: none is. */
export interface KeepLater {
  readonly keepLaterUpToMs?: number | undefined
}

const form: DatabaseForm = {
  /** `inac` */
  applicationId: 0x696e6163,
  schemaVersion: 1,
  schema: `
    CREATE TABLE IF NOT EXISTS records (
      key TEXT PRIMARY KEY, value TEXT NOT NULL, observed_at INTEGER NOT NULL, writer TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS documents (
      name TEXT PRIMARY KEY, value TEXT NOT NULL, written_at INTEGER NOT NULL
    ) WITHOUT ROWID`,
}

/** The state file: records and a few named documents. Every function may throw; describeStateError reads the errors. */
export class StateDatabase {
  readonly #database: DatabaseSync
  /** Tells what this process has written from what others have. */
  readonly #writer = randomUUID().slice(0, 8)
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #readOne: StatementSync

  /** Opens the file and makes it if there is none. `readOnly` needs a file that is there and ours. */
  constructor(file: string, { readOnly = false }: { readonly readOnly?: boolean } = {}) {
    this.#database = openOwnedDatabase(file, form, { readOnly })
    try {
      if (!readOnly) addWriterColumn(this.#database)
      this.#put = this.#database.prepare(readOnly ? 'SELECT 1' : putStatement)
      this.#remove = this.#database.prepare('DELETE FROM records WHERE key = ?')
      this.#readOne = this.#database.prepare('SELECT value FROM records WHERE key = ?')
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  /**
   * Stores and removes in one transaction. The later word of one process replaces its earlier one, whatever the clock
   * said at either. Of two processes the later observation stays: one of them may be late with an old one. Only an
   * observation from the future, as seen at `nowMs`, gives way to one that is not.
   */
  write(changes: readonly StateChange[], nowMs = Number.MAX_SAFE_INTEGER): void {
    inTransaction(this.#database, () => {
      for (const change of changes) {
        if (change.value === undefined) this.#remove.run(change.key)
        else this.#put.run(change.key, change.value, change.observedAtMs, this.#writer, nowMs, nowMs)
      }
    })
  }

  read(key: string): string | undefined {
    const row = this.#readOne.get(key)
    return typeof row?.value === 'string' ? row.value : undefined
  }

  /** Every record, in no order, however old: how old it is depends on the clock. Others may be written meanwhile. */
  *rows(): Generator<StateRow> {
    const all = this.#database.prepare('SELECT key, value, observed_at FROM records')
    for (const { key, value, observed_at: observedAtMs } of all.iterate()) {
      if (typeof key !== 'string' || typeof value !== 'string') continue
      yield { key, value, observedAtMs: Number(observedAtMs) }
    }
  }

  /** Removes what was observed before `beforeMs`; the caller's clock has to be beyond doubt. */
  prune(beforeMs: number): void {
    this.#database.prepare('DELETE FROM records WHERE observed_at < ?').run(beforeMs)
  }

  /** Removes every record. Without a condition SQLite drops whole pages, and does not look at a single row. */
  clear(): void {
    this.#database.exec('DELETE FROM records')
  }

  /**
   * True for exactly one caller in `intervalMs`, over all processes that use the file. A claim that lies in the future
   * was made by a clock that was wrong, at an unknown time before this: it counts from now on.
   */
  claim(name: string, nowMs: number, intervalMs: number): boolean {
    return inTransaction(this.#database, () => {
      const claimedAtMs = this.#writtenAt(name)
      const isFree = claimedAtMs === undefined || nowMs - claimedAtMs >= intervalMs
      if (isFree || claimedAtMs > nowMs) this.putDocument(name, '', nowMs)
      return isFree
    })
  }

  /**
   * Writes the document. One that was written later stays where that was at `keepLaterUpToMs` or before: what is dated
   * after that was dated by a clock that was wrong.
   */
  putDocument(
    name: string,
    value: string,
    writtenAtMs: number,
    { keepLaterUpToMs = Number.MIN_SAFE_INTEGER }: KeepLater = {},
  ): void {
    this.#database
      .prepare(
        `INSERT INTO documents (name, value, written_at) VALUES (:name, :value, :writtenAtMs)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, written_at = excluded.written_at
         WHERE excluded.written_at >= written_at OR written_at > :keepLaterUpToMs`,
      )
      .run({ name, value, writtenAtMs, keepLaterUpToMs })
  }

  /** Removes the documents whose names begin with `prefix`, but not those that begin with `but`. */
  forgetDocuments(prefix: string, but: string): void {
    this.#database
      .prepare('DELETE FROM documents WHERE substr(name, 1, ?) = ? AND substr(name, 1, ?) <> ?')
      .run(prefix.length, prefix, but.length, but)
  }

  /** The document, unless it is the one that was written at `knownMs`: the last one written counts, not the latest. */
  getDocument(name: string, knownMs?: number): string | undefined {
    const row = this.#database
      .prepare('SELECT value FROM documents WHERE name = ? AND written_at IS NOT ?')
      .get(name, knownMs ?? null)
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

const putStatement = `
  INSERT INTO records (key, value, observed_at, writer) VALUES (?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE
  SET value = excluded.value, observed_at = excluded.observed_at, writer = excluded.writer
  WHERE excluded.writer = writer
     OR excluded.observed_at >= observed_at
     OR (observed_at > ? AND excluded.observed_at <= ?)`

/** A file of an earlier version has no such column; that version does not mind it. */
function addWriterColumn(database: DatabaseSync): void {
  inTransaction(database, () => {
    const columns = database.prepare("SELECT name FROM pragma_table_info('records')").all()
    if (columns.some(({ name }) => name === 'writer')) return
    database.exec("ALTER TABLE records ADD COLUMN writer TEXT NOT NULL DEFAULT ''")
  })
}

/** What became of a file that was to be opened. */
export interface OpenedState {
  readonly database?: StateDatabase
  readonly writable: boolean
  /** What was wrong with the file that was found. */
  readonly problem?: ReturnType<typeof describeStateError>
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
