import { isIP, isIPv4, isIPv6 } from 'node:net'

/**
 * The addresses of an `X-Forwarded-For` field that can be relied on, as bare addresses in the order of the field: those
 * right of the last element that is no address. Each proxy appends what it saw, so the right end is its own, and left
 * of something unreadable nobody knows who wrote what.
 *
 * An element is an address in one of the forms that proxies write: bare, IPv4 with a port, IPv6 in brackets with or
 * without a port, any of them in double quotes (RFC 7239 section 6, which X-Forwarded-For shares in practice), or mapped
 * IPv4. `unknown` and names that begin with `_` (RFC 7239 sections 6.2, 6.3) say that the proxy does not tell.
 */
export function readForwardedFor(field: string): {
  readonly addresses: readonly string[]
  readonly isWhole: boolean
} {
  const addresses: string[] = []
  for (const element of field.split(',').reverse()) {
    const address = readNode(element.trim())
    if (address === undefined) return { addresses: addresses.reverse(), isWhole: false }
    addresses.push(address)
  }
  return { addresses: addresses.reverse(), isWhole: true }
}

const quoted = /^"([^"\\]*)"$/
const bracketed = /^\[([0-9a-f:.]+)\](?::\d{1,5})?$/i
const withPort = /^([0-9.]+):\d{1,5}$/

function readNode(element: string): string | undefined {
  const text = quoted.exec(element)?.[1] ?? element
  const v6 = bracketed.exec(text)?.[1]
  if (v6 !== undefined) return isIPv6(v6) ? v6 : undefined
  const v4 = withPort.exec(text)?.[1]
  if (v4 !== undefined) return isIPv4(v4) ? v4 : undefined
  // A zone names an interface of the proxy's machine: the address means nothing here.
  return isIP(text) !== 0 && !text.includes('%') ? text : undefined
}
