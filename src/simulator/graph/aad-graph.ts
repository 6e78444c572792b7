import { audienceOf } from '../entra/resource.ts'
import { refuseTenant } from '../entra/tenant-path.ts'
import {
  type Exchange,
  jsonReply,
  parameter,
  type SimulatedCloud,
  type SimulatedService,
  type WireReply,
} from '../exchange.ts'
import { discoveryRows, intuneAppId } from './discovery-rows.ts'

/** The API versions that the retired Azure AD Graph had. */
const versions: readonly string[] = ['1.5', '1.6', 'beta']

/**
 * Service discovery of the retired Azure AD Graph, which products that were set up before 2023 still call:
 * `/{tenant}/servicePrincipalsByAppId/{appId}/serviceEndpoints?api-version=1.6`.
 */
export function createAadGraph(cloud: SimulatedCloud): SimulatedService {
  return {
    hopOf: () => 'discovery',
    describe: () => ({ subject: {}, names: () => ['aad_graph'] }),
    answer: (exchange) => answerServiceEndpoints(exchange, cloud),
  }
}

async function answerServiceEndpoints(exchange: Exchange, cloud: SimulatedCloud): Promise<WireReply> {
  if (exchange.method !== 'GET')
    return presentAadGraphError(405, 'Request_BadRequest', 'Only GET is allowed.')
  const token = await cloud.tokens.read(exchange.headers.authorization)
  if (!token.valid && token.problem === 'expired') {
    const message = 'Your access token has expired. Please renew it before submitting the request.'
    return presentAadGraphError(401, 'Authentication_ExpiredToken', message)
  }
  // It knew tokens of Graph for its own, and asked for no role before the end of 2022.
  if (!token.valid || !['graph', 'aad_graph'].includes(audienceOf(token.audience, cloud))) {
    const message = 'Access Token missing or malformed.'
    return presentAadGraphError(401, 'Authentication_MissingOrMalformed', message)
  }
  const version = parameter(exchange, 'api-version') ?? exchange.headers['api-version']
  if (typeof version !== 'string' || !versions.includes(version)) {
    return presentAadGraphError(400, 'Request_BadRequest', 'The specified api-version is missing or invalid.')
  }
  if (refuseTenant(exchange, cloud)) {
    const message = 'Unable to read the company information from the directory.'
    return presentAadGraphError(404, 'Directory_ObjectNotFound', message)
  }
  const appId = exchange.path.split('/')[3] ?? ''
  if (appId.toLowerCase() !== intuneAppId || !cloud.state.tenant.variants().intuneProvisioned) {
    const message = `Resource '${appId}' does not exist or one of its queried reference-property objects are not present.`
    return presentAadGraphError(404, 'Request_ResourceNotFound', message)
  }
  const value = discoveryRows(cloud).map(({ id, name, uri, resourceId }) => ({
    'odata.type': 'Microsoft.DirectoryServices.ServiceEndpoint',
    objectType: 'ServiceEndpoint',
    objectId: id,
    deletionTimestamp: null,
    capability: name,
    serviceId: intuneAppId,
    serviceName: name,
    uri,
    serviceResourceId: resourceId,
  }))
  const context = `${cloud.origin}/${cloud.tenantId}/$metadata#directoryObjects/Microsoft.DirectoryServices.ServiceEndpoint`
  return jsonReply(200, { 'odata.metadata': context, value })
}

function presentAadGraphError(status: number, code: string, text: string): WireReply {
  return jsonReply(status, { 'odata.error': { code, message: { lang: 'en', value: text } } })
}
