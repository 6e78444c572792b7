import { renameSync } from 'node:fs'

/**
 * Why a state file cannot be used. corrupt: not readable as a database, or damaged. foreign: a database of another
 * program. newer: written by a later version of this service. read_only: it can be read but not written.
 * unusable: the directory or the file cannot be opened at all. full: the disk has no room. busy: another process does
 * not let go of it. replaced: it was deleted, moved or replaced while it was open. failed: anything else.
 */
export type StateFileProblem =
  | 'corrupt'
  | 'foreign'
  | 'newer'
  | 'read_only'
  | 'unusable'
  | 'full'
  | 'busy'
  | 'replaced'
  | 'failed'

/** Thrown inside this folder only; the store turns it into a status. */
export class StateFileError extends Error {
  readonly problem: StateFileProblem

  constructor(problem: StateFileProblem) {
    super(problem)
    this.problem = problem
  }
}

/** Primary result codes of SQLite (sqlite.org/rescode.html); the extended ones carry them in their lowest byte. */
const problemOfResultCode: Readonly<Record<number, StateFileProblem>> = {
  3: 'unusable', // SQLITE_PERM
  5: 'busy', // SQLITE_BUSY
  8: 'read_only', // SQLITE_READONLY
  11: 'corrupt', // SQLITE_CORRUPT
  13: 'full', // SQLITE_FULL
  14: 'unusable', // SQLITE_CANTOPEN
  23: 'unusable', // SQLITE_AUTH
  26: 'corrupt', // SQLITE_NOTADB
}

/** The one mapping from an error of node:sqlite or of the file system to a problem: by code, never by message. */
export function describeStateError(error: unknown): StateFileProblem {
  if (error instanceof StateFileError) return error.problem
  if (!(error instanceof Error)) return 'failed'
  const { errcode, code } = error as Error & { errcode?: unknown; code?: unknown }
  if (typeof errcode === 'number') return problemOfResultCode[errcode & 0xff] ?? 'failed'
  switch (code) {
    case 'EROFS':
      return 'read_only'
    case 'ENOSPC':
    case 'EDQUOT':
      return 'full'
    case 'EACCES':
    case 'EPERM':
    case 'ENOTDIR':
    case 'EEXIST':
    case 'EISDIR':
    case 'ENOENT':
    case 'ELOOP':
    case 'ENAMETOOLONG':
      return 'unusable'
    default:
      return 'failed'
  }
}

/**
 * Gives a file and what belongs to it another name beside it, so that nothing is lost and a new one can be made.
 * Gives the new path, or nothing where it cannot be done.
 */
export function moveAside(file: string, nowMs: number): string | undefined {
  const stamp = new Date(nowMs).toISOString().replaceAll(/[-:.]/g, '')
  const aside = `${file}.set-aside-${stamp}`
  try {
    renameSync(file, aside)
  } catch {
    return undefined
  }
  for (const suffix of ['-wal', '-shm']) {
    try {
      renameSync(file + suffix, aside + suffix)
    } catch {
      // There is none.
    }
  }
  return aside
}
