import { randomUUID } from 'node:crypto'
import { type Exchange, jsonReply, type SimulatedCloud, type WireReply } from '../exchange.ts'
import { cloudOf } from '../national-clouds.ts'
import { discoveryRows, intuneAppId } from './discovery-rows.ts'
import { presentGraphError } from './graph-error.ts'

const endpointsPath =
  /^\/(?:v1\.0|beta)(?:\/myorganization)?\/servicePrincipals(?:\/appId=([^/]+)|\(appId='([^']+)'\))\/endpoints$/i

/** Any one of these application permissions lists the endpoints of a service principal (Graph, "List endpoints"). */
const sufficientRoles = new Set([
  'Application.Read.All',
  'Application.ReadWrite.All',
  'Application.ReadWrite.OwnedBy',
  'Directory.Read.All',
  'ServicePrincipalEndpoint.Read.All',
])

/** Whose endpoints a path lists. */
export interface EndpointsCall {
  readonly appId: string
}

/** Reads `servicePrincipals/appId=…/endpoints`; undefined for any other path. */
export function matchEndpoints(exchange: Exchange): EndpointsCall | undefined {
  // Clients may escape the equals sign and the quotes of the key; broken escapes never come this far.
  const match = endpointsPath.exec(decodeURIComponent(exchange.path))
  return match ? { appId: (match[1] ?? match[2] ?? '').toLowerCase() } : undefined
}

/** The service discovery of Microsoft Graph. The token is good for Graph, and these are its roles. */
export function answerEndpoints(
  { appId }: EndpointsCall,
  roles: readonly string[],
  exchange: Exchange,
  cloud: SimulatedCloud,
): WireReply {
  if (!roles.some((role) => sufficientRoles.has(role))) {
    const message = 'Insufficient privileges to complete the operation.'
    return presentGraphError(403, 'Authorization_RequestDenied', message, exchange, cloud)
  }
  const variants = cloud.state.tenant.variants()
  if (appId !== intuneAppId || !variants.intuneProvisioned) {
    const message = `Resource '${appId}' does not exist or one of its queried reference-property objects are not present.`
    return presentGraphError(404, 'Request_ResourceNotFound', message, exchange, cloud)
  }
  return jsonReply(
    200,
    {
      '@odata.context': `${cloudOf(variants).graphResource}/v1.0/$metadata#servicePrincipals('appId%3D${appId}')/endpoints`,
      '@microsoft.graph.tips':
        'Use $select to choose only the properties your app needs, as this can lead to performance improvements.',
      value: discoveryRows(cloud).map(({ id, name, uri, resourceId }) => ({
        id,
        deletedDateTime: null,
        capability: name,
        providerId: intuneAppId,
        [variants.discoveryNameKey]: name,
        uri,
        providerResourceId: resourceId,
      })),
    },
    { 'request-id': randomUUID(), 'client-request-id': exchange.clientRequestId },
  )
}
