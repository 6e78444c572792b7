import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { type Fault, failure } from '../errors/fault.ts'

const methods = ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT']

/**
 * Builds an onRequest hook that answers a method which one of `paths` does not take: 405 with Allow, before the body is
 * read. `refuse` renders the fault in the dialect of the route. Everything else goes on.
 */
export function createMethodCheck(
  paths: readonly string[],
  refuse: (reply: FastifyReply, fault: Fault, request: FastifyRequest) => void,
): onRequestHookHandler {
  const known = new Set(paths)
  return (request, reply, done) => {
    if (!request.is404) return done()
    const path = pathOf(request.raw.url ?? '')
    if (!known.has(path)) return done()
    const taken = methods.filter((method) => request.server.hasRoute({ method, url: path }))
    const allow = taken.join(', ')
    reply.header('allow', allow)
    refuse(reply, failure('method_not_allowed', `This address takes ${allow}.`).fault, request)
  }
}

/** The address as the router compares it: no query, no slash twice or at the end. */
function pathOf(url: string): string {
  const [path = ''] = url.split(/[?;#]/)
  return path.replaceAll(/\/{2,}/g, '/').replace(/(.)\/$/, '$1')
}
