import { type Stats, statSync } from 'node:fs'

/**
 * Who besides its owner may read or change a file that holds secrets, and how to end that, in one sentence that goes on
 * behind the name of its variable; undefined where nobody may, or where the file cannot be looked at. A group that reads
 * the file of another owner is not counted: that is how a service is given a file that it may not change. On Windows
 * modes say nothing.
 */
export function openPermissionsOf(file: string): string | undefined {
  const own = process.geteuid?.()
  const stats = statsOf(file)
  if (own === undefined || stats === undefined || !stats.isFile()) return undefined
  const mode = stats.mode & 0o777
  const isGroupOdd = stats.uid === own ? (mode & 0o070) !== 0 : (mode & 0o020) !== 0
  if ((mode & 0o007) === 0 && !isGroupOdd) return undefined
  const who = (mode & 0o007) === 0 ? 'its group' : 'everybody on this machine'
  const may = mode & ((mode & 0o007) === 0 ? 0o020 : 0o002) ? 'change' : 'read'
  const command = stats.uid === own ? 'chmod 600' : 'chmod o=,g-w'
  const shown = mode.toString(8).padStart(4, '0')
  return `names ${file}, which ${who} may ${may} (mode ${shown}); run: ${command} ${quoted(file)}`
}

function statsOf(file: string): Stats | undefined {
  try {
    return statSync(file)
  } catch {
    // Whoever opens it says what is wrong.
    return undefined
  }
}

/** As a shell takes it. */
function quoted(path: string): string {
  return /^[\w./@%+:,-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}
