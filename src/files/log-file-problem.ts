import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { kindInsteadOfFile } from './file-kind.ts'

/**
 * What keeps a path from being that of a file that is appended to and moved aside, in words that go on behind the name of its
 * variable; undefined where nothing does that can be seen without opening it. Never throws.
 */
export function problemOfLogFile(file: string): string | undefined {
  const found = statOf(file)
  if (found === 'unknown') return undefined
  if (found === 'missing') return problemOfFolder(file)
  const kind = kindInsteadOfFile(found)
  if (kind === undefined) return undefined
  return `names ${file}, which is ${kind}, not a file. Name a regular file, or one that is to be made; without it the lines go to standard output alone.`
}

/** The file is made where it is missing; its folder is not, because a folder that is missing is one misspelt, or not mounted. */
function problemOfFolder(file: string): string | undefined {
  const folder = dirname(targetOf(file))
  const found = statOf(folder)
  if (found === 'unknown' || (found !== 'missing' && found.isDirectory())) return undefined
  const why = found === 'missing' ? 'does not exist' : 'is not a directory'
  return `names ${file}, but ${folder} ${why}. Make that directory, writable for the service, or name a file in one that is there.`
}

function statOf(path: string): Stats | 'missing' | 'unknown' {
  try {
    return statSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // ENOTDIR: a file where a directory belongs. What else is wrong, opening it says.
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unknown'
  }
}

/** Where the file would be made: a link that leads nowhere is followed, once. */
function targetOf(file: string): string {
  try {
    return lstatSync(file).isSymbolicLink() ? resolve(dirname(file), readlinkSync(file)) : resolve(file)
  } catch {
    return resolve(file)
  }
}
