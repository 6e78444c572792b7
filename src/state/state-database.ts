import { chmodSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { describeStateError, StateFileError } from './state-file.ts'

/** One record as it is stored; the value is opaque here. */
export interface StateRow {
  readonly key: string
  readonly value: string
  readonly observedAtMs: number
}

/** A record to store, or the key of one to remove. */
export type StateChange = StateRow | { readonly key: string; readonly value?: undefined }

/** `inac`: tells our file from any other database. */
const applicationId = 0x696e6163
const schemaVersion = 1
/** Two processes on one directory wait for each other this long. */
const busyTimeoutMs = 5000

/**
 * The state file: records and a few named documents in SQLite, in WAL mode with synchronous=NORMAL. A killed process
 * loses nothing that was committed, and a power cut loses the last commits at most; neither leaves a file that cannot
 * be read (sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous). Every function may throw; the errors are
 * read by describeStateError.
 */
export class StateDatabase {
  readonly #database: DatabaseSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #readOne: StatementSync

  /** Opens the file and makes it if there is none. `readOnly` needs a file that is there and ours. */
  constructor(file: string, { readOnly = false }: { readonly readOnly?: boolean } = {}) {
    if (!readOnly) mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    this.#database = new DatabaseSync(readOnly ? unchangingFile(file) : file, {
      readOnly,
      timeout: busyTimeoutMs,
    })
    try {
      this.#checkOwner(readOnly)
      if (!readOnly) {
        // The records name devices and their users.
        chmodSync(file, 0o600)
        this.#prepareFile()
      }
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
    this.#transaction(() => {
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

  /**
   * True for exactly one caller in `intervalMs`, over all processes that use the file. A claim that lies in the future
   * was made by a clock that was wrong, and does not count.
   */
  claim(name: string, nowMs: number, intervalMs: number): boolean {
    return this.#transaction(() => {
      const claimedAtMs = this.#writtenAt(name)
      if (claimedAtMs !== undefined && claimedAtMs <= nowMs && nowMs - claimedAtMs < intervalMs) return false
      this.putDocument(name, '', nowMs)
      return true
    })
  }

  putDocument(name: string, value: string, writtenAtMs: number): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO documents (name, value, written_at) VALUES (?, ?, ?)')
      .run(name, value, writtenAtMs)
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

  /** A new file is empty and has no owner yet. In one transaction, because another process may be making it. */
  #checkOwner(mustBeOurs: boolean): void {
    const { owner, version, tables } = this.#transaction(
      () => ({
        owner: this.#pragma('application_id'),
        version: this.#pragma('user_version'),
        tables: this.#database.prepare('SELECT count(*) AS n FROM sqlite_master').get()?.n,
      }),
      'DEFERRED',
    )
    const isNew = owner === 0 && version === 0 && tables === 0
    if (isNew && !mustBeOurs) return
    if (owner !== applicationId) throw new StateFileError('foreign')
    if (version > schemaVersion) throw new StateFileError('newer')
  }

  #prepareFile(): void {
    this.#database.exec('PRAGMA journal_mode = WAL')
    this.#database.exec('PRAGMA synchronous = NORMAL')
    // A burst of writes must not leave a huge log behind.
    this.#database.exec('PRAGMA journal_size_limit = 16777216')
    this.#transaction(() => {
      this.#database.exec(
        `CREATE TABLE IF NOT EXISTS records (
           key TEXT PRIMARY KEY, value TEXT NOT NULL, observed_at INTEGER NOT NULL
         ) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS documents (
           name TEXT PRIMARY KEY, value TEXT NOT NULL, written_at INTEGER NOT NULL
         ) WITHOUT ROWID;
         PRAGMA application_id = ${applicationId};
         PRAGMA user_version = ${schemaVersion};`,
      )
    })
  }

  #pragma(name: 'application_id' | 'user_version'): number {
    return Number(this.#database.prepare(`PRAGMA ${name}`).get()?.[name])
  }

  #writtenAt(name: string): number | undefined {
    const row = this.#database.prepare('SELECT written_at FROM documents WHERE name = ?').get(name)
    return row === undefined ? undefined : Number(row.written_at)
  }

  #transaction<T>(run: () => T, kind: 'IMMEDIATE' | 'DEFERRED' = 'IMMEDIATE'): T {
    this.#database.exec(`BEGIN ${kind}`)
    try {
      const result = run()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      try {
        this.#database.exec('ROLLBACK')
      } catch {
        // SQLite has rolled back by itself, or the file is beyond it: the first error tells what happened.
      }
      throw error
    }
  }
}

/**
 * A database in WAL mode on a medium that cannot be written has no place for its index of the log: SQLite reads it
 * only if it is told that nobody changes it, and then as of the last checkpoint (sqlite.org/wal.html, read-only
 * databases).
 */
function unchangingFile(file: string): URL {
  const url = pathToFileURL(file)
  url.searchParams.set('immutable', '1')
  return url
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
export function openStateDatabase(file: string, attempt = 1): OpenedState {
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
