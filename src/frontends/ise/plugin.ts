import type {
  FastifyInstance,
  FastifyPluginCallback,
  FastifyReply,
  FastifyRequest,
  HTTPMethods,
} from 'fastify'
import type { Decision } from '../../decision/decision.ts'
import type { SentAnswer } from '../../decision/sent-answer.ts'
import { type Fault, failure, type Outcome, success } from '../../errors/fault.ts'
import type { IdentityAttributes } from '../../identity/device-identity.ts'
import { parseIdentity } from '../../identity/parse-identity.ts'
import { createAuthenticationHook } from '../../server/authentication-hook.ts'
import type { FrontendOptions } from '../../server/frontend.ts'
import { httpStatusOf } from '../../server/problem.ts'
import { traceContextOf, traceFields } from '../../server/request-trace.ts'
import { createXmlErrorHandler, sendXml, sendXmlFault, sendXmlNotFound } from './fault-reply.ts'
import { createPages } from './noncompliant-pages.ts'
import { parseActionIdentifier, parseBatchValues } from './parse-body.ts'
import {
  type PresentedDevice,
  presentDecidedDevice,
  presentDevices,
  presentListedDevice,
  presentRefusal,
  presentServerInfo,
} from './present.ts'
import {
  type ApiVersion,
  apiVersions,
  type DeviceCriterion,
  type DeviceQuestion,
  parseApiVersion,
  parseQuestion,
  type RawQuestion,
} from './question.ts'
import type { XmlElement } from './write-xml.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The methods that the address takes; only on the routes that refuse every other one. */
    allow?: string
  }
}

/** Where this front end is mounted: the one address that Cisco fixes, `/ciscoise/mdminfo`, is below it. */
export const isePrefix = '/ciscoise'

/** `query_max_size`: devices on one page of a list. Cisco's example; a page of them is 0.5 MB. */
const queryMaxSize = 1000

const identityFields: Readonly<Record<DeviceCriterion, keyof IdentityAttributes>> = {
  macaddress: 'mac',
  guid: 'deviceId',
  udid: 'udid',
  imei: 'imei',
  meid: 'meid',
  serialnumber: 'serialNumber',
}

/**
 * Cisco's MDM API, versions 1, 2 and 3, in which ISE is the caller and this service plays the MDM server
 * (developer.cisco.com, Identity Services Engine, "Mobile Device Management APIs"). Answers in XML whatever happens:
 * an unknown device is 200 with an empty deviceList, "cannot decide" is 503. Without `mdmServer` it has no route.
 */
