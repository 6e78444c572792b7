import type { Clock } from '../clock.ts'
import { massFlipMinimum, massFlipThreshold } from './mass-flip-guard.ts'
import { type Moment, Moments } from './moments.ts'
import { indexListedDevices, type NoncompliantList } from './noncompliant-list.ts'
import type { RememberedRecords } from './remembered-records.ts'

/** Why a list is not used: it would take the access from too many devices, or most of the rows before are missing. */
export type ListHoldCause = 'mass_flip' | 'truncated'

/** A list that waits for an operator. */
export interface HeldList {
  readonly cause: ListHoldCause
  readonly sinceMs: number
  readonly list: NoncompliantList
  /** Remembered compliant records that it would turn. */
  readonly flips: number
  /** Rows of the list in use, for comparison; 0 where there is none. */
  readonly rowsBefore: number
}

/** What became of a new list. */
export type ListVerdict =
  | { readonly used: true; readonly marked: number }
  | { readonly used: false; readonly held: HeldList }

/** A list that has lost more than this share of the rows before it is held: a page or a part of the tenant is missing. */
const truncationShare = 0.5

/**
 * Intune's list of noncompliant devices, as far as it is believed. It marks remembered devices noncompliant, and
 * that is all: a device that is not on it is not compliant for that reason. A list that would turn a large share of
 * the compliant devices at once, or that is suddenly much shorter, is held until an operator decides; the one before
 * stays in use meanwhile.
 */
export class NoncompliantListing {
  readonly #records: RememberedRecords
  readonly #moments: Moments
  #current: { readonly list: NoncompliantList; readonly listed: Moment } | undefined
  #held: { readonly facts: HeldList; readonly listed: Moment; readonly since: Moment } | undefined

  constructor(parts: { readonly records: RememberedRecords; readonly clock: Clock }) {
    this.#records = parts.records
    this.#moments = new Moments(parts.clock)
  }

  /** The list in use; its time in terms of the clock as it is now. */
  get current(): NoncompliantList | undefined {
    return this.#current && this.#asOfNow(this.#current.list, this.#current.listed)
  }

  get held(): HeldList | undefined {
    if (this.#held === undefined) return undefined
    const { facts, listed, since } = this.#held
    return { ...facts, list: this.#asOfNow(facts.list, listed), sinceMs: this.#moments.asOfNow(since) }
  }

  /** Looks a new list over and uses or holds it. A list that is used ends the hold of an earlier one. */
  async offer(list: NoncompliantList): Promise<ListVerdict> {
    const { flips, compliant } = await this.#countFlips(list)
    const rowsBefore = this.#current?.list.devices.length ?? 0
    const missing = rowsBefore - list.devices.length
    const truncated = missing > Math.max(massFlipMinimum, rowsBefore * truncationShare)
    if (!truncated && flips <= massFlipThreshold(compliant)) {
      return { used: true, marked: await this.use(list) }
    }
    const cause = truncated ? 'truncated' : 'mass_flip'
    const since = this.#moments.now()
    const facts = { cause, sinceMs: since.stampMs, list, flips, rowsBefore } as const
    this.#held = { facts, listed: this.#moments.from(list.listedAtMs), since }
    return { used: false, held: facts }
  }

  /** Takes a list as it is: one that was believed before a restart, or that an operator has accepted. */
  async use(taken: NoncompliantList): Promise<number> {
    const listed = this.#moments.from(taken.listedAtMs)
    this.#current = { list: taken, listed }
    this.#held = undefined
    // One that comes from the file may say a time that has not come yet.
    const list = this.#asOfNow(taken, listed)
    const ids = await indexListedDevices(list.devices)
    let marked = 0
    await this.#records.walk((key, read, packed) => {
      if (packed[0] !== 'c' && packed[0] !== 'u') return
      const { record } = read()
      if (record.observedAtMs >= list.listedAtMs || !ids.names(key, record)) return
      marked += 1
      // Due at once: the next caller has Intune asked about this one device, and that answer wins.
      this.#records.set(key, {
        record: { ...record, complianceState: 'noncompliant', observedAtMs: list.listedAtMs },
        freshUntilMs: list.listedAtMs,
      })
    })
    return marked
  }

  /** Forgets the list that is held; the one before stays. */
  drop(): HeldList | undefined {
    const { held } = this
    this.#held = undefined
    return held
  }

  #asOfNow(list: NoncompliantList, listed: Moment): NoncompliantList {
    const listedAtMs = this.#moments.asOfNow(listed)
    return listedAtMs === list.listedAtMs ? list : { ...list, listedAtMs }
  }

  async #countFlips(list: NoncompliantList): Promise<{ flips: number; compliant: number }> {
    const listed = await indexListedDevices(list.devices)
    let flips = 0
    let compliant = 0
    await this.#records.walk((key, read, packed) => {
      if (packed[0] !== 'c') return
      compliant += 1
      const { record } = read()
      if (record.observedAtMs < list.listedAtMs && listed.names(key, record)) flips += 1
    })
    return { flips, compliant }
  }
}
