import { failure, type Outcome } from '../../errors/fault.ts'
import type { DeviceIdentity } from '../../identity/device-identity.ts'
import { parseMacAddress } from '../../identity/mac-address.ts'
import { parseIdentity } from '../../identity/parse-identity.ts'
import { authenticationMethodOf } from './authentication-method.ts'
import { maxValues, type RadiusRequest, type RequestAttributeName } from './request-attributes.ts'

/**
 * Which device a RADIUS request is about, by how it was authenticated.
 *
 * EAP: the names of the certificate that the RADIUS server verified, then Calling-Station-Id (RFC 3580 section 3.21); the
 * supplicant chose the User-Name. What cannot be a MAC is left out instead of being an error: a VPN gateway puts an IP
 * address into Calling-Station-Id.
 *
 * MAB: the MAC that the NAS saw, which is Calling-Station-Id, or the User-Name of a NAS that sends none. Nothing else in
 * the request is looked at: nobody has verified it.
 *
 * Fails with `login_not_supported` for everything else, and like `parseIdentity` where nothing names a device or the
 * device id of the site is malformed. With `identifier_malformed` too where an attribute that names one device has more
 * than `maxValues` values.
 */
export function parseRequestIdentity(request: RadiusRequest): Outcome<DeviceIdentity> {
  for (const name of oneDeviceAttributes) {
    const { length } = texts(request, name)
    if (length > maxValues) return tooMany(name, length)
  }
  switch (authenticationMethodOf(request)) {
    case 'eap':
      return parseIdentity({
        deviceId: request.get('Intune-Device-Id'),
        certificate: {
          uris: request.get('TLS-Client-Cert-Subject-Alt-Name-Uri'),
          sanTexts: request.get('TLS-Client-Cert-X509v3-Subject-Alternative-Name'),
          dnsNames: request.get('TLS-Client-Cert-Subject-Alt-Name-Dns'),
          emailAddresses: request.get('TLS-Client-Cert-Subject-Alt-Name-Email'),
          userPrincipalNames: request.get('TLS-Client-Cert-Subject-Alt-Name-Upn'),
          commonNames: request.get('TLS-Client-Cert-Common-Name'),
          subjects: request.get('TLS-Client-Cert-Subject') ?? lostSubject(request),
        },
        mac: texts(request, 'Calling-Station-Id').filter(isMac),
      })
    case 'mab': {
      const calling = texts(request, 'Calling-Station-Id').filter((text) => text.trim() !== '')
      const named = calling.length > 0 ? calling : texts(request, 'User-Name')
      return parseIdentity({ mac: named.filter(isMac) })
    }
    default:
      return failure('login_not_supported', loginNotSupported, { field: 'Service-Type' })
  }
}

const oneDeviceAttributes = ['User-Name', 'Calling-Station-Id', 'Intune-Device-Id'] as const

function tooMany(field: RequestAttributeName, count: number): Outcome<never> {
  return failure(
    'identifier_malformed',
    `${field} has ${count} values, and a request names one device: send it once.`,
    { field },
  )
}

/**
 * FreeRADIUS always tells the subject and the expiry of a certificate, but drops a text that ends with a backslash: a
 * subject that is not there beside the expiry was one that somebody wants to hide.
 */
function lostSubject(request: RadiusRequest): readonly string[] {
  return request.has('TLS-Client-Cert-Expiration') ? [''] : []
}

const loginNotSupported =
  'The request is neither EAP nor MAC authentication (Service-Type = Call-Check): it is taken for the log-in of a person, and nobody here checks passwords.'

function texts(request: RadiusRequest, name: RequestAttributeName): readonly string[] {
  return request.get(name) ?? []
}

function isMac(text: string): boolean {
  return parseMacAddress(text).ok
}
