import { join } from 'node:path'
import { inBackground, repeatInBackground } from '../background.ts'
import { type Clock, type ClockWitness, noWitness } from '../clock.ts'
import { PendingChanges } from './pending-changes.ts'
import type { KeepLater, StateChange } from './state-database.ts'
import type { StateFileProblem } from './state-file.ts'
import type { StateMessage } from './state-messages.ts'
import { type StateThread, startStateThread } from './state-thread.ts'

/** Something that an operator should know about the state file. */
export interface StateNotice {
  readonly problem: StateFileProblem
  readonly file: string
  /** Where a file that could not be used is now. */
  readonly movedTo?: string
  /**
   * memory_only: nothing survives a restart. new_file: it was moved aside and a new one made. read_only: it is read and not
   * written. written_again: it was gone or could not be used, and gets everything that is in memory now.
   * not_looked_at: it is written, and nobody can say whether it still has its name.
   */
  readonly consequence:
    | 'memory_only'
    | 'new_file'
    | 'read_only'
    | 'not_written_for_now'
    | 'written_again'
    | 'not_looked_at'
}

export interface StateStoreParts {
  readonly directory: string
  /** Names the file in the directory: one per tenant, letters, digits, dots and hyphens. */
  readonly name: string
  readonly clock: Clock
  /** Absent: the clock is taken for right. */
  readonly witness?: ClockWitness
  /** The value to store for a key now, or nothing where it is to be removed. */
  readonly read: (key: string) => { readonly value: string; readonly observedAtMs: number } | undefined
  /** Takes in one stored record. */
  readonly restore: (key: string, value: string) => void
  /**
   * Visits every key in memory, in slices, and waits for what a visit returns: asked for when there is another file than
   * before.
   */
  readonly visitKeys: (visit: (key: string) => void | Promise<void>) => Promise<void>
  /** Writes the documents again that belong into another file than before. */
  readonly rewriteDocuments?: () => Promise<void>
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
  /** What keeps the file from being written or looked at now. */
  readonly problem?: StateFileProblem
  /** Everything that is in memory is being written into another file than before. */
  readonly isRewriting: boolean
  /** How often the file was found gone, replaced or damaged while it was in use, or usable only later. */
  readonly reopened: number
}

