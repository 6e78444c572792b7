import { randomUUID } from 'node:crypto'
import { type Exchange, jsonReply, type SimulatedCloud, type WireReply } from '../exchange.ts'

/** The role that lets an app read compliance through the Intune API. */
const complianceRole = 'get_device_compliance'

/** The audience of an Intune token; without the trailing slash it is another one. */
const intuneAudience = 'https://api.manage.microsoft.com/'

/** Intune's refusal of a caller, or undefined when the token is for this API and has the role. */
export async function refuseCaller(
  exchange: Exchange,
  cloud: SimulatedCloud,
): Promise<WireReply | undefined> {
  const token = await cloud.tokens.read(exchange.headers.authorization)
  if (!token.valid || token.audience !== intuneAudience) return presentIntuneError(401, exchange, cloud)
  return token.roles.includes(complianceRole) ? undefined : presentIntuneError(403, exchange, cloud)
}

const errorCodes: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'ResourceNotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  410: 'Gone',
}

/** The error body of Intune's front ends: JSON, with more JSON inside a string. */
export function presentIntuneError(
  status: number,
  { path, clientRequestId }: Exchange,
  { origin }: SimulatedCloud,
  reason = 'An error has occurred',
): WireReply {
  const activityId = randomUUID()
  const message = {
    _version: 3,
    Message: `${reason} - Operation ID (for customer support): 00000000-0000-0000-0000-000000000000 - Activity ID: ${activityId} - Url: ${origin}${path}`,
    CustomApiErrorPhrase: '',
    RetryAfter: null,
    ErrorSourceService: '',
    HttpHeaders: '{}',
  }
  const body = {
    ErrorCode: errorCodes[status] ?? 'InternalServerError',
    Message: JSON.stringify(message, null, 2).replaceAll('\n', '\r\n'),
    Target: null,
    Details: null,
    InnerError: null,
    InstanceAnnotations: [],
  }
  return jsonReply(status, body, { 'client-request-id': clientRequestId, 'x-ms-activity-id': activityId })
}
