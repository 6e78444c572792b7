import { randomUUID } from 'node:crypto'
import { readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectory } from '../files/make-directory.ts'
import { type FileLock, type LockHolder, takeFileLock } from './file-lock.ts'

/** The services that use one STATE_DIR, as one of them sees it. */
export interface Instances {
  /** Those that were running when this one joined. */
  readonly others: readonly LockHolder[]
  /** Joins again where the directory was deleted or replaced, or can be written only now. True where that was so. */
  check(): Promise<boolean>
  leave(): void
}

const folder = 'instances'
const nameForm = /^[0-9a-f-]{36}$/

/**
 * Joins the services that use a state directory, and says who the others are: each has a locked file in
 * `STATE_DIR/instances`, and a file that nobody holds was left by a process that was killed. Never throws: where the
 * directory cannot be written there is nothing to join.
 */
export function joinStateDirectory(directory: string, self: LockHolder): Instances {
  const others = findOthers(join(directory, folder), self)
  let own = tryToJoin(join(directory, folder), self)

  return {
    others,
    async check() {
      if (own && (await own.lock.isAt(own.file))) return false
      const again = tryToJoin(join(directory, folder), self)
      if (again === undefined) return false
      own?.lock.release()
      own = again
      return true
    },
    leave() {
      if (own === undefined) return
      try {
        rmSync(own.file, { force: true })
      } catch {
        // It is not locked any more, so whoever comes next removes it.
      }
      own.lock.release()
    },
  }
}

interface Joined {
  readonly file: string
  readonly lock: Extract<FileLock, { state: 'held' }>
}

function tryToJoin(place: string, self: LockHolder): Joined | undefined {
  try {
    makeDirectory(place)
    const file = join(place, randomUUID())
    // Under its own name only once it is locked, or somebody who comes at this moment takes it for one left behind.
    const lock = takeFileLock(`${file}.new`, self)
    if (lock.state !== 'held') return undefined
    renameSync(`${file}.new`, file)
    return { file, lock }
  } catch {
    return undefined
  }
}

function findOthers(place: string, self: LockHolder): readonly LockHolder[] {
  try {
    return readdirSync(place).flatMap((name) =>
      nameForm.test(name) ? findRunning(join(place, name), self) : [],
    )
  } catch {
    return []
  }
}

function findRunning(file: string, self: LockHolder): readonly LockHolder[] {
  const lock = takeFileLock(file, self)
  if (lock.state === 'held') lock.release({ remove: true })
  return lock.state === 'taken' && lock.holder ? [lock.holder] : []
}
