import type { Decision, DecisionOutcome } from '../../decision/decision.ts'
import { isoTime } from './iso-time.ts'
import type { DecisionAnswer } from './schema.ts'

/** A decision that there is an answer for; `fail` is an error instead. */
export type AnswerableDecision = Decision & { readonly outcome: Exclude<DecisionOutcome, 'fail'> }

/** True where the decision is an answer, false where policy wants the caller to know that there is none. */
export function isAnswerable(decision: Decision): decision is AnswerableDecision {
  return decision.outcome !== 'fail'
}

/** Renders a decision as the flat answer; seconds are whole and never rounded up. */
export function presentDecision(decision: AnswerableDecision): DecisionAnswer {
  const { observedAtMs, remediation } = decision
  return {
    decision: decision.outcome,
    reason: decision.reason,
    complianceState: decision.complianceState,
    enrolled: decision.enrolled,
    matchedBy: decision.matchedBy,
    device: decision.device,
    source: decision.source,
    observedAt: observedAtMs === undefined ? null : isoTime(observedAtMs),
    ageSeconds: wholeSeconds(decision.ageMs),
    stale: decision.stale,
    expiresInSeconds: wholeSeconds(decision.expiresInMs),
    remediationAction: remediation?.action ?? null,
    remediationUrl: remediation?.url ?? null,
    remediationMessage: remediation?.message ?? null,
    decisionId: decision.decisionId,
    errorCode: decision.reason === 'intune_unavailable' ? (decision.faultCode ?? 'intune_unavailable') : null,
  }
}

function wholeSeconds(milliseconds: number): number {
  return Math.max(0, Math.floor(milliseconds / 1000))
}
