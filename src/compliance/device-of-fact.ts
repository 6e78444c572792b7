import { splitKey } from '../identity/device-identity.ts'
import type { ComplianceRecord } from './compliance-record.ts'

type NamedDevice = Pick<ComplianceRecord, 'enrolled' | 'deviceId'>

/**
 * The Intune device that a fact is about, by its device id: the one that Intune named or, where its dialect names none,
 * the one that was asked for by device id. Undefined where nobody knows: a MAC address alone may have moved on.
 */
export function deviceOf(key: string, { deviceId }: Pick<ComplianceRecord, 'deviceId'>): string | undefined {
  if (deviceId !== undefined) return deviceId
  const [kind, value] = splitKey(key)
  return kind === 'deviceId' ? value : undefined
}

/**
 * Whether a fact that is remembered under `key` and a newer answer for it are about the same device. What is not known
 * to be the same is another one. "Not enrolled" names no device, so it contradicts nothing.
 */
export function isSameDevice(key: string, before: NamedDevice, after: NamedDevice): boolean {
  const known = deviceOf(key, before)
  if (known === undefined) return false
  const named = deviceOf(key, after)
  if (named === known) return true
  // The reply to a common name repeats the id that was asked for, which need not be an Intune device id.
  return !after.enrolled && (named === undefined || named === splitKey(key)[1])
}

/**
 * Whether a stored record is about the device that its key names. Before common names had a key of their own, what was
 * translated from an Entra device id stood under that id.
 */
export function fitsItsKey(key: string, { deviceId }: Pick<ComplianceRecord, 'deviceId'>): boolean {
  const [kind, value] = splitKey(key)
  return kind !== 'deviceId' || deviceId === undefined || deviceId === value
}
