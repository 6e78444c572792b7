import type { FastifyReply, FastifyRequest, onSendHookHandler } from 'fastify'
import type { OperatorAction, OperatorActionName } from '../decision/operator-action.ts'
import type { FaultCode } from '../errors/catalogue.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a route does to the service; absent: it only shows something. */
    action?: OperatorActionName
  }
  interface FastifyRequest {
    /** How many records the action changed; set by its handler. */
    changedRecords?: number
  }
}

/** Told every action of an operator, and every attempt that was refused. */
export type NoteAction = (action: OperatorAction) => void

/** Who was not let in, or not to this address: wrong or no credentials, not allowed, another host, too many attempts. */
const refusedStatuses: ReadonlySet<number> = new Set([401, 403, 421, 429])

/**
 * Builds the onSend hook that tells who did what: for every answer of a route with an action, however it came about, and
 * for those of other routes that refuse the caller. It stands at the answer because no way leads past that.
 */
export function createActionHook(note: NoteAction): onSendHookHandler {
  return (request, reply, payload, done) => {
    const { action } = request.routeOptions.config
    if (action !== undefined || refusedStatuses.has(reply.statusCode)) {
      note(describeAction(action ?? 'read', request, reply, payload))
    }
    done(null, payload)
  }
}

function describeAction(
  action: OperatorActionName,
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): OperatorAction {
  const { kind, value } = (request.params ?? {}) as Readonly<Record<string, string | undefined>>
  const errorCode = reply.statusCode < 400 ? undefined : codeOf(payload)
  const decisionId = reply.getHeader('x-decision-id')
  return {
    action,
    client: request.clientName || undefined,
    remoteAddress: request.ip,
    route: `${request.method} ${request.routeOptions.url ?? '(none)'}`,
    device: kind === undefined || value === undefined ? undefined : { kind, value },
    result: resultOf(reply.statusCode, errorCode),
    errorCode,
    records: request.changedRecords,
    decisionId: typeof decisionId === 'string' ? decisionId : undefined,
  }
}

/** Too much load is said before anything is begun, and often before anybody knows who asks. */
function resultOf(status: number, errorCode: FaultCode | undefined): OperatorAction['result'] {
  if (status < 400) return 'done'
  return status < 500 || errorCode === 'service_overloaded' ? 'refused' : 'failed'
}

/** The code that the caller is told: every error here is a problem document. */
function codeOf(payload: unknown): FaultCode {
  try {
    return (JSON.parse(String(payload)) as { readonly code: FaultCode }).code
  } catch {
    return 'internal'
  }
}
