import { stringify } from 'yaml'
import { z } from 'zod'
import {
  createDocument,
  type ZodOpenApiHeadersObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiResponseObject,
} from 'zod-openapi'
import { DecisionAnswer, DecisionBody, DecisionQuery, RecheckTarget } from '../src/frontends/json/schema.ts'
import { Liveness, ReadinessAnswer } from '../src/server/health.ts'
import { Problem, problemMediaType } from '../src/server/problem.ts'
import { DecisionTrace } from '../src/trace/decision-trace.ts'
import { isePaths, iseSchemas } from './openapi-ise.ts'
import { radiusPaths, radiusSchemas } from './openapi-radius.ts'

export const noStore: ZodOpenApiHeadersObject = {
  'cache-control': { required: true, schema: { const: 'no-store' } },
}
const decisionId: ZodOpenApiHeadersObject = {
  'x-decision-id': {
    description: 'Names the decision in the log.',
    required: true,
    schema: { type: 'string' },
  },
}
export const retryAfter: ZodOpenApiHeadersObject = {
  'retry-after': { description: 'Seconds to wait.', required: true, schema: { type: 'string' } },
}

const refreshAfter: ZodOpenApiHeadersObject = {
  'retry-after': {
    description: 'With refresh=true that came too soon: seconds until Intune can be asked again.',
    required: false,
    schema: { type: 'string' },
  },
}

/** How callers say who they are, on both listeners. */
export const securitySchemes = {
  basic: {
    type: 'http',
    scheme: 'basic',
    description: 'User name and password of a client (RFC 7617).',
  },
  bearer: { type: 'http', scheme: 'bearer', description: 'Token of a client (RFC 6750).' },
} as const

export function error(description: string, headers: ZodOpenApiHeadersObject = {}): ZodOpenApiResponseObject {
  return {
    description,
    headers: { ...noStore, ...headers },
    content: { [problemMediaType]: { schema: Problem } },
  }
}

export const decisionResponses = {
  '200': {
    description: 'A decision, whatever it is.',
    headers: { ...noStore, ...decisionId, ...refreshAfter },
    content: { 'application/json': { schema: DecisionAnswer } },
  },
  '400': error(
    'An identifier is missing or malformed, or the request has an unknown name in it. Codes: identifier_missing, identifier_malformed, identifier_not_supported, request_malformed.',
  ),
  '401': error('No credentials, or wrong ones. Code: unauthenticated.', {
    'www-authenticate': {
      description: 'The challenges for Basic and Bearer.',
      required: true,
      schema: { type: 'string' },
    },
  }),
  '403': error('The client may not use this front end, or not from this address. Code: client_forbidden.'),
  '429': error(
    'The client asks too often, or the credentials are wrong after many others from this address. Codes: rate_limited, too_many_attempts.',
    retryAfter,
  ),
  '500': error('A defect of the service. Code: internal.'),
  '503': error(
    'The state could not be determined and policy is to say so, or more arrives than the service can answer. The code says why.',
    // Absent where the request was refused before there was a decision.
    { ...retryAfter, 'x-decision-id': { ...decisionId['x-decision-id'], required: false } },
  ),
} satisfies ZodOpenApiOperationObject['responses']

