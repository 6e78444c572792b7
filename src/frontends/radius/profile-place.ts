import type { ProfilePlace } from './reply-attributes.ts'
import { certificateAttributeNames, type RadiusRequest } from './request-attributes.ts'

/**
 * Where the attributes of the profile belong. While EAP goes on, `authorize` is asked once per round, and the reply to all
 * but the last is an Access-Challenge, in which a Session-Timeout is how long the NAS waits before it sends the EAP request
 * once more (RFC 3580 section 3.17): nothing of the profile may be in it.
 *
 * `authorize` is also asked about EAP that is through: with the certificate that was verified (`virtual_server` of rlm_eap's
 * `tls`), and inside a tunnel (FreeRADIUS-Proxied-To), whose challenges never reach the NAS.
 */
export function profilePlaceOf(section: 'authorize' | 'post-auth', request: RadiusRequest): ProfilePlace {
  if (!request.has('EAP-Message') && !request.has('EAP-Type')) return 'reply'
  if (section === 'post-auth') return 'last-reply'
  const isInTunnel = request.has('FreeRADIUS-Proxied-To')
  const isVerified = certificateAttributeNames.some((name) => request.has(name))
  return isInTunnel || isVerified ? 'reply' : 'session-state'
}
