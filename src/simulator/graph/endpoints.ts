import { randomUUID } from 'node:crypto'
import { audienceOf } from '../entra/resource.ts'
import {
  type Exchange,
  jsonReply,
  type SimulatedCloud,
  type SimulatedService,
  type WireReply,
} from '../exchange.ts'
import { discoveryRows, intuneAppId } from './discovery-rows.ts'

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

/** Microsoft Graph as far as service discovery needs it: `servicePrincipals/appId=…/endpoints`. */
export function createGraphEndpoints(cloud: SimulatedCloud): SimulatedService {
  return {
    hopOf: ({ path }) => (endpointsPath.test(decoded(path)) ? 'discovery' : 'other'),
    describe: () => ({ subject: {}, names: [] }),
    answer: (exchange) => answerGraph(exchange, cloud),
  }
}

async function answerGraph(exchange: Exchange, cloud: SimulatedCloud): Promise<WireReply> {
  const fail = (status: number, code: string, message: string) =>
    presentGraphError(status, code, message, exchange, cloud)
  const match = endpointsPath.exec(decoded(exchange.path))
  if (match === null) return fail(400, 'BadRequest', 'Resource not found for the segment.')
  if (exchange.method !== 'GET')
    return fail(405, 'Request_BadRequest', 'Specified HTTP method is not allowed.')

  const token = await cloud.tokens.read(exchange.headers.authorization)
  if (!token.valid) return fail(401, 'InvalidAuthenticationToken', tokenProblems[token.problem])
  if (audienceOf(token.audience, cloud.origin) !== 'graph') {
    return fail(401, 'InvalidAuthenticationToken', 'Access token validation failure. Invalid audience.')
  }
  if (!token.roles.some((role) => sufficientRoles.has(role))) {
    return fail(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.')
  }

  const appId = (match[1] ?? match[2] ?? '').toLowerCase()
  const variants = cloud.state.tenant.variants()
  if (appId !== intuneAppId || !variants.intuneProvisioned) {
    return fail(
      404,
      'Request_ResourceNotFound',
      `Resource '${appId}' does not exist or one of its queried reference-property objects are not present.`,
    )
  }
  return jsonReply(
    200,
    {
      '@odata.context': `https://graph.microsoft.com/v1.0/$metadata#servicePrincipals('appId%3D${appId}')/endpoints`,
      '@microsoft.graph.tips':
        'Use $select to choose only the properties your app needs, as this can lead to performance improvements.',
      value: discoveryRows(cloud.origin, cloud.tenantId, variants),
    },
    { 'request-id': randomUUID(), 'client-request-id': exchange.clientRequestId },
  )
}

const tokenProblems = {
  missing: 'Access token is empty.',
  malformed: 'IDX14100: JWT is not well formed.',
  expired: 'Lifetime validation failed, the token is expired.',
} as const

function presentGraphError(
  status: number,
  code: string,
  message: string,
  { clientRequestId }: Exchange,
  { clock }: SimulatedCloud,
): WireReply {
  const requestId = randomUUID()
  const innerError = {
    date: new Date(clock.nowMs()).toISOString().slice(0, 19),
    'request-id': requestId,
    'client-request-id': clientRequestId,
  }
  return jsonReply(
    status,
    { error: { code, message, innerError } },
    { 'request-id': requestId, 'client-request-id': clientRequestId },
  )
}

/** Clients may escape the equals sign and the quotes of the key. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
