import { deviceConditions, type WantedDevices } from '../decision/device-conditions.ts'
import type { RuleConditions } from '../decision/policy-conditions.ts'
import {
  concerns,
  decisionReasons,
  frontendNames,
  type PolicyDefinition,
  type PolicyRule,
} from '../decision/policy-rules.ts'

import { findNarrowDenials, findTextWarnings, findUnsaidWarnings } from './text-warnings.ts'

/** Something that is allowed but hardly meant; `path` leads to it in the file. */
export interface PolicyWarning {
  readonly path: readonly PropertyKey[]
  readonly problem: string
}

/**
 * Finds rules that an earlier rule always answers in their place, profiles that no rule names, texts that look like other
 * ones, and rules that pass over more than they seem to.
 */
export function findPolicyWarnings({ rules, profiles, defaultProfiles }: PolicyDefinition): PolicyWarning[] {
  const used = new Set([...Object.values(defaultProfiles), ...rules.map(({ effect }) => effect.profile)])
  return [
    ...rules.flatMap((rule, index) => {
      if (!isUnreachable(rule, rules.slice(0, index))) return []
      const problem = `rule ${JSON.stringify(rule.name)} can never apply: the rules above it already cover it`
      return [{ path: ['rules', index], problem }]
    }),
    ...findTextWarnings(rules),
    ...findUnsaidWarnings(rules),
    ...findNarrowDenials(rules),
    ...profiles
      .filter(({ name }) => !used.has(name))
      .map(({ name }) => ({ path: ['profiles', name], problem: `profile ${name} is used by no rule` })),
  ]
}

/** Looks at each reason and front end by itself, because the covering rule may be another one for each. */
function isUnreachable(rule: PolicyRule, above: readonly PolicyRule[]): boolean {
  const deciding = above.filter(({ effect }) => effect.decision !== undefined)
  return frontendNames.every((frontend) =>
    decisionReasons.every(
      (reason) =>
        !concerns(rule, frontend, reason) ||
        deciding.some((other) => concerns(other, frontend, reason) && covers(other.when, rule.when)),
    ),
  )
}

/** True where every request that meets `narrow` also meets `wide`, reason and front end aside. */
export function covers(wide: RuleConditions, narrow: RuleConditions): boolean {
  const includes = <T>(wider: readonly T[] | undefined, narrower: readonly T[] | undefined) =>
    wider === undefined || narrower?.every((value) => wider.includes(value)) === true
  const matches = (wider: readonly string[] | undefined, narrower: readonly string[] | undefined) =>
    includes(wider, narrower) || (wider?.includes('*') === true && narrower !== undefined)
  const names = (wider: WantedDevices | undefined, narrower: WantedDevices | undefined) =>
    wider === undefined ||
    (narrower !== undefined &&
      includes(wider.values, narrower.values) &&
      includes(wider.files, narrower.files) &&
      (wider.namesUnknown || !narrower.namesUnknown))
  const equal = <T>(wider: T | undefined, narrower: T | undefined) =>
    wider === undefined || wider === narrower
  const { staleOlderThanSeconds: older, gracePeriodEndsWithinSeconds: within } = wide
  return (
    matches(wide.client, narrow.client) &&
    includes(wide.nasAddress, narrow.nasAddress) &&
    matches(wide.nasIdentifier, narrow.nasIdentifier) &&
    matches(wide.ssid, narrow.ssid) &&
    deviceConditions.every((name) => names(wide[name], narrow[name])) &&
    includes(wide.matchedBy, narrow.matchedBy) &&
    includes(wide.rank, narrow.rank) &&
    equal(wide.rankConflict, narrow.rankConflict) &&
    equal(wide.stale, narrow.stale) &&
    (older === undefined || (narrow.staleOlderThanSeconds ?? -1) >= older) &&
    (within === undefined || (narrow.gracePeriodEndsWithinSeconds ?? Number.POSITIVE_INFINITY) <= within) &&
    includes(wide.ownership, narrow.ownership) &&
    matches(wide.os, narrow.os)
  )
}
