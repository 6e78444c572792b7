import { type Exchange, parameter, type SimulatedCloud } from '../exchange.ts'
import type { Device } from '../state/devices.ts'

/** The identifiers that a device can be asked by, over all dialects; a GUID is the Intune device id. */
export type DeviceCriteria = 'guid' | 'macaddress' | 'imei' | 'meid' | 'udid'

/** What a query asked by. A GUID is lower case, a MAC upper case. */
export interface DeviceQuestion {
  readonly criteria: DeviceCriteria
  readonly value: string
}

const guidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const macPattern = /^[0-9a-f]{12}$/i

/** The question of a query in a dialect that knows these criteria, or what is wrong with it. */
export function readQuestion(
  exchange: Exchange,
  known: readonly DeviceCriteria[],
  { anyMacSpelling }: { readonly anyMacSpelling: boolean },
): DeviceQuestion | string {
  const named = parameter(exchange, 'querycriteria')?.toLowerCase()
  const criteria = known.find((one) => one === named)
  const value = parameter(exchange, 'value') ?? ''
  if (criteria === undefined) return 'querycriteria is missing or not supported'
  if (value === '') return 'value is missing'
  if (criteria === 'guid') {
    return guidPattern.test(value) ? { criteria, value: value.toLowerCase() } : 'value is no GUID'
  }
  if (criteria === 'macaddress') {
    const bare = macPattern.test(value) || anyMacSpelling
    return bare ? { criteria, value: value.toUpperCase() } : 'value is not 12 hex digits'
  }
  return { criteria, value }
}

/** Every device of the inventory that the question fits, enrolled or not. */
export function findDevices(
  { criteria, value }: DeviceQuestion,
  { state }: SimulatedCloud,
): readonly Device[] {
  if (criteria !== 'guid') return state.devices.findBy(criteria === 'macaddress' ? 'mac' : criteria, value)
  const device = state.devices.find(value)
  return device ? [device] : []
}

/** The device that the answer speaks of: another one where the tenant was told to lie. */
export function replyingDevice(device: Device, { state }: SimulatedCloud): Device {
  if (device.replyAs === undefined) return device
  return state.devices.find(device.replyAs) ?? { ...device, deviceId: device.replyAs }
}

/** The devices that Intune manages among those that the question fits, each as the answer speaks of it. */
export function findManagedDevices(question: DeviceQuestion, cloud: SimulatedCloud): readonly Device[] {
  return findDevices(question, cloud)
    .filter(({ enrolled }) => enrolled)
    .map((device) => replyingDevice(device, cloud))
}

/** The MAC to report: the one that was asked for, unless the answer is about a device that does not have it. */
export function reportedMac({ macs }: Device, { criteria, value }: DeviceQuestion): string {
  return criteria === 'macaddress' && macs.includes(value) ? value : (macs[0] ?? '')
}
