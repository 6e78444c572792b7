/** What fs.Stats says about the kind of a file. */
interface Kind {
  isFile(): boolean
  isDirectory(): boolean
  isFIFO(): boolean
  isSocket(): boolean
}

/** What there is instead of a regular file: `a directory`; undefined for one. Links are followed by whoever made the stats. */
export function kindInsteadOfFile(stats: Kind): string | undefined {
  if (stats.isFile()) return undefined
  if (stats.isDirectory()) return 'a directory'
  if (stats.isFIFO()) return 'a FIFO (named pipe)'
  return stats.isSocket() ? 'a socket' : 'a device'
}
