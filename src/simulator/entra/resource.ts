import type { SimulatedCloud } from '../exchange.ts'
import { cloudOf } from '../national-clouds.ts'
import type { TokenAudience } from '../state/recorded-requests.ts'
import type { Refusal } from './entra-error.ts'

/** The resource of a token request: which API, and the text that becomes `aud`. */
export interface RequestedResource {
  readonly audience: TokenAudience
  readonly aud: string
}

const oidcScopes = new Set(['openid', 'profile', 'offline_access', 'email'])

/**
 * Which API a resource name is of, with or without its trailing slash. Graph is known by its real name in the tenant's
 * cloud and by the simulator's own origin, which is its Graph host: every cloud names its Graph resource after the host.
 */
export function audienceOf(
  resource: string,
  { origin, state }: Pick<SimulatedCloud, 'origin' | 'state'>,
): TokenAudience {
  const bare = resource.replace(/\/$/, '')
  const { graphResource, aadGraphResources, intuneResource } = cloudOf(state.tenant.variants())
  if (bare === graphResource || bare === origin) return 'graph'
  if (bare === intuneResource) return 'intune'
  return aadGraphResources.includes(bare) ? 'aad_graph' : 'other'
}

/**
 * The resource inside a v2 scope. What stands before `/.default` is the resource to the letter, so a resource whose name
 * ends in a slash needs two ("Trailing slash and .default", Microsoft identity platform, scopes and permissions).
 */
export function resourceOfScope(scope: string): string | Refusal {
  const scopes = scope.split(' ').filter((member) => member !== '' && !oidcScopes.has(member))
  const [first = '', ...others] = scopes
  if (others.length > 0) {
    return {
      aadsts: 70011,
      text: `The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope ${scope} is not valid. .default scope can't be combined with resource-specific scopes.`,
    }
  }
  if (!first.endsWith('/.default')) {
    return {
      aadsts: 1002012,
      text: `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
    }
  }
  return first.slice(0, -'/.default'.length)
}

/** Finds the API that a resource name means in this tenant. */
export function findResource(resource: string, cloud: SimulatedCloud): RequestedResource | Refusal {
  const { singleSlashScope } = cloud.state.tenant.variants()
  const audience = audienceOf(resource, cloud)
  const withoutSlash = audience === 'intune' && !resource.endsWith('/')
  if (audience === 'other' || (withoutSlash && singleSlashScope === 'invalid_resource')) {
    return {
      aadsts: 500011,
      text: `The resource principal named ${resource} was not found in the tenant named ${cloud.tenantId}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.`,
    }
  }
  return { audience, aud: resource }
}
