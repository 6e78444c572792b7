import type { DecisionOutcome, DecisionReason, RemediationAction } from './decision.ts'

/** What the user has to do about each reason: it follows from the fact, whatever the network decides. */
const actions: Readonly<Partial<Record<DecisionReason, RemediationAction>>> = {
  noncompliant: 'fix_compliance',
  in_grace_period: 'fix_compliance',
  not_evaluated: 'wait_for_evaluation',
  not_enrolled: 'enroll',
  randomized_mac: 'use_device_mac',
  identifier_conflict: 'contact_support',
}

const messages: Readonly<Record<RemediationAction, string>> = {
  fix_compliance: 'Open Company Portal, fix what it lists, then try again.',
  wait_for_evaluation: 'Your device is enrolled but not checked yet. Wait a few minutes, then try again.',
  enroll: 'Enrol your device with Company Portal, then try again.',
  use_device_mac: 'Turn off the private (randomised) Wi-Fi address for this network, then try again.',
  contact_support: 'This network does not admit your device as it is. Contact your IT support.',
}

/** The action for a reason; undefined where the user has nothing to do. A remediation without one names the support. */
export function actionFor(reason: DecisionReason, outcome: DecisionOutcome): RemediationAction | undefined {
  if (outcome !== 'remediate') return actions[reason]
  if (reason === 'intune_unavailable') return 'wait_for_evaluation'
  return actions[reason] ?? 'contact_support'
}

/** What to tell the user about an action, for one reason. */
export function messageFor(action: RemediationAction, reason: DecisionReason): string {
  if (reason === 'identifier_conflict' && action === 'contact_support') {
    return 'Your device presents contradicting identities. Contact your IT support.'
  }
  if (reason === 'intune_unavailable' && action === 'wait_for_evaluation') {
    return 'Your device could not be checked just now. Wait a few minutes, then try again.'
  }
  return messages[action]
}
