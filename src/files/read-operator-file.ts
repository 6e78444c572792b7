import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { describeReadError } from '../text/decode.ts'
import { kindInsteadOfFile } from './file-kind.ts'
import { type FileRead, Intake, refuseLarger } from './intake.ts'

/** A FIFO without a writer opens at once, and a terminal does not become that of this process. A file does not care. */
export const reading = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY

/**
 * What is in a file of the operator: the way in which every one is read that may be looked at again. Links are followed, as
 * mounts of Kubernetes are made of them. Refused, as a predicate: what is no regular file, and more than `maxBytes`, also
 * where the file grows meanwhile or the system calls its size 0 (/proc). Never waits for another process, never throws.
 */
export function readOperatorFile(file: string, maxBytes: number): FileRead {
  try {
    const refused = refuseUnread(statSync(file), maxBytes)
    if (refused) return refused
    const descriptor = openSync(file, reading)
    try {
      return refuseUnread(fstatSync(descriptor), maxBytes) ?? readToEnd(descriptor, maxBytes)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    return { ok: false, why: describeReadError(error) }
  }
}

/** The same without keeping others waiting for the disk. Never rejects. */
export async function readOperatorFileLater(file: string, maxBytes: number): Promise<FileRead> {
  try {
    const refused = refuseUnread(await stat(file), maxBytes)
    if (refused) return refused
    const handle = await open(file, reading)
    try {
      const refusedNow = refuseUnread(await handle.stat(), maxBytes)
      if (refusedNow) return refusedNow
      const intake = new Intake(maxBytes)
      for (;;) {
        const { bytesRead } = await handle.read(intake.room())
        const ended = intake.took(bytesRead)
        if (ended) return ended
      }
    } finally {
      await handle.close()
    }
  } catch (error) {
    return { ok: false, why: describeReadError(error) }
  }
}

/**
 * Looked at before the file is opened, because opening a device may do something and opening a FIFO ends its writer; and
 * again when it is open, because it may be another one by then.
 */
function refuseUnread(stats: Stats, maxBytes: number): FileRead | undefined {
  const kind = kindInsteadOfFile(stats)
  if (kind !== undefined) return { ok: false, why: `is ${kind}, not a file` }
  return stats.size > maxBytes ? refuseLarger(maxBytes) : undefined
}

function readToEnd(descriptor: number, maxBytes: number): FileRead {
  const intake = new Intake(maxBytes)
  for (;;) {
    const ended = intake.took(readSync(descriptor, intake.room()))
    if (ended) return ended
  }
}
