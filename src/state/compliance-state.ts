import type { Clock } from '../clock.ts'
import type { ListedDevice, NoncompliantList } from '../compliance/noncompliant-list.ts'
import type { NoncompliantListStore } from '../compliance/noncompliant-poller.ts'
import { packedObservedAtOf } from '../compliance/packed-record.ts'
import type { RememberedRecords } from '../compliance/remembered-records.ts'
import { type StateNotice, type StateStatus, StateStore } from './state-store.ts'

/** What is known about devices, on disk. Changes are noted as they happen; `attach` says what they are changes of. */
export interface ComplianceState {
  readonly listStore: NoncompliantListStore
  noteChange(key: string): void
  noteClear(): void
  recall(key: string): Promise<void> | undefined
  attach(records: RememberedRecords): void
  /** Reads everything that was observed at `sinceMs` or later; resolves when it is in memory. Never rejects. */
  load(sinceMs: number): Promise<void>
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
  readonly onNotice: (notice: StateNotice) => void
}

const claimName = 'noncompliant-list-query'
const listName = 'noncompliant-list'

/** Opens the state file of a tenant, `compliance-<tenant>.sqlite` in STATE_DIR. Returns at once, and never fails. */
export function openComplianceState({
  directory,
  tenant,
  clock,
  onNotice,
}: ComplianceStateParts): ComplianceState {
  let records: RememberedRecords | undefined
  const store = new StateStore({
    directory,
    name: `compliance-${tenant.replaceAll(/[^A-Za-z0-9.-]/g, '_')}`,
    clock,
    read(key) {
      const value = records?.packed(key)
      return value === undefined ? undefined : { value, observedAtMs: packedObservedAtOf(value) }
    },
    restore: (key, value) => records?.restore(key, value),
    visitKeys: async (visit) => records?.walk(visit),
    onNotice,
  })
  return {
    listStore: {
      claimQuery: (nowMs, intervalMs) => store.claim(claimName, nowMs, intervalMs),
      saveList: (list) => store.putDocument(listName, JSON.stringify(list), list.listedAtMs),
      async loadList(afterMs) {
        return parseList(await store.getDocument(listName, afterMs))
      },
    },
    noteChange: (key) => store.noteChange(key),
    noteClear: () => store.noteClear(),
    recall: (key) => store.recall(key),
    attach(attached) {
      records = attached
    },
    load: (sinceMs) => store.load(sinceMs),
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
