import type { ContextText, UnclearText } from '../../decision/request-context.ts'
import { textsOf, unreadable } from '../../decision/request-context.ts'
import { likeness } from '../../decision/text-pattern.ts'
import { bounded, boundedTexts, isSomething } from './bounded-text.ts'
import { type CalledStationForm, readCalledStation } from './called-station.ts'
import { maxValues, type RadiusRequest, ssidAttributes, wirelessAttributes } from './request-attributes.ts'

/** The SSIDs that one request may mean: more are no doubt between names, and every rule would look at each. */
export const maxSsids = 64

/**
 * The SSID that a request comes from, wherever vendors put it (docs/policy.md has the table). Named by an attribute it is
 * certain; what Called-Station-Id says in another way than RFC 3580 is less so. Two that contradict are both possible and
 * neither certain. Undefined where the request is not wireless, `unreadable` where it is and holds no SSID, and where it
 * holds more of them than a NAS sends.
 */
export function readSsid(request: RadiusRequest, form: CalledStationForm): ContextText | undefined {
  const stations = boundedTexts(request, 'Called-Station-Id')
  const named = namedSsids(request)
  if (stations === undefined || named === undefined) return unreadable
  const called = stations
    .map((value) => readCalledStation(value, form))
    .filter((reading) => reading !== undefined)
  const ssid = withOtherSpellings(choose(request, named, called))
  return ssid !== undefined && textsOf(ssid).length > maxSsids ? unreadable : ssid
}

function choose(
  request: RadiusRequest,
  named: readonly string[],
  called: readonly UnclearText[],
): ContextText | undefined {
  if (named.length > 0) return settle(named, called)
  const isWireless = provesWireless(request)
  // The Called-Station-Id of a wired port may be any name.
  const isWired = !isWireless && request.has('NAS-Port-Type')
  const likely = isWired ? called.filter(({ isOpen }) => !isOpen) : called
  return derive(likely, isWireless)
}

/** Each once; undefined where there are too many. Of attributes that hold pairs a request may have any number. */
function namedSsids(request: RadiusRequest): readonly string[] | undefined {
  const named = new Set<string>()
  for (const name of ssidAttributes) {
    const texts = boundedTexts(request, name)
    if (texts === undefined) return undefined
    for (const text of texts) named.add(text)
  }
  for (const name of pairAttributes) {
    for (const pair of request.get(name) ?? []) {
      const ssid = ssidOfPair(pair)
      if (ssid !== undefined) named.add(ssid)
    }
  }
  return named.size > maxValues ? undefined : [...named]
}

/** Attributes that name the SSID settle it, unless a Called-Station-Id says clearly something else. */
function settle(named: readonly string[], called: readonly UnclearText[]): ContextText {
  const known = new Set(named.map(likeness))
  const contradicting = called.filter(
    (reading) => !reading.isOpen && !textsOf(reading).some((text) => known.has(likeness(text))),
  )
  const [only] = named
  if (only !== undefined && named.length === 1 && contradicting.length === 0) return only
  return { alternatives: distinct([...named, ...contradicting.flatMap(textsOf)]), isOpen: false }
}

function derive(called: readonly UnclearText[], isWireless: boolean): ContextText | undefined {
  if (called.length === 0) return isWireless ? unreadable : undefined
  if (called.includes(unreadable)) return unreadable
  const [text, ...others] = distinct(called.flatMap((reading) => reading.text ?? []))
  const all = distinct(called.flatMap(textsOf))
  const isGuessed = called.some((reading) => reading.text === undefined)
  if (text === undefined || others.length > 0 || isGuessed) {
    return { alternatives: all, isOpen: isWireless && called.every((reading) => reading.isOpen), isGuessed }
  }
  const alternatives = all.filter((other) => other !== text)
  return alternatives.length === 0 ? text : { text, alternatives, isOpen: false }
}

/**
 * Adds what the text is where it was written down in another way, for rules that refuse: in quotes, in hexadecimal (as
 * rlm_rest writes octets), or with `\xc3\xbc` for octets that are not ASCII (wpa_ssid_txt of hostapd, in older versions).
 */
function withOtherSpellings(given: ContextText | undefined): ContextText | undefined {
  if (given === undefined || (typeof given === 'string' && !/^["']|^0x|\\x/i.test(given))) return given
  const texts = textsOf(given)
  const known = new Set(texts)
  const others = distinct(texts.flatMap(otherSpellings)).filter((text) => !known.has(text))
  if (others.length === 0) return given
  if (typeof given === 'string') return { text: given, alternatives: others, isOpen: false }
  return { ...given, alternatives: [...given.alternatives, ...others] }
}

function otherSpellings(text: string): string[] {
  const hexadecimal = /^0x((?:[0-9a-f]{2})+)$/i.exec(text)?.[1]
  const spellings = [
    /^(["'])(.*)\1$/s.exec(text)?.[2],
    hexadecimal && Buffer.from(hexadecimal, 'hex').toString('utf8'),
    /\\x[0-9a-f]{2}/i.test(text) ? unescapeOctets(text) : undefined,
  ]
  return spellings.flatMap((spelling) => (spelling ? [bounded(spelling)] : []))
}

function unescapeOctets(text: string): string {
  const parts = text.split(/(\\x[0-9a-f]{2})/i)
  const octets = parts.map((part, index) =>
    index % 2 === 1 ? Buffer.from(part.slice(2), 'hex') : Buffer.from(part),
  )
  return Buffer.concat(octets).toString('utf8')
}

const pairAttributes = ['Cisco-AVPair', 'Colubris-AVPair', 'H3C-Av-Pair', 'Extreme-AVPair'] as const

/**
 * The SSID of `cisco-wlan-ssid=Corp`, `ssid=Corp`, `essid-name=Corp` and the like, but of neither BSSID nor HESSID. Cisco
 * writes `=` where a value is mandatory and `*` where it is optional.
 */
function ssidOfPair(pair: string): string | undefined {
  if (!/ssid/i.test(pair)) return undefined
  const [, value] = /^(?:[^=*]*[^a-z=*])?e?ssid(?:[^a-z=*]?name)?\s*[=*](.*)$/is.exec(bounded(pair)) ?? []
  return value !== undefined && isSomething(value) ? value : undefined
}

// NAS-Port-Type of RFC 2865 section 5.41 and the IANA registry, by name and by number.
const wirelessPortNumbers: ReadonlySet<string> = new Set('18 19 22 23 24 25 27 28 29 36'.split(' '))

function portTypes(request: RadiusRequest): readonly string[] {
  return request.get('NAS-Port-Type') ?? []
}

function isWirelessPort(type: string): boolean {
  return /^(?:wireless|iapp)/i.test(type) || wirelessPortNumbers.has(type)
}

function provesWireless(request: RadiusRequest): boolean {
  return (
    portTypes(request).some(isWirelessPort) ||
    [...wirelessAttributes, ...ssidAttributes].some((name) => request.has(name)) ||
    (request.get('Connect-Info') ?? []).some((text) => /802\.11/.test(text)) ||
    (request.get('Cisco-AVPair') ?? []).some((text) => /^[^=*]*(?:wlan|ssid)/i.test(text))
  )
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}
