import { inBackground } from '../background.ts'
import type { Clock } from '../clock.ts'
import type { Fault } from '../errors/fault.ts'
import type { FetchNoncompliantList, NoncompliantList } from './noncompliant-list.ts'
import type { ListVerdict, NoncompliantListing } from './noncompliant-listing.ts'

/** Where the list and the time of the last query outlive the process, shared by every replica that uses it. */
export interface NoncompliantListStore {
  /** True for exactly one caller in `intervalMs`, whatever the number of processes and restarts. */
  claimQuery(nowMs: number, intervalMs: number): Promise<boolean>
  saveList(list: NoncompliantList): Promise<void>
  /** The saved list, where it is another than the one that was last saved or loaded here. */
  loadList(): Promise<NoncompliantList | undefined>
}

export interface NoncompliantPollerParts {
  readonly clock: Clock
  readonly listing: NoncompliantListing
  readonly store: NoncompliantListStore
  readonly fetchList: FetchNoncompliantList
  /** Whether a query would get through now: a claim must not be wasted on an outage. */
  readonly isUpstreamReady: () => Promise<boolean>
  readonly onList?: (verdict: ListVerdict, list: NoncompliantList) => void
  readonly onFailure?: (fault: Fault) => void
}

/** Microsoft answers a second query for all noncompliant devices within 4 hours with 503 (Intune NAC integration). */
export const bulkQueryIntervalMs = 4 * 60 * 60 * 1000
const checkIntervalMs = 60_000

/**
 * Asks for the list of noncompliant devices at most once in four hours for a tenant: whoever claims the query in the
 * store asks, all others find the list there a minute later. A query that fails is not repeated before the four hours
 * are over, because it may have been counted.
 */
export class NoncompliantPoller {
  readonly #parts: NoncompliantPollerParts
  #cancel: (() => void) | undefined
  #stopped = false
  /** Monotonic: what is on disk is only as good as the clock that wrote it. */
  #nextQueryAtMs = Number.NEGATIVE_INFINITY

  constructor(parts: NoncompliantPollerParts) {
    this.#parts = parts
  }

  /** Takes in the saved list, asks if it is time, and looks again every minute, whatever becomes of a round. */
  start(): void {
    inBackground(
      'noncompliant_list',
      () => this.check(),
      () => this.#schedule(),
    )
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }

  /** One round. */
  async check(): Promise<void> {
    const { clock, listing, store, fetchList, isUpstreamReady, onList, onFailure } = this.#parts
    const saved = await store.loadList()
    if (saved) await listing.use(saved)
    if (clock.monotonicMs() < this.#nextQueryAtMs || !(await isUpstreamReady())) return
    if (!(await store.claimQuery(clock.nowMs(), bulkQueryIntervalMs))) return
    this.#nextQueryAtMs = clock.monotonicMs() + bulkQueryIntervalMs
    const fetched = await fetchList()
    if (!fetched.ok) {
      onFailure?.(fetched.fault)
      return
    }
    const verdict = await listing.offer(fetched.value)
    if (verdict.used) await store.saveList(fetched.value)
    onList?.(verdict, fetched.value)
  }

  #schedule(): void {
    if (this.#stopped) return
    this.#cancel = this.#parts.clock.after(checkIntervalMs, () => this.start())
  }
}
