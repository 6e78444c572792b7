import {
  concerns,
  decisionReasons,
  type PolicyDefinition,
  type PolicyRule,
} from '../decision/policy-rules.ts'
import { defaultPolicyDefinition } from './default-policy.ts'
import { covers } from './policy-warnings.ts'

/**
 * What happens through RADIUS to devices that have to be repaired, where that is a reject: a rule that remediates has no
 * profile, and an Access-Accept without attributes would be the whole network. Undefined where every one has. Without a
 * definition the built-in policy is looked at, with one its rules together with the built-in ones.
 */
export function findRadiusWarning(definition?: PolicyDefinition): string | undefined {
  const rules = [...(definition?.rules ?? []), ...defaultPolicyDefinition.rules]
  const named = rules
    .filter((rule, index) => remediates(rule) && isReached(rule, rules.slice(0, index)))
    .filter((rule) => hasNoAttributes(rule, definition))
    .map(({ name }) => JSON.stringify(name))
  if (named.length === 0) return undefined
  const where = definition
    ? 'name one in the policy file, for remediate under defaultProfiles or in the rule'
    : 'set POLICY_FILE to a policy that names one, as deploy/freeradius/policy.yaml does'
  const others = named.length > 4 ? ` and ${named.length - 4} more` : ''
  return `RADIUS rejects every device that ${named.slice(0, 4).join(', ')}${others} remediates: there is no profile that says where it may go; ${where} (docs/freeradius.md)`
}

function remediates({ effect }: PolicyRule): boolean {
  return (effect.decision ?? effect.atMost) === 'remediate'
}

/** True where some RADIUS request gets as far as this rule. */
function isReached(rule: PolicyRule, above: readonly PolicyRule[]): boolean {
  return decisionReasons.some(
    (reason) =>
      concerns(rule, 'radius', reason) &&
      !above.some(
        (other) =>
          other.effect.decision !== undefined &&
          concerns(other, 'radius', reason) &&
          covers(other.when, rule.when),
      ),
  )
}

function hasNoAttributes({ effect }: PolicyRule, definition: PolicyDefinition | undefined): boolean {
  const name = effect.profile ?? definition?.defaultProfiles.remediate
  const profile = definition?.profiles.find((candidate) => candidate.name === name)
  return profile === undefined || profile.attributes.length === 0
}
