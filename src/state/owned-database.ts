import { chmodSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { makeDirectory } from '../files/make-directory.ts'
import { StateFileError } from './state-file.ts'

/** How a file of ours is told from any other database, and what is in it. */
export interface DatabaseForm {
  readonly applicationId: number
  readonly schemaVersion: number
  /** Statements that make the tables where they are not there yet. */
  readonly schema: string
}

/** Two processes on one directory wait for each other this long. */
const busyTimeoutMs = 5000

/**
 * Opens a SQLite file that is ours, in WAL mode with synchronous=NORMAL, and makes it if there is none: a killed process
 * loses nothing that was committed, and a power cut loses the last commits at most; neither leaves a file that cannot
 * be read (sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous). `readOnly` needs a file that is there.
 * Throws; the errors are read by describeStateError.
 */
export function openOwnedDatabase(
  file: string,
  form: DatabaseForm,
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): DatabaseSync {
  if (!readOnly) makeDirectory(dirname(file))
  refuseSpecialFiles(file)
  const database = new DatabaseSync(readOnly ? unchangingFile(file) : file, {
    readOnly,
    timeout: busyTimeoutMs,
  })
  try {
    checkOwner(database, form, readOnly)
    if (!readOnly) {
      // The records name devices and their users.
      chmodSync(file, 0o600)
      prepareFile(database, form)
    }
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Opening a FIFO waits for its other end, for ever, and a device is no place for facts. */
function refuseSpecialFiles(file: string): void {
  for (const path of [file, `${file}-wal`, `${file}-shm`, `${file}-journal`]) {
    const status = statSync(path, { throwIfNoEntry: false })
    if (status !== undefined && !status.isFile()) throw new StateFileError('unusable')
  }
}

/** Runs everything or nothing. */
export function inTransaction<T>(
  database: DatabaseSync,
  run: () => T,
  kind: 'IMMEDIATE' | 'DEFERRED' = 'IMMEDIATE',
): T {
  database.exec(`BEGIN ${kind}`)
  try {
    const result = run()
    database.exec('COMMIT')
    return result
  } catch (error) {
    try {
      database.exec('ROLLBACK')
    } catch {
      // SQLite has rolled back by itself, or the file is beyond it: the first error tells what happened.
    }
    throw error
  }
}

/** A new file is empty and has no owner yet. In one transaction, because another process may be making it. */
function checkOwner(database: DatabaseSync, form: DatabaseForm, mustBeOurs: boolean): void {
  const { owner, version, tables } = inTransaction(
    database,
    () => ({
      owner: pragma(database, 'application_id'),
      version: pragma(database, 'user_version'),
      tables: database.prepare('SELECT count(*) AS n FROM sqlite_master').get()?.n,
    }),
    'DEFERRED',
  )
  const isNew = owner === 0 && version === 0 && tables === 0
  if (isNew && !mustBeOurs) return
  if (owner !== form.applicationId) throw new StateFileError('foreign')
  if (version > form.schemaVersion) throw new StateFileError('newer')
}

function prepareFile(database: DatabaseSync, { applicationId, schemaVersion, schema }: DatabaseForm): void {
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = NORMAL')
  // A burst of writes must not leave a huge log behind.
  database.exec('PRAGMA journal_size_limit = 16777216')
  inTransaction(database, () => {
    database.exec(
      `${schema}; PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion};`,
    )
  })
}

function pragma(database: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name])
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
