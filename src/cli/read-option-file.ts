import { readFileSync } from 'node:fs'
import { UnusableFile } from './command.ts'

/** The text of a file that an option names. Throws UnusableFile, naming the option, where it cannot be read. */
export function readTextFile(file: string, option: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new UnusableFile(`cannot read the file of ${option}: ${file}`)
  }
}

/** The same for a file with one secret in it, as `client add --secret-file` writes it: without its line end. */
export function readSecretFile(file: string, option: string): string {
  return readTextFile(file, option).replace(/\r?\n$/, '')
}
