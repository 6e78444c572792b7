/** Says "no id" where a GUID is expected; Intune's front ends send it for devices that have none. */
const NIL_GUID = '00000000-0000-0000-0000-000000000000'

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Longest text of an inventory field that is kept. */
const MAX_TEXT = 200

/**
 * A value of JSON as text; empty for objects and arrays. `String` would call a `toString` that the peer may have put
 * there as data, and throw.
 */
export function plainText(value: unknown): string {
  return typeof value === 'object' ? '' : String(value)
}

/**
 * Reads a flag as Intune's dialects write it: a JSON boolean, or `true`, `false`, `1`, `0` as text or number, in any
 * case. Nothing else says anything: `yes`, `compliant`, null and an empty text give undefined.
 */
export function parseFlag(value: unknown): boolean | undefined {
  if (typeof value === 'object') return undefined
  switch (String(value).trim().toLowerCase()) {
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

/** The one flag that all values agree on; nothing where there is none, or one is unreadable or contradicts. */
export function agreedFlag(values: readonly unknown[]): boolean | undefined {
  const readings = new Set(values.map(parseFlag))
  const [reading] = readings
  return readings.size === 1 ? reading : undefined
}

/** What the values of one flag say together; `contradictory` where there are several and they do not all say the same. */
export type FlagReading = boolean | 'absent' | 'unreadable' | 'contradictory'

/** Reads a flag that may have been sent more than once. */
export function readFlag(values: readonly unknown[]): FlagReading {
  const [first, ...others] = values
  if (values.length === 0) return 'absent'
  const reading = parseFlag(first)
  if (others.some((other) => parseFlag(other) !== reading)) return 'contradictory'
  if (reading === undefined) return others.length === 0 ? 'unreadable' : 'contradictory'
  return reading
}

/** A GUID in lower case without braces, or nothing for any other text. The all-zero GUID is a GUID. */
export function parseGuid(value: unknown): string | undefined {
  const guid = normaliseGuid(plainText(value).trim())
  return GUID.test(guid) ? guid : undefined
}

/** Whether the text is the all-zero GUID, which stands for "none". */
export function isNilGuid(guid: string): boolean {
  return normaliseGuid(guid) === NIL_GUID
}

/** Lower case, without braces; any text goes through. */
export function normaliseGuid(text: string): string {
  return text.replace(/^\{(.*)\}$/, '$1').toLowerCase()
}

/** Upper case, without separators; any text goes through. */
export function normaliseMac(text: string): string {
  return text.replace(/[:.\- ]/g, '').toUpperCase()
}

/** An inventory text, trimmed, shortened and without control characters; nothing where it is empty or no text. */
export function parseText(value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const text = String(value).replace(/\p{C}/gu, '').trim().slice(0, MAX_TEXT)
  return text === '' ? undefined : text
}

/** A moment, and whether it was written as NAC 1.x is known to write it. */
export interface WireDate {
  readonly atMs: number
  readonly form: 'us' | 'iso'
}

/** `12/15/2020 10:22:45`, since 2023 also with an offset: `12/15/2020 10:22:45 +00:00`. UTC without one. */
const US_DATE = /^(\d\d)\/(\d\d)\/(\d{4}) (\d\d):(\d\d):(\d\d)(?: ?(Z|[+-]\d\d:?\d\d))?$/
const ISO_DATE = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?$/

/** .NET's smallest and largest date stand for "never" and "for ever". */
const SENTINEL_YEARS = new Set([1, 9999])

/**
 * Reads `lastContactTimeUtc` of NAC 1.x in both its forms, and ISO 8601 as Graph writes it. Gives nothing for any other
 * text, a day that does not exist, and the sentinels of .NET: an unreadable date is an absent one, never an error.
 */
export function parseWireDate(value: unknown): WireDate | undefined {
  const text = plainText(value).trim()
  const us = US_DATE.exec(text)
  const [, year, month, day, hour, minute, second, offset] = us
    ? [us[0], us[3], us[1], us[2], ...us.slice(4)]
    : (ISO_DATE.exec(text) ?? [])
  const parts = [year, month, day, hour, minute, second].map(Number)
  const [y = Number.NaN, mo = 0, d = 0, h = 0, mi = 0, s = 0] = parts
  if (Number.isNaN(y) || SENTINEL_YEARS.has(y)) return undefined
  const written = new Date(Date.UTC(y, mo - 1, d, h, mi, s))
  const exists = written.getUTCMonth() === mo - 1 && written.getUTCDate() === d && h < 24 && mi < 60 && s < 60
  return exists ? { atMs: written.getTime() - offsetMs(offset), form: us ? 'us' : 'iso' } : undefined
}

/** How far a zone is ahead of UTC. */
function offsetMs(offset: string | undefined): number {
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(offset ?? '') ?? []
  const ms = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000
  return sign === '-' ? -ms : ms
}
