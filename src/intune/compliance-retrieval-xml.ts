import type { ComplianceRecord, ComplianceState } from '../compliance/compliance-record.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'
import { parseXml, type XmlElement } from './xml-tree.ts'

/** A real reply is under 1 KiB; the limits only have to stop what is not a real reply. */
const XML_LIMITS = { maxCharacters: 256 * 1024, maxElements: 5000, maxDepth: 16 }

/** Says "no id" where a GUID is expected; Intune's front ends send it for devices that have none. */
const NIL_GUID = '00000000-0000-0000-0000-000000000000'

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const MAC = /^[0-9A-F]{12}$/

/** What a reply says about a device; the caller knows when it was said. */
export type ComplianceFacts = Omit<ComplianceRecord, 'observedAtMs'>

const NOT_ENROLLED: ComplianceFacts = { enrolled: false, complianceState: 'unknown' }

/** One <device>: the ids it names, and its two flags where they could be read. */
interface Device {
  readonly guids: readonly string[]
  readonly macs: readonly string[]
  readonly registered: boolean | undefined
  readonly compliant: boolean | undefined
}

/**
 * Reads the reply of the Compliance Retrieval service in the XML dialect of Cisco's MDM API version 3
 * (`ise_api/deviceList/device/Attributes/{guid,macaddress,register_status,Compliance/status}`) about one device.
 *
 * Tolerant in form (case, namespaces, nil, missing elements), strict in meaning: only a readable `true` is compliant,
 * an answer about another device is `intune_reply_mismatch`, and what cannot be understood is
 * `intune_reply_malformed`, never a verdict.
 */
export function parseComplianceReply(
  xml: string,
  asked: Pick<DeviceIdentifier, 'kind' | 'value'>,
): Outcome<ComplianceFacts> {
  const root = parseXml(xml, XML_LIMITS)
  if (root?.name !== 'ise_api')
    return malformed('Intune answered with something that is not an <ise_api> document')

  const lists = root.children.filter((child) => child.name === 'devicelist')
  const subject = values(root, 'name')[0]?.toLowerCase()
  if (lists.length === 0 && subject !== undefined && subject !== 'attributes') {
    return malformed('Intune answered a device query with another kind of <ise_api> document')
  }
  const devices = lists.flatMap((list) => list.children.filter(isDevice)).map(readDevice)
  if (devices.length === 0) return success(NOT_ENROLLED)

  const about = devices.filter((device) => echoes(device, asked) === 'same')
  const silent = devices.filter((device) => echoes(device, asked) === 'none')
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

/** Enrolled before not enrolled; among the enrolled, the one with the least trust. */
function chooseWorst(facts: readonly ComplianceFacts[]): ComplianceFacts {
  const enrolled = facts.filter((fact) => fact.enrolled)
  for (const state of ['noncompliant', 'unknown', 'compliant'] satisfies ComplianceState[]) {
    const found = enrolled.find((fact) => fact.complianceState === state)
    if (found) return found
  }
  return facts[0] ?? NOT_ENROLLED
}

function readFacts(device: Device): ComplianceFacts {
  const deviceId = device.guids.find((guid) => GUID.test(guid))
  const macs = device.macs.filter((mac) => MAC.test(mac))
  const ids = { ...(deviceId ? { deviceId } : {}), ...(macs.length > 0 ? { macs } : {}) }
  // compliance=true with register_status=false contradicts itself: not enrolled.
  if (!device.registered) return { ...NOT_ENROLLED, ...ids }
  if (device.compliant === undefined) return { enrolled: true, complianceState: 'unknown', ...ids }
  return { enrolled: true, complianceState: device.compliant ? 'compliant' : 'noncompliant', ...ids }
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

/** The ids and flags stand directly under <device> or under its <Attributes>. */
function readDevice(device: XmlElement): Device {
  const holders = [device, ...device.children.filter((child) => child.name === 'attributes')]
  const compliances = holders.flatMap((holder) =>
    holder.children.filter((child) => child.name === 'compliance'),
  )
  const every = (name: string) => holders.flatMap((holder) => values(holder, name))
  return {
    guids: [...new Set(every('guid').map(normaliseGuid))].filter((guid) => guid !== NIL_GUID),
    macs: [...new Set(every('macaddress').map(normaliseMac))],
    registered: agreedBoolean(every('register_status')),
    compliant: agreedBoolean(compliances.flatMap((compliance) => values(compliance, 'status'))),
  }
}

/** The non-blank texts of the children of that name. */
function values(element: XmlElement, name: string): string[] {
  return element.children
    .filter((child) => child.name === name)
    .map((child) => child.text.trim())
    .filter((text) => text !== '')
}

/** The one boolean that all texts agree on; nothing where there is none, or one is unreadable or contradicts. */
function agreedBoolean(texts: readonly string[]): boolean | undefined {
  const readings = new Set(texts.map(parseBoolean))
  const [reading] = readings
  return readings.size === 1 ? reading : undefined
}

function parseBoolean(text: string): boolean | undefined {
  switch (text.toLowerCase()) {
    case 'true':
    case '1':
      return true
    case 'false':
    case '0':
      return false
    default:
      return undefined
  }
}

function normaliseGuid(text: string): string {
  return text.replace(/^\{(.*)\}$/, '$1').toLowerCase()
}

function normaliseMac(text: string): string {
  return text.replace(/[:.\- ]/g, '').toUpperCase()
}
