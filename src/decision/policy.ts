import type { ComplianceRecord } from '../compliance/compliance-record.ts'
import type { IdentifierKind } from '../identity/device-identity.ts'
import type { DecisionRequest } from './decide.ts'
import type { DecisionOutcome, DecisionReason, RemediationAction } from './decision.ts'
import type { FoundInLists } from './device-conditions.ts'
import type { ConditionName } from './policy-conditions.ts'
import type { ProfileTemplate } from './policy-profile.ts'

/** Everything that a rule may look at: the row of the fact table, who asks from where, and how good the fact is. */
export interface PolicyFacts {
  readonly reason: DecisionReason
  /** Without an identity where nobody asks: a device that is listed. */
  readonly request: Pick<DecisionRequest, 'frontend' | 'client' | 'context'> &
    Partial<Pick<DecisionRequest, 'identity'>>
  /** The kind of identifier that decided. */
  readonly matchedBy: IdentifierKind | 'none'
  /** Rank of that identifier, 1 best; a randomised MAC has the rank of a MAC. */
  readonly rank: 1 | 2 | 3 | 4
  /** True where a lower rank is known to name another device. */
  readonly rankConflict: boolean
  readonly stale: boolean
  readonly ageMs: number
  readonly nowMs: number
  /** What Intune said; absent where nothing is known. */
  readonly record?: ComplianceRecord
  /** The list files that name the device, as `Policy.listed` finds them; absent where none does. */
  readonly listed?: FoundInLists
}

/** What policy makes of the facts. Verdicts are made when a policy is compiled, not per request. */
export interface Verdict {
  readonly outcome: DecisionOutcome
  /** Name of the rule that fired. */
  readonly rule: string
  /** Why, in the words of the site; absent where the reason code has to do. */
  readonly reasonText?: string
  readonly remediation?: RemediationTemplate
  readonly profile?: ProfileTemplate
}

/** What the user has to do. The address is the portal of the cloud where the site names none. */
export interface RemediationTemplate {
  readonly action: RemediationAction
  readonly message: string
  readonly url?: string
}

/** How one rule fared against the facts of one request. */
export interface RuleStep {
  readonly rule: string
  /** fired: it decided. capped: it limits whatever a later rule says. passed_over: it does not apply. */
  readonly result: 'fired' | 'capped' | 'passed_over'
  /** The conditions that did not hold, each in a sentence; empty unless passed over. */
  readonly unmet: readonly string[]
  /** The conditions that count as met although their text could not be read for certain; empty where it was. */
  readonly unclear: readonly string[]
}

/** A compiled policy: total, so every fact gets a verdict. Pure, but for `withLists`: list files change. */
export interface Policy {
  decide(facts: PolicyFacts): Verdict
  /** The facts with the list files that name the device, which rules may ask for: to be had before `decide`. */
  withLists(facts: PolicyFacts): PolicyFacts
  /** The rules in their order up to the one that fired: the same answer as `decide`, with the way to it. */
  explain(facts: PolicyFacts): readonly RuleStep[]
  /** The conditions that at least one rule has. */
  readonly conditionsInUse: ReadonlySet<ConditionName>
}

/**
 * Names the row of the fact table that a record falls into. Pure; anything not vouched for is not compliant.
 * A noncompliant device counts as in its grace period until the moment that Graph named.
 */
export function reasonFor(record: ComplianceRecord, nowMs: number): DecisionReason {
  if (!record.enrolled) return 'not_enrolled'
  switch (record.complianceState) {
    case 'compliant':
      return 'compliant'
    case 'noncompliant':
      return record.gracePeriodEndsMs !== undefined && record.gracePeriodEndsMs > nowMs
        ? 'in_grace_period'
        : 'noncompliant'
    default:
      return 'not_evaluated'
  }
}
