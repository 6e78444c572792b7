import type { DeviceDetails } from '../compliance/compliance-record.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'
import { type ComplianceFacts, chooseWorst, judgeFlags, NOT_ENROLLED } from './compliance-facts.ts'
import { ignoreDrift, type NoteDrift } from './drift.ts'
import { parseJson } from './json-text.ts'
import {
  isNilGuid,
  normaliseMac,
  parseFlag,
  parseGuid,
  parseText,
  parseWireDate,
  plainText,
  readFlag,
} from './wire-values.ts'

/**
 * The fields of a NAC 1.x reply (Microsoft Intune, "Network access control integration", data shared with NAC partners;
 * spelling from replies that partners published).
 */
const FIELDS = [
  'azureDeviceId',
  'complianceState',
  'deviceOwner',
  'imei',
  'isManaged',
  'lastContactTimeUtc',
  'macAddress',
  'manufacturer',
  'meid',
  'model',
  'osVersion',
  'serialNumber',
  'udid',
] as const
type Field = (typeof FIELDS)[number]

/** One device in some fifteen fields is an answer; more than this is something else, and would take its time to read. */
const MAX_DEVICES = 200
const MAX_FIELDS = 500

const spellings = new Map(FIELDS.map((field) => [field.toLowerCase(), field]))

/** One device of a reply: every value that was sent for a field, whatever the case of its name. */
type Device = Readonly<Partial<Record<Field, readonly unknown[]>>>

/** Which field echoes a kind of question, and how two spellings of the same id become equal. */
const ECHOES: Partial<Record<DeviceIdentifier['kind'], readonly [Field, (text: string) => string]>> = {
  mac: ['macAddress', normaliseMac],
  // The 15th digit is a check digit and the 16-digit form has none: the first 14 name the device.
  imei: ['imei', (text) => text.replace(/\D/g, '').slice(0, 14)],
  meid: ['meid', (text) => normaliseMac(text).slice(0, 14)],
  udid: ['udid', normaliseMac],
}

type Asked = Pick<DeviceIdentifier, 'kind' | 'value'>

/**
 * Reads a reply of the NAC 1.x service about one device: a flat JSON object, or tolerantly an array of them or
 * `{"value": […]}`. `complianceState` and `isManaged` are flags; "unknown" shows only in an all-zero `azureDeviceId`,
 * which a device has while it enrols. Strict in meaning as the XML dialects are: an answer about another device is
 * `intune_reply_mismatch`, what cannot be understood is `intune_reply_malformed`, never a verdict. About a device that is
 * not managed Microsoft shares nothing else, also no name; one that is managed has to be named by something.
 */
export function parseNacReply(
  body: string,
  asked: Asked,
  note: NoteDrift = ignoreDrift,
): Outcome<ComplianceFacts> {
  const json = parseJson(body)
  if (json?.repeatsKey) return contradiction('Intune sent a NAC device that has one member twice')
  const objects = findObjects(json?.value, note)
  if (!objects || !isOfUsualSize(objects))
    return malformed('Intune answered with something that is not a NAC device')
  const devices = objects.map((object) => readDevice(object, note))
  if (devices.length === 0) return success(NOT_ENROLLED)

  const candidates = findCandidates(devices, asked)
  if (!candidates.ok) return candidates
  const facts: ComplianceFacts[] = []
  for (const device of candidates.value) {
    const read = readFacts(device, note)
    if (!read.ok) return read
    facts.push(read.value)
  }
  return success(chooseWorst(facts))
}

function malformed(message: string) {
  return failure('intune_reply_malformed', message)
}

/** It may be the other value that is true: what was known of the device must not stand in for it. */
function contradiction(message: string) {
  return failure('intune_reply_malformed', message, { isContradiction: true })
}

