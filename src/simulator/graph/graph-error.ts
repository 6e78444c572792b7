import { randomUUID } from 'node:crypto'
import { type Exchange, jsonReply, type SimulatedCloud, type WireReply } from '../exchange.ts'
import { createIntuneError, type IntuneErrorDetails } from '../intune/intune-error.ts'

/** The error envelope of Microsoft Graph ("Microsoft Graph error responses and resource types"). */
export function presentGraphError(
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

/** An error of Intune's as Graph passes it on: its code, and its nested text as the message. */
export function presentIntuneErrorInGraph(
  status: number,
  exchange: Exchange,
  cloud: SimulatedCloud,
  details: IntuneErrorDetails = {},
): WireReply {
  const { code, nestedMessage } = createIntuneError(status, exchange, cloud, details)
  return presentGraphError(status, code, nestedMessage, exchange, cloud)
}
