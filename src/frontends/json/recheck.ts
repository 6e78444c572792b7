import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { failure, type Outcome, success } from '../../errors/fault.ts'
import { identifierKey } from '../../identity/device-identity.ts'
import { parseIdentity } from '../../identity/parse-identity.ts'
import { sendProblem } from '../../server/problem.ts'
import type { DecisionQuestion } from './parse-question.ts'
import { RecheckTarget } from './schema.ts'

export interface RecheckParts {
  /** Gives 0 and starts the device's interval, or how long it has to wait still, milliseconds. */
  readonly admitRecheck: (deviceKey: string) => number
  readonly answer: (
    question: Outcome<DecisionQuestion>,
    request: FastifyRequest,
    reply: FastifyReply,
  ) => unknown
}

/**
 * Adds POST /devices/{kind}/{value}/recheck: asks Intune about one device now and answers with the decision. One
 * device can be rechecked once in ten seconds; before that it is 429 with Retry-After.
 */
export function registerRecheckRoute(
  app: FastifyInstance,
  { admitRecheck, answer }: RecheckParts,
  routeOptions: { readonly schema: { readonly response: Readonly<Record<number, unknown>> } },
): void {
  app.post('/devices/:kind/:value/recheck', routeOptions, (request, reply) => {
    const target = RecheckTarget.safeParse(request.params)
    if (!target.success) {
      const kinds = RecheckTarget.shape.kind.options.join(', ')
      const message = `The address names no kind of identifier that can be rechecked: ${kinds}.`
      return sendProblem(reply, failure('request_malformed', message, { field: 'kind' }).fault)
    }
    const attributes = { [target.data.kind]: target.data.value }
    const identity = parseIdentity(attributes)
    const identifier = identity.ok ? identity.value.identifiers[0] : undefined
    // What names no device is refused, and a random MAC decided, without asking anybody.
    // One interval for an id, also where it is the common name of a certificate.
    const key = identifier && identifierKey({ kind: identifier.kind, value: identifier.value })
    const waitMs = key === undefined ? 0 : admitRecheck(key)
    if (waitMs > 0) {
      const message = 'The device was checked again a few seconds ago.'
      return sendProblem(reply, failure('recheck_too_soon', message, { retryAfterMs: waitMs }).fault)
    }
    return answer(success({ attributes, refresh: true }), request, reply)
  })
}
