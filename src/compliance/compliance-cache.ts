import { LRUCache } from 'lru-cache'
import { inBackground, noteBackgroundFailure } from '../background.ts'
import type { Clock } from '../clock.ts'
import type { FreshnessSettings } from '../config/settings.ts'
import type { FaultCode } from '../errors/catalogue.ts'
import { type Fault, failure, type Outcome } from '../errors/fault.ts'
import {
  type DeviceIdentifier,
  identifierKey,
  otherKeyOfDeviceId,
  splitKey,
} from '../identity/device-identity.ts'
import { type TraceContext, withinTrace } from '../trace-context.ts'
import { turnEvery } from '../turns/turn-every.ts'
import type { ComplianceLookup, ComplianceRecord, Observation, UpstreamTrace } from './compliance-record.ts'
import { deviceOf, isSameDevice } from './device-of-fact.ts'
import type { Flip, MassFlipGuard } from './mass-flip-guard.ts'
import type { HoldCause, RememberedRecord, StateLetter } from './packed-record.ts'
import { RecordTimes } from './record-times.ts'
import { RememberedRecords } from './remembered-records.ts'

/**
 * Why the cache answered as it did.
 * hit: remembered and fresh. hit_refreshing: remembered, answered at once, being refreshed behind.
 * asked: Intune was asked for this caller. coalesced: joined a question that was already under way.
 * last_known: asking failed or took too long, or what Intune says is held; a remembered record stands in.
 * undetermined: nothing usable at all.
 */
export type CacheVerdict = 'hit' | 'hit_refreshing' | 'asked' | 'coalesced' | 'last_known' | 'undetermined'

/** A record with its age, or why there is none. `fault` on a last-known answer says why it could not be renewed. */
export type CacheAnswer =
  | {
      readonly known: true
      readonly record: ComplianceRecord
      readonly verdict: Exclude<CacheVerdict, 'undetermined'>
      readonly ageMs: number
      /** Time left until the record has to be asked for again; 0 when that is overdue. */
      readonly freshForMs: number
      readonly trace?: UpstreamTrace
      readonly fault?: Fault
      /** Set where Intune did answer, but the last known record stands in all the same. */
      readonly held?: HoldCause
    }
  | { readonly known: false; readonly verdict: 'undetermined'; readonly fault: Fault }

/** What of an identifier says where its facts are. */
type AskedIdentifier = Parameters<typeof identifierKey>[0]

/** What the cache works with. `random` returns [0, 1) and only spreads expiry. */
export interface ComplianceCacheParts {
  readonly lookup: ComplianceLookup
  /** Told when a caller waits for a question that was begun for somebody else. */
  readonly join?: (identifier: DeviceIdentifier, share: string) => void
  readonly freshness: FreshnessSettings
  readonly clock: Clock
  readonly random?: () => number
  readonly maxDevices?: number
  /** The records, where somebody else needs them too. */
  readonly records?: RememberedRecords
  /** Absent: every answer counts. */
  readonly guard?: MassFlipGuard
  /** Fetches a record that is still on disk into the records; undefined as soon as everything has been read. */
  readonly recall?: (key: string) => Promise<void> | undefined
  /** Told when an evaluated, still enrolled device was reported as not evaluated. */
  readonly onRegression?: (key: string) => void
}

/** Expiry is spread by this share so that devices learnt together are not asked about together. */
const jitterShare = 0.1

/** A device whose look-up has just failed is not asked about again before this. */
const failureCoolDownMs = 1000
const maxCoolDowns = 10_000
/** Two milliseconds to take back. */
const flipsPerTurn = 500
/** Nothing was sent, and may be at any moment; but nobody asks twice in one breath. */
const refusalCoolDownMs = 100
/** These cost nothing upstream and may be over at any moment. */
const withoutCoolDown: readonly FaultCode[] = ['identifier_not_supported', 'intune_queue_full']

/**
 * Remembers compliance records, never decisions and never failures. One question per device is under way at a time,
 * however many callers wait for it; a caller that stops waiting does not stop the question, and a late answer is
 * remembered. Own in-flight map instead of lru-cache's fetch: there a failed refresh deletes the record, a cold
 * failure resolves undefined, and stale records have no age limit (docs/caching.md).
 */
