import { type Device, type DeviceInput, type DevicePatch, deviceSchema, entraDeviceId } from './devices.ts'
import { UnknownItemError } from './unknown-item-error.ts'

/** What a device can be found by, apart from its Intune device id. */
export type InventoryKey =
  | 'mac'
  | 'imei'
  | 'meid'
  | 'udid'
  | 'serialNumber'
  | 'azureDeviceId'
  | 'deviceName'
  | 'complianceState'

/** The devices of the tenant; every look-up goes by an index, so its cost does not grow with the tenant. */
export interface DeviceInventory {
  put(input: DeviceInput): Device
  /** All of them or, when one is wrong, none. */
  putAll(inputs: readonly DeviceInput[]): readonly Device[]
  /** Throws an UnknownItemError for a device that is not there. */
  patch(deviceId: string, patch: DevicePatch): Device
  remove(deviceId: string): boolean
  list(): readonly Device[]
  find(deviceId: string): Device | undefined
  /** Case is not compared. One MAC may belong to several devices (a dock). */
  findBy(key: InventoryKey, value: string): readonly Device[]
  /** Every fact that the device can be asked by. */
  namesOf(device: Device): readonly string[]
  clear(): void
}

/** Makes an empty inventory. */
export function createDeviceInventory(): DeviceInventory {
  const devices = new Map<string, Device>()
  const index = new Map<string, Set<string>>()
  let listed: readonly Device[] | undefined
  const find = (deviceId: string) => devices.get(deviceId.toLowerCase())

  function store(device: Device): Device {
    forget(device.deviceId)
    devices.set(device.deviceId, device)
    for (const entry of entriesOf(device)) {
      const deviceIds = index.get(entry)
      if (deviceIds) deviceIds.add(device.deviceId)
      else index.set(entry, new Set([device.deviceId]))
    }
    listed = undefined
    return device
  }

  function forget(deviceId: string): boolean {
    const device = devices.get(deviceId)
    if (device === undefined) return false
    for (const entry of entriesOf(device)) {
      const deviceIds = index.get(entry)
      deviceIds?.delete(deviceId)
      if (deviceIds?.size === 0) index.delete(entry)
    }
    listed = undefined
    return devices.delete(deviceId)
  }

  return {
    put: (input) => store(deviceSchema.parse(input)),
    putAll: (inputs) => deviceSchema.array().parse(inputs).map(store),
    patch(deviceId, patch) {
      const before = find(deviceId)
      if (before === undefined) throw new UnknownItemError(`The simulated tenant has no device ${deviceId}`)
      const changed = { ...before, ...patch, deviceId: before.deviceId }
      return store(
        deviceSchema.parse(Object.fromEntries(Object.entries(changed).filter(([, fact]) => fact !== null))),
      )
    },
    remove: (deviceId) => forget(deviceId.toLowerCase()),
    list() {
      listed ??= [...devices.values()]
      return listed
    },
    find,
    findBy(key, value) {
      return [...(index.get(entryOf(key, value)) ?? [])].flatMap((deviceId) => devices.get(deviceId) ?? [])
    },
    namesOf(device) {
      const names = factsOf(device).map(([, value]) => value)
      return [device.deviceId, ...names]
    },
    clear() {
      devices.clear()
      index.clear()
      listed = undefined
    },
  }
}

function factsOf(device: Device): (readonly [key: InventoryKey, value: string])[] {
  const { macs, imei, meid, udid, serialNumber, deviceName } = device
  const facts = { imei, meid, udid, serialNumber, deviceName, azureDeviceId: entraDeviceId(device) }
  const single = Object.entries(facts) as [InventoryKey, string | undefined][]
  return [
    ...macs.map((mac) => ['mac', mac] as const),
    ...single.flatMap(([key, value]) => (value ? [[key, value] as const] : [])),
  ]
}

function entriesOf(device: Device): string[] {
  return [
    ...factsOf(device).map(([key, value]) => entryOf(key, value)),
    entryOf('complianceState', device.complianceState),
  ]
}

function entryOf(key: InventoryKey, value: string): string {
  return `${key}:${value.toLowerCase()}`
}
