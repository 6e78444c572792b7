import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'

/** How long one device has to wait between two rechecks. */
export const recheckIntervalMs = 10_000
const maxDevices = 100_000

/** Gives 0 and starts the device's interval, or how long it has to wait still, milliseconds. */
export type AdmitRecheck = (deviceKey: string) => number

/** One recheck of a device in ten seconds: enough for a person who repairs it, nothing for a loop. */
export function createRecheckLimit(clock: Clock): AdmitRecheck {
  const latest = new LRUCache<string, number>({ max: maxDevices })
  return (deviceKey) => {
    const nowMs = clock.nowMs()
    const elapsedMs = nowMs - (latest.get(deviceKey) ?? Number.NEGATIVE_INFINITY)
    if (elapsedMs >= 0 && elapsedMs < recheckIntervalMs) return recheckIntervalMs - elapsedMs
    latest.set(deviceKey, nowMs)
    return 0
  }
}
