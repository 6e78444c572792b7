import { type BigIntStats, readFileSync, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import type { Clock } from '../clock.ts'
import type { Policy } from '../decision/policy.ts'
import { compilePolicy, type PolicyDefinition } from '../decision/policy-rules.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
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

/** Twice within a change: once to see it, once to see that nobody writes any more. */
const pollMs = 500

/** The rules of a file above the built-in ones, compiled. */
export function compileSitePolicy(definition: PolicyDefinition): Policy {
  return compilePolicy({ ...definition, rules: [...definition.rules, ...defaultPolicyDefinition.rules] })
}

/** Reads a policy file once. Fails with `configuration_invalid`, naming line and column of each problem. */
export function loadPolicy(file: string): Outcome<ParsedPolicy> {
  try {
    return parsePolicy(readFileSync(file, 'utf8'), file)
  } catch {
    return unreadable(file)
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
  // Before the file is read: an edit in between is then seen as a change.
  const state = stateNow(file)
  const first = loadPolicy(file)
  if (!first.ok) return first
  return success(new WatchedPolicy(file, first.value, state, parts))
}

/**
 * Polls instead of fs.watch: that misses the symlink swap by which Kubernetes updates a mounted file, and network
 * file systems. The file is read off the request path and a slow disk only delays the next look.
 */
class WatchedPolicy implements SitePolicy {
  readonly #file: string
  readonly #parts: SitePolicyParts
  #policy: Policy
  #status: PolicyStatus
  /** The state of the file that was last taken over or refused. */
  #settled: string
  /** The state that was seen at the last look; a change counts when it is seen twice. */
  #seen: string
  #cancel: () => void = () => undefined
  #closed = false

  constructor(file: string, first: ParsedPolicy, state: string, parts: SitePolicyParts) {
    this.#file = file
    this.#settled = state
    this.#seen = state
    this.#parts = parts
    this.#policy = compileSitePolicy(first.definition)
    const rules = first.definition.rules.length
    this.#status = { state: 'loaded', loadedAtMs: parts.clock.nowMs(), rules, reloads: 0, refusals: 0 }
    parts.onChange?.({ taken: true, rules, warnings: first.warnings })
    this.#schedule()
  }

  decide: Policy['decide'] = (facts) => this.#policy.decide(facts)

  explain: Policy['explain'] = (facts) => this.#policy.explain(facts)

  inForce(): Policy {
    return this.#policy
  }

  status(): PolicyStatus {
    return this.#status
  }

  close(): void {
    this.#closed = true
    this.#cancel()
  }

  #schedule(): void {
    if (this.#closed) return
    this.#cancel = this.#parts.clock.after(pollMs, () => {
      void this.#look().then(() => this.#schedule())
    })
  }

  async #look(): Promise<void> {
    const now = await stateOf(this.#file)
    const quiet = now === this.#seen
    this.#seen = now
    // An editor that is still writing must not get half of its rules taken for all of them.
    if (!quiet || now === this.#settled) return
    const parsed = await readPolicy(this.#file)
    if (this.#closed || (await stateOf(this.#file)) !== now) return
    this.#settled = now
    this.#take(parsed)
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

async function stateOf(file: string): Promise<string> {
  try {
    return presentState(await stat(file, { bigint: true }))
  } catch {
    return unreadableState
  }
}

function stateNow(file: string): string {
  try {
    return presentState(statSync(file, { bigint: true }))
  } catch {
    return unreadableState
  }
}

const unreadableState = 'unreadable'

/** Changes whenever the file does: also where a symlink is swapped for one to another file of the same size. */
function presentState({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}

async function readPolicy(file: string): Promise<Outcome<ParsedPolicy>> {
  try {
    return parsePolicy(await readFile(file, 'utf8'), file)
  } catch {
    return unreadable(file)
  }
}

function unreadable(file: string) {
  return failure('configuration_invalid', `POLICY_FILE names a file that cannot be read: ${file}`, {
    field: 'POLICY_FILE',
  })
}
