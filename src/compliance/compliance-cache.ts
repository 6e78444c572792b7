import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import type { FreshnessSettings } from '../config/settings.ts'
import { type Fault, failure, type Outcome } from '../errors/fault.ts'
import { type DeviceIdentifier, identifierKey } from '../identity/device-identity.ts'
import type { ComplianceLookup, ComplianceRecord, Observation, UpstreamTrace } from './compliance-record.ts'

/**
 * Why the cache answered as it did.
 * hit: remembered and fresh. hit_refreshing: remembered, answered at once, being refreshed behind.
 * asked: Intune was asked for this caller. coalesced: joined a question that was already under way.
 * last_known: asking failed or took too long, a remembered record stands in. undetermined: nothing usable at all.
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
    }
  | { readonly known: false; readonly verdict: 'undetermined'; readonly fault: Fault }

interface Remembered {
  readonly record: ComplianceRecord
  readonly freshUntilMs: number
}

/** What the cache works with. `random` returns [0, 1) and only spreads expiry. */
export interface ComplianceCacheParts {
  readonly lookup: ComplianceLookup
  readonly freshness: FreshnessSettings
  readonly clock: Clock
  readonly random?: () => number
  readonly maxDevices?: number
}

/** Expiry is spread by this share so that devices learnt together are not asked about together. */
const jitterShare = 0.1

/**
 * Remembers compliance records, never decisions and never failures. One question per device is under way at a time,
 * however many callers wait for it; a caller that stops waiting does not stop the question, and a late answer is
 * remembered. Own in-flight map instead of lru-cache's fetch: there a failed refresh deletes the record, a cold
 * failure resolves undefined, and stale records have no age limit (docs/caching.md).
 */
export class ComplianceCache {
  readonly #parts: ComplianceCacheParts
  readonly #random: () => number
  readonly #records: LRUCache<string, Remembered>
  readonly #inFlight = new Map<string, Promise<Outcome<Observation>>>()

  constructor(parts: ComplianceCacheParts) {
    this.#parts = parts
    this.#random = parts.random ?? Math.random
    this.#records = new LRUCache({ max: parts.maxDevices ?? 1_000_000 })
  }

  /**
   * The answer for one identifier within `waitMs`. `refresh` asks Intune even if the record is fresh.
   * Never rejects; failures of the look-up come back as `known: false` or as a last-known record with its fault.
   */
  async ask(
    identifier: DeviceIdentifier,
    options: { refresh: boolean; waitMs: number },
  ): Promise<CacheAnswer> {
    const key = identifierKey(identifier)
    const nowMs = this.#parts.clock.nowMs()
    const remembered = this.#records.get(key)
    if (remembered && !options.refresh) {
      if (nowMs < remembered.freshUntilMs) return this.#answer(remembered, 'hit', nowMs)
      if (this.#mayAnswerWhileRefreshing(remembered, nowMs)) {
        void this.#question(key, identifier)
        return this.#answer(remembered, 'hit_refreshing', nowMs)
      }
    }
    const verdict = this.#inFlight.has(key) ? 'coalesced' : 'asked'
    const outcome = await this.#within(options.waitMs, this.#question(key, identifier))
    if (outcome.ok) {
      const { record, trace } = outcome.value
      const kept = this.#records.peek(key) ?? { record, freshUntilMs: record.observedAtMs }
      return { ...this.#answer(kept, verdict, this.#parts.clock.nowMs()), trace }
    }
    return this.#lastKnown(key, outcome.fault)
  }

  /** The remembered record, whatever its age, without asking anyone or counting as a use. */
  remembered(identifier: Pick<DeviceIdentifier, 'kind' | 'value'>): ComplianceRecord | undefined {
    return this.#records.peek(identifierKey(identifier))?.record
  }

  /** How many devices are remembered. */
  get size(): number {
    return this.#records.size
  }

  #question(key: string, identifier: DeviceIdentifier): Promise<Outcome<Observation>> {
    const underWay = this.#inFlight.get(key)
    if (underWay) return underWay
    const question = this.#parts.lookup(identifier).then((outcome) => {
      this.#inFlight.delete(key)
      if (outcome.ok) this.#remember(key, outcome.value.record)
      return outcome
    })
    this.#inFlight.set(key, question)
    return question
  }

  #remember(key: string, record: ComplianceRecord): void {
    const { compliantFreshMs, noncompliantFreshMs } = this.#parts.freshness
    const freshMs =
      record.enrolled && record.complianceState === 'compliant' ? compliantFreshMs : noncompliantFreshMs
    const spread = 1 + jitterShare * (2 * this.#random() - 1)
    this.#records.set(key, { record, freshUntilMs: record.observedAtMs + freshMs * spread })
  }

  /** Only a compliant device is answered from an overdue record: a repaired one must not wait behind its old verdict. */
  #mayAnswerWhileRefreshing({ record, freshUntilMs }: Remembered, nowMs: number): boolean {
    return (
      record.enrolled &&
      record.complianceState === 'compliant' &&
      nowMs < freshUntilMs + this.#parts.freshness.refreshAheadMs
    )
  }

  #lastKnown(key: string, fault: Fault): CacheAnswer {
    const nowMs = this.#parts.clock.nowMs()
    const remembered = this.#records.peek(key)
    const usable = remembered && nowMs - remembered.record.observedAtMs <= this.#parts.freshness.outageHoldMs
    if (!usable) return { known: false, verdict: 'undetermined', fault }
    return { ...this.#answer(remembered, 'last_known', nowMs), fault }
  }

  #answer(
    { record, freshUntilMs }: Remembered,
    verdict: Exclude<CacheVerdict, 'undetermined'>,
    nowMs: number,
  ): Extract<CacheAnswer, { known: true }> {
    const ageMs = Math.max(0, nowMs - record.observedAtMs)
    return { known: true, record, verdict, ageMs, freshForMs: Math.max(0, freshUntilMs - nowMs) }
  }

  #within(waitMs: number, question: Promise<Outcome<Observation>>): Promise<Outcome<Observation>> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(waitMs, () =>
        resolve(failure('deadline_exceeded', `no answer from Intune within ${waitMs} ms`)),
      )
      void question.then((outcome) => {
        cancel()
        resolve(outcome)
      })
    })
  }
}
