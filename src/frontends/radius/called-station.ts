import { isIP } from 'node:net'
import { type UnclearText, unreadable } from '../../decision/request-context.ts'
import { isSomething } from './bounded-text.ts'

/**
 * What a site has its NAS write into Called-Station-Id: `ssid` the SSID alone, `name-ssid` a name without colons, a colon,
 * the SSID. `auto` takes every form that vendors are known to write, and is less certain about some.
 */
export const calledStationForms = ['auto', 'name-ssid', 'ssid'] as const

/** One of them. */
export type CalledStationForm = (typeof calledStationForms)[number]

// Twelve hexadecimal digits in any spelling (RFC 3580 section 3.20 writes hyphens).
const startsWithMac = /^(?:[0-9a-f]{2}[^0-9a-f]?){5}[0-9a-f]{2}/i
const isSeparator = /^[^\p{L}\p{N}]/u

/** Of more parts than that nobody can say which belong together. */
const maxParts = 8

/**
 * What one Called-Station-Id says about the SSID. Undefined where it says nothing: the MAC of the access point alone, or
 * an address. `isOpen` where it may well say nothing, and `unreadable` where it may say too much.
 */
export function readCalledStation(value: string, form: CalledStationForm): UnclearText | undefined {
  if (value === '') return undefined
  if (form === 'ssid') return certain(value)
  const mac = startsWithMac.exec(value)?.[0]
  if (mac !== undefined) return readBehindMac(value, value.slice(mac.length))
  if (isIP(value) !== 0) return undefined
  const parts = value.split(':')
  if (form === 'name-ssid') {
    const ssid = parts.slice(1).join(':')
    return isSomething(ssid) ? certain(ssid) : undefined
  }
  // What stands behind any other separator may be the SSID as well, and so may the whole.
  const ends = [value, ...endsOf(value)]
  const second = parts.length === 2 ? (parts[1] ?? '') : ''
  // The name of an access point, then the SSID.
  if (isSomething(second) && !startsWithMac.test(second)) {
    return { text: second, alternatives: ends.filter((end) => end !== second), isOpen: false }
  }
  if (parts.length > maxParts) return unreadable
  return { alternatives: [...new Set([...ends, ...rangesOf(parts)])], isOpen: true }
}

function certain(text: string): UnclearText {
  return { text, alternatives: [], isOpen: false }
}

function readBehindMac(value: string, rest: string): UnclearText | undefined {
  if (rest === '') return undefined
  if (!isSeparator.test(rest)) return { alternatives: [rest, value], isOpen: true }
  const ssid = rest.slice(1)
  if (!isSomething(ssid)) return undefined
  // RFC 3580: all of it is the SSID. Cisco can put a profile or a tag behind it, after another colon.
  const parts = ssid.split(':')
  const shorter = parts.slice(1).map((_, index) => parts.slice(0, index + 1).join(':'))
  return { text: ssid, alternatives: named(shorter), isOpen: false }
}

/** What stands behind each of the last separators. */
function endsOf(value: string): string[] {
  const last = [...value.matchAll(/[^\p{L}\p{N}]/gu)].slice(-maxParts)
  return named(last.map(({ 0: { length }, index }) => value.slice(index + length)))
}

/** Every run of parts. */
function rangesOf(parts: readonly string[]): string[] {
  return named(
    parts.flatMap((_, from) =>
      parts.slice(from).map((_end, length) => parts.slice(from, from + length + 1).join(':')),
    ),
  )
}

function named(texts: readonly string[]): string[] {
  return texts.map((text) => text.trim()).filter((text) => text !== '')
}
