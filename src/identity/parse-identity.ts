import { failure, type Outcome, success } from '../errors/fault.ts'
import {
  type CertificateReading,
  noCertificate,
  readCertificateNames,
  readCertificateTexts,
} from './certificate-names.ts'
import type {
  DeviceIdentifier,
  DeviceIdentity,
  IdentityAttributes,
  IdentityTexts,
} from './device-identity.ts'
import { parseImei, parseMeid, parseSerialNumber, parseUdid } from './hardware-identifiers.ts'
import { acceptedSanForms, parseDeviceId } from './intune-device-id.ts'
import { parseMacAddress } from './mac-address.ts'
import { malformedIdentifier } from './malformed-identifier.ts'

type Field = keyof IdentityTexts

const nothing = success<readonly never[]>([])
const nothingGiven = success(undefined)

/** No identifier comes near it; a certificate with many names stays below. It bounds what the patterns read. */
const maxTextLength = 4096

/** Two are a contradiction already; those behind them change no decision, and every reader would look at each. */
const maxDeviceIds = 16

const hardwareParsers = [
  ['serialNumber', parseSerialNumber],
  ['imei', parseImei],
  ['meid', parseMeid],
  ['udid', parseUdid],
] as const

/**
 * Parses everything that a request says about one device into canonical identifiers, best rank first; within a rank
 * in the order deviceId, certificateSan and serialNumber, imei, meid, udid. Never throws.
 *
 * A device id that the caller gives and the certificate repeats is one identifier. Two different ones of rank 1 set
 * `conflict`, also where it cannot be told of one of them that it is a name of its own. A common name with another GUID
 * is no conflict, since it may be the Entra device id; it stays as rank 2. A device id that can be read in two ways does
 * not count and sets `unreadable`: the next rank decides. Of more than 16 device ids the first ones are kept.
 *
 * Fails with `identifier_malformed` (field: the attribute) where an attribute is not of an accepted form, longer than
 * 4096 characters or given with different values, and with `identifier_missing` where no attribute names a device.
 * A randomised MAC alone is a success without identifiers.
 */
export function parseIdentity(attributes: IdentityAttributes): Outcome<DeviceIdentity> {
  const identifiers: DeviceIdentifier[] = []

  const deviceIds = parseEach(attributes, 'deviceId', parseDeviceId)
  if (!deviceIds.ok) return deviceIds
  for (const value of deviceIds.value) addDeviceId(identifiers, value, 'deviceId', 1)

  const certificate = readCertificate(attributes)
  if (!certificate.ok) return certificate
  const { sanIds, doubtfulSanIds, commonNameId, unreadable } = certificate.value
  for (const value of sanIds) addDeviceId(identifiers, value, 'certificateSan', 1)
  // Beside a device id that counts, another one is a contradiction even where it is in doubt.
  if (identifiers.length > 0) {
    for (const value of doubtfulSanIds) addDeviceId(identifiers, value, 'certificateSan', 1)
  }
  const [first, second] = identifiers
  if (commonNameId !== undefined) addDeviceId(identifiers, commonNameId, 'certificateCn', 2)

  for (const [field, parse] of hardwareParsers) {
    const values = parseEach(attributes, field, parse)
    if (!values.ok) return values
    const value = onlyOne(field, values.value)
    if (!value.ok) return value
    if (value.value !== undefined) {
      identifiers.push({ kind: field, value: value.value, origin: field, rank: 3 })
    }
  }

  const macs = parseEach(attributes, 'mac', parseMacAddress)
  if (!macs.ok) return macs
  const mac = macs.value[0]
  if (macs.value.length > 1) {
    const macValue = onlyOne(
      'mac',
      macs.value.map(({ value }) => value),
    )
    if (!macValue.ok) return macValue
  }
  if (mac !== undefined && !mac.randomized) {
    identifiers.push({ kind: 'mac', value: mac.value, origin: 'mac', rank: 4 })
  }

  const randomizedMac = mac?.randomized === true ? mac.value : undefined
  if (identifiers.length === 0 && randomizedMac === undefined) {
    return missingIdentifier(certificate.value)
  }
  // Nearly every request is one of these: an object with parts that are not there costs as much as a look-up.
  if (second === undefined && randomizedMac === undefined && unreadable.length === 0) {
    return success({ identifiers })
  }
  return success({
    identifiers,
    ...(first !== undefined && second !== undefined && { conflict: [first, second] as const }),
    ...(randomizedMac !== undefined && { randomizedMac }),
    ...(unreadable.length > 0 && { unreadable }),
  })
}

