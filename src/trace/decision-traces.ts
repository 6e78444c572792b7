import type { Clock } from '../clock.ts'
import type { DecisionRecord } from '../decision/decision-service.ts'
import type { Policy } from '../decision/policy.ts'
import type { IdentityAttributes } from '../identity/device-identity.ts'
import type { MaskDevice } from '../identity/mask-device.ts'
import { parseIdentity } from '../identity/parse-identity.ts'
import { turnEvery } from '../turns/turn-every.ts'
import { createDecisionTest, type DecisionFilter, storedConditionsOf } from './decision-filter.ts'
import type { DecisionTrace } from './decision-trace.ts'
import { packDecision, unpackDecision } from './packed-decision.ts'
import { asForClient, type KeptDecision, presentTrace, valuesOf } from './present-trace.ts'
import { TextRing } from './text-ring.ts'
import type { FoundTraces, TextSearch, TraceStore } from './trace-store.ts'

/** What the traces work with. */
export interface DecisionTracesParts {
  readonly clock: Clock
  readonly mask: MaskDevice
  /** The policy in force, so that a trace is explained by the rules that decided and not by those of today. */
  readonly policyInForce: () => Policy
  readonly maxDecisions?: number
  readonly maxAgeMs?: number
}

/** How long a decision can be asked about. */
export const traceAgeMs = 24 * 60 * 60 * 1000

/** 20,000 decisions with an identifier or two take 17 to 22 MB. */
const maxRingBytes = 24 * 1024 * 1024

/** A millisecond or two: to offer, and to tell. */
const offeredPerTurn = 500
const toldPerTurn = 25

/** As a person types it: whatever kind it can be read as. */
const kinds = [
  'deviceId',
  'mac',
  'serialNumber',
  'imei',
  'meid',
  'udid',
  'certificateSan',
] as const satisfies readonly (keyof IdentityAttributes)[]

/**
 * The last 20,000 decisions in memory, and with a store those of 24 hours. Keeping one is writing it down as a text;
 * everything else is done later or for who asks. There is no index: 20,000 texts are searched in a few milliseconds.
 */
export class DecisionTraces {
  readonly #parts: DecisionTracesParts
  readonly #maxDecisions: number
  readonly #ring: TextRing
  /** Beside each, by its number modulo the size: the policy that decided, and when. */
  readonly #policies: Policy[] = []
  readonly #decidedAtMs: Float64Array
  /** The same moments on the monotonic clock: what says when a decision is too old to be shown. */
  readonly #keptAtMs: Float64Array
  #store: TraceStore | undefined

  constructor(parts: DecisionTracesParts) {
    this.#parts = parts
    this.#maxDecisions = parts.maxDecisions ?? 20_000
    this.#ring = new TextRing({ maxTexts: this.#maxDecisions, maxBytes: maxRingBytes })
    this.#decidedAtMs = new Float64Array(this.#maxDecisions)
    this.#keptAtMs = new Float64Array(this.#maxDecisions)
  }

  /** From now on decisions are kept in the store as well, and looked for in it. */
  attachStore(store: TraceStore): void {
    this.#store = store
  }

