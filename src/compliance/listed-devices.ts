import type { ListedDevice } from './noncompliant-list.ts'

/** As many as the memory has room for records; a list that is longer is none of this tenant. */
export const maxListedDevices = 1_000_000
/** More than a device can have; what is listed besides is a mistake, and is left out. */
const maxMacs = 64
/** Large maps stand still while they grow: of sixteen, each holds a part. */
const parts = 16

interface GrowingDevice extends ListedDevice {
  readonly macs: string[]
}

/**
 * The rows of a list, as they come, as devices: one with two addresses has two rows where the list is by MAC, and a row
 * may come twice.
 */
export class ListedDevices {
  readonly devices: ListedDevice[] = []
  readonly #byId = Array.from({ length: parts }, () => new Map<string, GrowingDevice>())
  readonly #maxDevices: number

  constructor(maxDevices = maxListedDevices) {
    this.#maxDevices = maxDevices
  }

  /** True where nothing more is taken. */
  get isFull(): boolean {
    return this.devices.length >= this.#maxDevices
  }

  add({ deviceId, macs }: ListedDevice): void {
    const id = deviceId ?? macs[0]
    if (id === undefined || this.isFull) return
    const map = this.#byId[id.charCodeAt(id.length - 1) % parts]
    const known = map?.get(id)
    if (known !== undefined) {
      for (const mac of macs) {
        if (known.macs.length < maxMacs && !known.macs.includes(mac)) known.macs.push(mac)
      }
      return
    }
    const device = { ...(deviceId !== undefined && { deviceId }), macs: [...macs] }
    map?.set(id, device)
    this.devices.push(device)
  }
}
