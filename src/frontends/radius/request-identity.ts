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
