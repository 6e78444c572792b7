import { randomUUID } from 'node:crypto'
import { jsonReply, type WireReply } from '../exchange.ts'

/** Why Entra says no: the AADSTS number and the sentence that goes with it. */
export interface Refusal {
  readonly aadsts: number
  readonly text: string
}

interface ErrorKind {
  readonly status: number
  /** The OAuth 2.0 `error` member (RFC 6749 section 5.2). */
  readonly error: string
}

const invalidClient: ErrorKind = { status: 401, error: 'invalid_client' }
const unauthorizedClient: ErrorKind = { status: 400, error: 'unauthorized_client' }
const invalidRequest: ErrorKind = { status: 400, error: 'invalid_request' }

/** Microsoft Entra authentication error codes, with the HTTP status and OAuth error they are seen with. */
const errorKinds: ReadonlyMap<number, ErrorKind> = new Map([
  [50013, { status: 400, error: 'invalid_grant' }],
  [50027, invalidRequest],
  [53003, { status: 400, error: 'invalid_grant' }],
  [70003, { status: 400, error: 'unsupported_grant_type' }],
  [70011, { status: 400, error: 'invalid_scope' }],
  [90002, invalidRequest],
  [90014, invalidRequest],
  [90038, invalidRequest],
  [90033, { status: 503, error: 'temporarily_unavailable' }],
  [90055, { status: 429, error: 'temporarily_unavailable' }],
  [500011, { status: 400, error: 'invalid_resource' }],
  [700016, unauthorizedClient],
  [700021, invalidClient],
  [700023, invalidClient],
  [700024, invalidClient],
  [700027, invalidClient],
  [900023, invalidRequest],
  [900144, invalidRequest],
  [900382, invalidRequest],
  [1002012, { status: 400, error: 'invalid_scope' }],
  [7000112, unauthorizedClient],
  [7000215, invalidClient],
  [7000216, invalidClient],
  [7000217, unauthorizedClient],
  [7000218, invalidClient],
  [7000222, invalidClient],
  [7000229, unauthorizedClient],
])

/** Entra's error answer; a number that is not in the table becomes 400 `invalid_request`. */
export function presentRefusal({ aadsts, text }: Refusal, nowMs: number, correlationId: string): WireReply {
  const { status, error } = errorKinds.get(aadsts) ?? invalidRequest
  const traceId = randomUUID()
  const timestamp = `${new Date(nowMs).toISOString().slice(0, 19).replace('T', ' ')}Z`
  const description = [
    `AADSTS${aadsts}: ${text}`,
    `Trace ID: ${traceId}`,
    `Correlation ID: ${correlationId}`,
    `Timestamp: ${timestamp}`,
  ].join('\r\n')
  const body = {
    error,
    error_description: description,
    error_codes: [aadsts],
    timestamp,
    trace_id: traceId,
    correlation_id: correlationId,
    error_uri: `https://login.microsoftonline.com/error?code=${aadsts}`,
  }
  return jsonReply(status, body, { 'cache-control': 'no-store, no-cache', 'x-ms-request-id': traceId })
}
