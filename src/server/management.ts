import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  HookHandlerDoneFunction,
  onRequestHookHandler,
} from 'fastify'
import { inBackground } from '../background.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { OperatorActionName } from '../decision/operator-action.ts'
import type { FaultCode } from '../errors/catalogue.ts'
import { failure } from '../errors/fault.ts'
import { isLoopbackAddress } from '../networks/networks.ts'
import type { DecisionFilter } from '../trace/decision-filter.ts'
import type { DecisionTrace } from '../trace/decision-trace.ts'
import type { FoundTraces } from '../trace/trace-store.ts'
import { isForwarded } from './asked-locally.ts'
import type { Authenticate, Authentication, Authenticator } from './authentication.ts'
import { createPlaces } from './concurrent-searches.ts'
import {
  DecisionsQuery,
  type DevicesPage,
  DevicesQuery,
  parseDecisionsQuery,
  parseDevicesQuery,
} from './management-query.ts'
import type { DevicesAnswer } from './management-schema.ts'
import { type ManagementScope, scopeOf } from './management-scopes.ts'
import { peerCertificateOf } from './peer-certificate.ts'
import { sendProblem } from './problem.ts'

/** What the management routes show and do; everything else about them is HTTP. The values are JSON as they are. */
export interface ManagementParts {
  /** The text for Prometheus with its media type. */
  readonly exposeMetrics: () => Promise<{ readonly contentType: string; readonly text: string }>
  /** The service at this moment: upstream, cache, runway, guard, list, state. */
  readonly status: () => Readonly<Record<string, unknown>>
  readonly acceptHeld: () => Promise<Readonly<Record<string, unknown>> & { readonly records: number }>
  readonly rejectHeld: () => Readonly<Record<string, unknown>> & { readonly records: number }
  /** Undefined where the kind and value name no device, else how many records were forgotten. */
  readonly purge: (kind: string, value: string) => Purged | Promise<Purged>
  readonly purgeAll: () => number
  /** True: callers on this machine need credentials as well. */
  readonly requiresCredentials?: boolean
  /** Who callers from other machines are; absent: nobody is let in. */
  readonly authenticate?: Pick<Authenticator, 'hasOperators'> & Authenticate
  readonly onRefused?: (door: 'management', code: FaultCode) => void
  readonly traces: {
    readonly find: (decisionId: string) => Promise<DecisionTrace | undefined>
    /** Newest first; undefined where the device can be no identifier. */
    readonly search: (filter: DecisionFilter, limit: number) => Promise<FoundTraces | undefined>
  }
  readonly listDevices: (page: DevicesPage) => Promise<DevicesAnswer>
  /** Default: the system's. */
  readonly clock?: Clock
}

/** A number of records, or whether there was one. */
type Purged = number | boolean | undefined

/**
 * Adds what an operator needs to the management listener: GET /metrics, /status, /decisions and /devices, POST
 * /guard/accept and /guard/reject, DELETE /devices/{kind}/{value} and /devices. Callers on this machine need no credentials, unless the
 * settings say so. Where the listener is opened for probes and Prometheus, everything that names a device or changes
 * something asks callers from elsewhere, and those whom a proxy on this machine passes on, for those of a client with
 * `management` and the scope of the route, and refuses them all where there is no such client. What changes something is refused to web pages of
 * another origin.
 */
export function registerManagementRoutes(app: FastifyInstance, parts: ManagementParts): void {
  // Before the first route: one of which nobody has said who may use it is a defect, found at the start.
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat())
      if (scopeOf(one, url) === undefined) throw new Error(`${one} ${url} has no scope`)
  })
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await parts.exposeMetrics()
    return reply.header('cache-control', 'no-store').type(contentType).send(text)
  })
  app.get('/status', (_request, reply) => sendJson(reply, parts.status()))
  app.register((local, _options, done) => {
    local.addHook('onRequest', createOperatorHook(parts))
    registerDecisionRoutes(local, parts)
    registerDeviceRoutes(local, parts)
    registerChanges(local, parts)
    done()
  })
}

/** What an operator may change: a held flip, and what is remembered. Each is told by its `action`. */
function registerChanges(app: FastifyInstance, parts: ManagementParts): void {
  const as = (action: OperatorActionName) => ({ config: { action }, onRequest: refuseOtherOrigins })
  app.post('/guard/accept', as('guard_accept'), async (request, reply) => {
    const settled = await parts.acceptHeld()
    request.changedRecords = settled.records
    return sendJson(reply, settled)
  })
  app.post('/guard/reject', as('guard_reject'), (request, reply) => {
    const settled = parts.rejectHeld()
    request.changedRecords = settled.records
    return sendJson(reply, settled)
  })
  app.delete('/devices', as('purge_all'), async (request, reply) => {
    const purged = parts.purgeAll()
    request.changedRecords = purged
    return sendJson(reply, { purged })
  })
  app.delete<{ Params: { kind: string; value: string } }>(
    '/devices/:kind/:value',
    as('purge_device'),
    async (request, reply) => {
      const purged = await parts.purge(request.params.kind, request.params.value)
      if (purged === undefined) {
        const message = 'The address names no device: /devices/mac/005056A4895A or /devices/deviceId/<GUID>.'
        return sendProblem(reply, failure('identifier_malformed', message).fault)
      }
      request.changedRecords = Number(purged)
      return sendJson(reply, { purged: Number(purged) })
    },
  )
}

