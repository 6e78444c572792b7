import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import type { Clock } from '../clock.ts'
import type { DecisionLogSettings } from '../config/settings.ts'
import { LineBatch } from './line-batch.ts'
import { type ChainHead, parseSealedLine } from './log-chain.ts'

/** What went wrong with the file, or that it is written again; `lostLines` were dropped meanwhile. */
export type DecisionLogFileNotice =
  | { readonly failed: true; readonly code: string }
  | { readonly failed: false; readonly lostLines: number }

/** How the file is doing. */
export interface DecisionLogFileStatus {
  /** True while it cannot be written. */
  readonly failing: boolean
  /** What waits in memory to be written. */
  readonly pendingBytes: number
  /** Lines that were dropped because too many waited, since the start. */
  readonly lostLines: number
}

/** Lines are written together: one write call per decision would cost more than the decision. */
const flushBytes = 262_144
const flushAfterMs = 100
const retryAfterMs = 1000
/** What a slow or full disk may make the service remember. Beyond it lines are lost, and `log verify` says so. */
const defaultMaxPendingBytes = 64 * 1024 * 1024
/** More than the longest line can get. */
const tailBytes = 65_536
const mode = 0o640

interface Batch {
  /** Set: the file is moved aside before these lines. */
  readonly rotateFirst: boolean
  readonly lines: LineBatch
  /** How much of it a write that failed then had written already. */
  readonly writtenBytes: number
}

/**
 * The decision log on disk: FILE, and FILE.1 (newest) to FILE.n once it was rotated. Written off the request path; the
 * lines of the last 100 ms are lost where the process is killed.
 */
export class DecisionLogFile {
  /** The last whole line that was there at the opening. */
  readonly lastLine: ChainHead | undefined
  /** Bytes of a line behind it that was never finished. */
  readonly cutBytes: number
  readonly #settings: DecisionLogSettings
  readonly #clock: Clock
  readonly #onNotice: (notice: DecisionLogFileNotice) => void
  readonly #maxPendingBytes: number
  #handle: FileHandle | undefined
  #queue: Batch[] = []
  #spare: LineBatch | undefined
  #pendingBytes = 0
  #fileBytes: number
  #lostLines = 0
  #lostLinesInAll = 0
  #failed = false
  #draining: Promise<void> | undefined
  #cancel: (() => void) | undefined

  /** Reads the end of what is there. Throws the error of the file system where the file cannot be written. */
  constructor(
    settings: DecisionLogSettings,
    parts: {
      readonly clock: Clock
      readonly onNotice: (notice: DecisionLogFileNotice) => void
      readonly maxPendingBytes?: number
    },
  ) {
    this.#settings = settings
    this.#clock = parts.clock
    this.#onNotice = parts.onNotice
    this.#maxPendingBytes = parts.maxPendingBytes ?? defaultMaxPendingBytes
    const current = readTail(settings.file, 'a+')
    this.#fileBytes = current.size
    this.cutBytes = current.cutBytes
    this.lastLine = current.lastLine ?? readRotatedTail(settings.file)
    if (current.cutBytes > 0) this.write(Buffer.from('\n'))
  }

  /** True as soon as the file has reached its size: what comes next belongs into another one. */
  get isFull(): boolean {
    return this.#fileBytes >= this.#settings.maxBytes
  }

