import type { DeviceList } from '../decision/device-conditions.ts'
import type { Policy } from '../decision/policy.ts'
import type { ReadLists } from './policy-lists.ts'

/** The devices of a list file of this moment: the rules of the policy that names it look into the newest. */
interface CurrentList extends DeviceList {
  devices: ReadonlySet<string>
}

/** What the list files of the policy in force hold, by the key of the list. */
export class CurrentLists {
  #lists: ReadonlyMap<string, CurrentList> = new Map()

  /** The devices of a list; undefined where the policy in force does not name it. */
  devicesOf(key: string): ReadonlySet<string> | undefined {
    return this.#lists.get(key)?.devices
  }

  /** Gives a list new devices, if the policy in force names it. */
  replace(key: string, devices: ReadonlySet<string>): void {
    const list = this.#lists.get(key)
    if (list) list.devices = devices
  }

  /** Compiles a policy with its lists, which are then those in force. Where `compile` throws nothing has changed. */
  compile(read: ReadLists, compile: (lists: ReadonlyMap<string, DeviceList>) => Policy): Policy {
    const lists = new Map([...read].map(([key, devices]) => [key, currentList(devices)]))
    const policy = compile(lists)
    // The stories of decisions keep their policies for a day, and 100,000 devices with each would be too much.
    for (const list of this.#lists.values()) list.devices = noDevices
    this.#lists = lists
    return policy
  }
}

const noDevices: ReadonlySet<string> = new Set()

function currentList(devices: ReadonlySet<string>): CurrentList {
  return {
    devices,
    get size() {
      return this.devices.size
    },
    has(value) {
      return this.devices.has(value)
    },
  }
}
