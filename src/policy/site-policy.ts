import { inBackground } from '../background.ts'
import type { Clock } from '../clock.ts'
import type { DeviceList } from '../decision/device-conditions.ts'
import type { Policy } from '../decision/policy.ts'
import { compilePolicy, type PolicyDefinition } from '../decision/policy-rules.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { fileState, followFile } from '../files/followed-file.ts'
import type { FileRead } from '../files/intake.ts'
import { readOperatorFile } from '../files/read-operator-file.ts'
import { describeFileFault } from '../text/decode.ts'
import { defaultPolicy, defaultPolicyDefinition } from './default-policy.ts'
import { maxPolicyFileBytes, type ParsedPolicy, parsePolicy } from './policy-file.ts'
import {
  type ListFile,
  listFilesOf,
  maxListFileBytes,
  type ReadLists,
  readLists,
  readListsInSlices,
} from './policy-lists.ts'
import { findRadiusWarning } from './radius-warning.ts'

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
  | {
      readonly taken: true
      readonly rules: number
      readonly warnings: readonly string[]
      /** The list file that has changed, and how many devices it names now; absent: the policy file has. */
      readonly list?: { readonly file: string; readonly devices: number }
    }
  | { readonly taken: false; readonly problem: string }

/** The policy in force; decisions follow the file within two seconds of a change. */
export interface SitePolicy extends Policy {
  status(): PolicyStatus
  /** The compiled rules of this moment; they stay as they are when the file changes. */
  inForce(): Policy
  /** What RADIUS makes of a device that has to be repaired, where that is a reject: see `findRadiusWarning`. */
  radiusWarning(): string | undefined
  /** Stops looking at the file. */
  close(): void
}

/** What the policy works with. `onChange` is called once for each change of the file, and once at the start. */
export interface SitePolicyParts {
  readonly clock: Clock
  readonly onChange?: (change: PolicyChange) => void
}

/** The rules of a file above the built-in ones, compiled; `lists` has what its list files hold. */
export function compileSitePolicy(
  definition: PolicyDefinition,
  lists?: ReadonlyMap<string, DeviceList>,
): Policy {
  return compilePolicy(
    { ...definition, rules: [...definition.rules, ...defaultPolicyDefinition.rules] },
    lists,
  )
}

/** A policy file that was understood, with what its list files hold. */
export interface LoadedPolicy extends ParsedPolicy {
  readonly lists: ReadLists
  /** The list files by their paths, as they were before they were read. */
  readonly listStates: ReadonlyMap<string, string>
}

/**
 * Reads a policy file, by `read` where it is not one that is followed, and its list files once. Fails with
 * `configuration_invalid`, naming line and column of each problem.
 */
export function loadPolicy(file: string, read = readOperatorFile): Outcome<LoadedPolicy> {
  const parsed = parseRead(read(file, maxPolicyFileBytes), file)
  if (!parsed.ok) return parsed
  const listed = readLists(listFilesOf(parsed.value.definition.rules, file))
  if (!listed.ok) return listed
  return success({ ...parsed.value, lists: listed.value.lists, listStates: listed.value.states })
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
      radiusWarning: () => findRadiusWarning(),
      close: () => undefined,
    })
  }
  const state = fileState(file)
  const first = loadPolicy(file)
  if (!first.ok) return first
  return success(new FollowedPolicy(file, first.value, state, parts))
}

/** The devices of a list file of this moment: rules of every policy that names it look into the newest. */
interface CurrentList extends DeviceList {
  devices: ReadonlySet<string>
}

class FollowedPolicy implements SitePolicy {
  readonly #file: string
  readonly #parts: SitePolicyParts
  #policy: Policy
  #status: Omit<PolicyStatus, 'state' | 'problem'>
  #definition: PolicyDefinition
  #inForceFiles: readonly ListFile[]
  #lists: ReadonlyMap<string, CurrentList> = new Map()
  /** What is wrong, by the file whose change was refused. */
  readonly #problems = new Map<string, string>()
  /** A right policy file that waits for its list files. */
  #waiting: ParsedPolicy | undefined
  /** What stops looking at each list file. */
  readonly #stops = new Map<string, () => void>()
  readonly #stop: () => void
  /** Changes are taken over one after the other: lists are read in slices. */
  #changes: Promise<void> = Promise.resolve()
  #closed = false

