import type { RequestListener } from 'node:http'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  LogController,
  type onRequestHookHandler,
} from 'fastify'
import type { FaultCode } from '../errors/catalogue.ts'
import { failure } from '../errors/fault.ts'
import { isLoopbackAddress, type Networks } from '../networks/networks.ts'
import { createActionHook, type NoteAction } from './action-hook.ts'
import { createAnswerTogether } from './answer-together.ts'
import { createHostCheck, type HostCheck } from './asked-locally.ts'
import { answerClientError } from './client-error.ts'
import { limitConnections } from './connection-limit.ts'
import { endConnectionsEarly } from './early-answer.ts'
import { readForwardedFor } from './forwarded-addresses.ts'
import type { Frontend, FrontendOptions } from './frontend.ts'
import { type Readiness, registerHealthRoutes } from './health.ts'
import type { HttpsServers } from './https-server.ts'
import { refuseUnknownParameters } from './management-query.ts'
import { sendProblem } from './problem.ts'
import { createProblemErrorHandler, sendRouteNotFound } from './request-fault.ts'
import { refuseMalformedRequest } from './request-form.ts'

/** What the main server works with. */
export interface ServerParts extends Omit<FrontendOptions, 'answerTogether'> {
  readonly frontends: readonly Frontend[]
  readonly readiness: () => Readiness
  /** Absent: the server speaks HTTP. */
  readonly https?: HttpsServers
  /** Reverse proxies whose X-Forwarded-For is believed; absent: nobody's is. */
  readonly trustedProxies?: Networks
  /** Connections at once; default 16384, each about 15 KiB while it is idle. */
  readonly maxConnections?: number
  /** Connections of one address at once, trusted proxies aside; default 4096. */
  readonly maxConnectionsPerAddress?: number
  /** Called for every connection above a limit, which is closed at once. */
  readonly onConnectionDropped?: () => void
}

/** A RADIUS request with a certificate in it stays below 8 KiB; nothing that callers send comes near this. */
const maxBodyBytes = 64 * 1024
/** All header fields with the request line; a URL with a whole certificate SAN fits. */
const maxHeaderBytes = 16 * 1024
/** Callers keep a few connections each; whoever opens this many wants something else than decisions. The process needs more descriptors than this. */
export const defaultMaxConnections = 16_384
/** Enough for a RADIUS server with a thousand threads, and four strangers are needed to hold all. */
const defaultMaxConnectionsPerAddress = 4096
/** How long one request may take to arrive. */
const requestTimeoutMs = 10_000
/** How long a connection may say nothing while a request is under way; far above any decision deadline. */
const connectionTimeoutMs = 30_000
/** FreeRADIUS's rlm_rest keeps idle connections for 60 s: who closes first must be the client, or requests get lost. */
const keepAliveTimeoutMs = 72_000

const httpLimits = {
  maxHeaderSize: maxHeaderBytes,
  headersTimeout: requestTimeoutMs,
  requestTimeout: requestTimeoutMs,
  // Node looks for late requests every 30 s unless told otherwise.
  connectionsCheckingInterval: requestTimeoutMs / 2,
  // Said, so that --insecure-http-parser does not change it.
  insecureHTTPParser: false,
}

/**
 * Builds the server that answers decisions: the front ends, /livez and /readyz, not yet listening.
 * Whatever no front end answers is problem+json.
 */
export function createServer(parts: ServerParts): FastifyInstance {
  const { decide, authenticate, logger, frontends, readiness, findDecision, mdmServer } = parts
  const { onRefused, isOverloaded, onConnectionDropped, onAction } = parts
  const app = createBareServer(logger, {
    ...(parts.https && { https: parts.https }),
    ...(parts.trustedProxies && { trustedProxies: parts.trustedProxies }),
    ...(mdmServer?.pathPrefix && { pathPrefix: mdmServer.pathPrefix }),
  })
  limitConnections(app.server, {
    maxConnections: parts.maxConnections ?? defaultMaxConnections,
    maxPerAddress: parts.maxConnectionsPerAddress ?? defaultMaxConnectionsPerAddress,
    isExempt: (address) => parts.trustedProxies?.contains(address) ?? false,
    onDropped: () => onConnectionDropped?.(),
  })
  app.decorateRequest('clientName', '')
  registerHealthRoutes(app, { readiness, verbose: false })
  const answerTogether = createAnswerTogether()
  for (const { plugin, prefix } of frontends) {
    app.register(plugin, {
      prefix,
      decide,
      answerTogether,
      authenticate,
      logger,
      ...(onRefused && { onRefused }),
      ...(isOverloaded && { isOverloaded }),
      ...(onAction && { onAction }),
      ...(findDecision && { findDecision }),
      ...(mdmServer && { mdmServer }),
    })
  }
  return app
}

/**
 * Builds the management server, for the machine's own network only: /livez and /readyz with what fails. It answers to
 * its own host alone (421).
 */
