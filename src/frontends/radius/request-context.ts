import { type ContextText, type RequestContext, unreadable } from '../../decision/request-context.ts'
import { canonicalAddress } from '../../networks/networks.ts'
import { boundedTexts } from './bounded-text.ts'
import type { CalledStationForm } from './called-station.ts'
import type { RadiusRequest } from './request-attributes.ts'
import { readSsid } from './ssid.ts'

/**
 * Where the request comes from, for policy rules: what the NAS says about itself. What is there and cannot be read for
 * certain says so, because a rule that refuses must not fail to apply by that.
 */
export function parseRequestContext(
  request: RadiusRequest,
  form: CalledStationForm = 'auto',
): RequestContext {
  const nasIdentifier = readNasIdentifier(request)
  const ssid = readSsid(request, form)
  return {
    nasIpAddress: readNasAddress(request),
    ...(nasIdentifier !== undefined && { nasIdentifier }),
    ...(ssid !== undefined && { ssid }),
  }
}

/** Every NAS has an address: one that the request does not hold, or not as an address, is unreadable. */
function readNasAddress(request: RadiusRequest): ContextText {
  const ipv4 = boundedTexts(request, 'NAS-IP-Address')
  const ipv6 = boundedTexts(request, 'NAS-IPv6-Address')
  if (ipv4 === undefined || ipv6 === undefined) return unreadable
  const addresses = [...new Set([...ipv4, ...ipv6].map(canonicalAddress))]
  const known = addresses.filter((address) => address !== undefined)
  const [first, ...others] = known
  if (first === undefined) return unreadable
  if (known.length < addresses.length) return { alternatives: known, isOpen: true }
  if (others.length === 0) return first
  // A NAS with one address of each family has both.
  const [second, ...more] = others
  if (more.length === 0 && second?.includes(':') && !first.includes(':')) {
    return { text: first, alternatives: [second], isOpen: false }
  }
  return { alternatives: known, isOpen: false }
}

function readNasIdentifier(request: RadiusRequest): ContextText | undefined {
  if (!request.has('NAS-Identifier')) return undefined
  const [first, ...others] = new Set(boundedTexts(request, 'NAS-Identifier') ?? [])
  if (first === undefined) return unreadable
  return others.length === 0 ? first : { alternatives: [first, ...others], isOpen: false }
}
