import type { NoncompliantDevice, ReadNoncompliantSnapshot } from '../compliance/noncompliant-snapshot.ts'
import type { DecisionRequest } from './decide.ts'
import type { DecisionReason } from './decision.ts'
import { type Policy, reasonFor, type Verdict } from './policy.ts'

export type { NoncompliantDevice } from '../compliance/noncompliant-snapshot.ts'

/** What policy says about a listed device: what it would say to somebody who asks about that device alone. */
export interface ListedVerdict {
  readonly verdict: Verdict
  readonly reason: DecisionReason
}

/** The devices that are not compliant, for front ends whose callers poll for them. Nothing here asks Intune. */
export interface NoncompliantDevices {
  /** Sorted by id; the same array for as long as nothing has changed. Policy may let some of them in. */
  list(): Promise<readonly NoncompliantDevice[]>
  judge(device: NoncompliantDevice, asking: Pick<DecisionRequest, 'frontend' | 'client'>): ListedVerdict
}

/** Joins the snapshot of facts with the policy: facts are remembered, verdicts are computed. */
export function createNoncompliantDevices(parts: {
  readonly readSnapshot: ReadNoncompliantSnapshot
  readonly policy: Pick<Policy, 'decide' | 'withLists'>
  readonly nowMs: () => number
}): NoncompliantDevices {
  return {
    list: async () => (await parts.readSnapshot()).devices,
    judge({ record: known, deviceId, macs }, request) {
      // What is known of the device by all its records together.
      const record = {
        ...known,
        ...(deviceId !== undefined && { deviceId }),
        ...(macs.length > 0 && { macs }),
      }
      const nowMs = parts.nowMs()
      const reason = reasonFor(record, nowMs)
      const facts = parts.policy.withLists({
        reason,
        request,
        matchedBy: deviceId === undefined ? 'mac' : 'deviceId',
        rank: deviceId === undefined ? 4 : 1,
        rankConflict: false,
        stale: false,
        ageMs: Math.max(0, nowMs - record.observedAtMs),
        nowMs,
        record,
      })
      return { verdict: parts.policy.decide(facts), reason }
    },
  }
}
