import { failure, type Outcome, success } from '../../errors/fault.ts'

/** The attributes that are read; everything else in a request, passwords above all, is dropped while parsing. */
const names = [
  'User-Name',
  'Calling-Station-Id',
  'Called-Station-Id',
  'Called-Station-SSID',
  'Service-Type',
  'NAS-IP-Address',
  'NAS-IPv6-Address',
  'NAS-Identifier',
  'EAP-Message',
  'EAP-Type',
  'Intune-Device-Id',
  'TLS-Client-Cert-X509v3-Subject-Alternative-Name',
  'TLS-Client-Cert-Subject-Alt-Name-Uri',
  'TLS-Client-Cert-Common-Name',
] as const

/** The dictionary name of an attribute that is read. */
export type RequestAttributeName = (typeof names)[number]

/** The attributes of one RADIUS request as texts, in the order of the request. Untrusted; `EAP-Message` is empty. */
export type RadiusRequest = ReadonlyMap<RequestAttributeName, readonly string[]>

const nameByLowerCase: ReadonlyMap<string, RequestAttributeName> = new Map(
  names.map((name) => [name.toLowerCase(), name]),
)

/**
 * Parses what rlm_rest sends: its JSON (`{"User-Name":{"type":"string","value":["x"]}}`, with or without `type` and
 * `attr_num`, enumerations by name or by number), plain JSON (`{"User-Name":"x"}`), a form, or nothing, in which case the
 * query is read. The body says itself which it is: rlm_rest writes `Content-Type: none`, and people's own
 * templates write anything.
 *
 * Octets that are not UTF-8 become U+FFFD; values that are no text, number or boolean are left out. Fails with
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
  const pairs = Object.entries(parsed).flatMap(([name, entry]) =>
    textsOf(entry).map((value) => [name, value] as const),
  )
  return success(collect(pairs))
}

function fromForm(text: string): RadiusRequest {
  return collect(new URLSearchParams(text))
}

function collect(pairs: Iterable<readonly [string, string]>): RadiusRequest {
  const request = new Map<RequestAttributeName, string[]>()
  for (const [given, value] of pairs) {
    const name = nameByLowerCase.get(given.toLowerCase())
    if (name === undefined) continue
    const values = request.get(name) ?? []
    // Only that it is there matters; the credentials inside are nobody's business.
    values.push(name === 'EAP-Message' ? '' : value)
    request.set(name, values)
  }
  return request
}

/** The values of one entry: an object with `value`, a list, or the value itself. */
function textsOf(entry: unknown): readonly string[] {
  const value = typeof entry === 'object' && entry !== null && 'value' in entry ? entry.value : entry
  return [value].flat().flatMap((item: unknown) => {
    if (typeof item === 'string') return item
    return typeof item === 'number' || typeof item === 'boolean' ? String(item) : []
  })
}
