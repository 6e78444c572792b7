import { BlockList, isIP, isIPv4 } from 'node:net'

/** A set of networks, and the texts it was made from. */
export interface Networks {
  readonly texts: readonly string[]
  /** False for what is no address. An IPv4 address that arrives mapped (`::ffff:192.0.2.1`) counts as IPv4. */
  contains(address: string): boolean
}

/** Answers that are kept: what asks comes from few addresses, and a look into a BlockList costs about a microsecond. */
const maxRemembered = 1024

/**
 * What keeps a text from being an address or a network in CIDR form (RFC 4632, RFC 4291 section 2.3), as a sentence
 * without a subject; undefined where it is one. Whoever reads a network from an operator asks this, so that every file
 * and variable takes the same texts, with the same meaning.
 */
export function networkProblem(text: string): string | undefined {
  const parsed = parse(text)
  return 'problem' in parsed ? parsed.problem : undefined
}

/** True for an address or a network without bits beyond its prefix, without a zone, and not IPv4 in IPv6 form. */
export function isNetwork(text: string): boolean {
  return networkProblem(text) === undefined
}

/**
 * An address in its one spelling: IPv4 in dots, also where it came mapped (`::ffff:192.0.2.1`), IPv6 as RFC 5952 has it.
 * Undefined for what is no address, for one with a zone and for the unspecified ones (`0.0.0.0`, `::`), which name nobody.
 */
export function canonicalAddress(text: string): string | undefined {
  const version = isIP(text)
  if (version === 0 || text.includes('%')) return undefined
  if (version === 4) return text === '0.0.0.0' ? undefined : text
  const bytes = bytesOfIpv6(text)
  if (bytes.every((byte) => byte === 0)) return undefined
  if (isMapped(bytes)) return canonicalAddress(bytes.slice(12).join('.'))
  return new URL(`http://[${text}]`).hostname.slice(1, -1)
}

/** Builds the set; texts that `isNetwork` refuses are left out. */
export function createNetworks(texts: readonly string[]): Networks {
  const list = new BlockList()
  for (const text of texts) {
    const network = parse(text)
    if (!('problem' in network)) list.addSubnet(network.address, network.prefix, network.family)
  }
  const remembered = new Map<string, boolean>()
  return {
    texts,
    contains(address) {
      const known = remembered.get(address)
      if (known !== undefined) return known
      const version = isIP(address)
      // A BlockList also finds the IPv4 rules in mapped addresses, which dual-stack sockets report.
      const found = version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6')
      if (remembered.size >= maxRemembered) remembered.clear()
      remembered.set(address, found)
      return found
    },
  }
}

const loopback = createNetworks(['127.0.0.0/8', '::1'])

/** True for an address that only a caller on this machine can have (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3). */
export function isLoopbackAddress(address: string): boolean {
  return loopback.contains(address)
}

interface Network {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

const mappedBits = 96

function parse(text: string): Network | { readonly problem: string } {
  const [address = '', length, ...more] = text.split('/')
  if (more.length > 0 || isIP(address) === 0) {
    return { problem: 'must be an address or a network such as 10.1.0.0/16 or 2001:db8::/32' }
  }
  if (address.includes('%')) return { problem: 'has a zone, which means something on one machine only' }
  const family = isIPv4(address) ? 'ipv4' : 'ipv6'
  const bits = family === 'ipv4' ? 32 : 128
  const prefix = length === undefined ? bits : Number(length)
  if ((length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length)) || prefix > bits) {
    return { problem: `must have a prefix length from 0 to ${bits} behind the slash` }
  }
  const bytes = family === 'ipv4' ? address.split('.').map(Number) : bytesOfIpv6(address)
  if (family === 'ipv6' && isMapped(bytes) && prefix >= mappedBits) {
    const ipv4 = bytes.slice(12).join('.')
    const written = prefix === bits ? ipv4 : `${ipv4}/${prefix - mappedBits}`
    return { problem: `is IPv4 in the form of IPv6: write ${written}` }
  }
  if (hasHostBits(bytes, prefix)) {
    const network = presentBytes(withoutHostBits(bytes, prefix))
    return {
      problem: `has bits behind its prefix: write ${network}/${prefix} for the network or ${address} for the one machine`,
    }
  }
  return { address, prefix, family }
}

/** RFC 4291 section 2.5.5.2. */
function isMapped(bytes: readonly number[]): boolean {
  return (
    bytes.length === 16 &&
    bytes.slice(0, 10).every((byte) => byte === 0) &&
    bytes[10] === 255 &&
    bytes[11] === 255
  )
}

/** Bits of a byte that lie behind the prefix. */
function freeBits(index: number, prefix: number): number {
  return (1 << Math.min(8, Math.max(0, (index + 1) * 8 - prefix))) - 1
}

/** 10.0.0.5/8 is either one machine or a network, and only whoever wrote it knows which. */
function hasHostBits(bytes: readonly number[], prefix: number): boolean {
  return bytes.some((byte, index) => (byte & freeBits(index, prefix)) !== 0)
}

function withoutHostBits(bytes: readonly number[], prefix: number): number[] {
  return bytes.map((byte, index) => byte & ~freeBits(index, prefix))
}

function presentBytes(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16),
  )
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

function bytesOfIpv6(address: string): number[] {
  // The URL parser writes every form in one (WHATWG URL, IPv6 serializer): hexadecimal groups, one gap at most.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const groups = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  const [left, right] = [groups(head), groups(tail ?? '')]
  const gap = Array.from({ length: 8 - left.length - right.length }, () => 0)
  return [...left, ...gap, ...right].flatMap((group) => [group >> 8, group & 0xff])
}
