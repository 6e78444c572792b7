import { rename, rm } from 'node:fs/promises'
import { inBackground, repeatInBackground } from '../background.ts'
import type { Clock } from '../clock.ts'
import type { DecisionLogSettings } from '../config/settings.ts'
import { LineBatch } from './line-batch.ts'
import { type ChainHead, parseSealedLine } from './log-chain.ts'
import { presentLink } from './log-line.ts'
import { readRotatedTail, readTail } from './log-tail.ts'
import { OpenLog, setLogAside } from './open-log.ts'

/**
 * failed: it cannot be written. back: it is written again; `lostLines` were dropped meanwhile. replaced: the file was
 * deleted, moved, cut short or replaced while it was open, and a new one goes on; what stood in its place has another name
 * now. not_looked_at: it is written, and nobody can say whether it still has its name.
 */
export type DecisionLogFileNotice =
  | { readonly kind: 'failed'; readonly code: string }
  | { readonly kind: 'back'; readonly lostLines: number }
  | { readonly kind: 'replaced'; readonly movedTo?: string }
  | { readonly kind: 'not_looked_at' }

/** How the file is doing. */
export interface DecisionLogFileStatus {
  /** True while it cannot be written. */
  readonly failing: boolean
  /** Why it cannot be written or looked at: the error code of the system, or who else writes it. */
  readonly problem?: string
  /** What waits in memory to be written. */
  readonly pendingBytes: number
  /** Lines that were dropped because too many waited, since the start. */
  readonly lostLines: number
  /** How often it was deleted, moved, cut short or replaced while it was open. */
  readonly replaced: number
}

/** Lines are written together: one write call per decision would cost more than the decision. */
const flushBytes = 262_144
const flushAfterMs = 100
const retryAfterMs = 1000
/** Where nothing is written nobody else would notice. */
const lookIntervalMs = 1000
/** What a slow or full disk may make the service remember. Beyond it lines are lost, and `log verify` says so. */
const defaultMaxPendingBytes = 64 * 1024 * 1024

