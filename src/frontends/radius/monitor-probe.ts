import type { RadiusRequest } from './request-attributes.ts'

/**
 * User names that network equipment logs in with to see whether a RADIUS server is alive, by their defaults: Meraki's
 * daily RADIUS test (Meraki documentation, "RADIUS testing") and `radius-server tracking` of AOS-CX (its command reference).
 * Any answer counts as alive, so a reject costs nothing.
 */
const probeNames: ReadonlySet<string> = new Set(['meraki_8021x_test', 'radius-tracking-user'])

/** The probe's own name where the request is one, from the list above and never the sender's text. */
export function monitorProbeOf(request: RadiusRequest): string | undefined {
  const name = request.get('User-Name')?.[0]?.trim().toLowerCase() ?? ''
  return probeNames.has(name) ? name : undefined
}
