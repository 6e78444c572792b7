import type { DeviceDetails } from '../compliance/compliance-record.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'
import { parseXml, type XmlElement } from '../xml/xml-tree.ts'
import { type ComplianceFacts, chooseWorst, judgeFlags, NOT_ENROLLED } from './compliance-facts.ts'
import { ignoreDrift, type NoteDrift } from './drift.ts'
import { noteXmlDrift } from './ise-xml-drift.ts'
import { agreedFlag, isNilGuid, normaliseGuid, normaliseMac, parseGuid, parseText } from './wire-values.ts'

/** A real reply is under 1 KiB; the limits only have to stop what is not a real reply. */
const XML_LIMITS = { maxCharacters: 256 * 1024, maxElements: 5000, maxDepth: 16 }

const MAC = /^[0-9A-F]{12}$/

/** One <device>: the ids it names, its two flags where they could be read, and what else it says. */
interface Device {
  readonly guids: readonly string[]
  readonly macs: readonly string[]
  readonly registered: boolean | undefined
  readonly compliant: boolean | undefined
  readonly details: DeviceDetails
}

/**
 * Reads a reply about one device in the XML of Cisco's MDM API: version 3 from the Compliance Retrieval service
 * (`ise_api/deviceList/device/Attributes/{guid,macaddress,register_status,Compliance/status}`) and version 2 from the
 * NAC 1.x service, which spells its elements in lower case, names no id and adds inventory.
 *
 * Tolerant in form (case, namespaces, nil, missing elements), strict in meaning: only a readable `true` is compliant,
 * an answer about another device is `intune_reply_mismatch`, and what cannot be understood is
 * `intune_reply_malformed`, never a verdict. `note` is told what is new about the form.
 */
export function parseComplianceReply(
  xml: string,
  asked: Pick<DeviceIdentifier, 'kind' | 'value'>,
  note: NoteDrift = ignoreDrift,
): Outcome<ComplianceFacts> {
  const root = parseXml(xml, XML_LIMITS)
  if (root?.name !== 'ise_api')
    return malformed('Intune answered with something that is not an <ise_api> document')
  noteXmlDrift(root, note)

  const lists = root.children.filter((child) => child.name === 'devicelist')
  const subject = textsIn([root])('name')[0]?.toLowerCase()
  if (lists.length === 0 && subject !== undefined && subject !== 'attributes') {
    return malformed('Intune answered a device query with another kind of <ise_api> document')
  }
  const devices = lists.flatMap((list) => list.children.filter(isDevice)).map(readDevice)
  if (devices.length === 0) return success(NOT_ENROLLED)

  const echoed = devices.map((device) => echoes(device, asked))
  const about = devices.filter((_, index) => echoed[index] === 'same')
  const silent = devices.filter((_, index) => echoed[index] === 'none')
  const candidates = about.length > 0 ? about : silent
  if (about.length === 0 && silent.length < devices.length) {
    return failure('intune_reply_mismatch', 'Intune answered about another device than the one asked for')
  }
  // A device without a readable register_status says nothing: "not enrolled" would send its owner to enrol a device
  // that may be enrolled already, and a verdict without enrolment must not count.
  if (candidates.some((device) => device.registered === undefined)) {
    return malformed('Intune sent a device without a readable register_status')
  }
  return success(chooseWorst(candidates.map(readFacts)))
}

function malformed(message: string) {
  return failure('intune_reply_malformed', message)
}

function readFacts(device: Device): ComplianceFacts {
  const deviceId = device.guids.map(parseGuid).find((guid) => guid !== undefined)
  const macs = device.macs.filter((mac) => MAC.test(mac))
  const facts = judgeFlags(device.registered === true, device.compliant)
  return {
    ...facts,
    ...(deviceId && { deviceId }),
    ...(macs.length > 0 && { macs }),
    ...(facts.enrolled && Object.keys(device.details).length > 0 && { details: device.details }),
  }
}

/** Whether the device names the id that was asked for: every echo must agree, a single other one is too many. */
function echoes(device: Device, asked: Pick<DeviceIdentifier, 'kind' | 'value'>): 'same' | 'other' | 'none' {
  const echoed = asked.kind === 'mac' ? device.macs : device.guids
  if (echoed.length === 0) return 'none'
  const wanted = asked.kind === 'mac' ? normaliseMac(asked.value) : normaliseGuid(asked.value)
  return echoed.every((value) => value === wanted) ? 'same' : 'other'
}

/** An empty or nil <device> is no device. */
function isDevice(element: XmlElement): boolean {
  return element.name === 'device' && element.children.length > 0
}

/** The elements of version 2 that say more than the verdict, and where it goes. */
const INVENTORY: readonly (readonly [element: string, key: keyof DeviceDetails])[] = [
  ['manufacturer', 'manufacturer'],
  ['model', 'model'],
  ['os_version', 'osVersion'],
  ['serial_number', 'serialNumber'],
  ['imei', 'imei'],
  ['meid', 'meid'],
  ['udid', 'udid'],
]

/** The ids and flags stand directly under <device> or under its <Attributes>. */
function readDevice(device: XmlElement): Device {
  const holders = [device, ...device.children.filter((child) => child.name === 'attributes')]
  const compliances = holders.flatMap((holder) =>
    holder.children.filter((child) => child.name === 'compliance'),
  )
  const every = textsIn(holders)
  const details: Record<string, string> = {}
  for (const [element, key] of INVENTORY) {
    const text = parseText(every(element)[0])
    if (text !== undefined) details[key] = text
  }
  return {
    guids: [...new Set(every('guid').map(normaliseGuid))].filter((guid) => !isNilGuid(guid)),
    macs: [...new Set(every('macaddress').map(normaliseMac))],
    registered: agreedFlag(every('register_status')),
    compliant: agreedFlag(textsIn(compliances)('status')),
    details,
  }
}

const NONE: readonly string[] = []

/** The non-blank texts of the children of some elements, by the name of the child. */
function textsIn(elements: readonly XmlElement[]): (name: string) => readonly string[] {
  const texts = new Map<string, string[]>()
  for (const { children } of elements) {
    for (const { name, text } of children) {
      const trimmed = text.trim()
      if (trimmed === '') continue
      const known = texts.get(name)
      if (known) known.push(trimmed)
      else texts.set(name, [trimmed])
    }
  }
  return (name) => texts.get(name) ?? NONE
}