/** One decision by its id, and those that fit a filter, newest first: at most 50, or `limit` up to 1000. */
function registerDecisionRoutes(
  app: FastifyInstance,
  { traces, clock = systemClock }: ManagementParts,
): void {
  app.get<{ Params: { decisionId: string } }>('/decisions/:decisionId', async ({ params }, reply) => {
    const trace = await traces.find(params.decisionId)
    if (trace) return sendJson(reply, trace)
    return sendProblem(reply, failure('decision_not_found', 'No decision with that id is remembered.').fault)
  })
  const places = createPlaces(concurrentSearches)
  app.get('/decisions', { config: { query: DecisionsQuery } }, async ({ query, clientName }, reply) => {
    const asked = parseDecisionsQuery(query, clock.nowMs())
    if (!asked.ok) return sendProblem(reply, asked.fault)
    const giveBack = places.take(clientName)
    if (giveBack === undefined) return sendProblem(reply, tooManySearches)
    try {
      const found = await traces.search(asked.value.filter, asked.value.limit)
      if (found) return sendJson(reply, { decisions: found.traces, complete: found.isComplete })
    } finally {
      giveBack()
    }
    const message = 'device is no identifier of any kind.'
    return sendProblem(reply, failure('identifier_malformed', message, { field: 'device' }).fault)
  })
}

const concurrentSearches = { ofCaller: 4, inAll: 8 }
const tooManySearches = failure(
  'service_overloaded',
  `Too many searches are under way: ${concurrentSearches.ofCaller} of one client at once, ${concurrentSearches.inAll} of all.`,
).fault

/** What is remembered, page by page. */
function registerDeviceRoutes(app: FastifyInstance, { listDevices }: ManagementParts): void {
  app.get('/devices', { config: { query: DevicesQuery } }, async ({ query }, reply) => {
    const page = parseDevicesQuery(query)
    return page.ok ? sendJson(reply, await listDevices(page.value)) : sendProblem(reply, page.fault)
  })
}

function sendJson(reply: FastifyReply, body: Readonly<Record<string, unknown>>) {
  return reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff').send(body)
}

function createOperatorHook({
  authenticate,
  onRefused,
  requiresCredentials = false,
}: ManagementParts): onRequestHookHandler {
  function settle(
    outcome: Authentication,
    request: FastifyRequest,
    reply: FastifyReply,
    done: HookHandlerDoneFunction,
  ): void {
    request.clientName = (outcome.ok ? outcome.value.client : outcome.client) ?? ''
    const fault = outcome.ok ? missingScope(request, outcome.value.scopes) : outcome.fault
    if (fault === undefined) {
      done()
      return
    }
    request.log.warn(
      { listener: 'management', remoteAddress: request.ip, code: fault.code },
      'caller refused',
    )
    onRefused?.('management', fault.code)
    sendProblem(reply, fault)
  }

  return (request, reply, done) => {
    const { headers, socket } = request.raw
    const isLocal = isLoopbackAddress(request.ip) && !isForwarded(headers)
    if (isLocal && !requiresCredentials) {
      request.clientName = 'local'
      return done()
    }
    if (authenticate?.hasOperators() !== true) {
      return settle(isLocal ? noOperators : notLocal, request, reply, done)
    }
    const certificate = peerCertificateOf(socket)
    const outcome = authenticate(headers.authorization, request.ip, 'management', certificate, socket)
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

/** Undefined where the client may use the route. */
function missingScope(request: FastifyRequest, scopes: readonly ManagementScope[] | undefined) {
  const needed = scopeOf(request.method, request.routeOptions.url ?? '')
  if (needed !== undefined && needed !== 'open' && scopes?.includes(needed)) return undefined
  return failure('client_forbidden', `The client lacks the scope ${needed}.`).fault
}

const notLocal = failure(
  'client_forbidden',
  'This is answered to callers on the same machine only, and not through a proxy on it.',
)
const noOperators = failure(
  'client_forbidden',
  'This takes the credentials of a client with frontends: [management], and CLIENTS_FILE has none.',
)

/**
 * A web page that an operator has open can send requests to addresses of the machine, and a browser says where such a
 * request comes from (Fetch Metadata; RFC 6454 section 7.3). curl and scripts say nothing.
 */
function refuseOtherOrigins(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  const { origin, host, 'sec-fetch-site': site } = request.headers
  const isOwnPage = origin === undefined || origin === `http://${host}` || origin === `https://${host}`
  if (isOwnPage && (site === undefined || site === 'same-origin' || site === 'none')) {
    done()
    return
  }
  sendProblem(reply, failure('client_forbidden', 'The request comes from a page of another origin.').fault)
}
