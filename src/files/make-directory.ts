import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * Makes a directory and those above it that are missing. Node's own recursive mkdir never returns where a file system
 * answers ENOENT although the directory above is there (procfs does); here every level is tried twice at most. Throws
 * the error of the file system, ENOTDIR where something else has the name.
 */
export function makeDirectory(directory: string, mode = 0o700): void {
  const missing: string[] = []
  let at = resolve(directory)
  while (!isMade(at, mode)) {
    missing.push(at)
    if (dirname(at) === at) throw notThere(at)
    at = dirname(at)
  }
  for (const below of missing.reverse()) if (!isMade(below, mode)) throw notThere(below)
}

/** True where the directory is there now; false where the one above it is missing. */
function isMade(directory: string, mode: number): boolean {
  try {
    mkdirSync(directory, { mode })
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return false
    const found = statSync(directory, { throwIfNoEntry: false })
    if (found?.isDirectory()) return true
    // A link that leads nowhere exists, and so does a file.
    throw code === 'EEXIST' ? failed(found ? 'ENOTDIR' : 'ENOENT', directory) : error
  }
}

function notThere(directory: string): Error {
  return failed('ENOENT', directory)
}

function failed(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: cannot make the directory`), { code, path, syscall: 'mkdir' })
}
