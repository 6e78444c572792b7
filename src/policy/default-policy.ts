import type { Policy } from '../decision/policy.ts'
import { compilePolicy } from '../decision/policy-rules.ts'
import { parsePolicy } from './policy-file.ts'

/**
 * The built-in policy, a policy file like any other: it applies on its own where POLICY_FILE is not set, and below the
 * rules of that file where it is. Letting devices in while Intune is away has to be somebody's explicit choice.
 */
export const defaultPolicyText = `# The built-in policy of intune-nac. A POLICY_FILE puts its own rules above these.
# The first rule that applies decides. docs/policy.md describes every key.
rules:
  - name: builtin compliant
    when: { reason: [compliant, in_grace_period] }
    decision: allow

  # What the user has to do follows from the reason: fix_compliance, wait_for_evaluation, enroll, use_device_mac.
  - name: builtin remediate
    when: { reason: [noncompliant, not_evaluated, not_enrolled, randomized_mac] }
    decision: remediate

  - name: builtin conflict
    when: { reason: identifier_conflict }
    decision: deny

  # Nothing could be determined and nothing usable is remembered: the outage policy.
  # RADIUS and ISE are told so (HTTP 503) and have outage rules of their own.
  - name: builtin outage, radius and ise
    when: { reason: intune_unavailable, frontend: [radius, ise] }
    decision: fail

  - name: builtin outage
    when: { reason: intune_unavailable }
    decision: deny
`

const parsed = parsePolicy(defaultPolicyText, 'built-in policy')
if (!parsed.ok) throw new Error(parsed.fault.message)

/** The built-in rules as data. */
export const defaultPolicyDefinition = parsed.value.definition

/** The built-in policy, compiled. */
export const defaultPolicy: Policy = compilePolicy(defaultPolicyDefinition)
