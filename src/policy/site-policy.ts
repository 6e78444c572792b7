import { inBackground } from '../background.ts'
import type { Clock } from '../clock.ts'
import type { DeviceList } from '../decision/device-conditions.ts'
import type { Policy } from '../decision/policy.ts'
import { compilePolicy, type PolicyDefinition } from '../decision/policy-rules.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { fileState, fileStateLater, followFile } from '../files/followed-file.ts'
import type { FileRead } from '../files/intake.ts'
import { readOperatorFile, readOperatorFileLater } from '../files/read-operator-file.ts'
import { describeFileFault } from '../text/decode.ts'
import { CurrentLists } from './current-lists.ts'
import { defaultPolicy, defaultPolicyDefinition } from './default-policy.ts'
import { FollowedLists, type ListChange, neverRead } from './followed-lists.ts'
import { maxPolicyFileBytes, type ParsedPolicy, parsePolicy } from './policy-file.ts'
import {
  type ListFile,
  listFilesOf,
  maxListFileBytes,
  parseListInSlices,
  type ReadLists,
  readLists,
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
      readonly list?: ChangedList & { readonly devices: number }
    }
  | { readonly taken: false; readonly problem: string; readonly list?: ChangedList }

/** A list file: as the policy writes it, and where it is. */
export type ChangedList = Pick<ListFile, 'file' | 'path'>

/** The policy in force; decisions follow the file within two seconds of a change, and the time that large lists take. */
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

