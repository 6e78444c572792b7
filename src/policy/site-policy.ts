import { readFileSync } from 'node:fs'
import type { Clock } from '../clock.ts'
import type { Policy } from '../decision/policy.ts'
import { compilePolicy, type PolicyDefinition } from '../decision/policy-rules.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { fileState, followFile } from '../files/followed-file.ts'
import { describeFileFault, describeReadError } from '../text/decode.ts'
import { defaultPolicy, defaultPolicyDefinition } from './default-policy.ts'
import { type ParsedPolicy, parsePolicy } from './policy-file.ts'

/** Which policy is in force, for health and metrics. */
export interface PolicyStatus {
  /** built_in: there is no file. loaded: the file as it is. refused: the file is wrong, an earlier state of it stays. */
  readonly state: 'built_in' | 'loaded' | 'refused'
  /** When the policy in force was read, milliseconds since the epoch. */
  readonly loadedAtMs: number
  /** How many rules of the file are in force; the built-in ones come below them. */
  readonly rules: number
  /** Changes of the file that were taken over, and that were refused, since the start. */
  readonly reloads: number
  readonly refusals: number
  /** What is wrong with the file, `file:line:column: problem` on each line; only where it is refused. */
  readonly problem?: string
}

/** What became of one change of the file. */
export type PolicyChange =
  | { readonly taken: true; readonly rules: number; readonly warnings: readonly string[] }
  | { readonly taken: false; readonly problem: string }

/** The policy in force; decisions follow the file within two seconds of a change. */
export interface SitePolicy extends Policy {
  status(): PolicyStatus
  /** The compiled rules of this moment; they stay as they are when the file changes. */
  inForce(): Policy
  /** Stops looking at the file. */
  close(): void
}

/** What the policy works with. `onChange` is called once for each change of the file, and once at the start. */
export interface SitePolicyParts {
  readonly clock: Clock
  readonly onChange?: (change: PolicyChange) => void
}

/** The rules of a file above the built-in ones, compiled. */
export function compileSitePolicy(definition: PolicyDefinition): Policy {
  return compilePolicy({ ...definition, rules: [...definition.rules, ...defaultPolicyDefinition.rules] })
}

/** Reads a policy file once. Fails with `configuration_invalid`, naming line and column of each problem. */
export function loadPolicy(file: string): Outcome<ParsedPolicy> {
  try {
    return parsePolicy(readFileSync(file), file)
  } catch (error) {
    return unreadable(file, describeReadError(error))
  }
}

/**
 * The policy of POLICY_FILE, or the built-in one without a file. A file that is wrong now fails with
 * `configuration_invalid`; one that becomes wrong later is refused and the policy in force stays.
 */
export function openSitePolicy(file: string | undefined, parts: SitePolicyParts): Outcome<SitePolicy> {
  const { clock } = parts
  if (file === undefined) {
    const status = {
      state: 'built_in',
      loadedAtMs: clock.nowMs(),
      rules: 0,
      reloads: 0,
      refusals: 0,
    } as const
    return success({
      ...defaultPolicy,
      status: () => status,
      inForce: () => defaultPolicy,
      close: () => undefined,
    })
  }
  const state = fileState(file)
  const first = loadPolicy(file)
  if (!first.ok) return first
  return success(new FollowedPolicy(file, first.value, state, parts))
}

class FollowedPolicy implements SitePolicy {
  readonly #parts: SitePolicyParts
  #policy: Policy
  #status: PolicyStatus
  /** Stops looking at the file. */
  readonly close: () => void

  constructor(file: string, first: ParsedPolicy, state: string, parts: SitePolicyParts) {
    const { clock, onChange } = parts
    this.#parts = parts
    this.#policy = compileSitePolicy(first.definition)
    const rules = first.definition.rules.length
    this.#status = { state: 'loaded', loadedAtMs: clock.nowMs(), rules, reloads: 0, refusals: 0 }
    onChange?.({ taken: true, rules, warnings: first.warnings })
    this.close = followFile({
      file,
      state,
      clock,
      onChange: (content) =>
        this.#take(content === undefined ? unreadable(file) : parsePolicy(content, file)),
    })
  }

  decide: Policy['decide'] = (facts) => this.#policy.decide(facts)

  explain: Policy['explain'] = (facts) => this.#policy.explain(facts)

  get conditionsInUse(): Policy['conditionsInUse'] {
    return this.#policy.conditionsInUse
  }

  inForce(): Policy {
    return this.#policy
  }

  status(): PolicyStatus {
    return this.#status
  }

  #take(parsed: Outcome<ParsedPolicy>): void {
    const { clock, onChange } = this.#parts
    if (!parsed.ok) {
      const problem = parsed.fault.message
      this.#status = { ...this.#status, state: 'refused', refusals: this.#status.refusals + 1, problem }
      onChange?.({ taken: false, problem })
      return
    }
    const { definition, warnings } = parsed.value
    const rules = definition.rules.length
    const { refusals, reloads } = this.#status
    this.#policy = compileSitePolicy(definition)
    this.#status = { state: 'loaded', loadedAtMs: clock.nowMs(), rules, reloads: reloads + 1, refusals }
    onChange?.({ taken: true, rules, warnings })
  }
}

function unreadable(file: string, why = 'cannot be read') {
  return failure('configuration_invalid', describeFileFault('POLICY_FILE', file, why), {
    field: 'POLICY_FILE',
  })
}
