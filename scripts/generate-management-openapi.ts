import { z } from 'zod'
import {
  createDocument,
  type ZodOpenApiHeadersObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiResponseObject,
} from 'zod-openapi'
import { Liveness } from '../src/server/health.ts'
import { DecisionsQuery, DevicesQuery } from '../src/server/management-query.ts'
import {
  DecisionsAnswer,
  DevicesAnswer,
  GuardSettled,
  Purged,
  Status,
  VerboseReadiness,
} from '../src/server/management-schema.ts'
import { scopeOfRoute } from '../src/server/management-scopes.ts'
import { DecisionTrace } from '../src/trace/decision-trace.ts'
import {
  decisionResponses,
  error,
  noStore,
  renderOpenApi,
  retryAfter,
  securitySchemes,
} from './generate-openapi.ts'

const nosniff: ZodOpenApiHeadersObject = {
  'x-content-type-options': { required: true, schema: { const: 'nosniff' } },
}

/** A sentence of the description of an operation: which scope a client needs. */
function needs(route: keyof typeof scopeOfRoute): string {
  return `A client needs the scope ${scopeOfRoute[route]}.`
}

function json(description: string, schema: z.ZodType): ZodOpenApiResponseObject {
  return {
    description,
    headers: { ...noStore, ...nosniff },
    content: { 'application/json': { schema } },
  }
}

const misread = error('A query parameter is unknown or wrong. Code: request_malformed.')
/** What every address answers. */
const common = {
  '400': misread,
  '421': error('The request asks for another host than this listener. Code: host_not_served.'),
  '500': decisionResponses['500'],
} satisfies ZodOpenApiOperationObject['responses']
/** And those that name a device or change something. */
const guarded = {
  ...common,
  '401': decisionResponses['401'],
  '403': error(
    'Not from this machine and no client with frontends: [management] and the scope that this takes, not from this address, or a change that a page of another origin asks for. Code: client_forbidden.',
  ),
  '429': decisionResponses['429'],
  '503': error('Too many credentials wait to be checked. Code: service_overloaded.', retryAfter),
} satisfies ZodOpenApiOperationObject['responses']
const unreadBody = error('A body of a type that is not read; none is needed. Code: media_type_not_supported.')
const changes = {
  ...guarded,
  '413': error('A body, which is not needed, larger than 64 KiB. Code: body_too_large.'),
  '415': unreadBody,
}
const noDevice = error(
  'No identifier, or a query parameter that is unknown or wrong. Codes: identifier_malformed, request_malformed.',
)