class FollowedPolicy implements SitePolicy {
  readonly #file: string
  readonly #parts: SitePolicyParts
  #policy: Policy
  #status: Omit<PolicyStatus, 'state' | 'problem'>
  #definition: PolicyDefinition
  #inForceFiles: readonly ListFile[]
  readonly #lists = new CurrentLists()
  /** What is wrong, by the file whose change was refused. */
  readonly #problems = new Map<string, string>()
  /** A right policy file that waits for its list files. */
  #waiting: ParsedPolicy | undefined
  readonly #followedLists: FollowedLists
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
    this.#followedLists = new FollowedLists(clock, (change) => this.#inTurn(() => this.#takeList(change)))
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
    const problems = new Set(this.#problems.values())
    return { ...this.#status, state: 'refused', problem: [...problems].join('\n') }
  }

  close(): void {
    this.#closed = true
    this.#stop()
    this.#followedLists.close()
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
    const { lists, states } = await this.#readLists(parsed.value)
    if (this.#closed) return
    if (lists.ok) return this.#putInForce(parsed.value, lists.value, states)
    this.#waiting = parsed.value
    this.#followAfterRefusal(states)
    this.#refuse(this.#file, lists.fault.message)
  }

  /**
   * The last right list stays where the file is wrong now: half of a list would let in who is not in that half. What was
   * passed on is used and the file not read again: only of that is it known that nobody was writing, and that it is not
   * passed over when the file goes back to it.
   */
  async #takeList({ path, read, isNewest }: ListChange): Promise<void> {
    if (!isNewest()) return
    const files = this.#inForceFiles.filter((file) => file.path === path)
    const waiting = this.#waiting
    const wanted = waiting && this.#filesOf(waiting).find((file) => file.path === path)
    if (waiting && wanted) {
      const { lists, states } = await this.#readLists(waiting, { path, read })
      if (this.#closed) return
      if (lists.ok) {
        this.#putInForce(waiting, lists.value, states)
        return this.#noteList(wanted)
      }
      this.#followAfterRefusal(states)
      if (files.length === 0) return this.#refuse(this.#file, lists.fault.message, wanted)
      this.#problems.set(this.#file, lists.fault.message)
    }
    const [first] = files
    if (!first) return
    const parsed = await parseListInSlices(files, read)
    if (this.#closed) return
    if (!parsed.ok) return this.#refuse(path, parsed.fault.message, first)
    for (const [key, devices] of parsed.value) this.#lists.replace(key, devices)
    this.#problems.delete(path)
    this.#noteList(first)
  }

  /**
   * What the list files of a policy hold, and the states from before of those that were read for it. A list that is in
   * force is not read: it may be half written at this moment, and a change of it comes by itself.
   */
  async #readLists(policy: ParsedPolicy, changed?: Pick<ListChange, 'path' | 'read'>) {
    const all = new Map<string, ReadonlySet<string>>()
    const states = new Map<string, string>()
    for (const [path, files] of Map.groupBy(this.#filesOf(policy), (file) => file.path)) {
      const lists =
        path === changed?.path
          ? await parseListInSlices(files, changed.read)
          : (this.#listsInForce(path, files) ?? (await readAnew(path, files, states)))
      if (!lists.ok) return { lists, states }
      for (const [key, devices] of lists.value) all.set(key, devices)
    }
    return { lists: success(all), states }
  }

  /** Undefined where the policy in force does not name each of these lists of a file. */
  #listsInForce(path: string, files: readonly ListFile[]): Outcome<ReadLists> | undefined {
    const lists = new Map<string, ReadonlySet<string>>()
    for (const { key } of files) {
      const devices = this.#lists.devicesOf(key)
      if (devices === undefined) return undefined
      lists.set(key, devices)
    }
    const problem = this.#problems.get(path)
    if (problem === undefined) return success(lists)
    return failure('configuration_invalid', problem, { field: 'POLICY_FILE' })
  }

  #putInForce(parsed: ParsedPolicy, lists: ReadLists, states: ReadonlyMap<string, string>): void {
    this.#policy = this.#compile(parsed, lists)
    this.#waiting = undefined
    this.#definition = parsed.definition
    this.#inForceFiles = this.#filesOf(parsed)
    // Those that are right by now, and those that no rule names any more.
    this.#problems.clear()
    this.#followLists(states)
    this.#noteTaken({ rules: parsed.definition.rules.length, warnings: parsed.warnings })
  }

  #compile({ definition }: ParsedPolicy, read: ReadLists): Policy {
    return this.#lists.compile(read, (lists) => compileSitePolicy(definition, lists))
  }

  #filesOf({ definition }: ParsedPolicy): readonly ListFile[] {
    return listFilesOf(definition.rules, this.#file)
  }

  #followLists(states?: ReadonlyMap<string, string>): void {
    const waiting = this.#waiting ? this.#filesOf(this.#waiting) : []
    const paths = new Set([...this.#inForceFiles, ...waiting].map(({ path }) => path))
    this.#followedLists.follow(paths, states)
  }

  /** Of a file that is in force too, what was read is not: it has to be passed on again. */
  #followAfterRefusal(states: ReadonlyMap<string, string>): void {
    const inForce = new Set(this.#inForceFiles.map(({ path }) => path))
    const entries = [...states].map(([path, state]) => [path, inForce.has(path) ? neverRead : state] as const)
    this.#followLists(new Map(entries))
  }

  #refuse(file: string, problem: string, list?: ListFile): void {
    this.#problems.set(file, problem)
    this.#status = { ...this.#status, refusals: this.#status.refusals + 1 }
    const { onChange } = this.#parts
    onChange?.({ taken: false, problem, ...(list && { list: { file: list.file, path: list.path } }) })
  }

  #noteList({ key, file, path }: ListFile): void {
    const devices = this.#lists.devicesOf(key)?.size ?? 0
    this.#noteTaken({ rules: this.#status.rules, warnings: [], list: { file, path, devices } })
  }

  #noteTaken(change: Omit<Extract<PolicyChange, { taken: true }>, 'taken'>): void {
    const { clock, onChange } = this.#parts
    const { refusals, reloads } = this.#status
    this.#status = { loadedAtMs: clock.nowMs(), rules: change.rules, reloads: reloads + 1, refusals }
    onChange?.({ taken: true, ...change })
  }
}

async function readAnew(path: string, files: readonly ListFile[], states: Map<string, string>) {
  // Before the content: an edit in between is then seen as a change.
  states.set(path, await fileStateLater(path))
  return parseListInSlices(files, await readOperatorFileLater(path, maxListFileBytes))
}

function parseRead(read: FileRead, file: string): Outcome<ParsedPolicy> {
  if (read.ok) return parsePolicy(read.value, file)
  const message = describeFileFault('POLICY_FILE', file, read.why)
  return failure('configuration_invalid', message, { field: 'POLICY_FILE' })
}
