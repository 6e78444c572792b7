import type { DeviceDetails } from '../../decision/decision.ts'
import { element, optionalElement, type XmlElement } from './write-xml.ts'

/** What ISE is told about one device. */
export interface DeviceFacts {
  readonly registered: boolean
  readonly compliant: boolean
  /** Why the device is not compliant, for the policy and the administrator; empty where it is. */
  readonly failureReason: string
  /** What the user has to do; empty where nothing. */
  readonly remediation: string
  readonly deviceId?: string
  /** 12 upper-case hex digits each. */
  readonly macs: readonly string[]
  readonly details: DeviceDetails
}

/** Cisco's table: "comma separated max 5 MAC addresses". */
const maxMacAddresses = 5

/** The elements of `attributes` in the order of Cisco's description; each gives what it has to say, or nothing. */
const writers = {
  register_status: ({ registered }) => element('register_status', String(registered)),
  compliance: ({ compliant, failureReason, remediation }) =>
    element('compliance', [
      element('status', String(compliant)),
      optionalElement('failure_reason', failureReason),
      optionalElement('remediation', remediation),
    ]),
  disk_encryption_on: ({ details }) => flag('disk_encryption_on', details.diskEncrypted),
  pin_lock_on: ({ details }) => flag('pin_lock_on', details.pinLocked),
  jail_broken: ({ details }) => flag('jail_broken', details.jailBroken),
  manufacturer: ({ details }) => optionalElement('manufacturer', details.manufacturer),
  model: ({ details }) => optionalElement('model', details.model),
  imei: ({ details }) => optionalElement('imei', details.imei),
  meid: ({ details }) => optionalElement('meid', details.meid),
  udid: ({ details }) => optionalElement('udid', details.udid),
  serial_number: ({ details }) => optionalElement('serial_number', details.serialNumber),
  os_version: ({ details: { operatingSystem, osVersion } }) =>
    optionalElement(
      'os_version',
      operatingSystem && osVersion ? `${operatingSystem} ${osVersion}` : operatingSystem || osVersion,
    ),
  phone_number: ({ details }) => optionalElement('phone_number', details.phoneNumber),
  lastcheckintimestamp: ({ details: { lastSyncMs } }) =>
    optionalElement('lastCheckinTimeStamp', lastSyncMs === undefined ? '' : String(Math.trunc(lastSyncMs))),
  guid: ({ deviceId }) => optionalElement('guid', deviceId),
  macaddresses: ({ macs }) => optionalElement('macaddresses', macs.slice(0, maxMacAddresses).join(',')),
} as const satisfies Record<string, (facts: DeviceFacts) => XmlElement | undefined>

type AttributeName = keyof typeof writers

const namesInOrder = Object.keys(writers) as readonly AttributeName[]
/** Added by version 3. */
const sinceVersion3: ReadonlySet<AttributeName> = new Set(['lastcheckintimestamp', 'guid', 'macaddresses'])
const namesBeforeVersion3 = namesInOrder.filter((name) => !sinceVersion3.has(name))

/** Which attributes a caller wants, from its filter. */
export type WantedAttributes = 'all' | ReadonlySet<AttributeName>

/** Cisco's table and its examples do not spell the names alike. */
const otherSpellings: Readonly<Record<string, AttributeName>> = {
  compliance_status: 'compliance',
  compliancestatus: 'compliance',
  serialnumber: 'serial_number',
  osversion: 'os_version',
  phonenumber: 'phone_number',
  macaddress: 'macaddresses',
  mac_addresses: 'macaddresses',
}

/**
 * Reads a filter: `all`, or names joined by `+`, which a query parser turns into spaces. Names that are not known are
 * left out; where none is known, everything is wanted.
 */
export function parseFilter(text: string): WantedAttributes {
  const names = text.toLowerCase().split(/[+, ]+/)
  const known = names.flatMap((name) => {
    if (Object.hasOwn(writers, name)) return [name as AttributeName]
    const other = Object.hasOwn(otherSpellings, name) ? otherSpellings[name] : undefined
    return other === undefined ? [] : [other]
  })
  return names.includes('all') || known.length === 0 ? 'all' : new Set(known)
}

/** The `attributes` element, with what is known and wanted; what is not known is left out, never guessed. */
export function presentAttributes(
  facts: DeviceFacts,
  version: 1 | 2 | 3,
  wanted: WantedAttributes,
): XmlElement {
  const written: (XmlElement | undefined)[] = []
  for (const name of version === 3 ? namesInOrder : namesBeforeVersion3) {
    if (wanted === 'all' || wanted.has(name)) written.push(writers[name](facts))
  }
  return element('attributes', written)
}

function flag(name: string, value: boolean | undefined): XmlElement | undefined {
  return value === undefined ? undefined : element(name, String(value))
}
