import { dirname, resolve } from 'node:path'
import { type NamedList, namedLists, type PolicyRule } from '../decision/policy-rules.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { fileState } from '../files/followed-file.ts'
import type { FileRead } from '../files/intake.ts'
import { readOperatorFile } from '../files/read-operator-file.ts'
import { describeFileFault } from '../text/decode.ts'
import { type ReadDevices, readDeviceList, readDeviceListInSlices } from './device-list.ts'

/** More than the largest tenants have: 450,000 device ids, or 100,000 with a remark for each. */
export const maxListFileBytes = 16 * 1024 * 1024

/** A list file that the rules of a policy file name, and where it is. */
export interface ListFile extends NamedList {
  readonly path: string
}

/** What the list files of a policy hold, by the key of the list. */
export type ReadLists = ReadonlyMap<string, ReadonlySet<string>>

/** The list files that rules name; a path is one below the directory of the policy file. */
export function listFilesOf(rules: readonly PolicyRule[], policyFile: string): readonly ListFile[] {
  return namedLists(rules).map((list) => ({ ...list, path: resolve(dirname(policyFile), list.file) }))
}

/** Lists as they are read at the start, and the state of each file from before. */
export interface FirstLists {
  readonly lists: ReadLists
  readonly states: ReadonlyMap<string, string>
}

/** Reads every list. Fails with `configuration_invalid`: `file:line:column: problem` on a line each. */
export function readLists(files: readonly ListFile[]): Outcome<FirstLists> {
  const lists = new Map<string, ReadonlySet<string>>()
  const states = new Map<string, string>()
  for (const { key, kind, path } of files) {
    states.set(path, states.get(path) ?? fileState(path))
    const content = readOperatorFile(path, maxListFileBytes)
    if (!content.ok) return unreadable(path, content.why)
    const read = asOutcome(path, readDeviceList(kind, content.value))
    if (!read.ok) return read
    lists.set(key, read.value)
  }
  return success({ lists, states })
}

/**
 * What a file holds as each of the lists that rules want of it, `files`, which all have its path; in slices, while a
 * service answers. Fails like `readLists`.
 */
export async function parseListInSlices(
  files: readonly ListFile[],
  content: FileRead,
): Promise<Outcome<ReadLists>> {
  const lists = new Map<string, ReadonlySet<string>>()
  for (const { key, kind, path } of files) {
    if (!content.ok) return unreadable(path, content.why)
    const read = asOutcome(path, await readDeviceListInSlices(kind, content.value))
    if (!read.ok) return read
    lists.set(key, read.value)
  }
  return success(lists)
}

function unreadable(path: string, why: string) {
  const message = describeFileFault('a rule of POLICY_FILE', path, why)
  return failure('configuration_invalid', message, { field: 'POLICY_FILE' })
}

function asOutcome(path: string, read: ReadDevices): Outcome<ReadonlySet<string>> {
  if ('devices' in read) return success(read.devices)
  const lines = read.problems.map(({ line, column, problem }) => `${path}:${line}:${column}: ${problem}`)
  return failure('configuration_invalid', lines.join('\n'), { field: 'POLICY_FILE' })
}