/** Builds the OpenAPI 3.1 description from the schemas that the front end itself uses. */
function describeApi() {
  return createDocument({
    openapi: '3.1.1',
    info: {
      title: 'intune-nac',
      version: '1',
      description:
        'May this device in? Decisions from the compliance state in Microsoft Intune. Any other method on /v1/decision, /livez and /readyz is 405, any other address 404, both as a Problem. Below /v1/radius and /ciscoise every answer is in the dialect of that front end: another method is 405, and another address 400 (RADIUS) or 404 (ISE). Two Host fields are 400, and a body with a Content-Encoding is 415, everywhere.',
    },
    servers: [{ url: '/' }],
    security: [{ basic: [] }, { bearer: [] }],
    tags: [
      { name: 'decisions', description: 'Questions about one device.' },
      { name: 'radius', description: 'FreeRADIUS, by rlm_rest (docs/freeradius.md).' },
      { name: 'ise', description: "Cisco ISE, by Cisco's MDM API (docs/ise.md)." },
      { name: 'health', description: 'For orchestrators; without credentials.' },
    ],
    paths: {
      '/v1/decision': {
        get: {
          operationId: 'askDecision',
          summary: 'Asks about one device, in the query',
          description: 'At least one identifier; the best rank decides.',
          tags: ['decisions'],
          requestParams: { query: DecisionQuery },
          responses: decisionResponses,
        },
        post: {
          operationId: 'postDecision',
          summary: 'Asks about one device, in JSON',
          description: 'The same names as in the query; use it for texts that do not fit a URL.',
          tags: ['decisions'],
          requestBody: { required: true, content: { 'application/json': { schema: DecisionBody } } },
          responses: {
            ...decisionResponses,
            '413': error('The body is larger than 64 KiB. Code: body_too_large.'),
            '415': error('The body is not application/json, or compressed. Code: media_type_not_supported.'),
          },
        },
      },
      '/v1/devices/{kind}/{value}/recheck': {
        post: {
          operationId: 'recheckDevice',
          summary: 'Asks Intune again about one device',
          description:
            'Without a body. One device can be rechecked once in ten seconds, whatever it is named by; refresh=true counts as well.',
          tags: ['decisions'],
          requestParams: { path: RecheckTarget },
          responses: {
            ...decisionResponses,
            '429': error(
              'The device was rechecked a few seconds ago, or one of the others. Codes: recheck_too_soon, rate_limited, too_many_attempts.',
              retryAfter,
            ),
          },
        },
      },
      '/v1/decisions/{decisionId}': {
        get: {
          operationId: 'traceDecision',
          summary: 'Tells how a decision came about',
          description:
            'Of the last 20,000 decisions, none older than 24 hours or than the start of the service. A client sees its own. Identifiers are shown as LOG_DEVICE_IDS says.',
          tags: ['decisions'],
          requestParams: {
            path: z.strictObject({
              decisionId: z.string().meta({
                description: 'As in the answer and in x-decision-id.',
                examples: ['5c8f0f5e-7c1d-4c55-9b3e-0f4f5f0a6f0e'],
              }),
            }),
          },
          responses: {
            '200': {
              description: 'How it came about.',
              headers: noStore,
              content: { 'application/json': { schema: DecisionTrace } },
            },
            '401': decisionResponses['401'],
            '403': decisionResponses['403'],
            '404': error('Not remembered, or made for another client. Code: decision_not_found.'),
            '500': decisionResponses['500'],
            '503': error('Too many credentials wait to be checked. Code: service_overloaded.', retryAfter),
          },
        },
      },
      ...radiusPaths,
      ...isePaths,
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
          },
        },
      },
      '/readyz': {
        get: {
          operationId: 'readyz',
          summary: 'Whether decisions can be made now',
          tags: ['health'],
          security: [],
          responses: {
            '200': {
              description: 'They can.',
              headers: noStore,
              content: { 'application/json': { schema: ReadinessAnswer } },
            },
            '500': error('A defect of the service. Code: internal.'),
            '503': {
              description: 'They cannot; `checks` says what fails.',
              headers: noStore,
              content: { 'application/json': { schema: ReadinessAnswer } },
            },
          },
        },
      },
    },
    components: {
      schemas: { ...radiusSchemas, ...iseSchemas },
      securitySchemes,
    },
  })
}

/** The text of openapi.yaml; the same schemas always give the same text. */
export function openApiDocument(): string {
  return renderOpenApi(describeApi())
}

/** A description as the text of a generated file. */
export function renderOpenApi(document: ReturnType<typeof createDocument>): string {
  const head = '# Generated from the zod schemas by `npm run generate`. Do not edit.\n'
  // Quoted throughout: readers of YAML 1.1 take a plain time stamp or `yes` for something else than a text.
  const style = { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' } as const
  return head + stringify(document, { ...style, lineWidth: 110, aliasDuplicateObjects: false })
}
