import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { printable } from '../text/printable.ts'
import { UnusableFile } from './command.ts'

/**
 * Writes a file that is complete at every moment: beside the old one, then in its place. Owner and group stay those of
 * the file that was there, where this user may do that; its mode is what `modeOf` makes of the old one, whatever the
 * umask is. A symbolic link stays, and so does what is no file (a pipe). Throws UnusableFile where nothing was written.
 */
export function replaceFile(
  file: string,
  text: string,
  modeOf: (before: number | undefined) => number,
): void {
  try {
    const before = statSync(file, { throwIfNoEntry: false })
    if (before !== undefined && !before.isFile()) {
      writeFileSync(file, text)
      return
    }
    const target = before === undefined ? file : realpathSync(file)
    const mode = modeOf(before && before.mode & 0o777)
    try {
      writeBeside(target, text, mode, before)
    } catch (error) {
      // A file that is a mount of its own cannot be replaced, nor one in a directory that belongs to somebody else.
      if (before === undefined || !/^(EBUSY|EACCES|EPERM|EROFS)$/.test(codeOf(error))) throw error
      writeOver(target, text, mode)
    }
  } catch (error) {
    throw new UnusableFile(`${printable(file)} cannot be written (${codeOf(error)})`)
  }
}

/** Whether anybody on the machine may put another file in the place of this one (without the sticky bit of /tmp). */
export function isReplaceableByAnybody(file: string): boolean {
  const directory = statSync(dirname(file), { throwIfNoEntry: false })
  return directory !== undefined && (directory.mode & 0o1002) === 0o002
}

function writeBeside(target: string, text: string, mode: number, before: Stats | undefined): void {
  const beside = `${target}.${randomBytes(4).toString('hex')}.new`
  const descriptor = openSync(beside, 'wx', 0o600)
  try {
    try {
      if (before) keepOwner(descriptor, before)
      // Before anything is in it.
      fchmodSync(descriptor, mode)
      writeFileSync(descriptor, text)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(beside, target)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
}

function writeOver(target: string, text: string, mode: number): void {
  const descriptor = openSync(target, 'r+')
  try {
    fchmodSync(descriptor, mode)
    ftruncateSync(descriptor)
    writeFileSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function keepOwner(descriptor: number, { uid, gid }: Stats): void {
  try {
    fchownSync(descriptor, uid, gid)
  } catch {
    // Only root gives files away; whoever else may replace a file gets it.
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}
