import { type Device, type DeviceInput, type DevicePatch, deviceSchema } from './devices.ts'
import { UnknownItemError } from './unknown-item-error.ts'

/** The devices of the tenant, found by Intune device id or by MAC; one MAC may belong to several (a dock). */
export interface DeviceInventory {
  put(input: DeviceInput): Device
  /** Throws an UnknownItemError for a device that is not there. */
  patch(deviceId: string, patch: DevicePatch): Device
  remove(deviceId: string): boolean
  list(): readonly Device[]
  find(deviceId: string): Device | undefined
  /** `mac`: 12 upper-case hex digits. */
  findByMac(mac: string): readonly Device[]
  clear(): void
}

/** Makes an empty inventory. */
export function createDeviceInventory(): DeviceInventory {
  const devices = new Map<string, Device>()
  const deviceIdsByMac = new Map<string, Set<string>>()
  const find = (deviceId: string) => devices.get(deviceId.toLowerCase())

  function put(input: DeviceInput): Device {
    const device = deviceSchema.parse(input)
    forgetMacs(device.deviceId)
    devices.set(device.deviceId, device)
    for (const mac of device.macs) {
      deviceIdsByMac.set(mac, (deviceIdsByMac.get(mac) ?? new Set()).add(device.deviceId))
    }
    return device
  }

  function forgetMacs(deviceId: string): void {
    for (const mac of devices.get(deviceId)?.macs ?? []) deviceIdsByMac.get(mac)?.delete(deviceId)
  }

  return {
    put,
    patch(deviceId, patch) {
      const before = find(deviceId)
      if (before === undefined) throw new UnknownItemError(`The simulated tenant has no device ${deviceId}`)
      const changed = { ...before, ...patch, deviceId: before.deviceId }
      return put(
        deviceSchema.parse(Object.fromEntries(Object.entries(changed).filter(([, fact]) => fact !== null))),
      )
    },
    remove(deviceId) {
      forgetMacs(deviceId.toLowerCase())
      return devices.delete(deviceId.toLowerCase())
    },
    list: () => [...devices.values()],
    find,
    findByMac(mac) {
      return [...(deviceIdsByMac.get(mac) ?? [])].flatMap((deviceId) => devices.get(deviceId) ?? [])
    },
    clear() {
      devices.clear()
      deviceIdsByMac.clear()
    },
  }
}
