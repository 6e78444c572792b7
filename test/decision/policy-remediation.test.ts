import t from 'tap'
import type { DecisionReason, RemediationAction } from '../../src/decision/decision.ts'
import { actionFor, messageFor } from '../../src/decision/policy-remediation.ts'

/** What the user has to do where a device is held back, and where it is only told. */
const table: readonly [DecisionReason, RemediationAction, RemediationAction | undefined][] = [
  ['compliant', 'contact_support', undefined],
  ['noncompliant', 'fix_compliance', 'fix_compliance'],
  ['in_grace_period', 'fix_compliance', 'fix_compliance'],
  ['not_evaluated', 'wait_for_evaluation', 'wait_for_evaluation'],
  ['not_enrolled', 'enroll', 'enroll'],
  ['randomized_mac', 'use_device_mac', 'use_device_mac'],
  ['identifier_conflict', 'contact_support', 'contact_support'],
  ['intune_unavailable', 'wait_for_evaluation', undefined],
]

for (const [reason, remediate, otherwise] of table) {
  t.test(
    `${reason}: the user has to ${remediate}, and where it is let in or denied ${otherwise ?? 'nothing'}`,
    async (t) => {
      t.equal(actionFor(reason, 'remediate'), remediate)
      for (const outcome of ['allow', 'deny', 'fail'] as const) t.equal(actionFor(reason, outcome), otherwise)
    },
  )
}

const fix = 'Open Company Portal, fix what it lists, then try again.'
const wait = 'Your device is enrolled but not checked yet. Wait a few minutes, then try again.'
const enroll = 'Enrol your device with Company Portal, then try again.'
const mac = 'Turn off the private (randomised) Wi-Fi address for this network, then try again.'
const support = 'This network does not admit your device as it is. Contact your IT support.'
const conflict = 'Your device presents contradicting identities. Contact your IT support.'
const outage = 'Your device could not be checked just now. Wait a few minutes, then try again.'

/** A site may pair any action with any reason; what is said has to be true of both. */
const messages: readonly [RemediationAction, DecisionReason, string][] = [
  ['fix_compliance', 'noncompliant', fix],
  ['fix_compliance', 'in_grace_period', fix],
  ['fix_compliance', 'intune_unavailable', fix],
  ['wait_for_evaluation', 'not_evaluated', wait],
  ['wait_for_evaluation', 'intune_unavailable', outage],
  ['enroll', 'not_enrolled', enroll],
  ['enroll', 'identifier_conflict', enroll],
  ['use_device_mac', 'randomized_mac', mac],
  ['contact_support', 'identifier_conflict', conflict],
  ['contact_support', 'compliant', support],
  ['contact_support', 'intune_unavailable', support],
]

for (const [action, reason, message] of messages) {
  t.test(`the user reads about ${action} for ${reason}: ${message}`, async (t) => {
    t.equal(messageFor(action, reason), message)
  })
}
