import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import { type Fault, failure } from '../errors/fault.ts'
import { sendProblem } from './problem.ts'
import { RefusedRequest } from './request-form.ts'
import { traceFields } from './request-trace.ts'

/** Turns whatever Fastify or a handler threw into a fault; what is not known to be the caller's is `internal`. */
export function requestFault(error: unknown): Fault {
  if (error instanceof RefusedRequest) return error.fault
  const { code, statusCode } = (typeof error === 'object' && error !== null ? error : {}) as {
    code?: unknown
    statusCode?: unknown
  }
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return failure('body_too_large', 'The request body is larger than the limit of the service.').fault
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return failure('media_type_not_supported', 'This route does not read the Content-Type of the request.')
        .fault
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return failure('request_malformed', 'The request body is empty; a JSON object is expected.').fault
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return failure('request_malformed', 'The request body is not valid JSON.').fault
    case 'FST_ERR_BAD_URL':
      return failure('request_malformed', 'The address is not well formed: check its percent-encoding.').fault
  }
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return failure('request_malformed', 'The request could not be read.').fault
  }
  return failure('internal', 'The request could not be answered.').fault
}

/** Answers an error of the JSON dialect; only what is not the caller's fault is logged, without the query. */
export function createProblemErrorHandler(logger: FastifyBaseLogger) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const fault = requestFault(error)
    if (fault.code === 'internal') {
      const { method, routeOptions } = request
      const about = { requestId: request.id, method, route: routeOptions.url, ...traceFields(request) }
      logger.error({ err: error, ...about }, 'request failed')
    }
    sendProblem(reply, fault)
  }
}

/** Answers an address that does not exist, in the JSON dialect. */
export function sendRouteNotFound(_request: FastifyRequest, reply: FastifyReply): void {
  sendProblem(reply, failure('route_not_found', 'There is nothing at this address.').fault)
}
