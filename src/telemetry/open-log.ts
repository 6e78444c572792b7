import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { identifyFileLater, identityOf, isSameFile } from '../files/file-identity.ts'
import { makeDirectory } from '../files/make-directory.ts'

const mode = 0o640
const openAttempts = 3
/** Opening a FIFO that nobody reads would wait for ever; with O_NONBLOCK it fails, and a file does not care. */
const appending = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK
const readingAndAppending = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK

/**
 * What has become of a file while it was open. gone: nothing leads to its content any more. moved: it has another name.
 * cut: it is shorter than it was. unknown: the path cannot be looked at.
 */
export type LogChange = 'none' | 'unknown' | 'gone' | 'moved' | 'cut'

/** The decision log while it is open: appends, and notices when its path leads elsewhere. */
export class OpenLog {
  readonly #path: string
  readonly #handle: FileHandle
  /** Device and inode. */
  readonly is: string
  /** How long it is, as far as it was written here. */
  #bytes: number
  /** False on a file system that gives a path and an open file different identities: there is nothing to compare. */
  #isComparable = true

  private constructor(path: string, handle: FileHandle, is: string, bytes: number) {
    this.#path = path
    this.#handle = handle
    this.is = is
    this.#bytes = bytes
  }

  /** Opens the file, and makes it and its directory where they are not there. Rejects with the error of the system. */
  static async open(path: string, attempts = openAttempts): Promise<OpenLog> {
    const handle = await open(path, appending, mode).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
      makeDirectory(dirname(path), 0o750)
      return open(path, appending, mode)
    })
    try {
      const stats = await handle.stat({ bigint: true })
      if (!stats.isFile()) throw notAFile(path)
      const { is, bytes } = identityOf(stats)
      const file = new OpenLog(path, handle, is, bytes)
      const found = await identifyFileLater(path)
      if (found === 'gone' || isSameFile({ is, bytes }, found)) return file
      // Replaced at this very moment, or never comparable.
      if (attempts > 1) {
        await handle.close()
        return await OpenLog.open(path, attempts - 1)
      }
      file.#isComparable = false
      return file
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Appends what comes behind `from`; calls `written` with the number of bytes as they reach the file. */
  async append(bytes: Buffer, from: number, written: (count: number) => void): Promise<void> {
    for (let at = from; at < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, at)
      at += bytesWritten
      this.#bytes += bytesWritten
      written(bytesWritten)
    }
  }

  /**
   * Whether the path still leads here. A file that was emptied and got the last `writtenBytes` since is emptied again, so
   * that it can be begun in order. Rejects where that fails.
   */
  async look(writtenBytes: number): Promise<LogChange> {
    if (!this.#isComparable) return 'none'
    const now = await identifyFileLater(this.#path)
    if (now === 'unknown') return 'unknown'
    if (now !== 'gone' && isSameFile({ is: this.is, bytes: 0 }, now)) {
      if (now.bytes >= this.#bytes) return 'none'
      if (now.bytes > 0 && now.bytes <= writtenBytes) await this.#handle.truncate(0)
      return 'cut'
    }
    const { nlink } = await this.#handle.stat()
    return nlink === 0 ? 'gone' : 'moved'
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}

/** Gives a file that is not the log another name; gives that. */
export async function setLogAside(path: string, nowMs: number): Promise<string> {
  const aside = `${path}.set-aside-${new Date(nowMs).toISOString().replaceAll(/[-:.]/g, '')}`
  await rename(path, aside)
  return aside
}

/** Opens the file for its end to be read at the start. Throws the error of the system. */
export function openLogToRead(path: string, { create }: { readonly create: boolean }): number {
  const flags = create ? readingAndAppending : constants.O_RDONLY | constants.O_NONBLOCK
  const descriptor = openSync(path, flags, mode)
  if (fstatSync(descriptor).isFile()) return descriptor
  closeSync(descriptor)
  throw notAFile(path)
}

function notAFile(path: string): Error {
  return Object.assign(new Error('not a regular file'), { code: 'not a regular file', path })
}
