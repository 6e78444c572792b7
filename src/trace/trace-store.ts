import { inBackground } from '../background.ts'
import type { Clock } from '../clock.ts'
import type { MaskDevice } from '../identity/mask-device.ts'
import { turnEvery } from '../turns/turn-every.ts'
import type { StoredConditions } from './decision-filter.ts'
import { DecisionTrace } from './decision-trace.ts'
import { unpackDecision } from './packed-decision.ts'
import { type KeptDecision, presentTrace, valuesOf } from './present-trace.ts'

/** How many are looked for at most, and which. */
export interface TextSearch extends StoredConditions {
  readonly limit: number
}

/** Where the texts of traces are kept. Nothing rejects; src/state has it. */
export interface TraceTexts {
  append(
    traces: readonly {
      readonly decisionId: string
      readonly decidedAtMs: number
      readonly devices: readonly string[]
      readonly text: string
    }[],
  ): Promise<boolean>
  find(decisionId: string): Promise<string | undefined>
  latest(
    devices: readonly string[] | undefined,
    search: TextSearch,
  ): Promise<{ readonly texts: readonly string[]; readonly isComplete: boolean }>
  mode(): 'opening' | 'read_write' | 'memory_only'
  problem(): string | undefined
  close(): Promise<void>
}

/** A decision that is to be told and written: by `packDecision`, with the policy that was in force. */
export interface WaitingDecision extends Omit<KeptDecision, 'record'> {
  readonly packed: string
}

/** What a search has found, newest first. */
export interface FoundTraces {
  readonly traces: readonly DecisionTrace[]
  /** False where it ended before it had seen everything that is stored. */
  readonly isComplete: boolean
}

export interface TraceStoreParts {
  readonly texts: TraceTexts
  readonly clock: Clock
  readonly mask: MaskDevice
  readonly maxWaiting?: number
}

/** The store at one moment, for `GET /status` and the metrics. */
export interface TraceStoreStatus {
  readonly mode: 'opening' | 'read_write' | 'memory_only'
  /** Traces that are not on disk yet. */
  readonly waiting: number
  readonly written: number
  /** Decisions of which no trace will be on disk: more came than are written. */
  readonly dropped: number
  /** What keeps the file from being written now. */
  readonly problem?: string
}

const firstTurnAfterMs = 200
/** Telling 50 decisions takes about 2 ms of the thread that decides: the price of 1,000 traces a second is 4 % of it. */
const tracesPerTurn = 50
/** Reading them back is twice as quick. */
const parsedPerTurn = 50
const pauseMs = 50
const retryAfterMs = 1000
/** A shutdown does not wait longer for the disk. */
const closeLimitMs = 3000

/**
 * Decisions beyond the memory: taken as they are, told and written later, a few at a time. A burst waits in a bounded
 * queue; what does not fit is dropped and counted.
 */
export class TraceStore {
  readonly #parts: TraceStoreParts
  readonly #maxWaiting: number
  #waiting: WaitingDecision[] = []
  /** How many at the beginning of #waiting are told and written, or being so. */
  #taken = 0
  #written = 0
  #dropped = 0
  #turn: Promise<unknown> = Promise.resolve()
  #isScheduled = false
  #cancel = () => {}
  #isClosed = false

  constructor(parts: TraceStoreParts) {
    this.#parts = parts
    this.#maxWaiting = parts.maxWaiting ?? 20_000
  }

  offer(kept: WaitingDecision): void {
    if (
      this.#waiting.length - this.#taken >= this.#maxWaiting ||
      this.#parts.texts.mode() === 'memory_only'
    ) {
      this.#dropped += 1
      return
    }
    this.#waiting.push(kept)
    if (!this.#isScheduled) this.#schedule(firstTurnAfterMs)
  }

  /** Another file than before: what waits is offered again with all that is remembered. */
  restart(): void {
    this.#waiting = this.#waiting.slice(0, this.#taken)
  }

  async find(decisionId: string): Promise<DecisionTrace | undefined> {
    const text = await this.#parts.texts.find(decisionId)
    return text === undefined ? undefined : parseTrace(text)
  }

  /** Traces about any of these identifiers that fit, newest first; about whatever device where none is given. */
  async latest(devices: readonly string[] | undefined, search: TextSearch): Promise<FoundTraces> {
    const shown = devices?.map(this.#parts.mask).filter((device) => device !== '')
    const { texts, isComplete } = await this.#parts.texts.latest(shown, search)
    const next = turnEvery(parsedPerTurn)
    const traces: DecisionTrace[] = []
    for (const text of texts) {
      const trace = parseTrace(text)
      if (trace !== undefined) traces.push(trace)
      const turned = next()
      if (turned) await turned
    }
    return { traces, isComplete }
  }

  status(): TraceStoreStatus {
    const waiting = this.#waiting.length - this.#taken
    const { texts } = this.#parts
    const problem = texts.problem()
    return {
      mode: texts.mode(),
      waiting,
      written: this.#written,
      dropped: this.#dropped,
      ...(problem !== undefined && { problem }),
    }
  }

  /** Writes what waits, as far as the disk takes it in three seconds. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancel()
    const limit = Promise.withResolvers<void>()
    let isLate = false
    const cancel = this.#parts.clock.after(closeLimitMs, () => {
      isLate = true
      limit.resolve()
    })
    await Promise.race([this.#writeRest(() => isLate), limit.promise])
    cancel()
    await this.#parts.texts.close()
  }

  async #writeRest(isLate: () => boolean): Promise<void> {
    await this.#turn
    while (!isLate() && this.#waiting.length > this.#taken && (await this.#writeSome()));
  }

  #schedule(afterMs: number): void {
    if (this.#isClosed) return
    this.#isScheduled = true
    this.#cancel = this.#parts.clock.after(afterMs, () => {
      const turn = this.#writeSome()
      this.#turn = turn
      let isWritten = false
      inBackground(
        'trace_file',
        async () => {
          isWritten = await turn
        },
        () => {
          this.#isScheduled = false
          if (this.#waiting.length > this.#taken) this.#schedule(isWritten ? pauseMs : retryAfterMs)
        },
      )
    })
  }

  async #writeSome(): Promise<boolean> {
    const from = this.#taken
    const some = this.#waiting.slice(from, from + tracesPerTurn)
    this.#taken += some.length
    const told = some.map(({ packed, policy, decidedAtMs }) => {
      const kept: KeptDecision = { record: unpackDecision(packed), policy, decidedAtMs }
      const trace = presentTrace(kept, this.#parts.mask, 'operator')
      const { decisionId } = trace
      const devices = valuesOf(kept.record).map(this.#parts.mask)
      return {
        decisionId,
        decidedAtMs,
        devices: devices.filter((device) => device !== ''),
        text: JSON.stringify(trace),
      }
    })
    const isWritten = await this.#parts.texts.append(told)
    if (isWritten) this.#written += some.length
    else this.#taken = from
    // Not at every turn: what is left would be moved to the front each time.
    if (this.#taken > 5000 || this.#taken === this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#taken)
      this.#taken = 0
    }
    return isWritten
  }
}

/** Written by a version of this service whose traces may have looked otherwise; one that is damaged is none. */
function parseTrace(text: string): DecisionTrace | undefined {
  try {
    const trace = DecisionTrace.safeParse(JSON.parse(text)).data
    if (trace?.fact.source !== 'none') return trace
    // It was told as "not enrolled" and "unknown" once.
    return { ...trace, fact: { ...trace.fact, enrolled: null, complianceState: null } }
  } catch {
    return undefined
  }
}
