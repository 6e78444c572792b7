import { readOnce } from '../files/read-once.ts'
import { readCertificates } from '../pem/read-certificates.ts'
import { decodeText } from '../text/decode.ts'
import { printable } from '../text/printable.ts'
import { UnusableFile } from './command.ts'

/** A manifest, a scenario, the certificates of a large company. */
const maxOptionFileBytes = 16 * 1024 * 1024

/**
 * What is in a file that an option names; a pipe as well, because it is read once. Throws UnusableFile, naming the option,
 * where it cannot be read.
 */
export function readFileBytes(file: string, option: string): Buffer {
  const read = readOnce(file, maxOptionFileBytes)
  if (read.ok) return read.value
  throw new UnusableFile(`cannot read the file of ${option}: ${printable(file)}, which ${read.why}`)
}

/** The secret in a file, as `client add --secret-file` writes it: without its line end. */
export function readSecretFile(file: string, option: string): string {
  const decoded = decodeText(readFileBytes(file, option))
  if (decoded.ok) return decoded.text.replace(/^\uFEFF/, '').replace(/\r?\n$/, '')
  throw new UnusableFile(`the file of ${option} cannot be used: ${printable(file)}, which ${decoded.why}`)
}

/** The PEM of the authorities in the file of `--ca-file`. Throws UnusableFile where it holds none. */
export function readAuthorities(file: string): string {
  const authorities = readCertificates(readFileBytes(file, '--ca-file'))
  if (authorities.ok) return authorities.value.pem
  throw new UnusableFile(`--ca-file names ${printable(file)}, which ${authorities.why}`)
}
