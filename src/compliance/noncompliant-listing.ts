import type { Clock } from '../clock.ts'
import { massFlipMinimum, massFlipThreshold } from './mass-flip-guard.ts'
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
  readonly #clock: Clock
  #current: NoncompliantList | undefined
  #held: HeldList | undefined

  constructor(parts: { readonly records: RememberedRecords; readonly clock: Clock }) {
    this.#records = parts.records
    this.#clock = parts.clock
  }

  /** The list in use. */
  get current(): NoncompliantList | undefined {
    return this.#current
  }

  get held(): HeldList | undefined {
    return this.#held
  }

  /** Looks a new list over and uses or holds it. A list that is used ends the hold of an earlier one. */
  async offer(list: NoncompliantList): Promise<ListVerdict> {
    const { flips, compliant } = await this.#countFlips(list)
    const rowsBefore = this.#current?.devices.length ?? 0
    const missing = rowsBefore - list.devices.length
    const truncated = missing > Math.max(massFlipMinimum, rowsBefore * truncationShare)
    if (!truncated && flips <= massFlipThreshold(compliant)) {
      return { used: true, marked: await this.use(list) }
    }
    const cause = truncated ? 'truncated' : 'mass_flip'
    this.#held = { cause, sinceMs: this.#clock.nowMs(), list, flips, rowsBefore }
    return { used: false, held: this.#held }
  }

  /** Takes a list as it is: one that was believed before a restart, or that an operator has accepted. */
  async use(list: NoncompliantList): Promise<number> {
    this.#current = list
    this.#held = undefined
    const listed = await indexListedDevices(list.devices)
    let marked = 0
    await this.#records.walk((key, read, packed) => {
      if (packed[0] !== 'c' && packed[0] !== 'u') return
      const { record } = read()
      if (record.observedAtMs >= list.listedAtMs || !listed.names(key, record)) return
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
    const held = this.#held
    this.#held = undefined
    return held
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
