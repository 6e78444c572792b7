import type { ComplianceRecord } from '../compliance/compliance-record.ts'
import type { DecisionOutcome, DecisionReason, Remediation, RemediationAction } from './decision.ts'

/** What is done about one reason. */
export interface Verdict {
  readonly outcome: DecisionOutcome
  readonly remediationAction?: RemediationAction
}

/** One verdict for every reason: total by construction, so no fact can fall through. */
export type Policy = Readonly<Record<DecisionReason, Verdict>>

/** The built-in decision table. An outage denies: letting strangers in has to be somebody's explicit choice. */
export const defaultPolicy: Policy = {
  compliant: { outcome: 'allow' },
  noncompliant: { outcome: 'remediate', remediationAction: 'fix_compliance' },
  in_grace_period: { outcome: 'allow', remediationAction: 'fix_compliance' },
  not_evaluated: { outcome: 'remediate', remediationAction: 'wait_for_evaluation' },
  not_enrolled: { outcome: 'remediate', remediationAction: 'enroll' },
  randomized_mac: { outcome: 'remediate', remediationAction: 'use_device_mac' },
  identifier_conflict: { outcome: 'deny', remediationAction: 'contact_support' },
  intune_unavailable: { outcome: 'deny' },
}

/** Names the row of the decision table that a record falls into. Pure; anything not vouched for is not compliant. */
export function reasonFor(record: ComplianceRecord): DecisionReason {
  if (!record.enrolled) return 'not_enrolled'
  switch (record.complianceState) {
    case 'compliant':
      return 'compliant'
    case 'noncompliant':
      return 'noncompliant'
    default:
      return 'not_evaluated'
  }
}

const messages: Readonly<Record<RemediationAction, string>> = {
  fix_compliance: 'Open Company Portal, fix what it lists, then try again.',
  wait_for_evaluation: 'Your device is enrolled but not checked yet. Wait a few minutes, then try again.',
  enroll: 'Enrol your device with Company Portal, then try again.',
  use_device_mac: 'Turn off the private (randomised) Wi-Fi address for this network, then try again.',
  contact_support: 'Your device presents contradicting identities. Contact your IT support.',
}

/** The text and address to show a user for an action; `portalUrl` is the cloud's own enrolment page. */
export function remediationFor(action: RemediationAction, portalUrl: string): Remediation {
  return { action, url: portalUrl, message: messages[action] }
}
