import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { DecisionRecord } from '../decision/decision-service.ts'
import type { OperatorAction } from '../decision/operator-action.ts'
import { type ContextText, presentContextText } from '../decision/request-context.ts'
import type { DeviceIdentity } from '../identity/device-identity.ts'
import type { MaskDevice } from '../identity/mask-device.ts'
import { ActionLog } from './action-log.ts'
import type { DecisionLogFile, DecisionLogFileStatus } from './decision-log-file.ts'
import { type ChainHead, LineSealer } from './log-chain.ts'
import { decisionLogVersion, type LogLine, presentLogLine } from './log-line.ts'

/**
 * What the log works with. `out` takes the bytes of one line with its line end, good for the length of the call; absent
 * where nothing goes to standard output.
 */
export interface DecisionLogParts {
  readonly mask: MaskDevice
  readonly clock: Clock
  /** Whether lines say where a request came from, who asked and which other identifiers it named. */
  readonly hasRequestContext: boolean
  readonly out?: ((line: Buffer) => void) | undefined
}

/** One line per decision and per action of an operator, each chained to the line before it (docs/decision-log.md). */
export class DecisionLog {
  readonly #parts: DecisionLogParts
  readonly #segment = randomBytes(12).toString('base64url')
  #file: DecisionLogFile | undefined
  #seq = -1
  readonly #sealer = new LineSealer()
  readonly #actions: ActionLog
  /** Actions of before the start: a decision can begin a segment without a file, a change of a file must not. */
  #early: OperatorAction[] = []
  #timeMs = 0
  #time = ''

  constructor(parts: DecisionLogParts) {
    this.#parts = parts
    this.#actions = new ActionLog({
      ...parts,
      write: (fields, msg) => {
        this.#makeRoom()
        this.#append('operator_action', fields, msg)
      },
    })
  }

  /** Begins the segment; with a file it is linked to the last line that is in there. A decision does it otherwise. */
  start(file?: DecisionLogFile): void {
    if (this.#seq >= 0) return
    this.#file = file
    const last = file?.lastLine
    const link = last && { ...last, ...(file.cutBytes > 0 && { cutBytes: file.cutBytes }) }
    this.#append('log_started', { previous: link ?? null }, 'decision log started')
    for (const action of this.#early) this.#actions.note(action)
    this.#early = []
  }

  write({
    decision,
    request,
    sent,
    totalMs,
    skippedKinds,
    rankConflict,
    answer,
    trace,
  }: DecisionRecord): void {
    if (this.#seq < 0) this.start()
    this.#makeRoom()
    this.#seq += 1
    const fault = answer?.fault
    const { context, origin, identity } = this.#parts.hasRequestContext ? request : withoutContext
    // One literal, flat and always of the same shape: that is what JSON.stringify has a fast way for.
    const line = JSON.stringify({
      level: 'info',
      time: this.#now(),
      service: 'intune-nac',
      component: 'decision',
      event: 'decision',
      v: decisionLogVersion,
      segment: this.#segment,
      seq: this.#seq,
      decisionId: decision.decisionId,
      frontend: request.frontend,
      client: request.client,
      matchedBy: decision.matchedBy,
      device: this.#parts.mask(decision.device),
      decision: decision.outcome,
      sent,
      reason: decision.reason,
      rule: decision.rule ?? null,
      profile: decision.profile?.name ?? null,
      complianceState: decision.complianceState,
      enrolled: decision.enrolled,
      source: decision.source,
      cache: answer?.verdict ?? 'none',
      ageSeconds: Math.round(decision.ageMs / 1000),
      stale: decision.stale,
      errorCode: fault?.code ?? null,
      upstreamMs: trace ? Math.round(trace.durationMs) : null,
      upstreamRequestId: trace?.requestId ?? fault?.requestId ?? null,
      skippedKinds,
      rankConflict,
      totalMs: Math.round(totalMs),
      // Keys without a value are left out.
      nasIpAddress: textOf(context?.nasIpAddress),
      nasIdentifier: textOf(context?.nasIdentifier),
      nasPort: origin?.nasPort,
      nasPortId: origin?.nasPortId,
      ssid: textOf(context?.ssid),
      user: this.#masked(origin?.user),
      certificateUser: this.#masked(origin?.certificateUser),
      otherIdentifiers: identity && this.#otherIdentifiers(identity, decision.device),
      traceId: request.traceContext?.traceId,
      unreadable: request.identity.unreadable,
      certificateExpiresAt: isoTime(request.certificateExpiresAtMs),
      msg: 'decision',
    })
    this.#put(line)
  }

  /** As `mask` shows it; a key without a value is left out. */
  #masked(text: string | undefined): string | undefined {
    return text === undefined ? undefined : this.#parts.mask(text)
  }

  #otherIdentifiers(identity: DeviceIdentity, decider: string): readonly object[] | undefined {
    const { identifiers, randomizedMac } = identity
    const named =
      randomizedMac === undefined ? identifiers : [...identifiers, { kind: 'mac', value: randomizedMac }]
    const others = named.filter(({ value }) => value !== decider)
    return others.length === 0
      ? undefined
      : others.map(({ kind, value }) => ({ kind, value: this.#parts.mask(value) }))
  }

  /** Adds what an operator did or tried (docs/decision-log.md). */
  writeAction(action: OperatorAction): void {
    if (this.#seq < 0) this.#early.push(action)
    else this.#actions.note(action)
  }

  /** The last line written: whoever keeps it elsewhere can prove later that no line after it was cut off. */
  head(): ChainHead {
    return { segment: this.#segment, seq: this.#seq, chain: this.#sealer.chain }
  }

  /** How the file is doing; undefined where there is none. */
  fileStatus(): DecisionLogFileStatus | undefined {
    return this.#file?.status()
  }

  /** Ends the segment and waits until the file has everything. */
  async close(): Promise<void> {
    this.#actions.close()
    if (this.#seq >= 0) this.#append('log_stopped', {}, 'decision log stopped')
    await this.#file?.close()
  }

  #makeRoom(): void {
    if (this.#file?.isFull !== true) return
    this.#file.rotate()
    this.#append('log_continued', { previous: this.head() }, 'decision log continued in another file')
  }

  #append(event: LogLine['event'], fields: object, msg: string): void {
    this.#seq += 1
    this.#put(
      presentLogLine({ time: this.#now(), event, segment: this.#segment, seq: this.#seq, fields, msg }),
    )
  }

  /** With the keys of a pino line, but not through the logger: it would serialise the line without its hash. */
  #put(object: string): void {
    const line = this.#sealer.seal(object.slice(0, -1))
    this.#parts.out?.(line)
    this.#file?.write(line)
  }

  #now(): string {
    const nowMs = this.#parts.clock.nowMs()
    if (nowMs !== this.#timeMs) {
      this.#timeMs = nowMs
      this.#time = new Date(nowMs).toISOString()
    }
    return this.#time
  }
}

const withoutContext = { context: undefined, origin: undefined, identity: undefined }

function textOf(given: ContextText | undefined): string | undefined {
  return presentContextText(given) ?? undefined
}

function isoTime(atMs: number | undefined): string | undefined {
  return atMs === undefined ? undefined : new Date(atMs).toISOString()
}
