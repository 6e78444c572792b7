import { BlockList, isIP, isIPv4 } from 'node:net'

/** A set of networks, and the texts it was made from. */
export interface Networks {
  readonly texts: readonly string[]
  /** False for what is no address. An IPv4 address that arrives mapped (`::ffff:192.0.2.1`) counts as IPv4. */
  contains(address: string): boolean
}

/** Answers that are kept: what asks comes from few addresses, and a look into a BlockList costs about a microsecond. */
const maxRemembered = 1024

/** True for an address or a network in CIDR form (RFC 4632, RFC 4291 section 2.3) without bits beyond its prefix. */
export function isNetwork(text: string): boolean {
  return parse(text) !== undefined
}

/** Builds the set; texts that `isNetwork` refuses are left out. */
export function createNetworks(texts: readonly string[]): Networks {
  const list = new BlockList()
  for (const text of texts) {
    const network = parse(text)
    if (network) list.addSubnet(network.address, network.prefix, network.family)
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

function parse(text: string) {
  const [address = '', length, ...more] = text.split('/')
  // A zone (fe80::1%eth0) belongs to one machine, and a mapped network is written as the IPv4 network that it is.
  if (more.length > 0 || isIP(address) === 0 || /%|^::ffff:/i.test(address)) return undefined
  const family = isIPv4(address) ? 'ipv4' : 'ipv6'
  const bits = family === 'ipv4' ? 32 : 128
  if (length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined
  const prefix = length === undefined ? bits : Number(length)
  if (prefix > bits || hasHostBits(address, prefix, family)) return undefined
  return { address, prefix, family } as const
}

/** 10.0.0.5/8 is either one machine or a network, and only whoever wrote it knows which. */
function hasHostBits(address: string, prefix: number, family: 'ipv4' | 'ipv6'): boolean {
  const bytes = family === 'ipv4' ? address.split('.').map(Number) : bytesOfIpv6(address)
  return bytes.some((byte, index) => {
    const free = Math.min(8, Math.max(0, (index + 1) * 8 - prefix))
    return (byte & ((1 << free) - 1)) !== 0
  })
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