/** The devices that the reply gives as an answer to the question. */
function findCandidates(devices: readonly Device[], asked: Asked): Outcome<readonly Device[]> {
  const echoed = devices.map((device) => echo(device, asked))
  if (echoed.every((one) => one !== 'none')) {
    const about = devices.filter((_, index) => echoed[index] === 'same')
    if (about.length > 0) return success(about)
  } else if (echoed.includes('same')) {
    return malformed('Intune named the device that was asked for, and sent others without that name')
  }
  if (echoed.includes('other')) {
    return failure('intune_reply_mismatch', 'Intune answered about another device than the one asked for')
  }
  return success(devices)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The devices of a reply; nothing where it is no reply of this service. */
function findObjects(reply: unknown, note: NoteDrift): readonly Record<string, unknown>[] | undefined {
  if (isObject(reply)) {
    const names = Object.keys(reply).map((key) => key.toLowerCase())
    const lists = Object.entries(reply).filter(
      ([key, value]) => key.toLowerCase() === 'value' && Array.isArray(value),
    )
    if (lists.length === 0) return [reply]
    // A list beside a device, or one of which there is more elsewhere, is no answer about one device.
    const isWhole = !names.some((name) => spellings.has(name) || name.endsWith('nextlink'))
    if (lists.length > 1 || !isWhole) return undefined
    note('shape', 'value')
    return objectsOf(lists[0]?.[1])
  }
  const objects = objectsOf(reply)
  if (objects) note('shape', 'array')
  return objects
}

function objectsOf(list: unknown): readonly Record<string, unknown>[] | undefined {
  return Array.isArray(list) && list.every(isObject) ? list : undefined
}

function isOfUsualSize(objects: readonly Record<string, unknown>[]): boolean {
  if (objects.length > MAX_DEVICES) return false
  return objects.every((object) => Object.keys(object).length <= MAX_FIELDS)
}

function readDevice(object: Record<string, unknown>, note: NoteDrift): Device {
  const device: Partial<Record<Field, unknown[]>> = {}
  for (const [key, value] of Object.entries(object)) {
    const field = spellings.get(key.toLowerCase())
    if (field === undefined) {
      note('field', key)
      continue
    }
    if (key !== field) note('casing', key)
    if (value !== null && value !== '') device[field] = [...(device[field] ?? []), value]
  }
  for (const field of ['isManaged', 'complianceState'] as const) {
    for (const value of device[field] ?? []) if (typeof value !== 'boolean') noteFlag(field, value, note)
  }
  return device
}

function noteFlag(field: Field, value: unknown, note: NoteDrift): void {
  const isSpeltTrueOrFalse = typeof value === 'string' && value.length > 1 && parseFlag(value) !== undefined
  note(
    isSpeltTrueOrFalse ? 'casing' : 'value',
    field,
    typeof value === 'object' ? typeof value : String(value),
  )
}

function readFacts(device: Device, note: NoteDrift): Outcome<ComplianceFacts> {
  const managed = readFlag(device.isManaged ?? [])
  const compliant = readFlag(device.complianceState ?? [])
  if (managed === 'contradictory' || compliant === 'contradictory') {
    return contradiction('Intune sent a device with flags that contradict each other')
  }
  if (typeof managed !== 'boolean') return malformed('Intune sent a device without a readable isManaged')
  if (managed && !isNamed(device)) return malformed('Intune sent a managed device without saying which')
  const facts = judgeFlags(managed, typeof compliant === 'boolean' ? compliant : undefined)
  const mac = normaliseMac(plainText(device.macAddress?.[0] ?? ''))
  const macs = /^[0-9A-F]{12}$/.test(mac) ? { macs: [mac] } : {}
  if (!facts.enrolled) return success({ ...facts, ...macs })
  const details = readDetails(device, note)
  const entraId = device.azureDeviceId?.[0]
  const enrolling = entraId !== undefined && isNilGuid(plainText(entraId).trim())
  return success({
    ...facts,
    // Enrolling, not joined yet, so not evaluated: its flag says nothing, whichever way it stands.
    ...(enrolling && { complianceState: 'unknown' as const }),
    ...macs,
    ...(Object.keys(details).length > 0 && { details }),
  })
}

/** The fields that name a device, in whatever way it was asked about. */
const NAMES = ['macAddress', 'imei', 'meid', 'udid', 'serialNumber', 'azureDeviceId'] as const

function isNamed(device: Device): boolean {
  return NAMES.some((field) =>
    device[field]?.some((value) => {
      const text = plainText(value).trim()
      return text !== '' && !isNilGuid(text)
    }),
  )
}

function readDetails(device: Device, note: NoteDrift): DeviceDetails {
  const text = (field: Field) => parseText(device[field]?.[0])
  const entraDeviceId = parseGuid(device.azureDeviceId?.[0])
  const owner = text('deviceOwner')?.toLowerCase()
  // A bare look-up would find `constructor` in every object.
  const isKnownOwner = owner !== undefined && Object.hasOwn(OWNERSHIP, owner)
  const ownership = isKnownOwner ? OWNERSHIP[owner] : undefined
  if (owner !== undefined && !isKnownOwner) note('value', 'deviceOwner', owner)
  const details = {
    manufacturer: text('manufacturer'),
    model: text('model'),
    osVersion: text('osVersion'),
    serialNumber: text('serialNumber'),
    imei: text('imei'),
    meid: text('meid'),
    udid: text('udid'),
    entraDeviceId: entraDeviceId && !isNilGuid(entraDeviceId) ? entraDeviceId : undefined,
    ownership,
    lastSyncMs: readLastContact(text('lastContactTimeUtc'), note),
  }
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined))
}

const OWNERSHIP: Readonly<Record<string, DeviceDetails['ownership']>> = {
  personal: 'personal',
  corporate: 'corporate',
  company: 'corporate',
  unknown: undefined,
}

function readLastContact(text: string | undefined, note: NoteDrift): number | undefined {
  if (text === undefined) return undefined
  const date = parseWireDate(text)
  if (date?.form !== 'us') note('date', 'lastContactTimeUtc', text)
  return date?.atMs
}

/** Whether the device names the id that was asked for; an id that is not sent back is no contradiction. */
function echo(device: Device, asked: Asked): 'same' | 'other' | 'none' {
  const [field, normalise] = ECHOES[asked.kind] ?? []
  const echoed = field && device[field]
  if (!echoed || !normalise) return 'none'
  return echoed.every((value) => normalise(plainText(value)) === normalise(asked.value)) ? 'same' : 'other'
}
