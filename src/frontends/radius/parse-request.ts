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
  'TLS-Client-Cert-Expiration',
] as const

/** The dictionary name of an attribute that is read. */
export type RequestAttributeName = (typeof names)[number]

/** The attributes of one RADIUS request as texts, in the order of the request. Untrusted; `EAP-Message` is empty. */
export type RadiusRequest = ReadonlyMap<RequestAttributeName, readonly string[]>

/** As the dictionary has it, which is how it comes, and in lower case. */
const nameOf: ReadonlyMap<string, RequestAttributeName> = new Map(
  names.flatMap((name) => [[name, name] as const, [name.toLowerCase(), name] as const]),
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
  const request: Collected = new Map()
  for (const [given, entry] of Object.entries(parsed)) {
    const name = nameOf.get(given) ?? nameOf.get(given.toLowerCase())
    if (name !== undefined) for (const item of itemsOf(entry)) collect(request, name, textOf(item))
  }
  return success(request)
}

function fromForm(text: string): RadiusRequest {
  const request: Collected = new Map()
  if (text === '') return request
  for (const [given, value] of new URLSearchParams(text)) {
    const name = nameOf.get(given.toLowerCase())
    if (name !== undefined) collect(request, name, value)
  }
  return request
}

type Collected = Map<RequestAttributeName, string[]>

function collect(request: Collected, name: RequestAttributeName, value: string | undefined): void {
  if (value === undefined) return
  // Only that it is there matters; the credentials inside are nobody's business.
  const kept = name === 'EAP-Message' ? '' : value
  const values = request.get(name)
  if (values === undefined) request.set(name, [kept])
  else values.push(kept)
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