export class ComplianceCache {
  readonly #parts: ComplianceCacheParts
  readonly #random: () => number
  readonly #records: RememberedRecords
  readonly #inFlight = new Map<string, Promise<Outcome<Observation>>>()
  readonly #coolDowns = new LRUCache<string, { readonly untilMs: number; readonly fault: Fault }>({
    max: maxCoolDowns,
  })

  constructor(parts: ComplianceCacheParts) {
    this.#parts = parts
    this.#random = parts.random ?? Math.random
    this.#records =
      parts.records ??
      new RememberedRecords({
        maxRecords: parts.maxDevices ?? 1_000_000,
        times: new RecordTimes({ clock: parts.clock, longestFreshMs: longestFreshness(parts.freshness) }),
      })
  }

  /**
   * The answer where it is remembered and may be used without asking anyone first; undefined otherwise. It is there at
   * once: nine of ten requests end here, and waiting for what is already known would be the most expensive part of it.
   */
  answerNow(identifier: DeviceIdentifier): CacheAnswer | undefined {
    const key = identifierKey(identifier)
    const remembered = this.#records.get(key)
    return remembered && this.#fresh(key, identifier, remembered, this.#parts.clock.nowMs())
  }

  /**
   * The answer for one identifier within `waitMs`. `refresh` asks Intune even if the record is fresh. A question to Intune
   * belongs to the trace of the caller that it was begun for; a refresh behind belongs to none. `share`: in whose name the
   * question waits for its turn.
   * Never rejects; failures of the look-up come back as `known: false` or as a last-known record with its fault.
   */
  async ask(
    identifier: DeviceIdentifier,
    options: {
      refresh: boolean
      waitMs: number
      traceContext?: TraceContext | undefined
      share?: string | undefined
    },
  ): Promise<CacheAnswer> {
    const key = identifierKey(identifier)
    const startedMs = this.#parts.clock.monotonicMs()
    let remembered = this.#records.get(key)
    const recall = remembered === undefined ? this.#parts.recall?.(key) : undefined
    if (recall !== undefined) {
      await this.#halfOf(options.waitMs, recall)
      remembered = this.#records.get(key)
    }
    const nowMs = this.#parts.clock.nowMs()
    const fresh = remembered && !options.refresh && this.#fresh(key, identifier, remembered, nowMs)
    if (fresh) return fresh
    const underWay = this.#inFlight.has(key)
    const fault = underWay ? undefined : this.#coolingDown(key)
    if (fault) return this.#lastKnown(key, fault)
    const verdict = underWay ? 'coalesced' : 'asked'
    const outcome = await this.#within(
      Math.max(1, options.waitMs - (this.#parts.clock.monotonicMs() - startedMs)),
      options.waitMs,
      this.#question(key, identifier, options),
    )
    if (outcome.ok) {
      const { record, trace } = outcome.value
      const kept = this.#records.peek(key) ?? { record, freshUntilMs: record.observedAtMs }
      return { ...this.#answer(kept, verdict, this.#parts.clock.nowMs()), trace }
    }
    return this.#lastKnown(key, outcome.fault)
  }

  /** The remembered record, whatever its age, without asking anyone or counting as a use. */
  remembered(identifier: AskedIdentifier): ComplianceRecord | undefined {
    return this.#records.peek(identifierKey(identifier))?.record
  }

  /** Forgets what is known about one identifier, a device id under both of its keys; false where there was nothing. */
  forget(identifier: AskedIdentifier): boolean {
    const key = identifierKey(identifier)
    const keys = [key, otherKeyOfDeviceId(key)].filter((one) => one !== undefined)
    for (const one of keys) this.#coolDowns.delete(one)
    return keys.map((one) => this.#records.delete(one)).includes(true)
  }

  /** How many devices are remembered. */
  get size(): number {
    return this.#records.size
  }

  /** The remembered record as an answer, where it is fresh or may be refreshed behind the caller's back. */
  #fresh(
    key: string,
    identifier: DeviceIdentifier,
    remembered: RememberedRecord,
    nowMs: number,
  ): CacheAnswer | undefined {
    if (nowMs < remembered.freshUntilMs) return this.#answer(remembered, 'hit', nowMs)
    if (!this.#mayAnswerWhileRefreshing(remembered, nowMs)) return undefined
    if (this.#coolingDown(key) === undefined) {
      inBackground('lookup', () => this.#question(key, identifier))
    }
    return this.#answer(remembered, 'hit_refreshing', nowMs)
  }

  /** A slow disk may take half of the caller's time at most: Intune may have to be asked after that. */
  #halfOf(waitMs: number, recall: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(waitMs / 2, resolve)
      inBackground(
        'state_file',
        () => recall,
        () => {
          cancel()
          resolve()
        },
      )
    })
  }

  #question(
    key: string,
    identifier: DeviceIdentifier,
    {
      traceContext,
      share,
    }: { readonly traceContext?: TraceContext | undefined; readonly share?: string | undefined } = {},
  ): Promise<Outcome<Observation>> {
    const underWay = this.#inFlight.get(key)
    if (underWay) {
      if (share !== undefined) this.#parts.join?.(identifier, share)
      return underWay
    }
    const asked = withinTrace(traceContext, () => this.#parts.lookup(identifier, share))
    const question = asked.catch(noteDefect).then((outcome) => {
      this.#inFlight.delete(key)
      if (outcome.ok) this.#learn(key, outcome.value)
      else this.#takeFault(key, outcome.fault)
      return outcome
    })
    this.#inFlight.set(key, question)
    return question
  }

  /** Without an answer what is known stands, unless the reply said itself that it may be wrong. */
  #takeFault(key: string, fault: Fault): void {
    const known = this.#records.peek(key)
    if (fault.isContradiction && known !== undefined && !losesAccess(known.record)) this.#records.delete(key)
    this.#coolDown(key, fault)
  }

  #coolDown(key: string, fault: Fault): void {
    if (withoutCoolDown.includes(fault.code)) return
    const coolDownMs = fault.wasNotSent ? refusalCoolDownMs : failureCoolDownMs
    this.#coolDowns.set(key, { untilMs: this.#parts.clock.monotonicMs() + coolDownMs, fault })
  }

  #coolingDown(key: string): Fault | undefined {
    const coolDown = this.#coolDowns.peek(key)
    return coolDown !== undefined && this.#parts.clock.monotonicMs() < coolDown.untilMs
      ? coolDown.fault
      : undefined
  }

  /** Takes in what Intune says; a device id that is also remembered as the common name of its certificate twice. */
  #learn(key: string, observation: Observation): void {
    const other = otherKeyOfDeviceId(key)
    const known = other === undefined ? undefined : this.#records.peek(other)?.record
    this.#take(key, observation)
    if (other === undefined || known?.enrolled !== true) return
    // A common name that was translated is about another device than the id that it consists of.
    const isUntranslated = deviceOf(other, known) === splitKey(key)[1]
    if (isUntranslated && isSameDevice(key, known, observation.record)) this.#take(other, observation)
  }

  /** Takes one record in, unless it is an answer that must not count, or not yet. Nothing is held for another device. */
  #take(key: string, { record: said, isNotCompliant }: Observation): void {
    this.#coolDowns.delete(key)
    const before = this.#records.peek(key)
    const stands =
      before !== undefined &&
      this.#isUsable(before.record, said.observedAtMs) &&
      isSameDevice(key, before.record, said)
    let record = said
    if (stands && isEvaluated(before.record) && said.enrolled && said.complianceState === 'unknown') {
      this.#parts.onRegression?.(key)
      if (!isNotCompliant) {
        this.#hold(key, before, 'regressed')
        return
      }
      record = { ...said, complianceState: 'noncompliant' }
    }
    const next = { record, freshUntilMs: record.observedAtMs + this.#freshFor(record) }
    if (stands && isCompliant(before.record) && losesAccess(record)) {
      if (this.#isHeldByGuard(key, before, next)) return
    } else if (isCompliant(record)) {
      this.#parts.guard?.recovered(key)
    } else if (record.enrolled) {
      this.#parts.guard?.named(key, deviceOf(key, record))
    }
    this.#records.set(key, next)
  }

  #isHeldByGuard(key: string, before: RememberedRecord, after: RememberedRecord): boolean {
    const { guard } = this.#parts
    const device = deviceOf(key, before.record)
    if (guard === undefined || device === undefined) return false
    const { verdict, undo } = guard.judge({ key, device, before, after }, this.#records.counts.c)
    inBackground('mass_flip_guard', () => this.#takeBack(undo, guard))
    if (verdict === 'hold') this.#hold(key, before, 'mass_flip')
    return verdict === 'hold'
  }

  /** In slices: of a million devices it takes 200,000 flips to be noticed. */
  async #takeBack(flips: readonly Flip[], guard: MassFlipGuard): Promise<void> {
    const next = turnEvery(flipsPerTurn)
    for (const { key, before } of flips) {
      const turned = next()
      if (turned) await turned
      // Meanwhile the device may have recovered, the key may name another one, or an operator may have accepted.
      if (guard.isHeld(key) && this.#records.peek(key) !== undefined) this.#hold(key, before, 'mass_flip')
    }
  }

  /** The record stands with the age that it has, and Intune is asked again soon. */
  #hold(key: string, before: RememberedRecord, held: HoldCause): void {
    const freshMs = this.#parts.freshness.noncompliantFreshMs * this.#spread()
    this.#records.set(key, { ...before, held, freshUntilMs: this.#parts.clock.nowMs() + freshMs })
  }

  #freshFor(record: ComplianceRecord): number {
    const { compliantFreshMs, noncompliantFreshMs } = this.#parts.freshness
    return (isCompliant(record) ? compliantFreshMs : noncompliantFreshMs) * this.#spread()
  }

  #spread(): number {
    return 1 + jitterShare * (2 * this.#random() - 1)
  }

  /** Only a compliant device is answered from an overdue record: a repaired one must not wait behind its old verdict. */
  #mayAnswerWhileRefreshing({ record, freshUntilMs, held }: RememberedRecord, nowMs: number): boolean {
    return (
      held === undefined && isCompliant(record) && nowMs < freshUntilMs + this.#parts.freshness.refreshAheadMs
    )
  }

  #isUsable(record: ComplianceRecord, nowMs: number): boolean {
    return nowMs - record.observedAtMs <= this.#parts.freshness.outageHoldMs
  }

  #lastKnown(key: string, fault: Fault): CacheAnswer {
    const nowMs = this.#parts.clock.nowMs()
    const remembered = this.#records.peek(key)
    if (!remembered || !this.#isUsable(remembered.record, nowMs)) {
      return { known: false, verdict: 'undetermined', fault }
    }
    return { ...this.#answer(remembered, 'last_known', nowMs), fault }
  }

  #answer(
    { record, freshUntilMs, held }: RememberedRecord,
    verdict: Exclude<CacheVerdict, 'undetermined'>,
    nowMs: number,
  ): Extract<CacheAnswer, { known: true }> {
    const ageMs = Math.max(0, nowMs - record.observedAtMs)
    const freshForMs = Math.max(0, freshUntilMs - nowMs)
    if (held) return { known: true, record, verdict: 'last_known', ageMs, freshForMs, held }
    return { known: true, record, verdict, ageMs, freshForMs }
  }

  #within(
    waitMs: number,
    wholeMs: number,
    question: Promise<Outcome<Observation>>,
  ): Promise<Outcome<Observation>> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(waitMs, () =>
        resolve(failure('deadline_exceeded', `no answer from Intune within ${wholeMs} ms`)),
      )
      inBackground('lookup', async () => {
        const outcome = await question
        cancel()
        resolve(outcome)
      })
    })
  }
}

/** For how long a record of each state may be fresh at most, milliseconds. */
export function longestFreshness({ compliantFreshMs, noncompliantFreshMs }: FreshnessSettings) {
  return (state: StateLetter): number =>
    Math.ceil((state === 'c' ? compliantFreshMs : noncompliantFreshMs) * (1 + jitterShare))
}

/** Never meant to happen; the device is asked about again, and nobody waits for an answer that will not come. */
function noteDefect(error: unknown): Outcome<Observation> {
  noteBackgroundFailure('lookup', error)
  return failure('internal', 'a look-up ended in an exception')
}

function isCompliant(record: ComplianceRecord): boolean {
  return record.enrolled && record.complianceState === 'compliant'
}

function isEvaluated(record: ComplianceRecord): boolean {
  return record.enrolled && record.complianceState !== 'unknown'
}

/** A device in its grace period keeps its access. */
function losesAccess(record: ComplianceRecord): boolean {
  if (isCompliant(record)) return false
  return !record.enrolled || record.gracePeriodEndsMs === undefined
}
