import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import { type DeviceIdentifier, identifierKey } from '../identity/device-identity.ts'
import { parseIdentity } from '../identity/parse-identity.ts'
import type { ComplianceRecord } from './compliance-record.ts'

/** How long one device has to wait between two questions that are asked although the answer is known. */
export const refreshIntervalMs = 10_000
const maxDevices = 100_000

/** What one client may ask in this way: a hundred at once, and ten a second on end. */
const refreshesAtOnce = 100
const refreshesPerSecond = 10
const maxClients = 2000

/** Gives 0 and starts the device's interval, or how long it has to wait still, milliseconds. */
export type AdmitRefresh = (identifier: DeviceIdentifier, client: string) => number

/** The one limit on questions past what is remembered: `refresh=true` and rechecks, whether they then fail or not. */
export interface RefreshLimit {
  readonly admit: AdmitRefresh
  /** Takes in which identifiers name the same device, out of an answer of Intune to the question `key`. */
  learnt(key: string, record: ComplianceRecord): void
}

/**
 * One refresh of a device in ten seconds, whatever it is named by, as far as that is known: enough for a person who
 * repairs it, nothing for a loop. And ten a second of one client, so that many devices are no way around it.
 */
export function createRefreshLimit(
  clock: Clock,
  recordOf: (key: string) => ComplianceRecord | undefined,
): RefreshLimit {
  const latest = new LRUCache<string, number>({ max: maxDevices })
  const clients = new LRUCache<string, { credit: number; filledAtMs: number }>({ max: maxClients })

  function deviceWaitMs(names: readonly string[], nowMs: number): number {
    return names.reduce((waitMs, name) => {
      const dueAtMs = (latest.get(name) ?? Number.NEGATIVE_INFINITY) + refreshIntervalMs
      return Math.max(waitMs, dueAtMs - nowMs)
    }, 0)
  }

  function takeOfClient(client: string, nowMs: number): number {
    const bucket = clients.get(client) ?? { credit: refreshesAtOnce, filledAtMs: nowMs }
    const filled = bucket.credit + ((nowMs - bucket.filledAtMs) * refreshesPerSecond) / 1000
    const credit = Math.min(refreshesAtOnce, filled)
    const isAdmitted = credit >= 1
    clients.set(client, { credit: isAdmitted ? credit - 1 : credit, filledAtMs: nowMs })
    return isAdmitted ? 0 : ((1 - credit) * 1000) / refreshesPerSecond
  }

  return {
    admit(identifier, client) {
      const nowMs = clock.monotonicMs()
      const key = identifierKey(identifier)
      const names = namesOf(key, recordOf(key))
      const waitMs = deviceWaitMs(names, nowMs) || takeOfClient(client, nowMs)
      if (waitMs > 0) return Math.ceil(waitMs)
      for (const name of names) latest.set(name, nowMs)
      return 0
    },
    learnt(key, record) {
      const atMs = latest.get(key)
      if (atMs === undefined || clock.monotonicMs() >= atMs + refreshIntervalMs) return
      for (const name of namesOf(key, record)) latest.set(name, Math.max(atMs, latest.get(name) ?? atMs))
    },
  }
}

/** The keys of every identifier that is known to name the same device, the one that was asked by among them. */
function namesOf(key: string, record: ComplianceRecord | undefined): readonly string[] {
  if (record === undefined) return [key]
  const { deviceId, macs = [], details: { serialNumber, imei, meid, udid } = {} } = record
  const named = [
    { deviceId },
    { serialNumber },
    { imei },
    { meid },
    { udid },
    ...macs.map((mac) => ({ mac })),
  ].flatMap((attributes) => {
    // One at a time: what an inventory holds in one field may be no identifier at all.
    const identity = parseIdentity(attributes)
    return identity.ok ? identity.value.identifiers.map(identifierKey) : []
  })
  return [...new Set([key, ...named])]
}
