import { type Outcome, success } from '../errors/fault.ts'
import { malformedIdentifier } from './malformed-identifier.ts'

// Every pattern here is anchored and has one way to read each character, so it is linear in its input.

/**
 * Parses an IMEI (3GPP TS 23.003 section 6.2), spaces and hyphens allowed, into the 15 digits that Intune holds.
 * Fails with `identifier_malformed`, field `imei`.
 */
export function parseImei(text: string): Outcome<string> {
  const trimmed = text.trim()
  const digits = trimmed.replace(/[ -]/g, '')
  if (!/^\d(?:[ -]?\d){13,15}$/.test(trimmed)) {
    return malformedIdentifier(
      'imei',
      trimmed,
      'is not an IMEI. Accepted are 15 digits, 14 without the check digit or 16 with the software version; ' +
        'single spaces or hyphens between digits do not matter.',
    )
  }
  if (isOneCharacter(digits)) return malformedIdentifier('imei', trimmed, 'is a filler, not an IMEI.')

  // 15 digits stand as given, right check digit or not: Intune is asked for what the device says, and there are
  // devices whose IMEI does not check. 14 digits lack only the check digit. 16 digits are an IMEISV: its last two
  // are the software version, which takes the check digit's place, so the 15 digits are made anew from the first 14.
  return success(digits.length === 15 ? digits : withCheckDigit(digits.slice(0, 14)))
}

/**
 * Parses a MEID (3GPP2 C.S0072) into 14 upper-case hex digits: 14 hex digits, 15 with the check digit, or the
 * 18-digit decimal form, of which the first ten digits are the upper 32 bits and the other eight the lower 24.
 * Fails with `identifier_malformed`, field `meid`.
 */
export function parseMeid(text: string): Outcome<string> {
  const trimmed = text.trim()
  const compact = trimmed.replace(/[ -]/g, '').toUpperCase()
  const isSpelledRight = /^[0-9a-f](?:[ -]?[0-9a-f])*$/i.test(trimmed)
  const value = isSpelledRight
    ? /^\d{18}$/.test(compact)
      ? decimalMeid(compact)
      : hexMeid(compact)
    : undefined
  if (value === undefined) {
    return malformedIdentifier(
      'meid',
      trimmed,
      'is not a MEID. Accepted are 14 hex digits, 15 with the check digit, or 18 decimal digits (ten up to ' +
        '4294967295, then eight up to 16777215).',
    )
  }
  if (isOneCharacter(value)) return malformedIdentifier('meid', trimmed, 'is a filler, not a MEID.')
  return success(value)
}

/**
 * Parses the UDID of an Apple device: 40 hex digits, or 8 and 16 hex digits with a hyphen (2018 and later).
 * Each comes out as Apple's own tools and Cisco's MDM API samples write it, which is what MDM servers record: the long
 * one in lower case, the hyphenated one in upper case.
 * Fails with `identifier_malformed`, field `udid`.
 */
export function parseUdid(text: string): Outcome<string> {
  const trimmed = text.trim()
  const isLong = /^[0-9a-f]{40}$/i.test(trimmed)
  if (!isLong && !/^[0-9a-f]{8}-[0-9a-f]{16}$/i.test(trimmed)) {
    return malformedIdentifier(
      'udid',
      trimmed,
      'is not a UDID. Accepted are 40 hex digits, or 8 and 16 hex digits with a hyphen between them.',
    )
  }
  if (isOneCharacter(trimmed.replace('-', ''))) {
    return malformedIdentifier('udid', trimmed, 'is a filler, not a UDID.')
  }
  return success(isLong ? trimmed.toLowerCase() : trimmed.toUpperCase())
}

/** What firmware says where nobody wrote a serial number; compared without spaces and punctuation. */
const serialFillers: ReadonlySet<string> = new Set([
  'SYSTEMSERIALNUMBER',
  'DEFAULTSTRING',
  'TOBEFILLEDBYOEM',
  'NONE',
  'NA',
  'NOTAPPLICABLE',
  'NOTSPECIFIED',
  'UNKNOWN',
  '123456789',
  '0123456789',
  '1234567890',
])

/**
 * Parses a serial number: 1 to 128 printable ASCII characters, spaces included (VMware's have them), upper case.
 * Fails with `identifier_malformed`, field `serialNumber`; what many devices have in common is refused, since it
 * would match a device that is not the one that asks.
 */
export function parseSerialNumber(text: string): Outcome<string> {
  const trimmed = text.trim()
  if (!/^[\x20-\x7e]{1,128}$/.test(trimmed)) {
    return malformedIdentifier(
      'serialNumber',
      trimmed,
      'is not a serial number. Accepted are 1 to 128 printable ASCII characters.',
    )
  }
  const value = trimmed.toUpperCase()
  const letters = value.replace(/[^0-9A-Z]/g, '')
  if (letters === '' || isOneCharacter(letters) || serialFillers.has(letters)) {
    return malformedIdentifier('serialNumber', trimmed, 'is a filler, not a serial number.')
  }
  return success(value)
}

function hexMeid(compact: string): string | undefined {
  return compact.length === 14 || compact.length === 15 ? compact.slice(0, 14) : undefined
}

function decimalMeid(digits: string): string | undefined {
  const upper = Number(digits.slice(0, 10))
  const lower = Number(digits.slice(10))
  if (upper > 0xffffffff || lower > 0xffffff) return undefined
  return (upper.toString(16).padStart(8, '0') + lower.toString(16).padStart(6, '0')).toUpperCase()
}

/** Appends the Luhn check digit (ISO/IEC 7812-1 annex B) to 14 digits. */
function withCheckDigit(digits: string): string {
  let sum = 0
  for (const [position, digit] of Array.from(digits, Number).entries()) {
    const weighted = position % 2 === 0 ? digit : digit * 2
    sum += weighted > 9 ? weighted - 9 : weighted
  }
  return `${digits}${(10 - (sum % 10)) % 10}`
}

function isOneCharacter(text: string): boolean {
  return /^(.)\1*$/.test(text)
}
