import { join } from 'node:path'
import { inBackground } from '../background.ts'
import type { Clock } from '../clock.ts'
import type { StateChange } from './state-database.ts'
import type { StateFileProblem } from './state-file.ts'
import type { StateMessage } from './state-messages.ts'
import { type StateThread, startStateThread } from './state-thread.ts'

/** Something that an operator should know about the state file. */
export interface StateNotice {
  readonly problem: StateFileProblem
  readonly file: string
  /** Where a file that could not be used is now. */
  readonly movedTo?: string
  /** memory_only: nothing survives a restart. new_file: it was replaced. read_only: it is read and not written. */
  readonly consequence: 'memory_only' | 'new_file' | 'read_only' | 'not_written_for_now'
}

export interface StateStoreParts {
  readonly directory: string
  /** Names the file in the directory: one per tenant, letters, digits, dots and hyphens. */
  readonly name: string
  readonly clock: Clock
  /** The value to store for a key now, or nothing where it is to be removed. */
  readonly read: (key: string) => { readonly value: string; readonly observedAtMs: number } | undefined
  /** Takes in one stored record. */
  readonly restore: (key: string, value: string) => void
  /**
   * Visits every key in memory, in slices, and waits for what a visit returns: asked for when a damaged file was
   * replaced.
   */
  readonly visitKeys: (visit: (key: string) => void | Promise<void>) => Promise<void>
  readonly onNotice: (notice: StateNotice) => void
}

/** The state file at one moment. */
export interface StateStatus {
  readonly file: string
  readonly mode: 'opening' | 'read_write' | 'read_only' | 'memory_only'
  /** Changes that are not on disk yet, and the age of the oldest of them, milliseconds. */
  readonly pendingChanges: number
  readonly writeLagMs: number
  readonly writtenRecords: number
  readonly failedWrites: number
  readonly isLoaded: boolean
}

const flushIntervalMs = 1000
/** One message of this size costs the main thread about 2 ms. */
const changesPerWrite = 2000
/** Where everything has to be written again, it is noted a part at a time: a million keys would stay in memory till then. */
const notedAtOnce = 20_000
/** A thread that hangs on its disk does not hold up a shutdown for longer. */
const closeLimitMs = 3000

/**
 * Keeps the records of the memory on disk: changes are collected and written behind, once a second and at most 2,000
 * at a time, by a thread of its own. A disk that is slow, full or gone costs persistence and nothing else.
 */
export class StateStore {
  readonly #parts: StateStoreParts
  readonly #file: string
  readonly #thread: StateThread
  /** Changed keys and since when, oldest first. */
  readonly #dirty = new Map<string, number>()
  #writing = new Map<string, number>()
  /** All records were forgotten, and those in the file have to go. */
  #mustClear = false
  /** From then on nothing is read from the file any more that was there before. */
  #isForgotten = false
  #mode: StateStatus['mode'] = 'opening'
  #opened = Promise.withResolvers<void>()
  #isLoaded = false
  #isClosed = false
  #written = 0
  #failed = 0
  #lastProblem: StateFileProblem | undefined
  #cancelFlush = () => {}
  #flushUnderWay: Promise<void> | undefined

