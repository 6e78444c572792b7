import type { RequestContext } from '../../decision/decide.ts'
import type { Outcome } from '../../errors/fault.ts'
import type { DeviceIdentity } from '../../identity/device-identity.ts'
import { parseMacAddress } from '../../identity/mac-address.ts'
import { parseIdentity } from '../../identity/parse-identity.ts'
import type { RadiusRequest, RequestAttributeName } from './request-attributes.ts'

/**
 * Which device a RADIUS request is about. Best first: the certificate's SAN (`Intune-Device-Id`, the whole SAN text of
 * OpenSSL, or the URIs of FreeRADIUS 3.2.7), its common name, Calling-Station-Id (RFC 3580 section 3.21), and the
 * User-Name of MAC authentication bypass.
 *
 * What cannot be a MAC is left out instead of being an error: a VPN gateway puts an IP address into
 * Calling-Station-Id. Fails like `parseIdentity` where nothing names a device, or the certificate's part is malformed.
 */
export function parseRequestIdentity(request: RadiusRequest): Outcome<DeviceIdentity> {
  const calling = texts(request, 'Calling-Station-Id').filter(isMac)
  const san = request.get('TLS-Client-Cert-X509v3-Subject-Alternative-Name')
  const sanUris = request.get('TLS-Client-Cert-Subject-Alt-Name-Uri')
  return parseIdentity({
    deviceId: request.get('Intune-Device-Id'),
    certificateSan: san !== undefined && sanUris !== undefined ? [...san, ...sanUris] : (san ?? sanUris),
    certificateCn: request.get('TLS-Client-Cert-Common-Name'),
    mac: calling.length > 0 || isEap(request) ? calling : texts(request, 'User-Name').filter(isMac),
  })
}

/**
 * True where the NAS vouches for the device by its MAC alone (MAC authentication bypass): Service-Type is Call-Check
 * (RFC 2865 section 5.6), or the User-Name is the MAC of Calling-Station-Id, as access points without Call-Check send
 * it. Never with EAP, whose User-Name the supplicant chooses: an Accept would let it skip the authentication.
 */
export function isMacAuthentication(request: RadiusRequest): boolean {
  if (isEap(request)) return false
  if (texts(request, 'Service-Type').some((type) => type === 'Call-Check' || type === '10')) return true
  const user = macOf(request, 'User-Name')
  return user !== undefined && user === macOf(request, 'Calling-Station-Id')
}

/** Where the request comes from, for policy rules. */
export function parseRequestContext(request: RadiusRequest): RequestContext {
  const nasIpAddress = shown(texts(request, 'NAS-IP-Address')[0] ?? texts(request, 'NAS-IPv6-Address')[0])
  const nasIdentifier = shown(texts(request, 'NAS-Identifier')[0])
  const ssid = shown(
    texts(request, 'Called-Station-SSID')[0] ?? ssidOf(texts(request, 'Called-Station-Id')[0]),
  )
  return {
    ...(nasIpAddress !== '' && { nasIpAddress }),
    ...(nasIdentifier !== '' && { nasIdentifier }),
    ...(ssid !== '' && { ssid }),
  }
}

function isEap(request: RadiusRequest): boolean {
  return request.has('EAP-Message') || request.has('EAP-Type')
}

function texts(request: RadiusRequest, name: RequestAttributeName): readonly string[] {
  return request.get(name) ?? []
}

function isMac(text: string): boolean {
  return parseMacAddress(text).ok
}

function macOf(request: RadiusRequest, name: RequestAttributeName): string | undefined {
  const parsed = parseMacAddress(texts(request, name)[0] ?? '')
  return parsed.ok ? parsed.value.value : undefined
}

// RFC 3580 section 3.20: the access point's MAC, a separator, the SSID. Colons inside the SSID are its own.
const calledStation = /^(?:[0-9a-f]{2}[^0-9a-f]?){5}[0-9a-f]{2}[^0-9a-f](.+)$/is

function ssidOf(calledStationId = ''): string | undefined {
  return calledStation.exec(calledStationId.slice(0, 253).trim())?.[1]
}

/** No RADIUS attribute is longer than 253 octets, and nothing that is compared with a rule has control characters. */
function shown(text = ''): string {
  return text
    .slice(0, 253)
    .replace(/\p{Cc}/gu, ' ')
    .trim()
}
