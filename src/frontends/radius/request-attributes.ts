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
  'Called-Station-SSID',
  'Service-Type',
  'NAS-IP-Address',
  'NAS-IPv6-Address',
  'NAS-Identifier',
  'EAP-Message',
  'EAP-Type',
  'Intune-Device-Id',
  ...certificateAttributeNames,
] as const

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
