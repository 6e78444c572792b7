import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'
import type { Decision } from '../../decision/decision.ts'
import { failure, type Outcome } from '../../errors/fault.ts'
import { parseIdentity } from '../../identity/parse-identity.ts'
import { createActionHook } from '../../server/action-hook.ts'
import { createAuthenticationHook } from '../../server/authentication-hook.ts'
import type { FrontendOptions } from '../../server/frontend.ts'
import { sendProblem } from '../../server/problem.ts'
import { createProblemErrorHandler, sendRouteNotFound } from '../../server/request-fault.ts'
import { traceContextOf } from '../../server/request-trace.ts'
import { registerDecisionRoute } from './decision-route.ts'
import { type DecisionQuestion, parseDecisionBody, parseDecisionQuery } from './parse-question.ts'
import { isAnswerable, presentDecision } from './present.ts'
import { registerRecheckRoute } from './recheck.ts'
import { decisionAnswerSerialization } from './schema.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The methods that the address takes; only on the routes that refuse every other one. */
    allow?: string
  }
}

/**
 * The generic front end, below /v1: a question in the query or in JSON, a flat JSON answer, errors as RFC 9457
 * problem+json. 200 for every decision; 503 where policy is `fail` and the state could not be determined.
 */
export const jsonPlugin: FastifyPluginCallback<FrontendOptions> = (app, options, done) => {
  const { decide, answerTogether, logger } = options
  app.setErrorHandler(createProblemErrorHandler(logger))
  app.setNotFoundHandler(sendRouteNotFound)
  app.addHook('onRequest', createAuthenticationHook({ ...options, frontend: 'json', refuse: sendProblem }))
  // Fastify reads text/plain too unless told otherwise; here it is 415.
  app.removeContentTypeParser('text/plain')

  const schema = { response: { 200: decisionAnswerSerialization } }
  // HEAD would make a decision, with all that goes with it, and could not say it.
  app.get('/decision', { schema, exposeHeadRoute: false }, (request, reply) => {
    return answer(parseDecisionQuery(request.query), request, reply)
  })
  app.post('/decision', { schema }, (request, reply) => {
    return answer(parseDecisionBody(request.body), request, reply)
  })
  app.route({
    method: ['DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'PUT', 'QUERY', 'TRACE'],
    url: '/decision',
    config: { allow: 'GET, POST' },
    // Refused before the body is read, whatever its type.
    onRequest: refuseMethod,
    handler: refuseMethod,
  })
  const { findDecision = async () => undefined, onAction } = options
  registerRecheckRoute(app, answer, { schema, ...(onAction && { onSend: createActionHook(onAction) }) })
  registerDecisionRoute(app, findDecision)
  done()

  function answer(
    question: Outcome<DecisionQuestion>,
    request: FastifyRequest,
    reply: FastifyReply,
    mustRefresh = false,
  ) {
    if (!question.ok) return sendProblem(reply, question.fault)
    const identity = parseIdentity(question.value.attributes)
    if (!identity.ok) return sendProblem(reply, identity.fault)
    const decided = decide({
      identity: identity.value,
      refresh: question.value.refresh,
      mustRefresh,
      frontend: 'json',
      client: request.clientName,
      traceContext: traceContextOf(request),
    })
    if (decided instanceof Promise) return decided.then((outcome) => sendDecision(reply, outcome))
    answerTogether(reply, () => sendDecision(reply, decided))
  }
}

function sendDecision(reply: FastifyReply, decided: Outcome<Decision>) {
  if (!decided.ok) return sendProblem(reply, decided.fault)
  const decision = decided.value
  reply.header('x-decision-id', decision.decisionId)
  if (!isAnswerable(decision)) {
    const code = decision.faultCode ?? 'intune_unavailable'
    return sendProblem(reply, failure(code, 'The compliance state could not be determined.').fault, 503)
  }
  if (decision.refreshInMs !== undefined) {
    reply.header('retry-after', String(Math.ceil(decision.refreshInMs / 1000)))
  }
  reply
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
    .send(presentDecision(decision))
}

function refuseMethod(request: FastifyRequest, reply: FastifyReply): void {
  const { allow = '' } = request.routeOptions.config
  reply.header('allow', allow)
  sendProblem(reply, failure('method_not_allowed', `This address takes ${allow}.`).fault)
}
