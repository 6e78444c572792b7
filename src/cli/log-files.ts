import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { printable } from '../text/printable.ts'
import { UnusableFile } from './command.ts'

/** A decision log with the files that it was rotated into, oldest first: FILE.n comes before FILE.1, and FILE is the newest. */
export function withRotated(file: string): string[] {
  const directory = dirname(file)
  const prefix = `${basename(file)}.`
  const numbers = (existsSync(directory) ? readdirSync(directory) : [])
    .filter((name) => name.startsWith(prefix) && /^[1-9]\d{0,3}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => b - a)
  const rotated = numbers.map((number) => join(directory, `${prefix}${number}`))
  return rotated.length > 0 && !existsSync(file) ? rotated : [...rotated, file]
}

/** What reading gives; UnusableFile where the file system says no. */
export async function readable<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new UnusableFile(`cannot read ${printable(path ?? 'the file')}: ${code}`)
  }
}