  /** Hands the store everything that is remembered, in slices: its file is another one than before. */
  async offerAll(): Promise<void> {
    const store = this.#store
    if (store === undefined) return
    store.restart()
    const next = turnEvery(offeredPerTurn)
    const { next: end } = this.#ring
    for (let number = this.#ring.first; number < end; number += 1) {
      const turned = next()
      if (turned) await turned
      // What had to make room meanwhile is passed over.
      const place = number % this.#maxDecisions
      const policy = this.#policies[place]
      const decidedAtMs = this.#decidedAtMs[place]
      if (number < this.#ring.first || policy === undefined || decidedAtMs === undefined) continue
      store.offer({ packed: this.#ring.read(number), policy, decidedAtMs })
    }
  }

  keep(record: DecisionRecord): void {
    const decidedAtMs = record.facts?.nowMs ?? this.#parts.clock.nowMs()
    const packed = packDecision(record)
    const policy = this.#parts.policyInForce()
    const place = this.#ring.next % this.#maxDecisions
    this.#policies[place] = policy
    this.#decidedAtMs[place] = decidedAtMs
    this.#keptAtMs[place] = this.#parts.clock.monotonicMs()
    this.#ring.add(packed)
    this.#store?.offer({ packed, policy, decidedAtMs })
  }

  /** Any decision, for the operator. */
  async find(decisionId: string): Promise<DecisionTrace | undefined> {
    const kept = this.#kept(decisionId)
    return kept ? presentTrace(kept, this.#parts.mask, 'operator') : this.#store?.find(decisionId)
  }

  /** A decision that was made for this client, whichever front end it asked through. */
  async findFor(client: string, decisionId: string): Promise<DecisionTrace | undefined> {
    const kept = this.#kept(decisionId)
    const trace = kept
      ? presentTrace(kept, this.#parts.mask, 'client')
      : await this.#store?.find(decisionId).then((stored) => stored && asForClient(stored))
    return trace?.request.client === client ? trace : undefined
  }

  /** Decisions that fit, newest first, at most `limit`; undefined where the device can be no identifier. */
  async search(filter: DecisionFilter, limit: number): Promise<FoundTraces | undefined> {
    const fits = createDecisionTest(filter)
    const stored = { limit, ...storedConditionsOf(filter) }
    if (filter.device === undefined) {
      return this.#withStored(await this.#present(limit, fits), undefined, stored)
    }
    const wanted = canonicalValues(filter.device)
    if (wanted.size === 0) return undefined
    const values = [...wanted]
    const written = values.map((value) => Buffer.from(JSON.stringify(value)))
    const inMemory = await this.#present(
      limit,
      (kept) => valuesOf(kept.record).some((value) => wanted.has(value)) && fits(kept),
      (has) => written.some(has),
    )
    return this.#withStored(inMemory, values, stored)
  }

  /** Decisions about a device, newest first, at most `limit`; undefined where the text can be no identifier. */
  async about(device: string, limit: number): Promise<readonly DecisionTrace[] | undefined> {
    return (await this.search({ device }, limit))?.traces
  }

  /** The newest decisions, at most `limit`. */
  async latest(limit: number): Promise<readonly DecisionTrace[]> {
    return (await this.search({}, limit))?.traces ?? []
  }

  /** Other processes write into the same store, so that it can have newer ones than the memory. */
  async #withStored(
    inMemory: readonly DecisionTrace[],
    devices: readonly string[] | undefined,
    search: TextSearch,
  ): Promise<FoundTraces> {
    const stored = await this.#store?.latest(devices, search)
    const isComplete = stored?.isComplete ?? true
    const known = new Set(inMemory.map(({ decisionId }) => decisionId))
    // A decision is in the file twice where the file was made again.
    const more =
      stored?.traces.filter(({ decisionId }) => !known.has(decisionId) && known.add(decisionId)) ?? []
    if (more.length === 0) return { traces: inMemory, isComplete }
    const traces = [...inMemory, ...more]
      .sort((one, other) => (one.decidedAt < other.decidedAt ? 1 : one.decidedAt > other.decidedAt ? -1 : 0))
      .slice(0, search.limit)
    return { traces, isComplete }
  }

  /** In slices, or somebody who asks for a thousand would hold up those who wait at a door. */
  async #present(
    limit: number,
    fits: (kept: KeptDecision) => boolean,
    mayFit?: (has: Has) => boolean,
  ): Promise<DecisionTrace[]> {
    const next = turnEvery(toldPerTurn)
    const traces: DecisionTrace[] = []
    for (const kept of this.#newestFirst(mayFit)) {
      if (traces.length >= limit) break
      const turned = next()
      if (turned) await turned
      if (fits(kept)) traces.push(presentTrace(kept, this.#parts.mask, 'operator'))
    }
    return traces
  }

  #kept(decisionId: string): KeptDecision | undefined {
    const written = Buffer.from(JSON.stringify(decisionId))
    for (const kept of this.#newestFirst((has) => has(written))) {
      if (kept.record.decision.decisionId === decisionId) return kept
    }
    return undefined
  }

  /** `mayFit` passes over what need not be read. */
  *#newestFirst(mayFit: (has: Has) => boolean = () => true): Generator<KeptDecision, void, undefined> {
    const oldestMs = this.#parts.clock.monotonicMs() - (this.#parts.maxAgeMs ?? traceAgeMs)
    const { first, next } = this.#ring
    // Whoever reads in slices may find that the oldest have made room meanwhile.
    for (let number = next - 1; number >= Math.max(first, this.#ring.first); number -= 1) {
      const place = number % this.#maxDecisions
      const policy = this.#policies[place]
      const decidedAtMs = this.#decidedAtMs[place] ?? 0
      if (policy === undefined || (this.#keptAtMs[place] ?? 0) < oldestMs) return
      if (!mayFit((part) => this.#ring.has(number, part))) continue
      yield { record: unpackDecision(this.#ring.read(number)), policy, decidedAtMs }
    }
  }
}

/** Whether a decision, as it is written down, has these bytes in it. */
type Has = (part: Uint8Array) => boolean

/** Every canonical form of an identifier as a person types it, whatever kind it can be read as; none: it is none. */
export function canonicalValues(text: string): ReadonlySet<string> {
  const values = new Set<string>()
  for (const kind of kinds) {
    const identity = parseIdentity({ [kind]: text })
    if (!identity.ok) continue
    for (const { value } of identity.value.identifiers) values.add(value)
    if (identity.value.randomizedMac !== undefined) values.add(identity.value.randomizedMac)
  }
  return values
}
