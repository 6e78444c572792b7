import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify'
import { failure, type Outcome, success } from '../../errors/fault.ts'
import { sendProblem } from '../../server/problem.ts'
import type { DecisionQuestion } from './parse-question.ts'
import { RecheckTarget } from './schema.ts'

/**
 * Adds POST /devices/{kind}/{value}/recheck: asks Intune about one device now and answers with the decision. One
 * device can be rechecked once in ten seconds, whatever it is named by; before that it is 429 with Retry-After.
 */
export function registerRecheckRoute(
  app: FastifyInstance,
  answer: (
    question: Outcome<DecisionQuestion>,
    request: FastifyRequest,
    reply: FastifyReply,
    mustRefresh: boolean,
  ) => unknown,
  routeOptions: RouteShorthandOptions,
): void {
  const config = { action: 'recheck' } as const
  app.post('/devices/:kind/:value/recheck', { ...routeOptions, config }, (request, reply) => {
    const target = RecheckTarget.safeParse(request.params)
    if (!target.success) {
      const kinds = RecheckTarget.shape.kind.options.join(', ')
      const message = `The address names no kind of identifier that can be rechecked: ${kinds}.`
      return sendProblem(reply, failure('request_malformed', message, { field: 'kind' }).fault)
    }
    const attributes = { [target.data.kind]: target.data.value }
    return answer(success({ attributes, refresh: true }), request, reply, true)
  })
}
