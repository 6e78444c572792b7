import { failure, type Outcome, success } from '../errors/fault.ts'

/**
 * The three addresses as Cisco ISE's external MDM form calls them, in every form that guides have printed since 2018.
 * Retired forms are understood and come back with a notice, so that an operator can paste what the old product had.
 */
export interface AddressField<T> {
  readonly value: T
  /** What was translated, in one sentence; absent when the form is current. */
  readonly notice?: string
}

/** Authority and tenant out of a Token Issuing URL. */
export interface TokenIssuer {
  readonly loginUrl: string
  readonly tenant: string
}

const tenantPattern =
  /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63})$/i

/** True for a tenant GUID or a domain name. `common` and its like are not tenants: app-only tokens need a real one. */
export function isTenant(text: string): boolean {
  return tenantPattern.test(text)
}

/** Graph origin out of the Auto Discovery URL; the retired Azure AD Graph form also names the tenant. */
export function parseAutoDiscoveryUrl(text: string): Outcome<AddressField<string>> {
  const url = parseHttpsUrl(text)
  if (!url) return wrong('must be the Graph host, for example https://graph.microsoft.com')
  if (url.hostname.toLowerCase() === 'graph.windows.net') {
    return success({
      value: 'https://graph.microsoft.com',
      notice:
        'INTUNE_AUTO_DISCOVERY_URL names Azure AD Graph (graph.windows.net), retired for Intune on 2023-06-30; https://graph.microsoft.com is used instead',
    })
  }
  const path = url.pathname.replace(/\/+$/, '')
  if (path === '') return success({ value: url.origin })
  return success({
    value: url.origin,
    notice: `INTUNE_AUTO_DISCOVERY_URL has a path, which is not used; only ${url.origin} is`,
  })
}

/** Login host and tenant out of the Token Issuing URL, with or without the endpoint path behind the tenant. */
export function parseTokenIssuingUrl(text: string): Outcome<AddressField<TokenIssuer>> {
  const url = parseHttpsUrl(text)
  const [tenant = '', ...rest] = url?.pathname.split('/').filter((part) => part !== '') ?? []
  if (!url || !isTenant(tenant)) {
    return wrong(
      'must be https://<login host>/<tenant id or domain>, for example https://login.microsoftonline.com/contoso.example',
    )
  }
  const value = { loginUrl: url.origin, tenant: tenant.toLowerCase() }
  const endpoint = rest.join('/').toLowerCase()
  if (['', 'oauth2/token', 'oauth2/v2.0/token', 'v2.0'].includes(endpoint)) return success({ value })
  if (endpoint === 'oauth2/authorize' || endpoint === 'oauth2/v2.0/authorize') {
    return success({
      value,
      notice:
        'INTUNE_TOKEN_ISSUING_URL names the authorization endpoint, as guides of 2018 do; the token endpoint of the same tenant is used',
    })
  }
  return wrong(
    'has a path behind the tenant that is not an OAuth 2.0 endpoint; give https://<login host>/<tenant>',
  )
}

/** Resource URI with its one trailing slash: Entra answers `<resource>/.default`, so the slash doubles in the scope. */
export function parseTokenAudience(text: string): Outcome<AddressField<string>> {
  const url = parseHttpsUrl(text.trim().replace(/\/\.default$/, ''))
  if (!url) return wrong('must be a resource URI such as https://api.manage.microsoft.com/')
  const value = `${url.origin}${url.pathname.replace(/\/+$/, '')}/`
  if (value === text.trim()) return success({ value })
  return success({
    value,
    notice: `INTUNE_TOKEN_AUDIENCE is written ${value}: Entra ID knows the resource with exactly one trailing slash`,
  })
}

function parseHttpsUrl(text: string): URL | undefined {
  if (!URL.canParse(text.trim())) return undefined
  const url = new URL(text.trim())
  const plain = url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  return url.protocol === 'https:' && plain ? url : undefined
}

function wrong(message: string): { readonly ok: false; readonly fault: import('../errors/fault.ts').Fault } {
  return failure('configuration_invalid', message)
}
