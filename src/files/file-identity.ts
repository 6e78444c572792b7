import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'

/**
 * Which file a path leads to, as device and inode: another one as soon as the file was deleted, moved, replaced, or a
 * link or a directory on the way to it. `gone`: there is none. `unknown`: the system does not say (permissions, a disk
 * that fails), which proves nothing. An inode that somebody has open is not given to another file.
 */
export type FileIdentity = { readonly is: string; readonly bytes: number } | 'gone' | 'unknown'

/** The file at a path, links followed. Never throws. */
export function identifyFile(path: string): FileIdentity {
  try {
    return identityOf(statSync(path, { bigint: true }))
  } catch (error) {
    return missing(error)
  }
}

/** The same without waiting for the disk. Never rejects. */
export async function identifyFileLater(path: string): Promise<FileIdentity> {
  try {
    return identityOf(await stat(path, { bigint: true }))
  } catch (error) {
    return missing(error)
  }
}

/** The identity of a file that is open, from its fstat. */
export function identityOf({ dev, ino, size }: { dev: bigint; ino: bigint; size: bigint }): {
  readonly is: string
  readonly bytes: number
} {
  return { is: `${dev}:${ino}`, bytes: Number(size) }
}

/** Whether the second look shows what the first one did; nothing is known from `unknown`. */
export function isSameFile(before: FileIdentity, now: FileIdentity): boolean {
  if (before === 'unknown' || now === 'unknown') return true
  if (before === 'gone' || now === 'gone') return before === now
  return before.is === now.is
}

const nothingThere: readonly unknown[] = ['ENOENT', 'ENOTDIR', 'ELOOP']

function missing(error: unknown): 'gone' | 'unknown' {
  return nothingThere.includes((error as NodeJS.ErrnoException).code) ? 'gone' : 'unknown'
}