  status(): DecisionLogFileStatus {
    return { failing: this.#failed, pendingBytes: this.#pendingBytes, lostLines: this.#lostLinesInAll }
  }

  /** What is written from now on goes into a new file. */
  rotate(): void {
    this.#queue.push({ rotateFirst: true, lines: this.#emptyLines(), writtenBytes: 0 })
    this.#fileBytes = 0
  }

  /** Takes one line with its line end. */
  write(line: Buffer): void {
    const bytes = line.length
    if (this.#pendingBytes + bytes > this.#maxPendingBytes) {
      this.#lostLines += 1
      this.#lostLinesInAll += 1
      return
    }
    this.#pendingBytes += bytes
    this.#fileBytes += bytes
    let lines = this.#queue.at(-1)?.lines
    if (lines === undefined || lines.length > flushBytes) {
      lines = this.#emptyLines()
      this.#queue.push({ rotateFirst: false, lines, writtenBytes: 0 })
    }
    lines.append(line)
    if (this.#failed || this.#draining) return
    if (this.#pendingBytes >= flushBytes) void this.#flush()
    else this.#cancel ??= this.#clock.after(flushAfterMs, () => void this.#flush())
  }

  /** Waits until everything is written, as far as the disk takes it. */
  async close(): Promise<void> {
    while (this.#draining) await this.#draining
    await this.#flush()
    this.#cancel?.()
    await this.#handle?.close()
    this.#handle = undefined
  }

  /** Memory that was written out is used again: two pieces take turns while the disk keeps up. */
  #emptyLines(): LineBatch {
    const lines = this.#spare ?? new LineBatch()
    this.#spare = undefined
    return lines
  }

  #flush(): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    this.#draining = this.#drain().finally(() => {
      this.#draining = undefined
      if (this.#queue.length === 0) return
      this.#cancel ??= this.#clock.after(this.#failed ? retryAfterMs : flushAfterMs, () => void this.#flush())
    })
    return this.#draining
  }

  async #drain(): Promise<void> {
    // Not what comes in meanwhile: under load that would be a write of a few lines in every turn of the event loop.
    for (let due = this.#queue.length; due > 0; due -= 1) {
      const batch = this.#queue.shift()
      if (batch === undefined) break
      let { rotateFirst, writtenBytes } = batch
      const { bytes } = batch.lines
      try {
        if (rotateFirst) await this.#moveAside()
        rotateFirst = false
        this.#handle ??= await open(this.#settings.file, 'a', mode)
        while (writtenBytes < bytes.length) {
          const { bytesWritten } = await this.#handle.write(bytes, writtenBytes)
          this.#pendingBytes -= bytesWritten
          writtenBytes += bytesWritten
        }
      } catch (error) {
        this.#queue.unshift({ rotateFirst, lines: batch.lines, writtenBytes })
        if (!this.#failed)
          this.#onNotice({ failed: true, code: (error as NodeJS.ErrnoException).code ?? 'unknown' })
        this.#failed = true
        return
      }
      batch.lines.clear()
      this.#spare = batch.lines
    }
    if (!this.#failed && this.#lostLines === 0) return
    this.#failed = false
    this.#onNotice({ failed: false, lostLines: this.#lostLines })
    this.#lostLines = 0
  }

  async #moveAside(): Promise<void> {
    const { file, keepFiles } = this.#settings
    await this.#handle?.close()
    this.#handle = undefined
    await rm(`${file}.${keepFiles}`, { force: true })
    for (let number = keepFiles - 1; number >= 1; number -= 1) {
      await rename(`${file}.${number}`, `${file}.${number + 1}`).catch(ignoreMissing)
    }
    if (keepFiles > 0) await rename(file, `${file}.1`).catch(ignoreMissing)
    else await rm(file, { force: true })
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

interface Tail {
  readonly size: number
  readonly cutBytes: number
  readonly lastLine?: ChainHead
}

function readTail(file: string, flags: 'a+' | 'r'): Tail {
  const descriptor = openSync(file, flags, mode)
  try {
    const { size } = fstatSync(descriptor)
    const buffer = Buffer.alloc(Math.min(size, tailBytes))
    readSync(descriptor, buffer, 0, buffer.length, size - buffer.length)
    const end = buffer.lastIndexOf(0x0a) + 1
    const cutBytes = buffer.length - end
    for (let to = end - 1; to > 0; ) {
      const from = buffer.lastIndexOf(0x0a, to - 1) + 1
      const sealed = parseSealedLine(buffer.subarray(from, to))
      if (sealed) {
        const { segment, seq, chain } = sealed
        return { size, cutBytes, lastLine: { segment, seq, chain } }
      }
      to = from - 1
    }
    return { size, cutBytes }
  } finally {
    closeSync(descriptor)
  }
}

/** A crash right after a rotation leaves the last line in the file beside. */
function readRotatedTail(file: string): ChainHead | undefined {
  try {
    return readTail(`${file}.1`, 'r').lastLine
  } catch {
    return undefined
  }
}
