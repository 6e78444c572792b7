/** The attributes that hold an SSID and nothing else, by the dictionaries of FreeRADIUS. */
export const ssidAttributes = [
  'Called-Station-SSID',
  'Aruba-Essid-Name',
  'Ruckus-SSID',
  'Fortinet-SSID',
  'Siemens-SSID',
  'Symbol-Current-ESSID',
  'Trapeze-SSID',
  '3Com-SSID',
  'Adtran-SSID',
  'TP-CAPWAP-SSID',
  // Stands for whatever another dictionary calls so: see `wantedAttribute`.
  'Vendor-SSID',
] as const

/** The attributes that only a wireless request has, and that do not name its SSID (RFC 7268, and vendors). */
export const wirelessAttributes = [
  'WLAN-Pairwise-Cipher',
  'WLAN-Group-Cipher',
  'WLAN-AKM-Suite',
  'WLAN-Group-Mgmt-Cipher',
  'WLAN-RF-Band',
  'WLAN-HESSID',
  'Airespace-Wlan-Id',
  'Ruckus-Wlan-Id',
  'Ruckus-Wlan-Name',
  'Ruckus-Sta-RSSI',
  'Symbol-WLAN-Index',
  'Siemens-BSS-MAC',
  'Fortinet-AP-Name',
  'Meraki-Ap-Name',
  'Meru-Access-Point-Name',
] as const

/** What FreeRADIUS says of a client certificate that it verified; no NAS can send these in a packet. */
export const certificateAttributeNames = [
  'TLS-Client-Cert-X509v3-Subject-Alternative-Name',
  'TLS-Client-Cert-Subject-Alt-Name-Uri',
  'TLS-Client-Cert-Subject-Alt-Name-Dns',
  'TLS-Client-Cert-Subject-Alt-Name-Email',
  'TLS-Client-Cert-Subject-Alt-Name-Upn',
  'TLS-Client-Cert-Common-Name',
  'TLS-Client-Cert-Subject',
  'TLS-Client-Cert-Expiration',
] as const

/** The attributes that are read; everything else in a request, passwords above all, is dropped while parsing. */
export const requestAttributeNames = [
  'User-Name',
  'Calling-Station-Id',
  'Called-Station-Id',
  ...ssidAttributes,
  ...wirelessAttributes,
  'Cisco-AVPair',
  'Colubris-AVPair',
  'H3C-Av-Pair',
  'Extreme-AVPair',
  'NAS-Port-Type',
  'Connect-Info',
  'Service-Type',
  'NAS-IP-Address',
  'NAS-IPv6-Address',
  'NAS-Identifier',
  'NAS-Port',
  'NAS-Port-Id',
  'EAP-Message',
  'EAP-Type',
  'FreeRADIUS-Proxied-To',
  'Acct-Status-Type',
  'Intune-Device-Id',
  ...certificateAttributeNames,
] as const

/**
 * More values of one attribute than that say nothing. What describes the NAS, the device and the SSID comes once at most
 * (RFC 2865 section 5.44, RFC 3162 section 3), from servers that add their own beside it twice or three times.
 */
export const maxValues = 4

/** The dictionary name of an attribute that is read. */
export type RequestAttributeName = (typeof requestAttributeNames)[number]

/** The attributes of one RADIUS request as texts, in the order of the request. Untrusted; `EAP-Message` is empty. */
export type RadiusRequest = ReadonlyMap<RequestAttributeName, readonly string[]>

/** A request that is being read. */
export type CollectedAttributes = Map<RequestAttributeName, string[]>

/** Adds a value to the attribute of that name. */
export function collect(request: CollectedAttributes, name: RequestAttributeName, value: string): void {
  // Only that it is there matters; the credentials inside are nobody's business.
  const kept = name === 'EAP-Message' ? '' : value
  const values = request.get(name)
  if (values === undefined) request.set(name, [kept])
  else values.push(kept)
}

/** As the dictionary has it, which is how it comes, and in lower case. */
const nameOf: ReadonlyMap<string, RequestAttributeName> = new Map(
  requestAttributeNames.flatMap((name) => [[name, name] as const, [name.toLowerCase(), name] as const]),
)

/** The attribute that is read under this name, in whatever case it came; undefined for what is not read. */
export function wantedAttribute(given: string): RequestAttributeName | undefined {
  const name = nameOf.get(given) ?? nameOf.get(given.toLowerCase())
  return name ?? (isOtherSsid(given) ? 'Vendor-SSID' : undefined)
}

/** True for the SSID attribute of a vendor whose name is not in the list; `Symbol-Allowed-ESSID` belongs into replies. */
function isOtherSsid(name: string): boolean {
  return /-e?ssid$/i.test(name) && !/allowed/i.test(name)
}
