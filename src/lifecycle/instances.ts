import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type LockHolder, takeFileLock } from './file-lock.ts'

/** The services that use one STATE_DIR, as one of them sees it. */
export interface Instances {
  /** Those that were running when this one joined. */
  readonly others: readonly LockHolder[]
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
  const place = join(directory, folder)
  try {
    mkdirSync(place, { recursive: true, mode: 0o700 })
    const others = readdirSync(place).flatMap((name) =>
      nameForm.test(name) ? findRunning(join(place, name), self) : [],
    )
    const name = randomUUID()
    // Under its own name only once it is locked, or somebody who comes at this moment takes it for one left behind.
    const lock = takeFileLock(join(place, `${name}.new`), self)
    if (lock.state !== 'held') return { others, leave() {} }
    renameSync(join(place, `${name}.new`), join(place, name))
    return {
      others,
      leave() {
        rmSync(join(place, name), { force: true })
        lock.release()
      },
    }
  } catch {
    return { others: [], leave() {} }
  }
}

function findRunning(file: string, self: LockHolder): readonly LockHolder[] {
  const lock = takeFileLock(file, self)
  if (lock.state === 'held') lock.release({ remove: true })
  return lock.state === 'taken' && lock.holder ? [lock.holder] : []
}
