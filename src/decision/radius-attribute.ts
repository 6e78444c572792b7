/**
 * What fits into a RADIUS attribute: the one place that knows, for the profile that is read and for the reply that is
 * written. FreeRADIUS cuts a text that is too long and leaves out an attribute whose tag it does not like, without a word.
 */

/** RFC 2865 section 5: 255 octets less type and length. */
const maxPlainOctets = 253
/** RFC 2865 section 5.26: less vendor id, vendor type and vendor length as well. */
const maxVendorOctets = 247
/** RFC 2868 section 3.5: tag, salt and a length octet, encrypted in blocks of 16. */
const maxTunnelPasswordOctets = 239

/** A packet has at most 4096 octets (RFC 2865 section 3), and EAP, its keys and proxies need their share. */
export const maxProfileOctets = 2048

/** RFC 2868 section 3: the texts that may carry a tag. */
const taggedTexts = [
  'tunnel-client-endpoint',
  'tunnel-server-endpoint',
  'tunnel-private-group-id',
  'tunnel-assignment-id',
  'tunnel-client-auth-id',
  'tunnel-server-auth-id',
]

/** The other texts and octets that have no vendor, by the dictionaries of the RFCs. Whatever is not here counts as a vendor's. */
const untaggedTexts = [
  // RFC 2865
  'user-name',
  'filter-id',
  'reply-message',
  'callback-number',
  'callback-id',
  'framed-route',
  'class',
  'called-station-id',
  'calling-station-id',
  'nas-identifier',
  'login-lat-service',
  'login-lat-node',
  'login-lat-group',
  'framed-appletalk-zone',
  'login-lat-port',
  // RFC 2866 and 2867
  'acct-session-id',
  'acct-multi-session-id',
  'acct-tunnel-connection',
  // RFC 2869 and 3162
  'connect-info',
  'configuration-token',
  'nas-port-id',
  'framed-pool',
  'framed-ipv6-route',
  'framed-ipv6-pool',
  // RFC 4372, 4675, 4849
  'chargeable-user-identity',
  'egress-vlan-name',
  'nas-filter-rule',
  // RFC 5580, 5607
  'operator-name',
  'management-policy-id',
  // RFC 6519, 6572, 6911, 7055, 7268
  'ds-lite-tunnel-name',
  'mobile-node-identifier',
  'service-selection',
  'delegated-ipv6-prefix-pool',
  'stateful-ipv6-address-pool',
  'gss-acceptor-service-name',
  'gss-acceptor-host-name',
  'gss-acceptor-service-specifics',
  'gss-acceptor-realm-name',
  'allowed-called-station-id',
  'network-id-name',
  'wlan-hessid',
  'wlan-venue-name',
]

/** What profiles also carry and what takes no tag. Of most attributes of vendors nothing is known here. */
const otherUntagged = [
  'session-timeout',
  'idle-timeout',
  'termination-action',
  'service-type',
  'framed-protocol',
  'framed-mtu',
  'acct-interim-interval',
  'egress-vlanid',
  'cisco-avpair',
  'aruba-user-role',
  'airespace-acl-name',
  'airespace-interface-name',
]

const plainTexts: ReadonlySet<string> = new Set([...taggedTexts, ...untaggedTexts])
const untagged: ReadonlySet<string> = new Set([...untaggedTexts, ...otherUntagged])

/** Vendors whose attributes have a longer header than RFC 2865 suggests (`format=` of the dictionaries): octets more. */
const longerHeaders: readonly (readonly [prefix: RegExp, octets: number])[] = [
  [/^(?:usr|cw|sn)-/, 2],
  [/^(?:lucent|kineto|kw|a-esam|a-al|wimax|telrad)-/, 1],
]

/** A name as FreeRADIUS dictionaries spell it. */
const namePattern = '(?=[^:]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9_.-]{0,126}'
const wholeName = new RegExp(`^${namePattern}$`)

/** The name of an attribute, with `:1` to `:31` behind it for a tag (RFC 2868 section 3.1). */
export const attributeKeyPattern: RegExp = new RegExp(`^${namePattern}(?::(?:[1-9]|[12]\\d|3[01]))?$`)

/** True for the name of an attribute. */
export function isAttributeName(name: string): boolean {
  return wholeName.test(name)
}

/** False where the attribute is known to take no tag (RFC 2868 section 3). */
export function takesTag(name: string): boolean {
  return !untagged.has(name.toLowerCase())
}

/** Longest value of a text attribute, in octets of UTF-8. The octet of a tag is taken off. */
export function maxTextOctets(name: string, tag?: number): number {
  const known = name.toLowerCase()
  if (known === 'tunnel-password') return maxTunnelPasswordOctets
  const longer = longerHeaders.find(([prefix]) => prefix.test(known))?.[1] ?? 0
  const most = plainTexts.has(known) ? maxPlainOctets : maxVendorOctets - longer
  return tag === undefined ? most : most - 1
}

/** Octets of a value in a packet at most, with type, length and the header of a vendor. */
export function octetsInReply(value: string | number | { readonly maxBytes: number }): number {
  if (typeof value === 'number') return 4 + 8
  return 8 + (typeof value === 'string' ? Buffer.byteLength(value) : value.maxBytes)
}