/** Builds the OpenAPI 3.1 description of the management listener from the schemas that it uses itself. */
function describeManagementApi() {
  return createDocument({
    openapi: '3.1.1',
    info: {
      title: 'intune-nac management',
      version: '1',
      description:
        'What an operator sees and does (docs/operations.md). Callers on the same machine need no credentials unless MANAGEMENT_REQUIRE_CREDENTIALS=on (docs/clients.md). An unknown query parameter is 400, any other address 404, both as a Problem.',
    },
    servers: [{ url: 'http://127.0.0.1:9090' }],
    security: [{ basic: [] }, { bearer: [] }, {}],
    tags: [
      { name: 'health', description: 'For orchestrators and Prometheus; without credentials.' },
      { name: 'decisions', description: 'How decisions came about.' },
      { name: 'devices', description: 'What is remembered of devices.' },
      { name: 'guard', description: 'What is held back.' },
    ],
    paths: {
      '/livez': {
        get: {
          operationId: 'livez',
          summary: 'Whether the process answers',
          tags: ['health'],
          security: [],
          responses: {
            '200': {
              description: 'It does.',
              headers: noStore,
              content: { 'application/json': { schema: Liveness } },
            },
            ...common,
          },
        },
      },
      '/readyz': {
        get: {
          operationId: 'readyz',
          summary: 'Whether decisions can be made now, and what there is to be said about each part',
          tags: ['health'],
          security: [],
          responses: {
            '200': {
              description: 'They can.',
              headers: noStore,
              content: { 'application/json': { schema: VerboseReadiness } },
            },
            '503': {
              description: 'They cannot; `checks` says why.',
              headers: noStore,
              content: { 'application/json': { schema: VerboseReadiness } },
            },
            ...common,
          },
        },
      },
      '/metrics': {
        get: {
          operationId: 'metrics',
          summary: 'Prometheus metrics (docs/metrics.md)',
          tags: ['health'],
          security: [],
          responses: {
            '200': {
              description: 'The text format of Prometheus.',
              headers: noStore,
              content: { 'text/plain': { schema: z.string() } },
            },
            ...common,
          },
        },
      },
      '/status': {
        get: {
          operationId: 'status',
          summary: 'The service at this moment',
          tags: ['health'],
          security: [],
          responses: { '200': json('Its parts.', Status), ...common },
        },
      },
      '/decisions': {
        get: {
          operationId: 'findDecisions',
          summary: 'The decisions that fit, newest first',
          description:
            'Of the last 20,000, none older than 24 hours or than the start of the service; with TRACE_STORE=on of the last 24 hours. ' +
            needs('GET /decisions'),
          tags: ['decisions'],
          requestParams: { query: DecisionsQuery },
          responses: {
            '200': json('Those that fit.', DecisionsAnswer),
            ...guarded,
            '400': noDevice,
            '503': error(
              'Too many credentials wait to be checked, or too many searches are under way: 4 of one client at once, 8 of all. Code: service_overloaded.',
              retryAfter,
            ),
          },
        },
      },
      '/decisions/{decisionId}': {
        get: {
          operationId: 'traceDecision',
          summary: 'How a decision came about',
          description: needs('GET /decisions/:decisionId'),
          tags: ['decisions'],
          requestParams: {
            path: z.strictObject({ decisionId: z.string().meta({ description: 'As in the decision log.' }) }),
          },
          responses: {
            '200': json('How it came about.', DecisionTrace),
            '404': error('Not remembered. Code: decision_not_found.'),
            ...guarded,
          },
        },
      },
      '/devices': {
        get: {
          operationId: 'listDevices',
          summary: 'What is remembered of devices, page by page',
          description: `Identifiers are shown as LOG_DEVICE_IDS says. ${needs('GET /devices')}`,
          tags: ['devices'],
          requestParams: { query: DevicesQuery },
          responses: { '200': json('A page.', DevicesAnswer), ...guarded },
        },
        delete: {
          operationId: 'purgeDevices',
          summary: 'Forgets every device',
          description: needs('DELETE /devices'),
          tags: ['devices'],
          responses: { '200': json('What was forgotten.', Purged), ...changes },
        },
      },
      '/devices/{kind}/{value}': {
        delete: {
          operationId: 'purgeDevice',
          summary: 'Forgets one device',
          description: needs('DELETE /devices/:kind/:value'),
          tags: ['devices'],
          requestParams: {
            path: z.strictObject({
              kind: z.string().meta({ description: 'Kind of the identifier.', examples: ['mac'] }),
              value: z.string().meta({
                description: 'The identifier, in any usual spelling.',
                examples: ['00:50:56:a4:89:5a'],
              }),
            }),
          },
          responses: { '200': json('What was forgotten.', Purged), ...changes, '400': noDevice },
        },
      },
      '/guard/accept': {
        post: {
          operationId: 'acceptHeld',
          summary: 'What is held is real: it counts from now on',
          description: needs('POST /guard/accept'),
          tags: ['guard'],
          responses: { '200': json('What changed.', GuardSettled), ...changes },
        },
      },
      '/guard/reject': {
        post: {
          operationId: 'rejectHeld',
          summary: 'What is held is a mistake: it is forgotten',
          description: needs('POST /guard/reject'),
          tags: ['guard'],
          responses: { '200': json('What changed.', GuardSettled), ...changes },
        },
      },
    },
    components: { securitySchemes },
  })
}

/** The text of openapi-management.yaml. */
export function managementOpenApiDocument(): string {
  return renderOpenApi(describeManagementApi())
}
