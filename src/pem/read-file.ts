import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { describeReadError } from '../text/decode.ts'
import type { Holds } from './pem-blocks.ts'

/** What is in a file, or why it cannot be read, as a predicate that follows its name: `is a directory, not a file`. */
export function readBytes(file: string): Holds<Uint8Array> {
  try {
    return { ok: true, value: readFileSync(file) }
  } catch (error) {
    return { ok: false, why: describeReadError(error) }
  }
}

/** The same without keeping others waiting. */
export async function readBytesLater(file: string): Promise<Holds<Uint8Array>> {
  try {
    return { ok: true, value: await readFile(file) }
  } catch (error) {
    return { ok: false, why: describeReadError(error) }
  }
}
