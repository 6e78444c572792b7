import { certificateAttributeNames, type RadiusRequest } from './request-attributes.ts'

/**
 * What stands behind a request: `eap`, where the RADIUS server authenticates the device; `mab`, where the NAS vouches for
 * its MAC (MAC authentication bypass); `login`, a person with a password, whom nobody here can check.
 */
export type AuthenticationMethod = 'eap' | 'mab' | 'login'

/**
 * Tells it from what the NAS says alone. MAB is Service-Type = Call-Check (RFC 2865 section 5.6), given once; never what a
 * user can type, such as a User-Name that looks like a MAC. A NAS that sends no Service-Type is the affair of the RADIUS
 * server, which knows it (`nac_mab_without_call_check` in deploy/freeradius/policy.d/nac) and says Call-Check for it.
 *
 * A RADIUS server may also ask by a template of its own and send nothing of the log-in, but the certificate that it
 * verified or the address that the NAS saw: it is for that server to authenticate the device, as in EAP.
 */
export function authenticationMethodOf(request: RadiusRequest): AuthenticationMethod {
  if (request.has('EAP-Message') || request.has('EAP-Type')) return 'eap'
  const [serviceType, ...more] = request.get('Service-Type') ?? []
  if (serviceType === undefined) {
    const isTemplate =
      !request.has('User-Name') || certificateAttributeNames.some((name) => request.has(name))
    return isTemplate ? 'eap' : 'login'
  }
  // By number where rlm_rest has raw_value.
  const isCallCheck = serviceType === 'Call-Check' || serviceType === '10'
  return isCallCheck && more.length === 0 ? 'mab' : 'login'
}

/** True where EAP goes on behind this request, because no certificate has been verified yet. */
export function isEapUnderWay(request: RadiusRequest): boolean {
  return request.has('EAP-Message') && !certificateAttributeNames.some((name) => request.has(name))
}
