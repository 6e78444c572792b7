import { isIP } from 'node:net'
import { type Outcome, success } from '../errors/fault.ts'
import { malformedIdentifier } from './malformed-identifier.ts'

/** A unicast MAC address. */
export interface MacAddress {
  /** 12 upper-case hex digits without separators, the form that Intune and Cisco ISE use. */
  readonly value: string
  /** True for a locally administered address: the device made it up, so Intune has never seen it. */
  readonly randomized: boolean
}

const pairs = '[0-9a-f]{2}([:. -]?)[0-9a-f]{2}(?:\\1[0-9a-f]{2}){4}'
const fours = '[0-9a-f]{4}([:. -])[0-9a-f]{4}\\2[0-9a-f]{4}'
const halves = '[0-9a-f]{6}[:. -][0-9a-f]{6}'
const spelling = new RegExp(`^(?:${pairs}|${fours}|${halves})$`, 'i')
const calledStation = new RegExp(`^(?:${pairs}|${fours}|${halves}):`, 'i')

const acceptedForms =
  'Accepted are 12 hex digits bare (AABBCCDDEEFF) or with one kind of separator (: - . or a space) between ' +
  'groups of two, four or six: AA:BB:CC:DD:EE:FF, AA-BB-CC-DD-EE-FF, aabb.ccdd.eeff, aabbcc-ddeeff.'

/**
 * Parses the MAC address of a client, in any spelling that switches, controllers and people use (RFC 3580 section
 * 3.21 `AA-BB-CC-DD-EE-FF`, Cisco `aabb.ccdd.eeff`, bare, any case). The whole text must be the address: digits are
 * never picked out of a longer text, because a Called-Station-Id (RFC 3580 section 3.20) starts with the MAC of the
 * access point, which would then be taken for the client.
 *
 * Fails with `identifier_malformed`, field `mac`. Group addresses (IEEE 802 I/G bit, broadcast included) and the
 * all-zero address name no device; a set U/L bit only sets `randomized`. Runs in constant time: the patterns are
 * anchored and of fixed length.
 */
export function parseMacAddress(text: string): Outcome<MacAddress> {
  const trimmed = text.trim()
  if (!spelling.test(trimmed)) return malformedIdentifier('mac', trimmed, whyNot(trimmed))

  const value = trimmed.replace(/[:. -]/g, '').toUpperCase()
  const firstOctet = Number.parseInt(value.slice(0, 2), 16)
  if (value === '000000000000') {
    return malformedIdentifier('mac', trimmed, 'is all zeros, which is the address of no device.')
  }
  if ((firstOctet & 0x01) !== 0) {
    return malformedIdentifier(
      'mac',
      trimmed,
      'is a multicast or broadcast address, which is the address of no single device.',
    )
  }
  return success({ value, randomized: (firstOctet & 0x02) !== 0 })
}

function whyNot(text: string): string {
  if (isIP(text) !== 0) {
    return `is an IP address, not a MAC address. Send the MAC address of the client. ${acceptedForms}`
  }
  if (calledStation.test(text)) {
    return (
      'looks like a Called-Station-Id, which names the access point. ' +
      "Send the client's Calling-Station-Id instead."
    )
  }
  return `is not a MAC address. ${acceptedForms}`
}
