import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import { type Fault, failure } from '../../errors/fault.ts'
import { authenticationChallenges } from '../../server/authorization-header.ts'
import { httpStatusOf } from '../../server/problem.ts'
import { requestFault } from '../../server/request-fault.ts'
import { traceFields } from '../../server/request-trace.ts'
import { presentFault } from './present.ts'

/** Sends a document of this dialect. */
export function sendXml(reply: FastifyReply, xml: string): void {
  reply
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
    .type('application/xml; charset=utf-8')
    .send(xml)
}

/**
 * Sends a fault in XML, with the header fields that its status asks for. Cisco's description knows the status 200 only,
 * so ISE is expected to take any other one as "MDM server unreachable".
 */
export function sendXmlFault(reply: FastifyReply, fault: Fault, status = xmlStatusOf(fault)): void {
  // ISE speaks Basic; a second challenge would only be something more to trip over.
  if (status === 401) reply.header('www-authenticate', authenticationChallenges[0])
  if (status === 503) reply.header('retry-after', '1')
  sendXml(reply.code(status), presentFault(fault, status))
}

/** Cisco's API has no 429, and nothing says how ISE would take one. */
function xmlStatusOf({ code }: Fault): number {
  if (code === 'too_many_attempts') return 403
  return code === 'rate_limited' ? 503 : httpStatusOf(code)
}

/** Answers whatever was thrown below this front end; only what is not the caller's fault is logged, without the query. */
export function createXmlErrorHandler(logger: FastifyBaseLogger) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const fault = requestFault(error)
    if (fault.code === 'internal') {
      const { method, routeOptions } = request
      const about = { requestId: request.id, method, route: routeOptions.url, ...traceFields(request) }
      logger.error({ err: error, ...about }, 'request failed')
    }
    sendXmlFault(reply, fault)
  }
}

/** Answers an address below this front end that does not exist. */
export function sendXmlNotFound(_request: FastifyRequest, reply: FastifyReply): void {
  sendXmlFault(reply, failure('route_not_found', 'There is nothing at this address.').fault)
}
