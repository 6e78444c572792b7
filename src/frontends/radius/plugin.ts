import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'
import type { Decision } from '../../decision/decision.ts'
import { failure, type Outcome } from '../../errors/fault.ts'
import { createMethodCheck } from '../../server/allowed-methods.ts'
import { createAuthenticationHook } from '../../server/authentication-hook.ts'
import type { FrontendOptions } from '../../server/frontend.ts'
import { requestFault } from '../../server/request-fault.ts'
import { RefusedRequest } from '../../server/request-form.ts'
import { traceContextOf, traceFields } from '../../server/request-trace.ts'
import { authenticationMethodOf, isEapUnderWay } from './authentication-method.ts'
import { parseCertificateExpiry } from './certificate-expiry.ts'
import { monitorProbeOf } from './monitor-probe.ts'
import { parseRadiusRequest } from './parse-request.ts'
import {
  type PresentedDecision,
  presentDecision,
  presentFault,
  presentProbe,
  type RadiusAnswer,
  type ReplyForm,
} from './present.ts'
import { profilePlaceOf } from './profile-place.ts'
import { parseRequestContext } from './request-context.ts'
import { parseRequestIdentity } from './request-identity.ts'
import { parseRequestOrigin } from './request-origin.ts'
import { parseSiteOptions } from './site-options.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The section of the RADIUS server that a route answers. */
    radiusSection?: ReplyForm['section'] | (typeof accountingSections)[number]
  }
}

/** Where this front end is mounted. */
export const radiusPrefix = '/v1/radius'

/** The sections that decide. In `authenticate` any success would be the Accept of whoever asks, so it has no answer. */
const decidingSections = ['authorize', 'post-auth'] as const
/** The sections in which rlm_rest tells of accounting; those about a proxy are asked about log-ins as well. */
const accountingSections = ['preacct', 'accounting', 'pre-proxy', 'post-proxy'] as const

/**
 * The front end of FreeRADIUS (rlm_rest), below /v1/radius: `authorize`, `post-auth` and, for accounting, whatever section
 * asks. Answers are
 * application/json in every case, because the module takes another type for an outage or, worse, for success.
 */
