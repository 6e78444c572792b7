import type { DecisionOutcome } from './decision.ts'

/**
 * What the network was told, which is not always what was decided: a remediation without a place for it is a reject, and
 * Cisco ISE is told states. To FreeRADIUS and callers of JSON: `accept`, `redirect` (in, but only to be repaired),
 * `reject`. To ISE: `compliant`, `noncompliant`, `unregistered` (an empty list). To each: `unavailable`, an error (503).
 */
export const sentAnswers = [
  'accept',
  'redirect',
  'reject',
  'compliant',
  'noncompliant',
  'unregistered',
  'unavailable',
] as const

/** One of them. */
export type SentAnswer = (typeof sentAnswers)[number]

/** What is sent to a caller who is told the decision as it is: by the JSON front end, and by `check`. */
export const sentAsDecided: Readonly<Record<DecisionOutcome, SentAnswer>> = {
  allow: 'accept',
  remediate: 'redirect',
  deny: 'reject',
  fail: 'unavailable',
}