interface Batch {
  /** Set: the file is moved aside before these lines. */
  rotateFirst: boolean
  readonly lines: LineBatch
  /** How much of it is in the file already, after a write that failed then. */
  writtenBytes: number
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
  readonly #takenBy: () => string | undefined
  readonly #stopLooking: () => void
  #open: OpenLog | undefined
  #left: OpenLog | undefined
  /** Which file it was when it was open last; undefined where the next one is to be new. */
  #is: string | undefined
  /** The last line that is in it, where this run of the service has written one. */
  #lastWritten: Buffer | undefined
  /** A rotation has moved the file aside, so the next one is new. */
  #isRotating = false
  #replaced = 0
  #problem: string | undefined
  #isUnseen = false
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
      /** Who else has the lock of the file; nothing is written before that is over. */
      readonly takenBy?: () => string | undefined
    },
  ) {
    this.#settings = settings
    this.#clock = parts.clock
    this.#onNotice = parts.onNotice
    this.#maxPendingBytes = parts.maxPendingBytes ?? defaultMaxPendingBytes
    this.#takenBy = parts.takenBy ?? (() => undefined)
    const current = readTail(settings.file, { create: true })
    this.#is = current.is
    this.#fileBytes = current.size
    this.cutBytes = current.cutBytes
    this.lastLine = current.lastLine ?? readRotatedTail(settings.file)
    if (current.cutBytes > 0) this.write(Buffer.from('\n'))
    this.#stopLooking = repeatInBackground('file_watch', parts.clock, lookIntervalMs, () => this.#lookAtIt())
  }

  /** True as soon as the file has reached its size: what comes next belongs into another one. */
  get isFull(): boolean {
    return this.#fileBytes >= this.#settings.maxBytes
  }

  status(): DecisionLogFileStatus {
    const problem = this.#problem ?? (this.#isUnseen ? 'cannot be looked at' : undefined)
    return {
      failing: this.#failed,
      pendingBytes: this.#pendingBytes,
      lostLines: this.#lostLinesInAll,
      replaced: this.#replaced,
      ...(problem !== undefined && { problem }),
    }
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
    if (this.#pendingBytes >= flushBytes) inBackground('decision_log', () => this.#flush())
    else this.#flushAfter(flushAfterMs)
  }

  /** Waits for what is being written or looked at now. */
  async settled(): Promise<void> {
    while (this.#draining) await this.#draining
  }

  /** Waits until everything is written, as far as the disk takes it. */
  async close(): Promise<void> {
    this.#stopLooking()
    await this.settled()
    await this.#flush()
    this.#cancel?.()
    this.#leave()
    await this.#closeLeft()
  }

  /** Memory that was written out is used again: two pieces take turns while the disk keeps up. */
  #emptyLines(): LineBatch {
    const lines = this.#spare ?? new LineBatch()
    this.#spare = undefined
    return lines
  }

  #flushAfter(delayMs: number): void {
    this.#cancel ??= this.#clock.after(delayMs, () => inBackground('decision_log', () => this.#flush()))
  }

  #flush(): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    this.#draining = this.#drain().finally(() => {
      this.#draining = undefined
      if (this.#queue.length > 0) this.#flushAfter(this.#failed ? retryAfterMs : flushAfterMs)
    })
    return this.#draining
  }

  /** Where lines are waiting to be written, writing them looks at the file as well. */
  async #lookAtIt(): Promise<void> {
    await this.#draining
    if (this.#queue.length === 0 && this.#draining === undefined) await this.#flush()
  }

  async #drain(): Promise<void> {
    try {
      if (this.#queue.length === 0) await this.#keepOpen()
      // Not what comes in meanwhile: under load that would be a write of a few lines in every turn of the event loop.
      for (let due = this.#queue.length; due > 0; due -= 1) await this.#writeNext()
    } catch (error) {
      this.#fail((error as NodeJS.ErrnoException).code ?? 'unknown')
      return
    }
    this.#problem = undefined
    if (!this.#failed && this.#lostLines === 0) return
    this.#failed = false
    this.#onNotice({ kind: 'back', lostLines: this.#lostLines })
    this.#lostLines = 0
  }

  /** Writes the batch that waits longest; after a failure it waits on, with what it knows of itself. */
  async #writeNext(): Promise<void> {
    // Taken out of the line: what comes in meanwhile belongs into another one.
    const batch = this.#queue.shift()
    if (batch === undefined) return
    try {
      await this.#writeOut(batch)
    } catch (error) {
      this.#queue.unshift(batch)
      throw error
    }
    batch.lines.clear()
    this.#spare = batch.lines
  }

  async #writeOut(batch: Batch): Promise<void> {
    if (batch.rotateFirst) await this.#moveAside()
    batch.rotateFirst = false
    const { bytes } = batch.lines
    const { length } = bytes
    do {
      await this.#refuseWhereTaken()
      this.#open ??= await this.#openFile()
      await this.#open.append(bytes, batch.writtenBytes, (count) => {
        batch.writtenBytes += count
        this.#pendingBytes -= count
      })
      // Looked at afterwards: what was written into a file that nobody can reach any more is written again.
      if (await this.#isLost(length)) {
        this.#pendingBytes += length
        batch.writtenBytes = 0
      } else this.#noteLastLine(bytes)
    } while (batch.writtenBytes < length)
    this.#open ??= await this.#openFile()
  }

  async #keepOpen(): Promise<void> {
    await this.#refuseWhereTaken()
    await this.#isLost(0)
    this.#open ??= await this.#openFile()
  }

  /** Two writers would break the chain: what the other one has written is moved aside when it has gone. */
  async #refuseWhereTaken(): Promise<void> {
    const takenBy = this.#takenBy()
    if (takenBy === undefined) return
    this.#leave()
    this.#is = undefined
    throw Object.assign(new Error('another service writes the file'), { code: takenBy })
  }

  /**
   * Leaves the open file where the path does not lead to it any more. True where the bytes that were written last, so many,
   * are gone with it; in a file that has only got another name they are where they belong.
   */
  async #isLost(writtenBytes: number): Promise<boolean> {
    if (this.#open === undefined) return false
    const change = await this.#open.look(writtenBytes)
    if (change === 'unknown' && !this.#isUnseen) this.#onNotice({ kind: 'not_looked_at' })
    this.#isUnseen = change === 'unknown'
    if (change === 'none' || change === 'unknown') return false
    if (change === 'cut') this.#is = undefined
    this.#leave()
    return change !== 'moved'
  }

  /** The file stays open until there is another one: else that could be given its inode, and pass for it. */
  #leave(): void {
    this.#left ??= this.#open
    this.#open = undefined
  }

  async #closeLeft(): Promise<void> {
    const left = this.#left
    this.#left = undefined
    await left?.close()
  }

  /** Opens the file. Another one than before begins with a link to the last line that was written into that. */
  async #openFile(): Promise<OpenLog> {
    let file = await OpenLog.open(this.#settings.file)
    await this.#closeLeft()
    if (file.is === this.#is) return file
    if (!this.#isRotating) {
      let movedTo: string | undefined
      if (file.bytes > 0) {
        await file.close()
        movedTo = await setLogAside(this.#settings.file, this.#clock.nowMs())
        file = await OpenLog.open(this.#settings.file)
      }
      await this.#beginAnew(file, movedTo)
    }
    this.#isRotating = false
    this.#is = file.is
    return file
  }

  async #beginAnew(file: OpenLog, movedTo: string | undefined): Promise<void> {
    const head = this.#lastWritten && parseSealedLine(this.#lastWritten)
    if (head) {
      const link = presentLink(head, new Date(this.#clock.nowMs()).toISOString())
      await file.append(link, 0, () => {})
    }
    this.#fileBytes = file.bytes + this.#pendingBytes
    this.#replaced += 1
    this.#onNotice({ kind: 'replaced', ...(movedTo !== undefined && { movedTo }) })
  }

  #noteLastLine(bytes: Buffer): void {
    const end = bytes.lastIndexOf(0x0a)
    const from = end <= 0 ? 0 : bytes.lastIndexOf(0x0a, end - 1) + 1
    if (end > from) this.#lastWritten = Buffer.from(bytes.subarray(from, end))
  }

  #fail(code: string): void {
    if (!this.#failed || this.#problem !== code) this.#onNotice({ kind: 'failed', code })
    this.#problem = code
    this.#failed = true
  }

  async #moveAside(): Promise<void> {
    const { file, keepFiles } = this.#settings
    this.#leave()
    this.#is = undefined
    this.#isRotating = true
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
