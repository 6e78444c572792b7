import { type BigIntStats, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { repeatInBackground } from '../background.ts'
import type { Clock } from '../clock.ts'
import type { FileRead } from './intake.ts'
import { readOperatorFileLater } from './read-operator-file.ts'

/** A file that is looked at while the service runs. */
export interface FollowedFile {
  readonly file: string
  /** `fileState` from before the file was read for the first time: an edit in between is then seen as a change. */
  readonly state: string
  readonly clock: Clock
  /** More than this is not read. */
  readonly maxBytes: number
  /** Called once for each change with the whole content, or with why there is none that can be used any more. */
  readonly onChange: (read: FileRead) => void
}

/** Twice within a change: once to see it, once to see that nobody writes any more. */
const pollMs = 500
/**
 * Whoever writes without end does not keep what is written from being looked at: after eight seconds a text counts that
 * nobody wrote while it was read, and soon after any.
 */
const maxRestlessLooks = 16
const lastRestlessLook = 18

/**
 * Calls `onChange` within two seconds of a change of the file; within ten where it is touched or written again and again.
 * What has been passed on is not passed on a second time in a row. Returns what stops it.
 *
 * Polls instead of fs.watch: that misses the symlink swap by which Kubernetes updates a mounted file, and network
 * file systems. The file is read off the request path and a slow disk only delays the next look.
 */
export function followFile({ file, state, clock, maxBytes, onChange }: FollowedFile): () => void {
  /** The state that was last passed on. */
  let settled = state
  /** The state that was seen at the last look; a change counts when it is seen twice. */
  let seen = state
  /** What was read at the last look at a file that is not quiet, and how many looks it has not been. */
  let last: FileRead | undefined
  let restlessLooks = 0
  /** What was passed on last. */
  let passedOn: FileRead | undefined
  let closed = false

  async function look(): Promise<void> {
    const now = await fileStateLater(file)
    const quiet = now === seen
    seen = now
    if (now === settled) {
      restlessLooks = 0
      last = undefined
      return
    }
    const read = await readOperatorFileLater(file, maxBytes)
    if (closed) return
    // An editor that is still writing must not get half of its text taken for all of it.
    const isSame = last !== undefined && isEqual(last, read)
    const isSettled = quiet || isSame || restlessLooks >= maxRestlessLooks
    const isWhole = isSettled && (await fileStateLater(file)) === now
    last = read
    restlessLooks += 1
    if (closed || (!isWhole && restlessLooks <= lastRestlessLook)) return
    settled = now
    restlessLooks = 0
    if (passedOn && isEqual(passedOn, read)) return
    passedOn = read
    onChange(read)
  }

  const stop = repeatInBackground('followed_file', clock, pollMs, look)
  return () => {
    closed = true
    stop()
  }
}

function isEqual(one: FileRead, other: FileRead): boolean {
  if (one.ok) return other.ok && one.value.equals(other.value)
  return !other.ok && one.why === other.why
}

/** Changes whenever the file does: also where a symlink is swapped for one to another file of the same size. */
export function fileState(file: string): string {
  try {
    return presentState(statSync(file, { bigint: true }))
  } catch {
    return unreadableState
  }
}

/** The same without keeping others waiting for the disk. */
export async function fileStateLater(file: string): Promise<string> {
  try {
    return presentState(await stat(file, { bigint: true }))
  } catch {
    return unreadableState
  }
}

const unreadableState = 'unreadable'

function presentState({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}
