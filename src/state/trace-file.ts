import { join } from 'node:path'
import { inBackground, repeatInBackground } from '../background.ts'
import { type Clock, type ClockWitness, noWitness } from '../clock.ts'
import type { StateFileProblem } from './state-file.ts'
import { fileCheckIntervalMs, type StateNotice } from './state-store.ts'
import { startStateThread } from './state-thread.ts'
import type { StoredSearch, StoredSlice, StoredTrace } from './trace-database.ts'
import type { TraceRequest } from './trace-messages.ts'

export interface TraceFileParts {
  /** STATE_DIR. */
  readonly directory: string
  /** Tenant id or domain. */
  readonly tenant: string
  readonly clock: Clock
  /** The oldest make room for the newest above this. */
  readonly maxTraces: number
  /** Older ones are not given; they are removed as soon as the clock is confirmed. */
  readonly maxAgeMs: number
  /** Puts the times right by which the file is searched. Absent: nothing is removed for its age. */
  readonly witness?: ClockWitness
  readonly onNotice: (notice: StateNotice) => void
  /** There is another file than before: whatever is still known belongs into it. */
  readonly onReplaced?: () => void
}

/** What a search has found. */
export interface FoundTexts {
  readonly texts: readonly string[]
  /** False where it ended before it had seen everything: it took too long, or the file cannot be read. */
  readonly isComplete: boolean
}

/** The stories of decisions on disk, written and read by a thread of its own. Nothing rejects. */
export interface TraceFile {
  /** False where they were not written. */
  append(traces: readonly StoredTrace[]): Promise<boolean>
  /** The text of one decision. */
  find(decisionId: string): Promise<string | undefined>
  /**
   * The texts about any of the devices that fit, newest first; about whatever device where none is given. It is looked
   * for in slices, one search at a time, so that everything else that is asked of the file goes before.
   */
  latest(devices: readonly string[] | undefined, search: StoredSearch): Promise<FoundTexts>
  /** memory_only: nothing can be written now. */
  mode(): 'opening' | 'read_write' | 'memory_only'
  /** What keeps the file from being written or looked at; undefined where nothing does. */
  problem(): StateFileProblem | undefined
  /** Looks whether the path still leads to the file that is open; a file that cannot be used is tried again. */
  check(): Promise<void>
  /** Closes the file, within three seconds. */
  close(): Promise<void>
}

/** What is too old goes at the start and then every ten minutes, what is too much sooner. */
const pruneIntervalMs = 10 * 60_000
const tracesPerPrune = 10_000
const closeLimitMs = 3000
/** A quarter of a million stories of the usual length and more; `why` waits for ten seconds. */
const searchLimitMs = 5000

