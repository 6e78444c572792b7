import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import type { Fault } from '../errors/fault.ts'

interface Pause {
  readonly untilMs: number
  readonly nextMs: number
  readonly fault: Fault
}

const firstPauseMs = 1000
const longestPauseMs = 30_000
/** Asking again this often harms no service, whatever it says about one device. */
export const longestOutagePauseMs = 120_000
const maxDevices = 1000
/** So many different devices that failed in a row were hardly each in a trouble of their own. */
const devicesOfAnOutage = 2

/**
 * Devices whose questions to one service fail, each left alone for a while of its own: 1 s, 2 s, ... at most 30 s, or as
 * long as the service asked for (at most two minutes). So a device in trouble costs one question in half a minute, and nobody else anything.
 */
export class DevicePauses {
  readonly #clock: Clock
  readonly #pauses = new LRUCache<string, Pause>({ max: maxDevices })
  /** Devices that have failed since the last answer. */
  readonly #failedInARow = new Set<string>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The fault that the device is left alone for, with what is left of a Retry-After; undefined: it may be asked about. */
  faultOf(device: string): Fault | undefined {
    const pause = this.#pauses.get(device)
    const leftMs = pause === undefined ? 0 : pause.untilMs - this.#clock.monotonicMs()
    if (pause === undefined || leftMs <= 0) return undefined
    const { fault } = pause
    return fault.retryAfterMs === undefined ? fault : { ...fault, retryAfterMs: Math.ceil(leftMs) }
  }

  /** Whether the last question about the device failed. */
  hasFailed(device: string): boolean {
    return this.#pauses.has(device)
  }

  failed(device: string, fault: Fault): void {
    const backOffMs = this.#pauses.get(device)?.nextMs ?? firstPauseMs
    const askedForMs = Math.min(fault.retryAfterMs ?? 0, longestOutagePauseMs)
    this.#pauses.set(device, {
      untilMs: this.#clock.monotonicMs() + Math.max(backOffMs, askedForMs),
      nextMs: Math.min(backOffMs * 2, longestPauseMs),
      fault,
    })
    if (this.#failedInARow.size < maxDevices) this.#failedInARow.add(device)
  }

  /** The service answered about this device: if several had failed before, that was the service's trouble, and is over. */
  succeeded(device: string): void {
    if (this.#failedInARow.size >= devicesOfAnOutage) this.#pauses.clear()
    else this.#pauses.delete(device)
    this.#failedInARow.clear()
  }
}
