import type { Clock } from '../clock.ts'
import type { RememberedRecord } from './packed-record.ts'

/** A remembered compliant record that an answer of Intune would take the access from. */
export interface Flip {
  readonly key: string
  readonly before: RememberedRecord
  readonly after: RememberedRecord
}

/** What Intune has said and does not count yet. */
export type HeldAnswer = Pick<Flip, 'after'>

export interface MassFlipGuardParts {
  readonly clock: Clock
  /** Flips within this time are one burst, milliseconds. */
  readonly windowMs: number
  /** Told once when a burst is noticed. */
  readonly onTrip: (burst: { readonly flips: number; readonly threshold: number }) => void
}

/** A burst is more than this share of the compliant records, and more than this many. */
export const massFlipShare = 0.2
export const massFlipMinimum = 20

/** After an operator said that it is real, the rest of the same wave passes. */
const acceptedForMs = 60 * 60 * 1000

/** How many flips are still ordinary where this many records are compliant. */
export function massFlipThreshold(compliantRecords: number): number {
  return Math.max(massFlipMinimum, Math.floor(compliantRecords * massFlipShare))
}

/**
 * Notices when single answers take the access from too many devices within a short time, which is far more often a
 * mistake upstream (a policy that was assigned to everybody, a compliance service that lost its data) than the truth.
 * Below the threshold every answer counts. Above it the whole burst, with the flips that came before it was noticed, is
 * held until an operator accepts or rejects it, or until every held device is compliant again.
 */
export class MassFlipGuard {
  readonly #parts: MassFlipGuardParts
  /** The latest flips by key, oldest first; this and every other time here is monotonic. */
  #recent = new Map<string, Flip & { readonly atMs: number }>()
  #holding: { readonly sinceMs: number; readonly held: Map<string, HeldAnswer> } | undefined
  #acceptedUntilMs = Number.NEGATIVE_INFINITY

  constructor(parts: MassFlipGuardParts) {
    this.#parts = parts
  }

  /**
   * Says what happens with one flip. `hold`: the record before it stands; `undo` are flips that were applied before
   * the burst was noticed and are taken back with it.
   */
  judge(flip: Flip, compliantRecords: number): { readonly verdict: 'apply' | 'hold'; readonly undo: Flip[] } {
    const nowMs = this.#parts.clock.monotonicMs()
    if (this.#holding !== undefined) {
      this.#holding.held.set(flip.key, { after: flip.after })
      return { verdict: 'hold', undo: [] }
    }
    if (nowMs < this.#acceptedUntilMs) return { verdict: 'apply', undo: [] }
    this.#forgetOlderThan(nowMs - this.#parts.windowMs)
    // Again at the end: the order is that of time.
    this.#recent.delete(flip.key)
    this.#recent.set(flip.key, { ...flip, atMs: nowMs })
    const threshold = massFlipThreshold(compliantRecords + this.#recent.size - 1)
    if (this.#recent.size <= threshold) return { verdict: 'apply', undo: [] }
    // Handed over as it is: at a million devices this is 200,000 flips, and copying a map of them takes 40 ms.
    const held = this.#recent
    this.#recent = new Map()
    this.#holding = { sinceMs: nowMs, held }
    this.#parts.onTrip({ flips: held.size, threshold })
    // All but the last, which is this one and was not applied.
    return { verdict: 'hold', undo: [...held.values()].slice(0, -1) }
  }

  /** Whether an answer about this device is held now. */
  isHeld(key: string): boolean {
    return this.#holding?.held.has(key) ?? false
  }

  /** Intune has taken it back: the device is compliant. The hold ends with the last one. */
  recovered(key: string): void {
    this.#recent.delete(key)
    this.#holding?.held.delete(key)
    if (this.#holding?.held.size === 0) this.#holding = undefined
  }

  /** The burst is real: gives what was held, to be applied, and lets more of it pass for an hour. */
  accept(): ReadonlyMap<string, HeldAnswer> {
    const held = this.#holding?.held ?? new Map<string, HeldAnswer>()
    if (this.#holding !== undefined) this.#acceptedUntilMs = this.#parts.clock.monotonicMs() + acceptedForMs
    this.#holding = undefined
    return held
  }

  /** The burst is a mistake: forgets what was held. The devices are asked about again, and counted from zero. */
  reject(): number {
    const { size } = this.#holding?.held ?? { size: 0 }
    this.#holding = undefined
    this.#recent.clear()
    return size
  }

  /** Holding since when and how many, or nothing; and the flips of the current window. */
  get status(): {
    readonly holding?: { readonly sinceMs: number; readonly records: number }
    readonly recentFlips: number
  } {
    const nowMs = this.#parts.clock.monotonicMs()
    this.#forgetOlderThan(nowMs - this.#parts.windowMs)
    const recentFlips = this.#recent.size
    if (this.#holding === undefined) return { recentFlips }
    const { sinceMs, held } = this.#holding
    // In terms of the clock as it is now, whatever it said then.
    return {
      holding: { sinceMs: this.#parts.clock.nowMs() - (nowMs - sinceMs), records: held.size },
      recentFlips,
    }
  }

  #forgetOlderThan(atMs: number): void {
    for (const [key, flip] of this.#recent) {
      if (flip.atMs >= atMs) return
      this.#recent.delete(key)
    }
  }
}
