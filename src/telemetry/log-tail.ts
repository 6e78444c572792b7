import { closeSync, fstatSync, readSync } from 'node:fs'
import { identityOf } from '../files/file-identity.ts'
import { type ChainHead, parseSealedLine } from './log-chain.ts'
import { openLogToRead } from './open-log.ts'

/** More than the longest line can get. */
const tailBytes = 65_536

/** The end of a file of the log. */
export interface LogTail {
  /** Device and inode. */
  readonly is: string
  readonly size: number
  /** Bytes of a line that was never finished. */
  readonly cutBytes: number
  /** The last whole line. */
  readonly lastLine?: ChainHead
}

/** Reads the end of a file, and makes the file where it is to be. Throws the error of the system. */
export function readTail(file: string, { create }: { readonly create: boolean }): LogTail {
  const descriptor = openLogToRead(file, { create })
  try {
    const { is, bytes: size } = identityOf(fstatSync(descriptor, { bigint: true }))
    const buffer = Buffer.alloc(Math.min(size, tailBytes))
    readSync(descriptor, buffer, 0, buffer.length, size - buffer.length)
    const end = buffer.lastIndexOf(0x0a) + 1
    const cutBytes = buffer.length - end
    for (let to = end - 1; to > 0; ) {
      const from = buffer.lastIndexOf(0x0a, to - 1) + 1
      const sealed = parseSealedLine(buffer.subarray(from, to))
      if (sealed) {
        const { segment, seq, chain } = sealed
        return { is, size, cutBytes, lastLine: { segment, seq, chain } }
      }
      to = from - 1
    }
    return { is, size, cutBytes }
  } finally {
    closeSync(descriptor)
  }
}

/** A crash right after a rotation leaves the last line in the file beside. */
export function readRotatedTail(file: string): ChainHead | undefined {
  try {
    return readTail(`${file}.1`, { create: false }).lastLine
  } catch {
    return undefined
  }
}
