import { rmSync } from 'node:fs'
import { type FileIdentity, identifyFile, isSameFile } from '../files/file-identity.ts'

/**
 * What has become of an open database underneath. replaced: it, its log or the index of its log was deleted, moved or
 * replaced. damaged: it was cut short in place. unknown: the path cannot be looked at.
 */
export type FileChange = 'replaced' | 'damaged' | 'unknown'

/** The log of changes and its index, which belong to the file (sqlite.org/wal.html). */
const companions = ['-wal', '-shm'] as const

/**
 * Notices when the path of an open database leads elsewhere: SQLite goes on writing to a file that has no name any more,
 * and says nothing.
 */
export class DatabaseFiles {
  readonly #file: string
  #seen: readonly FileIdentity[] = []
  #bytes = 0

  constructor(file: string) {
    this.#file = file
  }

  /** Opens the file with `open`; from then on it is this file that the path has to lead to. */
  opening<T>(open: () => T): T {
    this.#removeLeftovers()
    const before = identifyFile(this.#file)
    const opened = open()
    const after = this.#look()
    // What was there is what was opened; if not, the next look finds another file and it is opened again.
    this.#seen = before === 'gone' ? after : [before, ...after.slice(1)]
    this.#bytes = 0
    return opened
  }

  /** What is different from what was remembered; undefined where nothing is. */
  change(): FileChange | undefined {
    const now = this.#look()
    const [main] = now
    // The log of changes may be made only when it is needed.
    this.#seen = this.#seen.map((seen, index) => (index > 0 && seen === 'gone' ? (now[index] ?? seen) : seen))
    if (now.some((identity, index) => !isSameFile(this.#seen[index] ?? 'gone', identity))) return 'replaced'
    if (main === undefined || main === 'unknown' || main === 'gone') return 'unknown'
    // SQLite makes the file shorter only where it is told to, which nobody does.
    if (main.bytes < this.#bytes) return 'damaged'
    this.#bytes = main.bytes
    return undefined
  }

  /**
   * Removes the log and the index that a database has left behind which is not there any more. SQLite would apply the log
   * to whatever has the name now, and share the index with whoever still has the old file open.
   */
  #removeLeftovers(): void {
    const [main = 'gone', ...others] = this.#look()
    const [ours = 'gone', ...ourOthers] = this.#seen
    const isOther = main === 'gone' || (ours !== 'gone' && !isSameFile(ours, main))
    if (!isOther) return
    for (const [index, suffix] of companions.entries()) {
      const [other = 'gone', ourOther = 'gone'] = [others[index], ourOthers[index]]
      const isLeft = main === 'gone' || (ourOther !== 'gone' && isSameFile(ourOther, other))
      if (isLeft) removeQuietly(this.#file + suffix)
    }
  }

  #look(): readonly FileIdentity[] {
    return ['', ...companions].map((suffix) => identifyFile(this.#file + suffix))
  }
}

function removeQuietly(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // Opening the database says what is wrong.
  }
}