  /** Starts to open the file; changes may be noted at once. */
  constructor(parts: StateStoreParts) {
    this.#parts = parts
    this.#file = join(parts.directory, `${parts.name}.sqlite`)
    this.#thread = startStateThread({
      file: this.#file,
      onOpened: (opened) => this.#takeOpened(opened),
      onLost: () => this.#takeLoss(),
    })
    this.#scheduleFlush()
  }

  /** Reads everything that was observed at `sinceMs` or later; resolves when it is in memory. Never rejects. */
  async load(sinceMs: number): Promise<void> {
    await this.#opened.promise
    while (await this.#loadSome(sinceMs));
    this.#isLoaded = true
    if (this.#mode === 'read_write') await this.#thread.ask({ ask: 'prune', beforeMs: sinceMs })
  }

  /** Fetches one record while the others are still being read; nothing to wait for after that. */
  recall(key: string): Promise<void> | undefined {
    if (this.#isLoaded || this.#isForgotten || this.#mode === 'memory_only') return undefined
    return this.#thread.ask({ ask: 'read', key }).then((answer) => {
      if (this.#isForgotten) return
      if (answer.ok && typeof answer.value === 'string') this.#parts.restore(key, answer.value)
    })
  }

  /** Says that the record of this key was set or removed. */
  noteChange(key: string): void {
    if (this.#mode === 'memory_only' || this.#mode === 'read_only') return
    if (!this.#dirty.has(key)) this.#dirty.set(key, this.#parts.clock.nowMs())
  }

  /** Says that all records were removed at once. Those of other processes in the file go as well. */
  noteClear(): void {
    this.#isForgotten = true
    if (this.#mode === 'memory_only' || this.#mode === 'read_only') return
    this.#dirty.clear()
    this.#mustClear = true
    inBackground('state_file', () => this.flush())
  }

  /** True for exactly one caller in `intervalMs` over all processes on this file; false where nothing can be stored. */
  async claim(name: string, nowMs: number, intervalMs: number): Promise<boolean> {
    await this.#opened.promise
    if (this.#mode !== 'read_write') return false
    const answer = await this.#thread.ask({ ask: 'claim', name, nowMs, intervalMs })
    return answer.ok && answer.value === true
  }

  async putDocument(name: string, value: string, writtenAtMs: number): Promise<void> {
    await this.#thread.ask({ ask: 'put', name, value, writtenAtMs })
  }

  /** The document, if it was written after `afterMs`. */
  async getDocument(name: string, afterMs: number): Promise<string | undefined> {
    await this.#opened.promise
    const answer = await this.#thread.ask({ ask: 'get', name, afterMs })
    return answer.ok && typeof answer.value === 'string' ? answer.value : undefined
  }

  get status(): StateStatus {
    const oldestMs = this.#writing.values().next().value ?? this.#dirty.values().next().value
    const nowMs = this.#parts.clock.nowMs()
    return {
      file: this.#file,
      mode: this.#mode,
      pendingChanges: this.#dirty.size + this.#writing.size,
      writeLagMs: oldestMs === undefined ? 0 : Math.max(0, nowMs - oldestMs),
      writtenRecords: this.#written,
      failedWrites: this.#failed,
      isLoaded: this.#isLoaded,
    }
  }

  /** Writes what has changed, as far as the file takes it. Never rejects. */
  flush(): Promise<void> {
    this.#flushUnderWay ??= this.#writeAll().finally(() => {
      this.#flushUnderWay = undefined
    })
    return this.#flushUnderWay
  }

  /** Writes what has changed and closes the file, within three seconds. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelFlush()
    const closing = this.flush().then(() => this.#thread.ask({ ask: 'close' }))
    await new Promise<void>((resolve) => {
      const cancel = this.#parts.clock.after(closeLimitMs, resolve)
      inBackground(
        'state_file',
        () => closing,
        () => {
          cancel()
          resolve()
        },
      )
    })
    await this.#thread.terminate()
  }

  async #writeAll(): Promise<void> {
    while (this.#mode === 'read_write' && (this.#mustClear || this.#dirty.size > 0)) {
      if (!(await (this.#mustClear ? this.#clearFile() : this.#writeSome()))) return
    }
  }

  async #clearFile(): Promise<boolean> {
    const answer = await this.#thread.ask({ ask: 'clear' })
    this.#mustClear = !answer.ok
    return answer.ok || this.#noteFailure(answer.problem)
  }

  async #writeSome(): Promise<boolean> {
    const changes: StateChange[] = []
    for (const [key, sinceMs] of this.#dirty) {
      this.#dirty.delete(key)
      this.#writing.set(key, sinceMs)
      const current = this.#parts.read(key)
      changes.push(current === undefined ? { key } : { key, ...current })
      if (changes.length === changesPerWrite) break
    }
    const answer = await this.#thread.ask({ ask: 'write', changes })
    const written = this.#writing
    this.#writing = new Map()
    if (answer.ok) {
      this.#written += changes.length
      this.#lastProblem = undefined
      return true
    }
    // Back into the line, unless they have changed again.
    for (const [key, sinceMs] of written) if (!this.#dirty.has(key)) this.#dirty.set(key, sinceMs)
    return this.#noteFailure(answer.problem)
  }

  /** Told once per kind of trouble, not once a second. */
  #noteFailure(problem: StateFileProblem): false {
    this.#failed += 1
    if (problem === this.#lastProblem || this.#mode !== 'read_write') return false
    this.#lastProblem = problem
    this.#notice(problem, 'not_written_for_now')
    return false
  }

  #scheduleFlush(): void {
    if (this.#isClosed) return
    this.#cancelFlush = this.#parts.clock.after(flushIntervalMs, () => {
      inBackground(
        'state_file',
        () => this.flush(),
        () => this.#scheduleFlush(),
      )
    })
  }

  #takeOpened({ mode, problem, movedTo, replaced }: Extract<StateMessage, { say: 'opened' }>): void {
    this.#mode = mode
    if (problem !== undefined) this.#notice(problem, mode === 'read_write' ? 'new_file' : mode, movedTo)
    if (replaced) inBackground('state_file', () => this.#noteEverything())
    this.#opened.resolve()
  }

  #noteEverything(): Promise<void> {
    return this.#parts.visitKeys((key) => {
      this.noteChange(key)
      return this.#dirty.size > 0 && this.#dirty.size % notedAtOnce === 0 ? this.flush() : undefined
    })
  }

  /** False when there is no more to be had. */
  async #loadSome(sinceMs: number): Promise<boolean> {
    if (this.#mode === 'memory_only' || this.#isClosed || this.#isForgotten) return false
    const answer = await this.#thread.ask({ ask: 'rows', sinceMs })
    if (this.#isForgotten || !answer.ok || !Array.isArray(answer.value)) return false
    const rows: readonly string[] = answer.value
    for (let index = 0; index + 1 < rows.length; index += 2) {
      this.#parts.restore(rows[index] ?? '', rows[index + 1] ?? '')
    }
    return rows.length > 0
  }

  #takeLoss(): void {
    if (this.#isClosed) return
    this.#mode = 'memory_only'
    this.#dirty.clear()
    this.#notice('failed', 'memory_only')
    this.#opened.resolve()
  }

  #notice(problem: StateFileProblem, consequence: StateNotice['consequence'], movedTo?: string): void {
    const file = this.#file
    this.#parts.onNotice({ problem, file, consequence, ...(movedTo !== undefined && { movedTo }) })
  }
}
