import type { ComplianceRecord, ComplianceState } from '../compliance/compliance-record.ts'

/** What a reply says about a device; the caller knows when it was said. */
export type ComplianceFacts = Omit<ComplianceRecord, 'observedAtMs'>

/** The facts about a device that Intune does not manage. */
export const NOT_ENROLLED: ComplianceFacts = { enrolled: false, complianceState: 'unknown' }

/**
 * Facts from the two flags that every dialect has. `compliant: true` with `registered: false` contradicts itself and
 * counts as not enrolled; a compliance flag that nobody could read is unknown, never compliant.
 */
export function judgeFlags(registered: boolean, compliant: boolean | undefined): ComplianceFacts {
  if (!registered) return NOT_ENROLLED
  if (compliant === undefined) return { enrolled: true, complianceState: 'unknown' }
  return { enrolled: true, complianceState: compliant ? 'compliant' : 'noncompliant' }
}

/**
 * The facts that count where a reply holds several devices (a re-enrolled device, the MAC of a dock): enrolled before
 * not enrolled; among the enrolled the state with the least trust; among equals the one seen last. Nobody knows which of
 * several enrolled devices it is, so the facts then name none.
 */
export function chooseWorst(facts: readonly ComplianceFacts[]): ComplianceFacts {
  return withoutDoubtfulId(worstOf(facts) ?? NOT_ENROLLED, facts)
}

/** The same of facts that were asked for one by one: the first one of `given` that counts. */
export function worstOf<T extends ComplianceFacts>(given: readonly T[]): T | undefined {
  const enrolled = given
    .filter((fact) => fact.enrolled)
    .sort((one, other) => (other.details?.lastSyncMs ?? 0) - (one.details?.lastSyncMs ?? 0))
  for (const state of ['noncompliant', 'unknown', 'compliant'] satisfies ComplianceState[]) {
    const found = enrolled.find((fact) => fact.complianceState === state)
    if (found) return found
  }
  return given[0]
}

/** `chosen` without its device id, where it is one of several enrolled devices. */
export function withoutDoubtfulId<T extends ComplianceFacts>(chosen: T, all: readonly ComplianceFacts[]): T {
  const ids = new Set(all.filter(({ enrolled }) => enrolled).map(({ deviceId }) => deviceId))
  if (ids.size < 2) return chosen
  const { deviceId, ...facts } = chosen
  return facts as T
}
