import { type BigIntStats, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { inBackground } from '../background.ts'
import type { Clock } from '../clock.ts'

/** A file that is looked at while the service runs. */
export interface FollowedFile {
  readonly file: string
  /** `fileState` from before the file was read for the first time: an edit in between is then seen as a change. */
  readonly state: string
  readonly clock: Clock
  /** Called once for each change with the whole text; undefined where the file cannot be read any more. */
  readonly onChange: (text: string | undefined) => void
}

/** Twice within a change: once to see it, once to see that nobody writes any more. */
const pollMs = 500

/**
 * Calls `onChange` within two seconds of a change of the file. Returns what stops it.
 *
 * Polls instead of fs.watch: that misses the symlink swap by which Kubernetes updates a mounted file, and network
 * file systems. The file is read off the request path and a slow disk only delays the next look.
 */
export function followFile({ file, state, clock, onChange }: FollowedFile): () => void {
  /** The state that was last passed on. */
  let settled = state
  /** The state that was seen at the last look; a change counts when it is seen twice. */
  let seen = state
  let closed = false
  let cancel = () => {}

  async function look(): Promise<void> {
    const now = await stateOf(file)
    const quiet = now === seen
    seen = now
    // An editor that is still writing must not get half of its text taken for all of it.
    if (!quiet || now === settled) return
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (closed || (await stateOf(file)) !== now) return
    settled = now
    if (!closed) onChange(text)
  }

  function next(): void {
    if (closed) return
    cancel = clock.after(pollMs, () => {
      inBackground('followed_file', look, next)
    })
  }

  next()
  return () => {
    closed = true
    cancel()
  }
}

/** Changes whenever the file does: also where a symlink is swapped for one to another file of the same size. */
export function fileState(file: string): string {
  try {
    return presentState(statSync(file, { bigint: true }))
  } catch {
    return unreadableState
  }
}

async function stateOf(file: string): Promise<string> {
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
