import type { DeviceDetails } from '../compliance/compliance-record.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'
import { parseXml, type XmlElement } from '../xml/xml-tree.ts'
import { type ComplianceFacts, chooseWorst, judgeFlags, NOT_ENROLLED } from './compliance-facts.ts'
import { ignoreDrift, type NoteDrift } from './drift.ts'
import { devicesOf, findDeviceList, nextPageOf } from './ise-device-list.ts'
import { noteXmlDrift } from './ise-xml-drift.ts'
import { isNilGuid, normaliseGuid, normaliseMac, parseGuid, parseText, readFlag } from './wire-values.ts'

/** A real reply is under 1 KiB; the limits only have to stop what is not a real reply. */
const XML_LIMITS = { maxCharacters: 256 * 1024, maxElements: 5000, maxDepth: 16 }

const MAC = /^[0-9A-F]{12}$/

/** One <device>: the ids it names, every value of its two flags, and what else it says. */
interface Device {
  readonly guids: readonly string[]
  readonly macs: readonly string[]
  readonly registered: readonly string[]
  readonly compliant: readonly string[]
  readonly details: DeviceDetails
}

type Asked = Pick<DeviceIdentifier, 'kind' | 'value'>

/**
 * Reads a reply about one device in the XML of Cisco's MDM API: version 3 from the Compliance Retrieval service
 * (`ise_api/deviceList/device/Attributes/{guid,macaddress,register_status,Compliance/status}`) and version 2 from the
 * NAC 1.x service, which spells its elements in lower case, names no id and adds inventory.
 *
 * Tolerant in form (case, namespaces, nil, missing elements), strict in meaning: only a readable `true` is compliant,
 * an answer about another device is `intune_reply_mismatch`, and what cannot be understood is
 * `intune_reply_malformed`, never a verdict. Not enrolled is an empty list, or a device that says so; a document without
 * a list, and in version 3 a device without a name, say nothing. `note` is told what is new about the form.
 */
export function parseComplianceReply(
  xml: string,
  asked: Asked,
  note: NoteDrift = ignoreDrift,
  version: 2 | 3 = 3,
): Outcome<ComplianceFacts> {
  const root = parseXml(xml, XML_LIMITS)
  if (root?.name !== 'ise_api')
    return malformed('Intune answered with something that is not an <ise_api> document')
  noteXmlDrift(root, note)

  const list = findDeviceList(root)
  if (list === undefined) return malformed('Intune answered without a list of devices')
  if (nextPageOf(root) !== '0') return malformed('Intune answered about one device with a part of a list')
  const devices = devicesOf(list).map(readDevice)
  if (devices.length === 0) return success(NOT_ENROLLED)

  const candidates = findCandidates(devices, asked, version)
  if (!candidates.ok) return candidates
  const readings = candidates.value.map(readFacts)
  const facts: ComplianceFacts[] = []
  for (const reading of readings) {
    if (!reading.ok) return reading
    facts.push(reading.value)
  }
  return facts.some((fact) => contradicts(fact, facts))
    ? contradiction('Intune sent a device twice, and not the same about it')
    : success(chooseWorst(facts))
}

function malformed(message: string) {
  return failure('intune_reply_malformed', message)
}

/** It may be the other value that is true: what was known of the device must not stand in for it. */
function contradiction(message: string) {
  return failure('intune_reply_malformed', message, { isContradiction: true })
}

/** The devices that the reply gives as an answer to the question. */
function findCandidates(
  devices: readonly Device[],
  asked: Asked,
  version: 2 | 3,
): Outcome<readonly Device[]> {
  const echoed = devices.map((device) => echoes(device, asked))
  if (echoed.every((echo) => echo !== 'none')) {
    const about = devices.filter((_, index) => echoed[index] === 'same')
    if (about.length > 0) return success(about)
  } else if (echoed.includes('same')) {
    return malformed('Intune named the device that was asked for, and sent others without a name')
  }
  if (echoed.includes('other')) {
    return failure('intune_reply_mismatch', 'Intune answered about another device than the one asked for')
  }
  // An answer to a MAC address may name the device by its id alone. Version 2 never names one.
  if (version === 2 || (asked.kind === 'mac' && devices.every(hasId))) return success(devices)
  return malformed('Intune sent a device without saying which')
}

function hasId({ guids }: Device): boolean {
  return guids.some((guid) => parseGuid(guid) !== undefined)
}

/**
 * A device without a readable register_status says nothing: "not enrolled" would send its owner to enrol a device that
 * may be enrolled already, and a verdict without enrolment must not count.
 */
function readFacts(device: Device): Outcome<ComplianceFacts> {
  const registered = readFlag(device.registered)
  const compliant = readFlag(device.compliant)
  if (registered === 'contradictory' || compliant === 'contradictory') {
    return contradiction('Intune sent a device with flags that contradict each other')
  }
  if (typeof registered !== 'boolean') {
    return malformed('Intune sent a device without a readable register_status')
  }
  const deviceId = device.guids.map(parseGuid).find((guid) => guid !== undefined)
  const macs = device.macs.filter((mac) => MAC.test(mac))
  const facts = judgeFlags(registered, typeof compliant === 'boolean' ? compliant : undefined)
  return success({
    ...facts,
    ...(deviceId && { deviceId }),
    ...(macs.length > 0 && { macs }),
    ...(facts.enrolled && Object.keys(device.details).length > 0 && { details: device.details }),
  })
}

/** Whether another row is about the same device id and says something else. */
function contradicts(fact: ComplianceFacts, facts: readonly ComplianceFacts[]): boolean {
  return facts.some(
    ({ deviceId, enrolled, complianceState }) =>
      deviceId !== undefined &&
      deviceId === fact.deviceId &&
      (enrolled !== fact.enrolled || complianceState !== fact.complianceState),
  )
}

/** Whether the device names the id that was asked for: every echo must agree, a single other one is too many. */
function echoes(device: Device, asked: Asked): 'same' | 'other' | 'none' {
  const echoed = asked.kind === 'mac' ? device.macs : device.guids
  if (echoed.length === 0) return 'none'
  const wanted = asked.kind === 'mac' ? normaliseMac(asked.value) : normaliseGuid(asked.value)
  return echoed.every((value) => value === wanted) ? 'same' : 'other'
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
    registered: every('register_status'),
    compliant: textsIn(compliances)('status'),
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
