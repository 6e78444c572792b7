import { readFileSync } from 'node:fs'
import { decodeText, describeReadError } from '../text/decode.ts'
import { printable } from '../text/printable.ts'
import { UnusableFile } from './command.ts'

/** What is in a file that an option names. Throws UnusableFile, naming the option, where it cannot be read. */
export function readFileBytes(file: string, option: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new UnusableFile(
      `cannot read the file of ${option}: ${printable(file)}, which ${describeReadError(error)}`,
    )
  }
}

/** The secret in a file, as `client add --secret-file` writes it: without its line end. */
export function readSecretFile(file: string, option: string): string {
  const decoded = decodeText(readFileBytes(file, option))
  if (decoded.ok) return decoded.text.replace(/^\uFEFF/, '').replace(/\r?\n$/, '')
  throw new UnusableFile(`the file of ${option} cannot be used: ${printable(file)}, which ${decoded.why}`)
}
