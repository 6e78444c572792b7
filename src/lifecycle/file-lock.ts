import { rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { identifyFile, identifyFileLater, isSameFile } from '../files/file-identity.ts'

/** Who holds a lock, for the message to whoever does not get it. */
export interface LockHolder {
  readonly pid: number
  readonly host: string
  /** ISO 8601. */
  readonly since: string
  /** Address that the service listens on, `0.0.0.0:8080`. */
  readonly listensOn: string
}

/** A lock that is held, or why it is not. `unusable`: the file system gives no lock, so nothing is known. */
export type FileLock =
  | {
      readonly state: 'held'
      /** Whether the path leads to the locked file still; true where nobody can say. Never rejects. */
      isAt(path: string): Promise<boolean>
      release(options?: { readonly remove: boolean }): void
    }
  | { readonly state: 'taken'; readonly holder: LockHolder | undefined }
  | { readonly state: 'unusable' }

/** SQLITE_BUSY (sqlite.org/rescode.html). */
const busy = 5
/** Long enough for somebody who is just writing or reading a name, too short to notice. */
const lockWaitMs = 100

/**
 * Takes the lock of a file for as long as the process lives: Node has no flock, SQLite has one. An open write
 * transaction holds the kernel's lock on the file, which ends with the process however that ends, and others can still
 * read who holds it (sqlite.org/lockingv3.html, RESERVED). Holds between the processes of one machine, containers
 * that share the file included; a network file system may give no lock at all. Waits for `waitMs`, and everybody else with
 * it. Never throws.
 */
export function takeFileLock(file: string, holder: LockHolder, waitMs = lockWaitMs): FileLock {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { timeout: waitMs })
    // Who holds the lock matters for as long as it is held: nothing has to survive a power cut.
    database.exec('PRAGMA synchronous = OFF')
    database.exec('BEGIN IMMEDIATE')
    database.exec('CREATE TABLE IF NOT EXISTS holder (one INTEGER PRIMARY KEY, facts TEXT NOT NULL)')
    database.prepare('INSERT OR REPLACE INTO holder VALUES (1, ?)').run(JSON.stringify(holder))
    database.exec('COMMIT')
    // Whoever came in between has written its own name, and the lock is theirs.
    database.exec('BEGIN IMMEDIATE')
    return held(file, database)
  } catch (error) {
    const taken = resultCodeOf(error) === busy
    const lock: FileLock = taken
      ? { state: 'taken', holder: database && readHolder(database) }
      : { state: 'unusable' }
    database?.close()
    return lock
  }
}

function held(file: string, database: DatabaseSync): FileLock {
  let released = false
  const identity = identifyFile(file)
  return {
    state: 'held',
    isAt: async (path) => isSameFile(identity, await identifyFileLater(path)),
    release({ remove } = { remove: false }) {
      if (released) return
      released = true
      // Only a file that nobody else ever locks may be removed: another process could hold the lock of the old one.
      if (remove) rmSync(file, { force: true })
      database.close()
    },
  }
}

function readHolder(database: DatabaseSync): LockHolder | undefined {
  try {
    const facts: unknown = database.prepare('SELECT facts FROM holder').get()?.facts
    return typeof facts === 'string' ? (JSON.parse(facts) as LockHolder) : undefined
  } catch {
    return undefined
  }
}

function resultCodeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown }
  return typeof errcode === 'number' ? errcode & 0xff : undefined
}
