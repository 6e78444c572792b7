import { type Clock, type ClockWitness, noWitness } from '../clock.ts'
import type { ListedDevice, NoncompliantList } from '../compliance/noncompliant-list.ts'
import type { NoncompliantListStore } from '../compliance/noncompliant-poller.ts'
import type { RememberedRecords } from '../compliance/remembered-records.ts'
import { type StateNotice, type StateStatus, StateStore } from './state-store.ts'

/** What is known about devices, on disk. Changes are noted as they happen; `attach` says what they are changes of. */
export interface ComplianceState {
  readonly listStore: NoncompliantListStore
  noteChange(key: string): void
  noteClear(): void
  recall(key: string): Promise<void> | undefined
  /** Says that every record has to be written again. */
  noteAll(): void
  attach(records: RememberedRecords): void
  /** Reads everything; resolves when it is in memory. Never rejects. */
  load(): Promise<void>
  /** Removes from the file what was observed before this. */
  prune(beforeMs: number): void
  status(): StateStatus
  /** Writes what has changed now; for tests and for whoever is about to stop. */
  flush(): Promise<void>
  close(): Promise<void>
}

export interface ComplianceStateParts {
  /** STATE_DIR. */
  readonly directory: string
  /** Tenant id or domain: the records of one tenant must never be used for another. */
  readonly tenant: string
  readonly clock: Clock
  /** Absent: the clock is taken for right. */
  readonly witness?: ClockWitness
  readonly onNotice: (notice: StateNotice) => void
}

const claimName = 'noncompliant-list-query'
const listName = 'noncompliant-list'

/** Opens the state file of a tenant, `compliance-<tenant>.sqlite` in STATE_DIR. Returns at once, and never fails. */
export function openComplianceState({
  directory,
  tenant,
  clock,
  witness = noWitness,
  onNotice,
}: ComplianceStateParts): ComplianceState {
  let records: RememberedRecords | undefined
  /** When the list that was last saved or loaded here was given out, as the file has it. */
  let knownListMs: number | undefined
  const store = new StateStore({
    directory,
    name: `compliance-${tenant.replaceAll(/[^A-Za-z0-9.-]/g, '_')}`,
    clock,
    witness,
    read: (key) => records?.forFile(key),
    restore: (key, value) => records?.restore(key, value),
    visitKeys: async (visit) => records?.walk(visit),
    onNotice,
  })
  return {
    listStore: {
      claimQuery: (nowMs, intervalMs) => store.claim(claimName, nowMs - witness.aheadMs(), intervalMs),
      saveList(list) {
        knownListMs = Math.round(list.listedAtMs - witness.aheadMs())
        return store.putDocument(listName, JSON.stringify({ ...list, listedAtMs: knownListMs }), knownListMs)
      },
      async loadList() {
        const list = parseList(await store.getDocument(listName, knownListMs))
        if (list) knownListMs = list.listedAtMs
        return list
      },
    },
    noteChange: (key) => store.noteChange(key),
    noteClear: () => store.noteClear(),
    recall: (key) => store.recall(key),
    noteAll: () => void store.noteAll(),
    attach(attached) {
      records = attached
    },
    load: () => store.load(),
    prune: (beforeMs) => void store.prune(beforeMs),
    status: () => store.status,
    flush: () => store.flush(),
    close: () => store.close(),
  }
}

/** Written by saveList into a file that is this service's own; a text that is damaged all the same is no list. */
function parseList(text: string | undefined): NoncompliantList | undefined {
  try {
    const list = JSON.parse(text ?? 'null') as NoncompliantList | null
    if (typeof list?.listedAtMs !== 'number' || !Array.isArray(list.devices)) return undefined
    return list.devices.every(isListedDevice) ? list : undefined
  } catch {
    return undefined
  }
}

function isListedDevice(value: Partial<ListedDevice> | null): boolean {
  if (value === null || !Array.isArray(value.macs) || !value.macs.every(isText)) return false
  return value.deviceId === undefined ? value.macs.length > 0 : isText(value.deviceId)
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}
