import type { Outcome } from '../errors/fault.ts'
import { splitKey } from '../identity/device-identity.ts'
import { turnEvery } from '../turns/turn-every.ts'
import type { ComplianceRecord } from './compliance-record.ts'
import { deviceOf } from './device-of-fact.ts'

/** One row of Intune's list of noncompliant devices: at least one of the two is there. */
export interface ListedDevice {
  /** The Intune device id, lower case. */
  readonly deviceId?: string
  /** 12 upper-case hex digits each. */
  readonly macs: readonly string[]
}

/** Everything that one bulk query has brought, all pages of it. */
export interface NoncompliantList {
  /** When Intune had answered the last page, milliseconds since the epoch. */
  readonly listedAtMs: number
  readonly devices: readonly ListedDevice[]
}

/**
 * Asks Intune for all noncompliant devices. Never rejects; a list of which a page is missing is a fault. The caller
 * sees to it that this happens at most once in four hours for a tenant.
 */
export type FetchNoncompliantList = () => Promise<Outcome<NoncompliantList>>

/** The ids of a list, ready to be compared with what is remembered. */
export interface ListedIds {
  /** Whether the list names the device that the record, remembered under `key`, is about. */
  names(key: string, record: ComplianceRecord): boolean
}

/** About a millisecond to index. */
const devicesPerTurn = 2000

/**
 * Made in slices. A device id names one device. A MAC address may be that of a dock, so a device whose id is known is found by its
 * MAC only in rows that have no id of their own.
 */
export async function indexListedDevices(devices: readonly ListedDevice[]): Promise<ListedIds> {
  const next = turnEvery(devicesPerTurn)
  const ids = new Set<string>()
  const macs = new Set<string>()
  const macsWithoutId = new Set<string>()
  for (const { deviceId, macs: listed } of devices) {
    const turned = next()
    if (turned) await turned
    if (deviceId !== undefined) ids.add(deviceId)
    for (const mac of listed) {
      macs.add(mac)
      if (deviceId === undefined) macsWithoutId.add(mac)
    }
  }
  return {
    names(key, record) {
      const [kind, value] = splitKey(key)
      if (kind === 'mac' && macs.has(value)) return true
      const deviceId = deviceOf(key, record)
      if (deviceId !== undefined && ids.has(deviceId)) return true
      return record.macs?.some((mac) => macsWithoutId.has(mac)) ?? false
    },
  }
}