  constructor(file: string, first: LoadedPolicy, state: string, parts: SitePolicyParts) {
    const { clock, onChange } = parts
    this.#file = file
    this.#parts = parts
    this.#definition = first.definition
    this.#inForceFiles = listFilesOf(first.definition.rules, file)
    this.#policy = this.#compile(first, first.lists)
    const rules = first.definition.rules.length
    this.#status = { loadedAtMs: clock.nowMs(), rules, reloads: 0, refusals: 0 }
    onChange?.({ taken: true, rules, warnings: first.warnings })
    this.#followLists(first.listStates)
    this.#stop = followFile({
      file,
      state,
      clock,
      maxBytes: maxPolicyFileBytes,
      onChange: (read) => this.#inTurn(() => this.#takePolicy(parseRead(read, file))),
    })
  }

  decide: Policy['decide'] = (facts) => this.#policy.decide(facts)

  explain: Policy['explain'] = (facts) => this.#policy.explain(facts)

  withLists: Policy['withLists'] = (facts) => this.#policy.withLists(facts)

  get conditionsInUse(): Policy['conditionsInUse'] {
    return this.#policy.conditionsInUse
  }

  inForce(): Policy {
    return this.#policy
  }

  radiusWarning(): string | undefined {
    return findRadiusWarning(this.#definition)
  }

  status(): PolicyStatus {
    if (this.#problems.size === 0) return { ...this.#status, state: 'loaded' }
    return { ...this.#status, state: 'refused', problem: [...this.#problems.values()].join('\n') }
  }

  close(): void {
    this.#closed = true
    this.#stop()
    for (const stop of this.#stops.values()) stop()
  }

  #inTurn(take: () => Promise<void>): void {
    this.#changes = this.#changes.then(() => (this.#closed ? undefined : take()))
    const changes = this.#changes
    inBackground('followed_file', () => changes)
    this.#changes = changes.catch(() => undefined)
  }

  async #takePolicy(parsed: Outcome<ParsedPolicy>): Promise<void> {
    if (!parsed.ok) {
      this.#waiting = undefined
      this.#followLists()
      return this.#refuse(this.#file, parsed.fault.message)
    }
    const files = listFilesOf(parsed.value.definition.rules, this.#file)
    const lists: Outcome<ReadLists> = files.length === 0 ? success(new Map()) : await readListsInSlices(files)
    if (this.#closed) return
    if (!lists.ok) {
      this.#waiting = parsed.value
      this.#followLists()
      return this.#refuse(this.#file, lists.fault.message)
    }
    this.#waiting = undefined
    this.#definition = parsed.value.definition
    this.#inForceFiles = files
    this.#policy = this.#compile(parsed.value, lists.value)
    // Those that are read by now, and those that no rule names any more.
    this.#problems.clear()
    this.#followLists()
    this.#noteTaken(parsed.value.definition.rules.length, parsed.value.warnings)
  }

  /** The last right list stays where the file is wrong now: half of a list would let in who is not in that half. */
  async #takeList(path: string): Promise<void> {
    const waiting = this.#waiting
    if (waiting && listFilesOf(waiting.definition.rules, this.#file).some((file) => file.path === path)) {
      await this.#takePolicy(success(waiting))
      if (this.#waiting === undefined) return
    }
    const files = this.#inForceFiles.filter((file) => file.path === path)
    if (files.length === 0) return
    const read = await readListsInSlices(files)
    if (this.#closed) return
    if (!read.ok) return this.#refuse(path, read.fault.message)
    for (const [key, devices] of read.value) {
      const list = this.#lists.get(key)
      if (list) list.devices = devices
    }
    this.#problems.delete(path)
    this.#noteTaken(this.#status.rules, [], { file: path, devices: [...read.value.values()][0]?.size ?? 0 })
  }

  #compile({ definition }: ParsedPolicy, read: ReadLists): Policy {
    // The stories of decisions keep their policies for a day, and 100,000 devices with each would be too much.
    for (const list of this.#lists.values()) list.devices = noDevices
    this.#lists = new Map([...read].map(([key, devices]) => [key, currentList(devices)]))
    return compileSitePolicy(definition, this.#lists)
  }

  #followLists(states: ReadonlyMap<string, string> = new Map()): void {
    const waiting = this.#waiting ? listFilesOf(this.#waiting.definition.rules, this.#file) : []
    const wanted = new Set([...this.#inForceFiles, ...waiting].map(({ path }) => path))
    for (const [path, stop] of this.#stops) {
      if (wanted.has(path)) continue
      stop()
      this.#stops.delete(path)
    }
    for (const file of wanted) {
      if (this.#stops.has(file)) continue
      const state = states.get(file) ?? fileState(file)
      const onChange = () => this.#inTurn(() => this.#takeList(file))
      this.#stops.set(
        file,
        followFile({ file, state, clock: this.#parts.clock, maxBytes: maxListFileBytes, onChange }),
      )
    }
  }

  #refuse(file: string, problem: string): void {
    this.#problems.set(file, problem)
    this.#status = { ...this.#status, refusals: this.#status.refusals + 1 }
    this.#parts.onChange?.({ taken: false, problem })
  }

  #noteTaken(rules: number, warnings: readonly string[], list?: { file: string; devices: number }): void {
    const { clock, onChange } = this.#parts
    const { refusals, reloads } = this.#status
    this.#status = { loadedAtMs: clock.nowMs(), rules, reloads: reloads + 1, refusals }
    onChange?.({ taken: true, rules, warnings, ...(list && { list }) })
  }
}

const noDevices: ReadonlySet<string> = new Set()

function currentList(devices: ReadonlySet<string>): CurrentList {
  return {
    devices,
    get size() {
      return this.devices.size
    },
    has(value) {
      return this.devices.has(value)
    },
  }
}

function parseRead(read: FileRead, file: string): Outcome<ParsedPolicy> {
  if (read.ok) return parsePolicy(read.value, file)
  const message = describeFileFault('POLICY_FILE', file, read.why)
  return failure('configuration_invalid', message, { field: 'POLICY_FILE' })
}
