import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction, onRequestHookHandler } from 'fastify'
import { inBackground } from '../background.ts'
import type { FrontendName } from '../decision/decide.ts'
import { type Fault, failure } from '../errors/fault.ts'
import { isAskedLocally } from './asked-locally.ts'
import type { Authentication } from './authentication.ts'
import type { FrontendOptions } from './frontend.ts'
import { peerCertificateOf } from './peer-certificate.ts'
import { traceFields } from './request-trace.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the authentication hook; empty where a route has none. */
    clientName: string
  }
}

/** What the hook of one front end works with; `refuse` renders a fault in the front end's own dialect. */
export interface AuthenticationHookParts
  extends Pick<FrontendOptions, 'authenticate' | 'logger' | 'onRefused' | 'isOverloaded'> {
  readonly frontend: FrontendName
  readonly refuse: (reply: FastifyReply, fault: Fault) => void
}

/**
 * Builds the onRequest hook of a front end: it runs before a body is read, and for unknown addresses as well.
 * Sets `request.clientName`, or refuses; then it is the name of who is known and may not.
 */
export function createAuthenticationHook(parts: AuthenticationHookParts): onRequestHookHandler {
  const { authenticate, frontend, logger, refuse, onRefused, isOverloaded } = parts

  function settle(
    outcome: Authentication,
    request: FastifyRequest,
    reply: FastifyReply,
    done: HookHandlerDoneFunction,
  ): void {
    if (outcome.ok) {
      request.clientName = outcome.value.client
      done()
      return
    }
    request.clientName = outcome.client ?? ''
    const { code } = outcome.fault
    logger.warn({ frontend, remoteAddress: request.ip, code, ...traceFields(request) }, 'caller refused')
    onRefused?.(frontend, outcome.fault.code)
    refuse(reply, outcome.fault)
  }

  return (request, reply, done) => {
    if (isOverloaded?.()) {
      // Not logged one by one: the log would be the next thing that is overloaded.
      onRefused?.(frontend, overloaded.code)
      return refuse(reply, overloaded)
    }
    const { headers, socket } = request.raw
    if (authenticate.servesMachineOnly && !isAskedLocally(headers, socket)) {
      return settle(notAskedLocally, request, reply, done)
    }
    const certificate = peerCertificateOf(socket)
    const outcome = authenticate(headers.authorization, request.ip, frontend, certificate, socket)
    // Credentials that were proven before are answered without a turn of the event loop.
    if (!(outcome instanceof Promise)) return settle(outcome, request, reply, done)
    inBackground('authentication', async () => {
      try {
        settle(await outcome, request, reply, done)
      } catch (error) {
        done(error as Error)
      }
    })
  }
}

const notAskedLocally = failure(
  'client_forbidden',
  'Without CLIENTS_FILE only callers on the machine of the service are served, by a name of its own and not through a proxy.',
)

const overloaded = failure(
  'service_overloaded',
  'More requests arrive than the service can answer in time.',
).fault