export const radiusPlugin: FastifyPluginCallback<FrontendOptions> = (app, options, done) => {
  const { decide, answerTogether, logger } = options
  // rlm_rest without `body` sends `Content-Type: none`, which is no media type and would be refused unread.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body))
  app.addHook('onRequest', (request, _reply, next) => {
    // Taken away it would make a slow dictionary of the header fields.
    request.raw.headers['content-type'] = undefined
    next()
  })
  app.addHook(
    'onRequest',
    createAuthenticationHook({
      ...options,
      frontend: 'radius',
      refuse: (reply, fault) => {
        send(reply, presentFault(fault))
      },
    }),
  )
  const addresses = [...decidingSections, ...accountingSections].map(
    (section) => `${radiusPrefix}/${section}`,
  )
  app.addHook(
    'onRequest',
    createMethodCheck(addresses, (reply, fault, request) => {
      refuse(fault.code, presentFault(fault), request, reply)
    }),
  )
  app.setNotFoundHandler((_request, reply) => {
    send(reply, presentFault(failure('route_not_found', notFound).fault))
  })
  app.setErrorHandler((error, request, reply) => {
    const fault = requestFault(error)
    const { method, routeOptions } = request
    // The error is not logged with a message of its own where that could quote the body, which holds passwords.
    const err = fault.code === 'internal' ? { err: error } : {}
    logger.warn({
      event: 'radius_request_refused',
      method,
      route: routeOptions.url,
      code: fault.code,
      ...err,
      ...traceFields(request),
    })
    const isAccounting = ['preacct', 'accounting'].includes(routeOptions.config.radiusSection ?? '')
    if (isAccounting && fault.code !== 'internal' && !(error instanceof RefusedRequest)) {
      return sendNothing(reply)
    }
    send(reply, presentFault(fault))
  })
  // No HEAD: a decision would be made, with all that goes with it, and could not be said.
  for (const section of decidingSections) {
    app.route({
      method: ['GET', 'POST'],
      exposeHeadRoute: false,
      url: `/${section}`,
      config: { radiusSection: section },
      handler: (request, reply) => answer(section, request, reply),
    })
  }
  for (const section of ['preacct', 'accounting'] as const) {
    app.route({
      method: ['GET', 'POST'],
      exposeHeadRoute: false,
      url: `/${section}`,
      config: { radiusSection: section },
      // Nothing is read from it: a NAS repeats accounting until it is acknowledged, whatever is wrong with it.
      handler: (_request, reply) => sendNothing(reply),
    })
  }
  for (const section of ['pre-proxy', 'post-proxy'] as const) {
    app.route({
      method: ['GET', 'POST'],
      exposeHeadRoute: false,
      url: `/${section}`,
      config: { radiusSection: section },
      handler: acknowledgeAccounting,
    })
  }
  done()

  /** What is proxied and is no accounting is a log-in: to say "ok" to it would let in whom nobody here was asked about. */
  function acknowledgeAccounting(request: FastifyRequest, reply: FastifyReply) {
    const radius = parseRadiusRequest(request.body, request.url.split('?')[1] ?? '')
    if (radius.ok && radius.value.has('Acct-Status-Type')) return sendNothing(reply)
    const { fault } = radius.ok ? failure('route_not_found', notDecidedHere) : radius
    return refuse(fault.code, presentFault(fault), request, reply)
  }

  function answer(section: ReplyForm['section'], request: FastifyRequest, reply: FastifyReply) {
    const query = request.url.split('?')[1] ?? ''
    const radius = parseRadiusRequest(request.body, query)
    if (!radius.ok) return refuse(radius.fault.code, presentFault(radius.fault), request, reply)
    const options = parseSiteOptions(query)
    if (!options.ok) return refuse(options.fault.code, presentFault(options.fault), request, reply)
    const { calledStation, ...asked } = options.value
    const method = authenticationMethodOf(radius.value)
    const form: ReplyForm = {
      ...asked,
      section,
      place: profilePlaceOf(section, radius.value),
      macAuthentication: method === 'mab',
      isEapUnderWay: section === 'authorize' && isEapUnderWay(radius.value),
    }
    const probe = monitorProbeOf(radius.value)
    if (probe !== undefined) {
      const { clientName: client } = request
      logger.info(
        { event: 'probe', frontend: 'radius', client, probe, ...traceFields(request) },
        'monitor probe',
      )
      return send(reply, presentProbe(form))
    }
    const identity = parseRequestIdentity(radius.value)
    if (!identity.ok) return refuse(identity.fault.code, presentFault(identity.fault), request, reply)
    let presented: PresentedDecision | undefined
    // Once: for the record of what is sent, and to send it.
    const present = (decision: Decision) => {
      presented ??= presentDecision(decision, form)
      return presented
    }
    const decided = decide({
      identity: identity.value,
      refresh: false,
      frontend: 'radius',
      client: request.clientName,
      context: parseRequestContext(radius.value, calledStation),
      origin: parseRequestOrigin(radius.value, method),
      traceContext: traceContextOf(request),
      sentFor: (decision) => present(decision).sent,
      certificateExpiresAtMs: method === 'eap' ? parseCertificateExpiry(radius.value) : undefined,
    })
    if (decided instanceof Promise) {
      return decided.then((outcome) => sendDecision(outcome, present, request, reply))
    }
    answerTogether(reply, () => sendDecision(decided, present, request, reply))
  }

  function sendDecision(
    decided: Outcome<Decision>,
    present: (decision: Decision) => PresentedDecision,
    request: FastifyRequest,
    reply: FastifyReply,
  ) {
    if (!decided.ok) return refuse(decided.fault.code, presentFault(decided.fault), request, reply)
    const presented = present(decided.value)
    const { decisionId } = decided.value
    if (presented.fault) {
      const { code, message } = presented.fault
      const about = { frontend: 'radius', decisionId, code, ...traceFields(request) }
      logger.error({ event: 'profile_refused', ...about }, message)
    }
    reply.header('x-decision-id', decisionId)
    send(reply, presented.answer)
  }

  function refuse(code: string, presented: RadiusAnswer, request: FastifyRequest, reply: FastifyReply): void {
    const { method, routeOptions, clientName: client } = request
    const about = { client, method, route: routeOptions.url, code, ...traceFields(request) }
    logger.warn({ event: 'radius_request_refused', ...about })
    send(reply, presented)
  }
}

const notFound =
  'There is nothing at this address. FreeRADIUS asks /v1/radius/authorize and /v1/radius/post-auth, and tells /v1/radius/preacct and /v1/radius/accounting; nobody is authenticated here.'
const notDecidedHere =
  'Log-ins are not decided where they are proxied: take rest out of pre-proxy and post-proxy, and ask /v1/radius/post-auth.'

/** Gives nothing back: a reply that a handler returns is waited for, at the price of two listeners. */
function send(reply: FastifyReply, { status, body }: RadiusAnswer): void {
  reply
    .code(status)
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
    // With the charset, which Fastify would add to each answer by itself.
    .header('content-type', 'application/json; charset=utf-8')
    .send(body)
}

function sendNothing(reply: FastifyReply) {
  return reply.code(204).send()
}
