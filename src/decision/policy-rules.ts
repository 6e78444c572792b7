import type { FrontendName } from './decide.ts'
import type { DecisionOutcome, DecisionReason, RemediationAction } from './decision.ts'
import {
  type DeviceConditionName,
  type DeviceList,
  deviceConditions,
  deviceListKey,
  findInLists,
} from './device-conditions.ts'
import type { Policy, PolicyFacts, RuleStep, Verdict } from './policy.ts'
import {
  type Condition,
  type ConditionName,
  compileConditions,
  type RuleConditions,
} from './policy-conditions.ts'
import { compileProfile, type ProfileDefinition, type ProfileTemplate } from './policy-profile.ts'
import { actionFor, messageFor } from './policy-remediation.ts'
import type { Truth } from './text-pattern.ts'

/** One rule as the site wrote it, checked. */
export interface PolicyRule {
  readonly name: string
  readonly when: RuleConditions
  readonly effect: RuleEffect
}

/** What a rule does: it decides, or it limits what the rules below it may decide. */
export type RuleEffect = RuleDetails &
  (
    | { readonly decision: DecisionOutcome; readonly atMost?: undefined }
    | { readonly atMost: 'remediate' | 'deny'; readonly decision?: undefined }
  )

interface RuleDetails {
  readonly profile?: string | undefined
  readonly reasonText?: string | undefined
  readonly remediation?:
    | {
        readonly action?: RemediationAction | undefined
        readonly message?: string | undefined
        readonly url?: string | undefined
      }
    | undefined
}

/** A whole policy as plain data. The rules are tried in their order. */
export interface PolicyDefinition {
  readonly profiles: readonly ProfileDefinition[]
  /** The profile for an outcome where the rule that fired names none. */
  readonly defaultProfiles: Readonly<Partial<Record<DecisionOutcome, string>>>
  readonly rules: readonly PolicyRule[]
}

/** Every reason; also the order in which documents list them. */
export const decisionReasons = [
  'compliant',
  'noncompliant',
  'in_grace_period',
  'not_evaluated',
  'not_enrolled',
  'randomized_mac',
  'identifier_conflict',
  'intune_unavailable',
] as const satisfies readonly DecisionReason[]

/** Every front end that a rule can name. */
export const frontendNames = ['json', 'radius', 'ise'] as const satisfies readonly FrontendName[]

/** Names the verdict of a policy that has no rule for a fact: nobody wrote that this device may in. */
const noRule = 'no rule'

/** How far an outcome lets a device in; `fail` leaves it to the caller, who has less to go by than a policy. */
const openness = { deny: 0, remediate: 1, fail: 2, allow: 3 } as const

/** The most that the rules below may decide. */
type Limit = Exclude<DecisionOutcome, 'allow'>

/** A rule for one reason and one front end: only the other conditions are left to ask. */
interface Step {
  /** Absent where nothing is left to ask. */
  readonly holds?: (facts: PolicyFacts) => Truth
  readonly verdict: Verdict
  readonly cap?: 'remediate' | 'deny'
}

/** A list file that rules name. */
export interface NamedList {
  readonly key: string
  readonly kind: DeviceConditionName
  /** As the policy file writes it. */
  readonly file: string
}

/** Every list file that rules name, each once. */
export function namedLists(rules: readonly PolicyRule[]): readonly NamedList[] {
  const lists = rules.flatMap(({ when }) =>
    deviceConditions.flatMap((kind) =>
      (when[kind]?.files ?? []).map((file) => ({ key: deviceListKey(kind, file), kind, file })),
    ),
  )
  return [...new Map(lists.map((list) => [list.key, list])).values()]
}

const noLists: ReadonlyMap<string, DeviceList> = new Map()

/**
 * Compiles rules into one short list for each reason and front end, so that a request only asks what is left open.
 * With a catch-all at the end the lists of most reasons have a single entry, which costs as much as a table.
 * `lists` has what every list file holds, by its key; they may change afterwards.
 */
export function compilePolicy(definition: PolicyDefinition, lists = noLists): Policy {
  for (const { key } of namedLists(definition.rules)) {
    // Without it, a rule that refuses would let in.
    if (!lists.has(key)) throw new Error(`the list ${key} was not read`)
  }
  const profiles = new Map(definition.profiles.map((profile) => [profile.name, compileProfile(profile)]))
  const rules = definition.rules.map((rule) => ({ rule, conditions: compileConditions(rule.when) }))
  const cells = mapOf(frontendNames, (frontend) =>
    mapOf(decisionReasons, (reason) => stepsFor(frontend, reason, rules, definition, profiles)),
  )
  return {
    decide: (facts) => decideBySteps(cells[facts.request.frontend][facts.reason], facts),
    explain: (facts) => explainRules(rules, facts),
    withLists: (facts) => {
      const listed = findInLists(lists, facts)
      return listed === undefined ? facts : { ...facts, listed }
    },
    conditionsInUse: new Set<ConditionName>(
      rules.flatMap(({ conditions }) => conditions.map(({ name }) => name)),
    ),
  }
}

/** True where the rule says anything at all about this reason on this front end. */
export function concerns(rule: PolicyRule, frontend: FrontendName, reason: DecisionReason): boolean {
  return (rule.when.frontend?.includes(frontend) ?? true) && (rule.when.reason?.includes(reason) ?? true)
}

