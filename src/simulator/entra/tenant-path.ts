import type { Exchange, SimulatedCloud } from '../exchange.ts'
import { cloudOf } from '../national-clouds.ts'
import type { Refusal } from './entra-error.ts'

/** The tenant that the first segment of an Entra path names, when it is not the simulated one: Entra's refusal. */
export function refuseTenant(
  { path }: Exchange,
  { tenantId, tenantDomain }: SimulatedCloud,
): Refusal | undefined {
  const tenant = tenantOf(path)
  if ([tenantId, tenantDomain].some((known) => known.toLowerCase() === tenant.toLowerCase())) return undefined
  if (!/^[0-9a-f-]{36}$/i.test(tenant) && !tenant.includes('.')) {
    return {
      aadsts: 900023,
      text: `Specified tenant identifier '${tenant}' is neither a valid DNS name, nor a valid external domain.`,
    }
  }
  return {
    aadsts: 90002,
    text: `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
  }
}

/** The first segment of the path, as sent. */
export function tenantOf(path: string): string {
  return path.split('/')[1] ?? ''
}

/** Every `aud` that Entra takes in a client assertion for this tenant, lower case: the v1 and v2 token URLs. */
export function acceptedAudiences({ origin, tenantId, tenantDomain, state }: SimulatedCloud): string[] {
  const hosts = [origin, ...cloudOf(state.tenant.variants()).loginOrigins]
  return hosts.flatMap((host) =>
    [tenantId, tenantDomain].flatMap((tenant) =>
      [`${host}/${tenant}/oauth2/token`, `${host}/${tenant}/oauth2/v2.0/token`].map((url) =>
        url.toLowerCase(),
      ),
    ),
  )
}

const crossCloudTexts = {
  90038:
    'The specified tenant belongs to another National Cloud. Current cloud instance does not federate with it. A cloud redirect error is returned.',
  900382: 'Confidential Client is not supported in Cross Cloud request.',
} as const

/** Entra's refusal of a confidential client whose tenant is at home in another cloud, when the variant says it is. */
export function refuseCrossCloud({ state }: SimulatedCloud): Refusal | undefined {
  const { crossCloudRefusal } = state.tenant.variants()
  if (crossCloudRefusal === null) return undefined
  return { aadsts: crossCloudRefusal, text: crossCloudTexts[crossCloudRefusal] }
}
