import type { Clock } from '../clock.ts'
import type { RememberedRecord } from './packed-record.ts'

/** A remembered compliant record that an answer of Intune would take the access from. */
export interface Flip {
  readonly key: string
  /** The Intune device id of the device: its records under several keys are one flip. Absent: the key stands for it. */
  readonly device?: string
  readonly before: RememberedRecord
  readonly after: RememberedRecord
}

/** What Intune has said and does not count yet. */
export type HeldAnswer = Pick<Flip, 'after' | 'device'>

export interface MassFlipGuardParts {
  readonly clock: Clock
  /** Flips within this time are one burst, milliseconds. */
  readonly windowMs: number
  /** Told once when a burst is noticed; `flips` are devices. */
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
 * held until an operator accepts or rejects it, or until every held device is compliant again. A device counts once,
 * whatever it was asked about by: who asks must not be able to make a burst out of it.
 */
export class MassFlipGuard {
  readonly #parts: MassFlipGuardParts
  /** The latest flips by key, oldest first, and how many of them each device has; every time here is monotonic. */
  #recent = new Map<string, Flip & { readonly atMs: number }>()
  #devices = new Map<string, number>()
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
      const { device, after } = flip
      this.#holding.held.set(flip.key, { after, ...(device !== undefined && { device }) })
      return { verdict: 'hold', undo: [] }
    }
    if (nowMs < this.#acceptedUntilMs) return { verdict: 'apply', undo: [] }
    this.#forgetOlderThan(nowMs - this.#parts.windowMs)
    // Again at the end: the order is that of time.
    this.#forget(flip.key)
    this.#recent.set(flip.key, { ...flip, atMs: nowMs })
    const device = deviceKeyOf(flip)
    this.#devices.set(device, (this.#devices.get(device) ?? 0) + 1)
    const flips = this.#devices.size
    const threshold = massFlipThreshold(compliantRecords + this.#recent.size - 1)
    if (flips <= threshold) return { verdict: 'apply', undo: [] }
    // Handed over as it is: at a million devices this is 200,000 flips, and copying a map of them takes 40 ms.
    const held = this.#recent
    this.#forgetAll()
    this.#holding = { sinceMs: nowMs, held }
    this.#parts.onTrip({ flips, threshold })
    // All but the last, which is this one and was not applied.
    return { verdict: 'hold', undo: [...held.values()].slice(0, -1) }
  }

  /** Whether an answer about this device is held now. */
  isHeld(key: string): boolean {
    return this.#holding?.held.has(key) ?? false
  }

  /** Intune has taken it back: the device is compliant. The hold ends with the last one. */
  recovered(key: string): void {
    this.#forget(key)
    this.#holding?.held.delete(key)
    if (this.#holding?.held.size === 0) this.#holding = undefined
  }

  /** Intune names this device under the key now: what another one lost or was to lose there is no flip of it. */
  named(key: string, device: string | undefined): void {
    const flip = this.#holding?.held.get(key) ?? this.#recent.get(key)
    if (flip !== undefined && flip.device !== device) this.recovered(key)
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
    this.#forgetAll()
    return size
  }

  /** Holding since when and how many records, or nothing; and the devices that have flipped in the current window. */
  get status(): {
    readonly holding?: { readonly sinceMs: number; readonly records: number }
    readonly recentFlips: number
  } {
    const nowMs = this.#parts.clock.monotonicMs()
    this.#forgetOlderThan(nowMs - this.#parts.windowMs)
    const recentFlips = this.#devices.size
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
      this.#forget(key)
    }
  }

  #forget(key: string): void {
    const flip = this.#recent.get(key)
    if (flip === undefined) return
    this.#recent.delete(key)
    const device = deviceKeyOf(flip)
    const left = (this.#devices.get(device) ?? 0) - 1
    if (left > 0) this.#devices.set(device, left)
    else this.#devices.delete(device)
  }

  #forgetAll(): void {
    this.#recent = new Map()
    this.#devices = new Map()
  }
}

function deviceKeyOf({ key, device }: Flip): string {
  return device ?? key
}