function mapOf<K extends string, V>(keys: readonly K[], make: (key: K) => V): Readonly<Record<K, V>> {
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<K, V>
}

interface CompiledRule {
  readonly rule: PolicyRule
  readonly conditions: readonly Condition[]
}

function stepsFor(
  frontend: FrontendName,
  reason: DecisionReason,
  rules: readonly CompiledRule[],
  definition: PolicyDefinition,
  profiles: ReadonlyMap<string, ProfileTemplate>,
): Step[] {
  const steps: Step[] = []
  for (const { rule, conditions } of rules) {
    if (!concerns(rule, frontend, reason)) continue
    const open = conditions.filter(({ name }) => name !== 'reason' && name !== 'frontend')
    const outcome = rule.effect.decision ?? rule.effect.atMost
    const verdict = verdictOf(rule, outcome, reason, definition, profiles)
    const cap = rule.effect.atMost
    steps.push({ ...(open.length > 0 && { holds: all(open) }), verdict, ...(cap && { cap }) })
    if (open.length === 0 && cap === undefined) return steps
  }
  steps.push({ verdict: { outcome: 'deny', rule: noRule } })
  return steps
}

function all(conditions: readonly Condition[]): (facts: PolicyFacts) => Truth {
  const [only, ...more] = conditions
  if (only !== undefined && more.length === 0) return only.holds
  return (facts) => {
    let truth: Truth = true
    for (const condition of conditions) {
      const one = condition.holds(facts)
      if (one === false) return false
      if (one === 'unclear') truth = 'unclear'
    }
    return truth
  }
}

function verdictOf(
  { name, effect }: PolicyRule,
  outcome: DecisionOutcome,
  reason: DecisionReason,
  definition: PolicyDefinition,
  profiles: ReadonlyMap<string, ProfileTemplate>,
): Verdict {
  const action = effect.remediation
    ? (effect.remediation.action ?? actionFor(reason, 'remediate'))
    : actionFor(reason, outcome)
  const profile = profiles.get(effect.profile ?? definition.defaultProfiles[outcome] ?? '')
  const url = effect.remediation?.url
  return Object.freeze({
    outcome,
    rule: name,
    ...(effect.reasonText !== undefined && { reasonText: effect.reasonText }),
    ...(action && {
      remediation: {
        action,
        message: effect.remediation?.message ?? messageFor(action, reason),
        ...(url !== undefined && { url }),
      },
    }),
    ...(profile && { profile }),
  })
}

/** The most that the rules below may decide, and what is decided where they say more. */
interface Cap {
  readonly limit: Limit
  readonly verdict: Verdict
}

function decideBySteps(steps: readonly Step[], facts: PolicyFacts): Verdict {
  let cap: Cap | undefined
  /** Of rules that may be meant: `atMost` leaves fail alone, but a decision that may be meant does not. */
  let unclearCap: Cap | undefined
  for (const { holds, verdict, cap: atMost } of steps) {
    const truth = holds ? holds(facts) : true
    if (truth === false) continue
    if (atMost !== undefined) {
      cap = stricterOf(cap, { limit: atMost, verdict })
      continue
    }
    const above = verdict.outcome === 'fail' ? unclearCap : cap
    const capped = above && openness[verdict.outcome] > openness[above.limit] ? above.verdict : verdict
    if (truth === true || capped.outcome === 'deny') return capped
    // It may be meant and may be not: the stricter one of its verdict and of what the rules below say stands.
    if (capped.outcome === 'allow') continue
    const next = { limit: capped.outcome, verdict: capped }
    cap = stricterOf(cap, next)
    unclearCap = stricterOf(unclearCap, next)
  }
  // stepsFor ends every list with a step that always holds.
  return { outcome: 'deny', rule: noRule }
}

function stricterOf(first: Cap | undefined, next: Cap): Cap {
  return first === undefined || openness[first.limit] > openness[next.limit] ? next : first
}

function explainRules(rules: readonly CompiledRule[], facts: PolicyFacts): RuleStep[] {
  const steps: RuleStep[] = []
  for (const { rule, conditions } of rules) {
    const step = explainRule(rule, conditions, facts)
    steps.push(step)
    if (step.result === 'fired') return steps
  }
  return [...steps, { rule: noRule, result: 'fired', unmet: [], unclear: [] }]
}

function explainRule(
  { name, effect }: PolicyRule,
  conditions: readonly Condition[],
  facts: PolicyFacts,
): RuleStep {
  const sentences = (wanted: Truth) =>
    conditions
      .filter((condition) => condition.holds(facts) === wanted)
      .map(
        (condition) => `${condition.name} is ${condition.actual(facts)}, the rule wants ${condition.wanted}`,
      )
  const unmet = sentences(false)
  if (unmet.length > 0) return { rule: name, result: 'passed_over', unmet, unclear: [] }
  const unclear = sentences('unclear')
  if (effect.atMost !== undefined) return { rule: name, result: 'capped', unmet, unclear }
  if (unclear.length === 0 || effect.decision === 'deny') {
    return { rule: name, result: 'fired', unmet, unclear }
  }
  // What a rule that lets in cannot count as met is what kept it from applying.
  return effect.decision === 'allow'
    ? { rule: name, result: 'passed_over', unmet: unclear, unclear: [] }
    : { rule: name, result: 'capped', unmet, unclear }
}
