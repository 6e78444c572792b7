import { inBackground } from '../background.ts'
import { type Clock, type ClockWitness, noWitness } from '../clock.ts'
import type { NoncompliantListStore } from '../compliance/noncompliant-poller.ts'
import type { RememberedRecords } from '../compliance/remembered-records.ts'
import { type StateNotice, type StateStatus, StateStore } from './state-store.ts'
import { StoredList } from './stored-list.ts'

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

/** Opens the state file of a tenant, `compliance-<tenant>.sqlite` in STATE_DIR. Returns at once, and never fails. */
export function openComplianceState({
  directory,
  tenant,
  clock,
  witness = noWitness,
  onNotice,
}: ComplianceStateParts): ComplianceState {
  let records: RememberedRecords | undefined
  const store = new StateStore({
    directory,
    name: `compliance-${tenant.replaceAll(/[^A-Za-z0-9.-]/g, '_')}`,
    clock,
    witness,
    read: (key) => records?.forFile(key),
    restore: (key, value) => records?.restore(key, value),
    visitKeys: async (visit) => records?.walk(visit),
    rewriteDocuments,
    onNotice,
  })
  const lists = new StoredList({ store, clock, witness })
  let claimedAtMs: number | undefined

  /** Another file than before must not let Intune be asked twice in four hours, nor forget the list. */
  async function rewriteDocuments(): Promise<void> {
    const { current } = lists
    const askedAtMs = claimedAtMs ?? current?.listedAtMs
    const keepLater = { keepLaterUpToMs: Number.MAX_SAFE_INTEGER }
    if (askedAtMs !== undefined) await store.putDocument(claimName, '', askedAtMs, keepLater)
    await lists.saveAgain()
  }

  return {
    listStore: {
      async claimQuery(nowMs, intervalMs) {
        const askedAtMs = nowMs - witness.aheadMs()
        const isOurs = await store.claim(claimName, askedAtMs, intervalMs)
        if (isOurs) claimedAtMs = askedAtMs
        return isOurs
      },
      saveList: (list) => lists.save(list),
      loadList: () => lists.load(),
    },
    noteChange: (key) => store.noteChange(key),
    noteClear: () => store.noteClear(),
    recall: (key) => store.recall(key),
    noteAll: () => inBackground('state_file', () => store.noteAll()),
    attach(attached) {
      records = attached
    },
    load: () => store.load(),
    prune: (beforeMs) => inBackground('state_file', () => store.prune(beforeMs)),
    status: () => store.status,
    flush: () => store.flush(),
    close: () => store.close(),
  }
}