export const isePlugin: FastifyPluginCallback<FrontendOptions> = (app, options, done) => {
  const { decide, answerTogether, logger, mdmServer } = options
  if (mdmServer === undefined) return done()
  const { redirectUrl, pathPrefix, productVersion, noncompliantDevices } = mdmServer
  const readPage = createPages(() => noncompliantDevices.list(), queryMaxSize)

  app.setErrorHandler(createXmlErrorHandler(logger))
  app.setNotFoundHandler(sendXmlNotFound)
  app.addHook('onRequest', createAuthenticationHook({ ...options, frontend: 'ise', refuse: sendXmlFault }))
  // What a body is, its bytes say: ISE's Content-Type is not documented.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, parsed) => parsed(null, body))

  route(app, 'GET', '/mdminfo', (request, reply) => {
    const version = parseApiVersion((request.query as Record<string, unknown>).ise_api_version)
    if (!version.ok) return sendXmlFault(reply, version.fault)
    const apiPath = `${pathPrefix}${isePrefix}${versionPath(version.value)}`
    return sendXml(
      reply,
      presentServerInfo(version.value, { apiPath, redirectUrl, queryMaxSize, productVersion }),
    )
  })
  for (const version of apiVersions) addVersion(version)
  done()

  function addVersion(version: ApiVersion): void {
    const path = versionPath(version)
    route(app, 'GET', `${path}/devices`, (request, reply) => {
      return answer(parseQuestion(request.query as RawQuestion, version), version, request, reply)
    })
    if (version === 1) {
      route(app, 'GET', `${path}/devices/:paging/:querycriteria/:value/:filter`, (request, reply) => {
        return answer(parseQuestion(request.params as RawQuestion, version), version, request, reply)
      })
      route(app, 'GET', `${path}/devices/:paging/:filter`, (request, reply) => {
        return answer(parseQuestion(request.params as RawQuestion, version), version, request, reply)
      })
    }
    route(app, 'POST', `${path}/batchdevices`, (request, reply) => answerBatch(version, request, reply))
    // `actionType=full_wipe` is a segment of the path, by Cisco's description.
    for (const url of [`${path}/action`, `${path}/action/:actionType`]) {
      route(app, 'POST', url, (request, reply) => refuse('action', version, request, reply))
    }
    route(app, 'PUT', `${path}/sendmessage`, (request, reply) => {
      return refuse('sendmessage', version, request, reply)
    })
  }

  function answer(
    question: Outcome<DeviceQuestion>,
    version: ApiVersion,
    request: FastifyRequest,
    reply: FastifyReply,
  ) {
    if (!question.ok) return sendXmlFault(reply, question.fault)
    const { value } = question
    if (value.about === 'device') {
      const found = lookup({ ...value, version }, request, reply)
      if (found instanceof Promise) return found.then((devices) => sendFound(version, devices, reply))
      return answerTogether(reply, () => sendFound(version, found, reply))
    }
    return answerList({ ...value, version }, request, reply)
  }

  /** A page of the list. This alone waits for the event loop, so that nobody has to wait for it. */
  async function answerList(asked: AskedList, request: FastifyRequest, reply: FastifyReply) {
    const asking = { frontend: 'ise', client: request.clientName } as const
    const { rows, next } = await readPage({
      by: asked.by,
      from: asked.from,
      present(row) {
        const listed = noncompliantDevices.judge(row.device, asking)
        return listed.verdict.outcome === 'allow' ? undefined : presentListedDevice(row, listed, asked)
      },
    })
    sendXml(reply, presentDevices(asked.version, rows, next))
  }

  /** The device of one question as the list of it: one element, or none where the device is unknown. */
  function lookup(
    asked: AskedDevice,
    request: FastifyRequest,
    reply: FastifyReply,
    batch?: Batch,
  ): Found | Promise<Found> {
    const field = identityFields[asked.criterion]
    const identity = parseIdentity({ [field]: asked.value })
    if (!identity.ok) {
      // Not an identifier that Intune could know, so no such device: ISE then goes on to the next identifier.
      const { criterion } = asked
      const { code } = identity.fault
      logger.info({ event: 'ise_value_unknown', criterion, code, ...traceFields(request) })
      return success([])
    }
    let presented: PresentedDevice | undefined
    // Once: for the record of what is sent, and to send it.
    const present = (decision: Decision) => {
      presented ??= presentDecidedDevice(decision, asked)
      return presented
    }
    const decided = decide({
      identity: identity.value,
      refresh: false,
      frontend: 'ise',
      client: request.clientName,
      isInBatch: batch !== undefined,
      sentFor: (decision) => (batch ? batch.sent(present(decision).sent) : present(decision).sent),
      traceContext: traceContextOf(request),
    })
    if (!(decided instanceof Promise)) return presentDecided(decided, present, reply)
    return decided.then((outcome) => presentDecided(outcome, present, reply))
  }

  async function answerBatch(version: ApiVersion, request: FastifyRequest, reply: FastifyReply) {
    const values = parseBatchValues(request.body)
    if (!values.ok) return sendXmlFault(reply, values.fault)
    const query = request.query as RawQuestion
    const questions = values.value.map((value) => parseQuestion({ ...query, value }, version))
    const devices: XmlElement[] = []
    const batch = createBatch()
    try {
      const lookups = questions.map((question): Found | Promise<Found> => {
        if (!question.ok) return question
        if (question.value.about === 'device') {
          return lookup({ ...question.value, version }, request, reply, batch)
        }
        return failure('request_malformed', 'Several values are taken for devices only.', {
          field: 'querycriteria',
        })
      })
      for (const found of await Promise.all(lookups)) {
        // Without one of them the list would say "unregistered" about a device nobody knows anything about.
        if (!found.ok) return sendLookupFault(reply, found.fault)
        for (const device of found.value) devices.push(device)
      }
      batch.end('answered')
      return sendXml(reply, presentDevices(version, devices))
    } finally {
      // Changes nothing where it has been answered.
      batch.end('failed')
    }
  }

  function refuse(
    what: 'action' | 'sendmessage',
    version: ApiVersion,
    request: FastifyRequest,
    reply: FastifyReply,
  ) {
    const identifier = parseActionIdentifier(request.body)
    if (!identifier.ok) return sendXmlFault(reply, identifier.fault)
    logger.warn(
      { event: 'ise_request_refused', request: what, client: request.clientName, ...traceFields(request) },
      'not carried out',
    )
    return sendXml(reply, presentRefusal(version, what, identifier.value))
  }
}