/** Opens `traces-<tenant>.sqlite` in STATE_DIR. Returns at once, and never fails. */
export function openTraceFile(parts: TraceFileParts): TraceFile {
  const { directory, tenant, clock, maxTraces, maxAgeMs, witness = noWitness, onNotice, onReplaced } = parts
  const file = join(directory, `traces-${tenant.replaceAll(/[^A-Za-z0-9.-]/g, '_')}.sqlite`)
  let mode: ReturnType<TraceFile['mode']> = 'opening'
  let isClosed = false
  let openProblem: StateFileProblem | undefined
  let writeProblem: StateFileProblem | undefined
  let checkProblem: StateFileProblem | undefined
  let sincePrune = 0
  let cancelPrune = () => {}
  let lastSlice: Promise<unknown> = Promise.resolve()
  const thread = startStateThread<TraceRequest>({
    file,
    worker: 'trace-worker',
    onOpened(opened) {
      const before = openProblem
      const { problem = before ?? 'failed', movedTo } = opened
      mode = opened.mode === 'read_write' ? 'read_write' : 'memory_only'
      openProblem = mode === 'read_write' ? undefined : problem
      if (mode === 'memory_only') onNotice({ problem, file, consequence: mode })
      else if (movedTo !== undefined) onNotice({ problem, file, movedTo, consequence: 'new_file' })
      else if (opened.replaced) onNotice({ problem, file, consequence: 'written_again' })
      if (opened.replaced && mode === 'read_write') onReplaced?.()
    },
    onLost() {
      if (isClosed) return
      mode = 'memory_only'
      openProblem = 'failed'
      onNotice({ problem: 'failed', file, consequence: 'memory_only' })
    },
  })
  const oldestMs = () => clock.nowMs() - witness.aheadMs() - maxAgeMs
  const stopChecking = repeatInBackground('file_watch', clock, fileCheckIntervalMs, check)
  prune()

  async function check(): Promise<void> {
    if (mode === 'opening') return
    const answer = await thread.ask({ ask: 'check' })
    const problem = answer.ok || openProblem !== undefined ? undefined : answer.problem
    if (problem !== undefined && checkProblem === undefined)
      onNotice({ problem, file, consequence: 'not_looked_at' })
    checkProblem = problem
  }

  function prune(): void {
    sincePrune = 0
    cancelPrune()
    if (isClosed) return
    cancelPrune = clock.after(pruneIntervalMs, prune)
    // Everything looks old to a clock that is far ahead.
    const beforeMs = witness.isConfirmed() ? oldestMs() : 0
    inBackground('trace_file', () => thread.ask({ ask: 'prune', beforeMs, maxTraces }))
  }

  /** One at a time, whoever searches: what else is asked of the thread waits for one slice at most. */
  function readSlice(request: Extract<TraceRequest, { ask: 'search' }>): Promise<StoredSlice | undefined> {
    const slice = lastSlice.then(async () => {
      const answer = await thread.ask(request)
      return answer.ok && typeof answer.value === 'object' && 'texts' in answer.value
        ? answer.value
        : undefined
    })
    lastSlice = slice
    return slice
  }

  return {
    mode: () => mode,
    problem: () => openProblem ?? writeProblem ?? checkProblem,
    check,
    async append(traces) {
      const aheadMs = witness.aheadMs()
      const dated =
        aheadMs === 0
          ? traces
          : traces.map((trace) => ({ ...trace, decidedAtMs: trace.decidedAtMs - aheadMs }))
      const answer = await thread.ask({ ask: 'append', traces: dated })
      // Once per trouble, not once a second.
      if (!answer.ok && writeProblem === undefined && mode === 'read_write')
        onNotice({ problem: answer.problem, file, consequence: 'not_written_for_now' })
      writeProblem = answer.ok ? undefined : answer.problem
      sincePrune += traces.length
      if (sincePrune >= tracesPerPrune) prune()
      return answer.ok
    },
    async find(decisionId) {
      const answer = await thread.ask({ ask: 'find', decisionId, sinceMs: oldestMs() })
      return answer.ok && typeof answer.value === 'string' ? answer.value : undefined
    },
    async latest(devices, { sinceMs = 0, untilMs, limit, where }) {
      const endsAtMs = clock.monotonicMs() + searchLimitMs
      // What is stored is dated by the servers' clock.
      const aheadMs = witness.aheadMs()
      const dated = {
        where,
        sinceMs: Math.max(oldestMs(), sinceMs - aheadMs),
        ...(untilMs !== undefined && { untilMs: untilMs - aheadMs }),
      }
      const texts: string[] = []
      let before: number | undefined
      do {
        const search = { ...dated, limit: limit - texts.length }
        const slice = await readSlice({ ask: 'search', devices, search, before })
        if (slice === undefined) return { texts, isComplete: false }
        for (const text of slice.texts) texts.push(text)
        before = slice.next
        if (before === undefined || texts.length >= limit) return { texts, isComplete: true }
      } while (clock.monotonicMs() < endsAtMs)
      return { texts, isComplete: false }
    },
    async close() {
      isClosed = true
      stopChecking()
      cancelPrune()
      await new Promise<void>((resolve) => {
        const cancel = clock.after(closeLimitMs, resolve)
        inBackground(
          'trace_file',
          () => thread.ask({ ask: 'close' }),
          () => {
            cancel()
            resolve()
          },
        )
      })
      await thread.terminate()
    },
  }
}