const flushIntervalMs = 1000
/** A file that was deleted is made again within this and the time that it takes to write. */
export const fileCheckIntervalMs = 2000
/** One message of this size costs the main thread about 2 ms. */
const changesPerWrite = 2000
/** Where everything has to be written again, it is noted a part at a time: a million keys would stay in memory till then. */
const notedAtOnce = 20_000
/** Of records that were removed while there is no file; more than an operator removes one by one. */
const maxRemovals = 100_000
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
  readonly #pending = new PendingChanges()
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
  /** Why the last write failed, why the file cannot be looked at, why there is none. */
  #lastProblem: StateFileProblem | undefined
  #checkProblem: StateFileProblem | undefined
  #openProblem: StateFileProblem | undefined
  #hasBeenRead = false
  #rewriting = 0
  #reopened = 0
  #isThreadLost = false
  #stopChecking = () => {}
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
    this.#stopChecking = repeatInBackground('file_watch', parts.clock, fileCheckIntervalMs, () =>
      this.check(),
    )
  }

  /**
   * Reads everything; resolves when it is in memory. Never rejects. Nothing is left out for its age, which at the start
   * only a clock tells that nobody has confirmed yet.
   */
  async load(): Promise<void> {
    await this.#opened.promise
    await this.#loadAll()
    this.#isLoaded = true
  }

  /** Removes what was observed before this from the file, whoever wrote it. */
  async prune(beforeMs: number): Promise<void> {
    if (this.#mode === 'read_write') await this.#thread.ask({ ask: 'prune', beforeMs })
  }

  /**
   * Looks whether the path still leads to the file that is open. One that is gone is made again and gets everything that is
   * in memory; one that could not be used is tried again. Never rejects.
   */
  async check(): Promise<void> {
    // A thread that is still at it says so when it is done.
    if (this.#isThreadLost || this.#mode === 'opening') return
    const answer = await this.#thread.ask({ ask: 'check' })
    const problem = answer.ok ? undefined : answer.problem
    if (problem !== undefined && this.#checkProblem === undefined) this.#notice(problem, 'not_looked_at')
    this.#checkProblem = problem
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
    if (this.#isThreadLost || this.#pending.has(key)) return
    if (!this.#isWritable && !this.#isRemovalToRemember(key)) return
    this.#pending.note(key, this.#parts.clock.monotonicMs())
  }

  /** Says that every record has to be written again. */
  noteAll(): Promise<void> {
    return this.#parts.visitKeys((key) => {
      this.noteChange(key)
      const { waiting } = this.#pending
      return waiting > 0 && waiting % notedAtOnce === 0 ? this.flush() : undefined
    })
  }

  /** Says that all records were removed at once. Those of other processes in the file go as well. */
  noteClear(): void {
    this.#isForgotten = true
    this.#pending.clear()
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

  /** False where it was not written. A later one stays where it is dated `keepLaterUpToMs` or before. */
  async putDocument(
    name: string,
    value: string,
    writtenAtMs: number,
    keepLater: KeepLater = {},
  ): Promise<boolean> {
    return (await this.#thread.ask({ ask: 'put', name, value, writtenAtMs, ...keepLater })).ok
  }

  /** Removes the documents whose names begin with `prefix`, but not those that begin with `but`. */
  async forgetDocuments(prefix: string, but: string): Promise<void> {
    await this.#thread.ask({ ask: 'forget', prefix, but })
  }

  /** The document, unless it is the one that was written at `knownMs`. */
  async getDocument(name: string, knownMs?: number): Promise<string | undefined> {
    await this.#opened.promise
    const answer = await this.#thread.ask({ ask: 'get', name, knownMs })
    return answer.ok && typeof answer.value === 'string' ? answer.value : undefined
  }

  get status(): StateStatus {
    const { oldestMs, size } = this.#pending
    const problem = this.#openProblem ?? this.#lastProblem ?? this.#checkProblem
    return {
      file: this.#file,
      mode: this.#mode,
      pendingChanges: size,
      writeLagMs: oldestMs === undefined ? 0 : this.#parts.clock.monotonicMs() - oldestMs,
      writtenRecords: this.#written,
      failedWrites: this.#failed,
      isLoaded: this.#isLoaded,
      ...(problem !== undefined && { problem }),
      isRewriting: this.#rewriting > 0,
      reopened: this.#reopened,
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
    this.#stopChecking()
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
    while (this.#mode === 'read_write' && (this.#mustClear || this.#pending.waiting > 0)) {
      if (!(await (this.#mustClear ? this.#clearFile() : this.#writeSome()))) return
    }
  }

  async #clearFile(): Promise<boolean> {
    const answer = await this.#thread.ask({ ask: 'clear' })
    this.#mustClear = !answer.ok
    return answer.ok || this.#noteFailure(answer.problem)
  }

  async #writeSome(): Promise<boolean> {
    const changes = this.#pending.take(changesPerWrite).map((key): StateChange => {
      const current = this.#parts.read(key)
      return current === undefined ? { key } : { key, ...current }
    })
    // The file is dated by a clock that servers do not contradict.
    const nowMs = this.#parts.clock.nowMs() - (this.#parts.witness ?? noWitness).aheadMs()
    const answer = await this.#thread.ask({ ask: 'write', changes, nowMs })
    this.#pending.settle(answer.ok)
    if (!answer.ok) return this.#noteFailure(answer.problem)
    this.#written += changes.length
    this.#lastProblem = undefined
    return true
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

  get #isWritable(): boolean {
    return this.#mode === 'read_write' || this.#mode === 'opening'
  }

  /** What was removed while there is no file must not come back with the file. */
  #isRemovalToRemember(key: string): boolean {
    return this.#pending.waiting < maxRemovals && this.#parts.read(key) === undefined
  }

  #takeOpened({ mode, problem, movedTo, replaced }: Extract<StateMessage, { say: 'opened' }>): void {
    const before = this.#openProblem
    this.#mode = mode
    this.#openProblem = mode === 'read_write' ? undefined : (problem ?? 'failed')
    if (mode !== 'read_write') this.#notice(problem ?? 'failed', mode)
    else if (movedTo !== undefined) this.#notice(problem ?? 'failed', 'new_file', movedTo)
    else if (replaced) this.#notice(problem ?? before ?? 'failed', 'written_again')
    if (replaced) {
      this.#reopened += 1
      if (mode === 'read_write') inBackground('state_file', () => this.#rewrite())
    }
    this.#opened.resolve()
  }

  /** Brings everything that is known into another file than before, and what that one knows into the memory. */
  async #rewrite(): Promise<void> {
    this.#rewriting += 1
    try {
      await this.noteAll()
      await this.#parts.rewriteDocuments?.()
      // A directory that is mounted late has what was known before; one that was replaced has nothing that is not known.
      if (!this.#hasBeenRead) await this.#loadAll()
      await this.flush()
    } finally {
      this.#rewriting -= 1
    }
  }

  async #loadAll(): Promise<void> {
    while (await this.#loadSome());
  }

  /** False when there is no more to be had. */
  async #loadSome(): Promise<boolean> {
    if (this.#mode === 'memory_only' || this.#isClosed || this.#isForgotten) return false
    const answer = await this.#thread.ask({ ask: 'rows' })
    if (this.#isForgotten || !answer.ok || !Array.isArray(answer.value)) return false
    const rows: readonly string[] = answer.value
    this.#hasBeenRead = true
    for (let index = 0; index + 1 < rows.length; index += 2) {
      const [key = '', value = ''] = [rows[index], rows[index + 1]]
      // What was removed meanwhile is not in memory any more, and must not come back.
      if (!this.#pending.has(key)) this.#parts.restore(key, value)
    }
    return rows.length > 0
  }

  #takeLoss(): void {
    if (this.#isClosed) return
    this.#isThreadLost = true
    this.#mode = 'memory_only'
    this.#openProblem = 'failed'
    this.#pending.clear()
    this.#notice('failed', 'memory_only')
    this.#opened.resolve()
  }

  #notice(problem: StateFileProblem, consequence: StateNotice['consequence'], movedTo?: string): void {
    const file = this.#file
    this.#parts.onNotice({ problem, file, consequence, ...(movedTo !== undefined && { movedTo }) })
  }
}
