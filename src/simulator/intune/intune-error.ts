import { randomUUID } from 'node:crypto'
import { type Exchange, jsonReply, type SimulatedCloud, type WireReply } from '../exchange.ts'

const errorCodes: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'ResourceNotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  410: 'Gone',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
}

/** What an error says beyond its status. */
export interface IntuneErrorDetails {
  readonly reason?: string
  /** Told inside the nested text only, never in a header. */
  readonly retryAfterSeconds?: number | null
}

/** An error of an Intune service before it is put on the wire. */
export interface IntuneError {
  readonly code: string
  /** JSON in a text, with Windows line ends; as Graph passes it on, too. */
  readonly nestedMessage: string
  readonly activityId: string
}

/** Makes an error with a fresh Activity ID, which is what Microsoft's support asks for. */
export function createIntuneError(
  status: number,
  { path }: Exchange,
  { origin }: SimulatedCloud,
  { reason = 'An error has occurred', retryAfterSeconds = null }: IntuneErrorDetails = {},
): IntuneError {
  const activityId = randomUUID()
  const nested = {
    _version: 3,
    Message: `${reason} - Operation ID (for customer support): 00000000-0000-0000-0000-000000000000 - Activity ID: ${activityId} - Url: ${origin}${path}`,
    CustomApiErrorPhrase: '',
    RetryAfter: retryAfterSeconds,
    ErrorSourceService: '',
    HttpHeaders: '{}',
  }
  return {
    code: errorCodes[status] ?? 'InternalServerError',
    nestedMessage: JSON.stringify(nested, null, 2).replaceAll('\n', '\r\n'),
    activityId,
  }
}

/** The error body of Intune's front ends: JSON, with more JSON inside a string. */
export function presentIntuneError(
  status: number,
  exchange: Exchange,
  cloud: SimulatedCloud,
  details: IntuneErrorDetails = {},
): WireReply {
  const { code, nestedMessage, activityId } = createIntuneError(status, exchange, cloud, details)
  const body = {
    ErrorCode: code,
    Message: nestedMessage,
    Target: null,
    Details: null,
    InnerError: null,
    InstanceAnnotations: [],
  }
  return jsonReply(status, body, {
    'client-request-id': exchange.clientRequestId,
    'x-ms-activity-id': activityId,
  })
}
