import type { FastifyInstance } from 'fastify'
import { failure } from '../../errors/fault.ts'
import type { FindDecision } from '../../server/frontend.ts'
import { sendProblem } from '../../server/problem.ts'

/**
 * Adds GET /decisions/{decisionId}: how a decision came about, for the client that it was made for. What was made for
 * another client is answered as what never was.
 */
export function registerDecisionRoute(app: FastifyInstance, findDecision: FindDecision): void {
  app.get<{ Params: { decisionId: string } }>('/decisions/:decisionId', async (request, reply) => {
    const trace = await findDecision(request.clientName, request.params.decisionId)
    if (trace === undefined) {
      const message = 'No decision of this client with that id is remembered.'
      return sendProblem(reply, failure('decision_not_found', message).fault)
    }
    return reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff').send(trace)
  })
}
