import { readOperatorFile, readOperatorFileLater } from '../files/read-operator-file.ts'
import type { Holds } from './pem-blocks.ts'

/** Five times what the roots of all of Mozilla's programme take. */
export const maxPemBytes = 1024 * 1024

/** What is in a file, or why it cannot be read, as a predicate that follows its name: `is a directory, not a file`. */
export function readBytes(file: string): Holds<Uint8Array> {
  return readOperatorFile(file, maxPemBytes)
}

/** The same without keeping others waiting. */
export async function readBytesLater(file: string): Promise<Holds<Uint8Array>> {
  return readOperatorFileLater(file, maxPemBytes)
}
