import {
  type CollectedAttributes,
  collect,
  type RadiusRequest,
  type RequestAttributeName,
  requestAttributeNames,
} from './request-attributes.ts'

/**
 * Reads the JSON that rlm_rest writes, byte by byte, and makes texts of the wanted attributes alone. With the thirty
 * attributes of a certificate this takes 4 µs, where JSON.parse and picking them out take 10.
 *
 * It knows that one form, `{"User-Name":{"type":"string","value":["x"]}}` in ASCII without white space (FreeRADIUS 3.2,
 * src/modules/rlm_rest/rest.c), and gives undefined for everything else, valid or not: that is JSON.parse's to say.
 */
export function readRlmRest(body: Buffer): RadiusRequest | undefined {
  const request: CollectedAttributes = new Map()
  let at = after(opening, body, 0)
  while (at !== unknown) {
    const afterName = afterText(body, at)
    const name = wantedName(body, at + 1, afterName - 1)
    // Of two with one name, JSON.parse takes the last. And it knows SSIDs of vendors that are not in the list.
    if (name === undefined ? endsLikeSsid(body, afterName - 1) : request.has(name)) return undefined
    const afterType = afterText(body, after(beforeType, body, afterName))
    const afterValues = readValues(body, after(beforeValues, body, afterType), name, request)
    const end = after(closing, body, afterValues)
    if (end === body.length) return request
    at = after(betweenEntries, body, afterValues)
  }
  return undefined
}

/** The position behind what is not of the known form; as a position to read from it gives itself. */
const unknown = -1

const opening = Buffer.from('{')
const beforeType = Buffer.from(':{"type":')
const beforeValues = Buffer.from(',"value":[')
const betweenEntries = Buffer.from(']},')
const closing = Buffer.from(']}}')
const betweenValues = Buffer.from(',')

const quote = 0x22
const backslash = 0x5c
const closeBracket = 0x5d

/** Printable ASCII but quotes and backslashes, by byte. */
const isPlain = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte <= 0x7e && byte !== quote && byte !== backslash ? 1 : 0,
)
/** What may follow a backslash (RFC 8259 section 7), \u aside. */
const isEscape: ReadonlySet<number | undefined> = new Set(Buffer.from('"\\/bfnrt'))

/** The position behind `expected`, where that is what is there. */
function after(expected: Buffer, body: Buffer, at: number): number {
  for (let index = 0; index < expected.length; index += 1) {
    if (body[at + index] !== expected[index]) return unknown
  }
  return at + expected.length
}

/** The position behind the text, with its quotes, that starts here. */
function afterText(body: Buffer, start: number): number {
  if (body[start] !== quote) return unknown
  let at = start + 1
  for (;;) {
    while (isPlain[body[at] ?? 0] === 1) at += 1
    if (body[at] === quote) return at + 1
    if (body[at] !== backslash || !isEscape.has(body[at + 1])) return unknown
    at += 2
  }
}

/** The position behind the whole number that starts here: none with a sign, or that String() would write otherwise. */
function afterNumber(body: Buffer, start: number): number {
  let at = start
  while (isDigit(body[at])) at += 1
  const digits = at - start
  const isCanonical = digits === 1 || (digits > 1 && digits <= 15 && body[start] !== 0x30)
  return isCanonical ? at : unknown
}

function isDigit(byte = 0): boolean {
  return byte >= 0x30 && byte <= 0x39
}

/** Reads the values of a list, behind its bracket, and gives the position of the bracket at its end. */
function readValues(
  body: Buffer,
  start: number,
  name: RequestAttributeName | undefined,
  request: CollectedAttributes,
): number {
  let at = start
  while (at !== unknown) {
    const end = body[at] === quote ? afterText(body, at) : afterNumber(body, at)
    if (end !== unknown && name !== undefined) collect(request, name, textBetween(body, at, end))
    if (body[end] === closeBracket) return end
    at = after(betweenValues, body, end)
  }
  return unknown
}

function textBetween(body: Buffer, start: number, end: number): string {
  const written = body.toString('latin1', start, end)
  if (body[start] !== quote) return written
  return written.includes('\\') ? JSON.parse(written) : written.slice(1, -1)
}

/** By the length of the name, which tells most of the others apart; in lower case. */
const wantedByLength = new Map(
  requestAttributeNames.map(({ length }) => [
    length,
    requestAttributeNames
      .filter((name) => name.length === length)
      .map((name) => ({ name, bytes: Buffer.from(name.toLowerCase()) })),
  ]),
)

function wantedName(body: Buffer, start: number, end: number): RequestAttributeName | undefined {
  return wantedByLength.get(end - start)?.find(({ bytes }) => isSpelled(bytes, body, start))?.name
}

const ssid = Buffer.from('ssid')

function endsLikeSsid(body: Buffer, end: number): boolean {
  return end >= ssid.length && isSpelled(ssid, body, end - ssid.length)
}

/** Of what a text holds here, this bit tells upper from lower case, and nothing else that is in a name. */
const lowerCase = 0x20

function isSpelled(bytes: Buffer, body: Buffer, start: number): boolean {
  for (let index = 0; index < bytes.length; index += 1) {
    if (((body[start + index] ?? 0) | lowerCase) !== bytes[index]) return false
  }
  return true
}
