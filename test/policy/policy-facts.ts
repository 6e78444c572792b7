import type { RequestContext } from '../../src/decision/decide.ts'
import type { Policy, PolicyFacts } from '../../src/decision/policy.ts'
import type { DeviceIdentity } from '../../src/identity/device-identity.ts'
import { parsePolicy } from '../../src/policy/policy-file.ts'
import { compileSitePolicy } from '../../src/policy/site-policy.ts'

/** Facts of a compliant device asked about by its id over RADIUS, with what a test wants to be different. */
export function factsOf(
  difference: Partial<Omit<PolicyFacts, 'request'>> & {
    readonly frontend?: PolicyFacts['request']['frontend']
    readonly client?: string
    readonly context?: RequestContext
    readonly identity?: DeviceIdentity
  } = {},
): PolicyFacts {
  const { frontend = 'radius', client = 'freeradius-1', context, identity, ...facts } = difference
  return {
    reason: 'compliant',
    request: { frontend, client, ...(context && { context }), ...(identity && { identity }) },
    matchedBy: 'deviceId',
    rank: 1,
    rankConflict: false,
    stale: false,
    ageMs: 0,
    nowMs: Date.UTC(2026, 10, 23, 8, 0, 0),
    ...facts,
  }
}

/** The policy of a file that has to be right, with the built-in rules below. */
export function policyOf(text: string): Policy {
  const parsed = parsePolicy(text, 'policy.yaml')
  if (!parsed.ok) throw new Error(parsed.fault.message)
  return compileSitePolicy(parsed.value.definition)
}