function readCertificate(attributes: IdentityAttributes): Outcome<CertificateReading> {
  if (attributes.certificate !== undefined) return success(readCertificateNames(attributes.certificate))
  const sanTexts = givenTexts(attributes, 'certificateSan')
  if (!sanTexts.ok) return sanTexts
  const commonNames = givenTexts(attributes, 'certificateCn')
  if (!commonNames.ok) return commonNames
  if (sanTexts === nothing && commonNames === nothing) return success(noCertificate)
  return success(readCertificateTexts(sanTexts.value, commonNames.value))
}

/** Adds a device id that no better attribute has named already, as far as `maxDeviceIds`. */
function addDeviceId(
  identifiers: DeviceIdentifier[],
  value: string,
  origin: 'deviceId' | 'certificateSan' | 'certificateCn',
  rank: 1 | 2,
): void {
  if (identifiers.length >= maxDeviceIds) return
  for (const known of identifiers) if (known.value === value) return
  identifiers.push({ kind: 'deviceId', value, origin, rank })
}

/** The texts of one attribute without the blank ones, which NAC products send for what they do not know. */
function givenTexts(attributes: IdentityAttributes, field: Field): Outcome<readonly string[]> {
  const given = attributes[field]
  // Most requests carry one attribute of the nine: what is absent must cost nothing.
  if (given === undefined || given === null) return nothing
  const present: string[] = []
  for (const text of Array.isArray(given) ? given : [given]) {
    // The types rule it out; a front end that let JSON through unchecked must still get an answer.
    if (typeof text !== 'string') {
      return failure('identifier_malformed', `${field}: the value must be a text.`, { field })
    }
    if (text.length > maxTextLength) {
      return malformedIdentifier(field, text, `is longer than ${maxTextLength} characters.`)
    }
    if (text.trim() !== '') present.push(text)
  }
  return success(present)
}

function parseEach<T>(
  attributes: IdentityAttributes,
  field: Field,
  parse: (text: string) => Outcome<T>,
): Outcome<readonly T[]> {
  const texts = givenTexts(attributes, field)
  if (texts === nothing) return nothing
  if (!texts.ok) return texts
  const values: T[] = []
  for (const text of texts.value) {
    const parsed = parse(text)
    if (!parsed.ok) return parsed
    values.push(parsed.value)
  }
  return success(values)
}

function onlyOne(field: Field, values: readonly string[]): Outcome<string | undefined> {
  const first = values[0]
  if (first === undefined) return nothingGiven
  if (values.length === 1) return success(first)
  const different = values.find((value) => value !== first)
  if (different === undefined) return success(first)
  return malformedIdentifier(
    field,
    `${first}, ${different}`,
    'was given more than once with different values.',
  )
}

function missingIdentifier({ given, unreadable }: CertificateReading): Outcome<never> {
  if (unreadable.includes('certificateSan')) {
    return failure(
      'identifier_missing',
      'certificateSan holds a device id that can be read in more than one way, and nothing else names a device. Send the names one by one, or the URI with the id first.',
      { field: 'certificateSan' },
    )
  }
  if (given.includes('certificateSan')) {
    return failure(
      'identifier_missing',
      `certificateSan holds no Intune device id, and nothing else names a device. A URI of the SAN must be ${acceptedSanForms}.`,
      { field: 'certificateSan' },
    )
  }
  if (given.includes('certificateCn')) {
    return failure(
      'identifier_missing',
      'certificateCn is not an Intune device id (a GUID) as a whole, and nothing else names a device. Send the common name alone, not the subject.',
      { field: 'certificateCn' },
    )
  }
  return failure(
    'identifier_missing',
    'The request names no device: every one of deviceId, certificateSan, certificateCn, serialNumber, imei, meid, udid and mac is absent or blank.',
  )
}
