import { type Stats, statSync } from 'node:fs'

/**
 * What keeps a path from being that of a file that is appended to and moved aside, in words that go on behind the name of its
 * variable; undefined where nothing does that can be seen without opening it. Never throws.
 */
export function problemOfLogFile(file: string): string | undefined {
  const kind = kindOf(file)
  if (kind === undefined) return undefined
  return `names ${file}, which is ${kind}. Name a regular file, or one that is to be made; without it the lines go to standard output alone.`
}

function kindOf(file: string): string | undefined {
  let stats: Stats | undefined
  try {
    stats = statSync(file, { throwIfNoEntry: false })
  } catch {
    // Opening it says what is wrong.
    return undefined
  }
  if (stats === undefined || stats.isFile()) return undefined
  if (stats.isDirectory()) return 'a directory'
  if (stats.isFIFO()) return 'a FIFO'
  return stats.isSocket() ? 'a socket' : 'a device'
}
