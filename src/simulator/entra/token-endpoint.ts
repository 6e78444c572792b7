import type { Description, Exchange, SimulatedCloud, SimulatedService, WireReply } from '../exchange.ts'
import { jsonReply } from '../exchange.ts'
import { cloudOf } from '../national-clouds.ts'
import { stableGuid } from '../stable-guid.ts'
import type { RegisteredApp } from '../state/apps.ts'
import { type DecodedAssertion, decodeAssertion, refuseAssertion } from './client-assertion.ts'
import { presentRefusal, type Refusal } from './entra-error.ts'
import { audienceOf, findResource, type RequestedResource, resourceOfScope } from './resource.ts'
import { acceptedAudiences, refuseCrossCloud, refuseTenant } from './tenant-path.ts'

const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** Entra's token endpoint, v1 and v2, for the client-credentials grant with a certificate assertion. */
export function createTokenEndpoint(cloud: SimulatedCloud): SimulatedService {
  return {
    hopOf: () => 'token',
    describe: (exchange) => describeTokenRequest(exchange, cloud),
    async answer(exchange) {
      const granted = await grant(exchange, cloud)
      if ('aadsts' in granted) return presentRefusal(granted, cloud.clock.nowMs(), exchange.clientRequestId)
      return presentToken(exchange, cloud, granted)
    },
  }
}

interface Grant {
  readonly app: RegisteredApp
  readonly resource: RequestedResource
}

async function grant(exchange: Exchange, cloud: SimulatedCloud): Promise<Grant | Refusal> {
  const { form } = exchange
  const refusedTenant = refuseTenant(exchange, cloud) ?? refuseCrossCloud(cloud)
  if (refusedTenant) return refusedTenant

  if (!form.get('grant_type')) return missingParameter('grant_type')
  if (form.get('grant_type') !== 'client_credentials') {
    return { aadsts: 70003, text: `The app requested an unsupported grant type '${form.get('grant_type')}'.` }
  }

  const name = resourceName(exchange)
  if (typeof name !== 'string') return name

  const assertion = readAssertion(form)
  if ('aadsts' in assertion) return assertion

  // Before v2 an app that proves itself with an assertion need not repeat its id: the issuer says it.
  const clientId = form.get('client_id') ?? (isV2(exchange) ? null : String(assertion.claims.iss ?? ''))
  if (!clientId) return missingParameter('client_id')
  const app = cloud.state.findApp(clientId)
  if (app === undefined) {
    return {
      aadsts: 700016,
      text: `Application with identifier '${clientId}' was not found in the directory '${cloud.tenantDomain}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
    }
  }
  if (app.disabled) return { aadsts: 7000112, text: `Application '${app.clientId}' is disabled.` }

  const refusedAssertion = await refuseAssertion(assertion, {
    app,
    acceptedAudiences: acceptedAudiences(cloud),
    nowMs: cloud.clock.nowMs(),
  })
  if (refusedAssertion) return refusedAssertion

  const resource = findResource(name, cloud)
  return 'aadsts' in resource ? resource : { app, resource }
}

function resourceName(exchange: Exchange): string | Refusal {
  const parameter = isV2(exchange) ? 'scope' : 'resource'
  const value = exchange.form.get(parameter)
  if (!value) return missingParameter(parameter)
  return parameter === 'scope' ? resourceOfScope(value) : value
}

function readAssertion(form: URLSearchParams): DecodedAssertion | Refusal {
  const jwt = form.get('client_assertion')
  if (!jwt && form.get('client_secret')) {
    return {
      aadsts: 7000215,
      text: 'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.',
    }
  }
  if (!jwt && form.get('client_assertion_type')) {
    return {
      aadsts: 7000218,
      text: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    }
  }
  if (!jwt) {
    return {
      aadsts: 7000216,
      text: "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
    }
  }
  if (form.get('client_assertion_type') !== jwtBearer) return missingParameter('client_assertion_type')
  return decodeAssertion(jwt) ?? { aadsts: 50027, text: 'JWT token is invalid or malformed.' }
}

function missingParameter(name: string): Refusal {
  return { aadsts: 900144, text: `The request body must contain the following parameter: '${name}'.` }
}

async function presentToken(
  exchange: Exchange,
  { state, tenantId, tokens }: SimulatedCloud,
  { app, resource }: Grant,
): Promise<WireReply> {
  const variants = state.tenant.variants()
  const { accessTokenLifetimeSeconds, refreshInSeconds } = variants
  const { token, notBefore, expiresOn } = await tokens.issue({
    tenantId,
    issuerOrigin: cloudOf(variants).issuerOrigin,
    clientId: app.clientId,
    objectId: stableGuid(`service principal of ${app.clientId} in ${tenantId}`),
    audience: resource.aud,
    roles: resource.audience === 'intune' ? app.roles.intune : app.roles.graph,
    lifetimeSeconds: accessTokenLifetimeSeconds,
  })
  const numbers = {
    expires_in: accessTokenLifetimeSeconds,
    ext_expires_in: accessTokenLifetimeSeconds,
    ...(refreshInSeconds !== null && { refresh_in: refreshInSeconds }),
  }
  const body = isV2(exchange)
    ? { token_type: 'Bearer', ...numbers, access_token: token }
    : {
        token_type: 'Bearer',
        ...asStrings({ ...numbers, expires_on: expiresOn, not_before: notBefore }),
        resource: resource.aud,
        access_token: token,
      }
  return jsonReply(200, body, { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' })
}

/** The v1 endpoint writes every number as a string. */
function asStrings(numbers: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, String(value)]))
}

function isV2({ path }: Exchange): boolean {
  return path.toLowerCase().endsWith('/oauth2/v2.0/token')
}

function describeTokenRequest(exchange: Exchange, cloud: SimulatedCloud): Description {
  const { form } = exchange
  const scope = form.get('scope')
  const resource = form.get('resource')
  const assertion = decodeAssertion(form.get('client_assertion') ?? '')
  const requested = isV2(exchange)
    ? (scope ?? '')
        .split(' ')
        .find((member) => member.endsWith('/.default'))
        ?.slice(0, -'/.default'.length)
    : resource
  const audience = audienceOf(requested ?? '', cloud)
  return {
    names: () => [audience, scope ?? '', resource ?? ''],
    subject: {
      audience,
      ...(scope !== null && { scope }),
      ...(resource !== null && { resource }),
      ...(assertion && { assertion: { header: assertion.header, claims: assertion.claims } }),
    },
  }
}