/** The elements of one device, or none where it is unknown. */
type Found = Outcome<readonly XmlElement[]>

type AskedList = Extract<DeviceQuestion, { about: 'noncompliant' }> & { readonly version: ApiVersion }

type AskedDevice = Extract<DeviceQuestion, { about: 'device' }> & { readonly version: ApiVersion }

/** One answer about many devices: what is said of each of them is known when there is an answer at all. */
interface Batch {
  sent(answer: SentAnswer): Promise<SentAnswer>
  end(how: 'answered' | 'failed'): void
}

function createBatch(): Batch {
  const { promise, resolve } = Promise.withResolvers<'answered' | 'failed'>()
  return {
    end: resolve,
    sent: async (answer) => ((await promise) === 'answered' ? answer : 'unavailable'),
  }
}

function presentDecided(
  decided: Outcome<Decision>,
  present: (decision: Decision) => PresentedDevice,
  reply: FastifyReply,
): Found {
  if (!decided.ok) return decided
  const decision = decided.value
  reply.header('x-decision-id', decision.decisionId)
  const { devices, sent } = present(decision)
  if (sent === 'unavailable') {
    const code = decision.faultCode ?? 'intune_unavailable'
    return failure(code, 'The compliance state could not be determined.')
  }
  return success(devices)
}

function sendFound(version: ApiVersion, found: Found, reply: FastifyReply): void {
  if (found.ok) sendXml(reply, presentDevices(version, found.value))
  else sendLookupFault(reply, found.fault)
}

function versionPath(version: ApiVersion): string {
  return `/mdmapi/v${version}`
}

const everyMethod = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE']

type Answer = (request: FastifyRequest, reply: FastifyReply) => unknown

/**
 * Adds a route, and the refusal of every method but its own. HEAD too: a decision would be made, with all that goes with
 * it, and could not be said.
 */
function route(app: FastifyInstance, method: 'GET' | 'POST' | 'PUT', url: string, answer: Answer): void {
  app.route({ method, url, exposeHeadRoute: false, handler: answer })
  app.route({
    method: everyMethod.filter((name) => name !== method) as HTTPMethods[],
    url,
    config: { allow: method },
    // Refused before the body is read, whatever its type.
    onRequest: refuseMethod,
    handler: refuseMethod,
  })
}

/** Whatever the reason, "cannot decide" is one status for ISE; only the caller's own faults have another. */
function sendLookupFault(reply: FastifyReply, fault: Fault): void {
  const status = httpStatusOf(fault.code)
  sendXmlFault(reply, fault, status < 500 ? status : 503)
}

function refuseMethod(request: FastifyRequest, reply: FastifyReply): void {
  const { allow = '' } = request.routeOptions.config
  reply.header('allow', allow)
  sendXmlFault(reply, failure('method_not_allowed', `This address takes ${allow}.`).fault)
}
