import { STATUS_CODES } from 'node:http'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { type FaultCode, faultCatalogue } from '../errors/catalogue.ts'
import type { Fault } from '../errors/fault.ts'
import { authenticationChallenges } from './authorization-header.ts'

/** Media type of an error (RFC 9457 section 6.1). */
export const problemMediaType = 'application/problem+json'

/** An error as callers see it: RFC 9457 with the stable code, the wrong field and the remedy as extensions. */
export const Problem = z
  .strictObject({
    type: z.string().meta({
      description: 'The code as a URI: the same error always has the same type.',
      examples: ['urn:intune-nac:error:identifier_malformed'],
    }),
    title: z.string().meta({ description: 'The phrase of the HTTP status.', examples: ['Bad Request'] }),
    status: z
      .int()
      .min(400)
      .max(599)
      .meta({ description: 'The HTTP status.', examples: [400] }),
    detail: z.string().meta({
      description: 'What is wrong, in one sentence.',
      examples: ['mac: "00:50" is not a MAC address.'],
    }),
    code: z
      .string()
      .regex(/^[a-z_]+$/)
      .meta({
        description: 'Stable code: never renamed, listed in docs/error-codes.md.',
        examples: ['identifier_malformed'],
      }),
    field: z
      .string()
      .optional()
      .meta({ description: 'The input that is wrong.', examples: ['mac'] }),
    remedy: z.string().meta({
      description: 'What to do about it.',
      examples: ['The message names the field and the accepted forms.'],
    }),
  })
  .meta({ id: 'Problem', description: 'An error (RFC 9457).' })
export type Problem = z.infer<typeof Problem>

/** The one mapping from what went wrong to an HTTP status. Front ends with a dialect of their own start from it. */
export function httpStatusOf(code: FaultCode): number {
  switch (code) {
    case 'identifier_missing':
    case 'identifier_malformed':
    case 'identifier_not_supported':
    case 'login_not_supported':
    case 'request_malformed':
      return 400
    case 'unauthenticated':
      return 401
    case 'client_forbidden':
      return 403
    case 'route_not_found':
    case 'decision_not_found':
      return 404
    case 'method_not_allowed':
      return 405
    case 'body_too_large':
      return 413
    case 'media_type_not_supported':
      return 415
    case 'host_not_served':
      return 421
    case 'recheck_too_soon':
    case 'too_many_attempts':
    case 'rate_limited':
      return 429
    case 'deadline_exceeded':
    case 'service_overloaded':
      return 503
    default:
      return upstreamAreas.has(faultCatalogue[code].area) ? 503 : 500
  }
}

const upstreamAreas: ReadonlySet<string> = new Set(['network', 'entra', 'discovery', 'intune'])

/**
 * Renders a fault. Only the caller's own faults show their message: that of any other fault names hosts and
 * settings, so callers get the catalogue's sentence instead.
 */
export function presentProblem(fault: Fault, status = httpStatusOf(fault.code)): Problem {
  const { area, meaning, remedy } = faultCatalogue[fault.code]
  const isCallers = area === 'caller'
  return {
    type: `urn:intune-nac:error:${fault.code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: isCallers ? fault.message : meaning,
    code: fault.code,
    ...(isCallers && fault.field !== undefined && { field: fault.field }),
    remedy,
  }
}

/** Sends a fault as problem+json with the headers that its status asks for. */
export function sendProblem(reply: FastifyReply, fault: Fault, status = httpStatusOf(fault.code)): void {
  reply.code(status).header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
  if (status === 401) reply.header('www-authenticate', authenticationChallenges)
  if (status === 503) reply.header('retry-after', '1')
  if (status === 429) reply.header('retry-after', String(Math.ceil((fault.retryAfterMs ?? 1000) / 1000)))
  reply.type(problemMediaType).send(presentProblem(fault, status))
}
