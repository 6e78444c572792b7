import type { Clock } from '../clock.ts'
import type { DecisionRecord } from '../decision/decision-service.ts'
import type { Policy } from '../decision/policy.ts'
import type { IdentityAttributes } from '../identity/device-identity.ts'
import type { MaskDevice } from '../identity/mask-device.ts'
import { parseIdentity } from '../identity/parse-identity.ts'
import type { DecisionTrace } from './decision-trace.ts'
import { type KeptDecision, presentTrace, valuesOf } from './present-trace.ts'

/** What the traces work with. */
export interface DecisionTracesParts {
  readonly clock: Clock
  readonly mask: MaskDevice
  /** The policy in force, so that a trace is explained by the rules that decided and not by those of today. */
  readonly policyInForce: () => Policy
  readonly maxDecisions?: number
  readonly maxAgeMs?: number
}

const dayMs = 24 * 60 * 60 * 1000

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
 * The last 20,000 decisions, none older than 24 hours, in memory alone. Keeping one is two assignments; everything that
 * costs is done for who asks. There is no index: 20,000 comparisons take less than the answer over HTTP.
 */
export class DecisionTraces {
  readonly #parts: DecisionTracesParts
  readonly #maxDecisions: number
  readonly #ring: KeptDecision[] = []
  /** Where the oldest stands, as soon as the ring is full. */
  #next = 0

  constructor(parts: DecisionTracesParts) {
    this.#parts = parts
    this.#maxDecisions = parts.maxDecisions ?? 20_000
  }

  keep(record: DecisionRecord): void {
    const decidedAtMs = record.facts?.nowMs ?? this.#parts.clock.nowMs()
    this.#ring[this.#next] = { record, policy: this.#parts.policyInForce(), decidedAtMs }
    this.#next = (this.#next + 1) % this.#maxDecisions
  }

  /** Any decision, for the operator. */
  find(decisionId: string): DecisionTrace | undefined {
    return this.#find(decisionId, () => true, 'operator')
  }

  /** A decision that was made for this client, whichever front end it asked through. */
  findFor(client: string, decisionId: string): DecisionTrace | undefined {
    return this.#find(decisionId, ({ record }) => record.request.client === client, 'client')
  }

  /** Decisions about a device, newest first, at most `limit`; undefined where the text can be no identifier. */
  about(device: string, limit: number): readonly DecisionTrace[] | undefined {
    const wanted = canonicalValues(device)
    if (wanted.size === 0) return undefined
    return this.#present(limit, ({ record }) => valuesOf(record).some((value) => wanted.has(value)))
  }

  /** The newest decisions, at most `limit`. */
  latest(limit: number): readonly DecisionTrace[] {
    return this.#present(limit, () => true)
  }

  #present(limit: number, fits: (kept: KeptDecision) => boolean): DecisionTrace[] {
    const traces: DecisionTrace[] = []
    for (const kept of this.#newestFirst()) {
      if (traces.length >= limit) break
      if (fits(kept)) traces.push(presentTrace(kept, this.#parts.mask, 'operator'))
    }
    return traces
  }

  #find(
    decisionId: string,
    fits: (kept: KeptDecision) => boolean,
    reader: 'client' | 'operator',
  ): DecisionTrace | undefined {
    for (const kept of this.#newestFirst()) {
      if (kept.record.decision.decisionId !== decisionId) continue
      return fits(kept) ? presentTrace(kept, this.#parts.mask, reader) : undefined
    }
    return undefined
  }

  *#newestFirst(): Generator<KeptDecision, void, undefined> {
    const oldestMs = this.#parts.clock.nowMs() - (this.#parts.maxAgeMs ?? dayMs)
    const size = this.#ring.length
    for (let back = 1; back <= size; back += 1) {
      const kept = this.#ring[(this.#next - back + size) % size]
      if (kept === undefined || kept.decidedAtMs < oldestMs) return
      yield kept
    }
  }
}

function canonicalValues(text: string): ReadonlySet<string> {
  const values = new Set<string>()
  for (const kind of kinds) {
    const identity = parseIdentity({ [kind]: text })
    if (!identity.ok) continue
    for (const { value } of identity.value.identifiers) values.add(value)
    if (identity.value.randomizedMac !== undefined) values.add(identity.value.randomizedMac)
  }
  return values
}
