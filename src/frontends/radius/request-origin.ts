import type { RequestOrigin } from '../../decision/request-context.ts'
import type { AuthenticationMethod } from './authentication-method.ts'
import { boundedTexts } from './bounded-text.ts'
import type { RadiusRequest, RequestAttributeName } from './request-attributes.ts'

/**
 * Who asks and at which port, for the decision log: NAS-Port (RFC 2865 section 5.5), NAS-Port-Id (RFC 2869 section 5.17),
 * User-Name, and the user in the certificate, which counts only where the RADIUS server has verified one.
 */
export function parseRequestOrigin(request: RadiusRequest, method: AuthenticationMethod): RequestOrigin {
  const nasPort = textOf(request, 'NAS-Port')
  const nasPortId = textOf(request, 'NAS-Port-Id')
  const user = textOf(request, 'User-Name')
  const certificateUser =
    method === 'eap'
      ? (textOf(request, 'TLS-Client-Cert-Subject-Alt-Name-Upn') ??
        textOf(request, 'TLS-Client-Cert-Subject-Alt-Name-Email'))
      : undefined
  return {
    ...(nasPort !== undefined && { nasPort }),
    ...(nasPortId !== undefined && { nasPortId }),
    ...(user !== undefined && { user }),
    ...(certificateUser !== undefined && { certificateUser }),
  }
}

function textOf(request: RadiusRequest, name: RequestAttributeName): string | undefined {
  const shown = boundedTexts(request, name)?.join(', ')
  return shown === '' ? undefined : shown
}
