import { isAscii } from 'node:buffer'
import { failure, type Outcome, success } from '../../errors/fault.ts'
import { textOfOctets } from './octet-text.ts'
import {
  type CollectedAttributes,
  collect,
  type RadiusRequest,
  wantedAttribute,
} from './request-attributes.ts'

/**
 * Parses what rlm_rest sends: its JSON (`{"User-Name":{"type":"string","value":["x"]}}`, with or without `type` and
 * `attr_num`, enumerations by name or by number), plain JSON (`{"User-Name":"x"}`), a form, or nothing, in which case the
 * query is read. The body says itself which it is: rlm_rest writes `Content-Type: none`, and people's own
 * templates write anything.
 *
 * Octets become the text that they are in UTF-8, also where each was written as a character of its own; what is not
 * UTF-8 becomes U+FFFD. Values that are no text, number or boolean are left out. Fails with
 * `request_malformed` for JSON that cannot be read or is not an object, and never quotes the body, which holds passwords.
 */
export function parseRadiusRequest(body: unknown, query: string): Outcome<RadiusRequest> {
  const text = Buffer.isBuffer(body) ? body.toString('utf8').trim() : ''
  if (text === '') return success(fromForm(query))
  if (!/^[{["]/.test(text)) return success(fromForm(text))
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return failure('request_malformed', 'The request body is not valid JSON.')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return failure('request_malformed', 'The request body must be a JSON object of RADIUS attributes.')
  }
  // Who writes characters does not write them in ASCII alone, and rlm_rest always does.
  const isEscaped = Buffer.isBuffer(body) && isAscii(body)
  const request: CollectedAttributes = new Map()
  for (const [given, entry] of Object.entries(parsed)) {
    const name = wantedAttribute(given)
    if (name === undefined) continue
    const isTyped = typeof entry === 'object' && entry !== null && 'type' in entry
    for (const item of itemsOf(entry)) {
      const value = textOf(item)
      if (value !== undefined) collect(request, name, isEscaped ? textOfOctets(value, isTyped) : value)
    }
  }
  return success(request)
}

function fromForm(text: string): RadiusRequest {
  const request: CollectedAttributes = new Map()
  if (text === '') return request
  for (const [given, value] of new URLSearchParams(text)) {
    const name = wantedAttribute(given)
    if (name !== undefined) collect(request, name, value)
  }
  return request
}

/** The values of one entry: an object with `value`, a list, or the value itself. */
function itemsOf(entry: unknown): readonly unknown[] {
  const value = typeof entry === 'object' && entry !== null && 'value' in entry ? entry.value : entry
  return Array.isArray(value) ? value : [value]
}

function textOf(item: unknown): string | undefined {
  if (typeof item === 'string') return item
  return typeof item === 'number' || typeof item === 'boolean' ? String(item) : undefined
}
