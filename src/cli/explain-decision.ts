import type { Decision } from '../decision/decision.ts'
import type { RuleStep } from '../decision/policy.ts'

/** Which rule decided and why the rules above it did not, one line each. */
export function explainRules(decision: Decision, steps: readonly RuleStep[]): string {
  const lines = steps.map(({ rule, result, unmet }) => {
    if (result === 'fired') return `  ${rule}: applies and decides`
    if (result === 'capped') return `  ${rule}: applies and limits the rules below it`
    return `  ${rule}: does not apply: ${unmet.join('; ')}`
  })
  const profile = decision.profile ? ` with the profile ${decision.profile.name}` : ''
  return [`rule: ${decision.rule ?? '-'} -> ${decision.outcome}${profile}`, ...lines].join('\n')
}