export function createManagementServer(parts: {
  readonly logger: FastifyBaseLogger
  readonly readiness: () => Readiness
  /** Which hosts it may be asked for besides loopback; absent: the address of the connection and the machine's name. */
  readonly isServedHost?: HostCheck
  readonly onRefused?: (door: 'management', code: FaultCode) => void
  /** Absent: nobody keeps what operators do. */
  readonly onAction?: NoteAction
  /** Absent: it speaks HTTP. */
  readonly https?: HttpsServers
}): FastifyInstance {
  const { isServedHost = createHostCheck('127.0.0.1', []), onRefused, onAction } = parts
  const app = createBareServer(parts.logger, parts.https && { https: parts.https })
  app.decorateRequest('clientName', '')
  if (onAction) app.addHook('onSend', createActionHook(onAction))
  app.addHook('onRequest', (request, reply, done) => {
    const { headers, socket } = request.raw
    if (isServedHost(headers.host, socket.localAddress)) return done()
    const { code } = otherHost
    parts.logger.warn({ listener: 'management', remoteAddress: request.ip, code }, 'caller refused')
    onRefused?.('management', code)
    sendProblem(reply, otherHost)
  })
  app.addHook('preValidation', refuseUnknownParameters)
  registerHealthRoutes(app, { readiness: parts.readiness, verbose: true })
  return app
}

const otherHost = failure('host_not_served', 'The request asks for another host than this listener.').fault

interface BareServerOptions extends Pick<ServerParts, 'https' | 'trustedProxies'> {
  readonly pathPrefix?: string
}

function createBareServer(
  logger: FastifyBaseLogger,
  { https, pathPrefix, trustedProxies }: BareServerOptions = {},
): FastifyInstance {
  const onError = createProblemErrorHandler(logger)
  const app = Fastify({
    loggerInstance: logger,
    // One decision is one log line, written by the decision service; a child logger per request would cost more.
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (parent) => parent,
    // A caller's header never becomes an id in our log, but for the hex digits of a valid traceparent (request-trace.ts).
    requestIdHeader: false,
    // With proxies: the rightmost address that is not one of them, which is the one that the outermost of them wrote.
    trustProxy: trustedProxies ? (address) => trustedProxies.contains(address) : false,
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: connectionTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    // While the server drains, a request on an open connection still gets its decision.
    return503OnClosing: false,
    http: httpLimits,
    ...(https && { serverFactory: createServerFactory(https) }),
    ...(pathPrefix && { rewriteUrl: (request: Addressed) => withoutPrefix(request.url ?? '/', pathPrefix) }),
    routerOptions: {
      caseSensitive: true,
      // NAC products append and double slashes: ISE asks for /ciscoise/mdminfo/ and for /ciscoise/mdminfo.
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
      maxParamLength: 256,
    },
    frameworkErrors: onError,
    clientErrorHandler: (error, socket) => answerClientError(error, socket, early.isAnswered(socket)),
  })
  app.addHook('onRequest', refuseMalformedRequest)
  if (trustedProxies) app.addHook('onRequest', createForwardedForHook(logger))
  const early = endConnectionsEarly(app, maxBodyBytes)
  app.setErrorHandler(onError)
  app.setNotFoundHandler(sendRouteNotFound)
  return app
}

/**
 * Leaves in X-Forwarded-For what Fastify can take for addresses. An element that is none would otherwise be the caller's
 * address, another one for each connection where it has a port, and wrong credentials would be counted for nobody.
 */
function createForwardedForHook(logger: FastifyBaseLogger): onRequestHookHandler {
  let isSaid = false
  return (request, _reply, done) => {
    const { headers, socket } = request.raw
    const field = headers['x-forwarded-for']
    if (typeof field === 'string') {
      const { addresses, isWhole } = readForwardedFor(field)
      const teller = addresses[0] ?? socket.remoteAddress ?? ''
      // Counted as the proxy's, but nobody whom a proxy on this machine forwards is let in as a caller on this machine.
      const known = isWhole || !isLoopbackAddress(teller) ? addresses : [nobodysAddress, ...addresses]
      headers['x-forwarded-for'] = known.length === 0 ? undefined : known.join(',')
      if (!isWhole && !isSaid) {
        isSaid = true
        logger.warn(
          { event: 'forwarded_address_unreadable', proxy: socket.remoteAddress },
          'X-Forwarded-For of a trusted proxy holds something that is no address: such callers count as the proxy itself',
        )
      }
    }
    done()
  }
}

/** Fastify leaves the limits of a server that it did not make itself alone. */
function createServerFactory(https: HttpsServers) {
  return (handler: RequestListener) => {
    const server = https.create({ ...httpLimits, handshakeTimeout: requestTimeoutMs }, handler)
    server.keepAliveTimeout = keepAliveTimeoutMs
    server.setTimeout(connectionTimeoutMs)
    return server
  }
}

/** RFC 1122 section 3.2.1.3: no connection comes from it. */
const nobodysAddress = '0.0.0.0'

interface Addressed {
  readonly url?: string | undefined
}

/** A proxy may leave the prefix on or take it off. */
function withoutPrefix(url: string, prefix: string): string {
  if (!url.startsWith(prefix)) return url
  const rest = url.slice(prefix.length)
  return rest === '' || rest.startsWith('?') ? `/${rest}` : rest.startsWith('/') ? rest : url
}
