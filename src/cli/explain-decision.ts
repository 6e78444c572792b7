import type { Decision } from '../decision/decision.ts'
import type { RuleStep } from '../decision/policy.ts'

/** Which rule decided and why the rules above it did not, one line each. */
export function explainRules(decision: Decision, steps: readonly RuleStep[]): string {
  const profile = decision.profile ? ` with the profile ${decision.profile.name}` : ''
  const verdict = `rule: ${decision.rule ?? '-'} -> ${decision.outcome}${profile}`
  return [verdict, ...steps.map(explainRuleStep)].join('\n')
}

/** How one rule fared, on a line that is indented. */
export function explainRuleStep({ rule, result, unmet, unclear }: RuleStep): string {
  if (result === 'passed_over') return `  ${rule}: does not apply: ${unmet.join('; ')}`
  const does = result === 'fired' ? 'applies and decides' : 'applies and limits the rules below it'
  if (unclear.length === 0) return `  ${rule}: ${does}`
  return `  ${rule}: ${does}, because nobody can say that it does not: ${unclear.join('; ')}`
}
