import type {
  oas31,
  ZodOpenApiHeadersObject,
  ZodOpenApiOperationObject,
  ZodOpenApiPathsObject,
  ZodOpenApiResponseObject,
} from 'zod-openapi'
import { decisionReasons } from '../src/decision/policy-rules.ts'
import { calledStationForms } from '../src/frontends/radius/called-station.ts'
import { dialects } from '../src/frontends/radius/reply-attributes.ts'
import { denials } from '../src/frontends/radius/site-options.ts'

/** JSON Schema 2020-12 has it, and so has OpenAPI 3.1. */
type Schema = oas31.SchemaObject & { patternProperties?: Record<string, oas31.ReferenceObject> }
type RadiusSchema = 'RadiusRequest' | 'RadiusAttribute' | 'RadiusAnswer' | 'RadiusProblem'

const text: Schema = { type: 'string' }
const scalar: Schema = { type: ['string', 'number', 'boolean'] }
const values: Schema[] = [scalar, { type: 'array', items: { type: ['string', 'number', 'boolean', 'null'] } }]

/** The schemas of the RADIUS front end, which speaks the JSON of FreeRADIUS's rlm_rest. */
export const radiusSchemas: Record<RadiusSchema, Schema> = {
  RadiusRequest: {
    type: 'object',
    description:
      "The request list of FreeRADIUS with `body = 'json'`: attributes by their names of the dictionary, enumerations by name or by number. Attributes that are not needed are not read.",
    additionalProperties: {
      oneOf: [
        ...values,
        {
          type: 'object',
          properties: { type: text, attr_num: { type: 'integer' }, value: { oneOf: values } },
          required: ['value'],
        },
        { type: 'null' },
      ],
    },
    examples: [
      {
        'User-Name': { type: 'string', value: ['005056a4895a'] },
        'NAS-IP-Address': { type: 'ipaddr', value: ['10.0.0.1'] },
        'Service-Type': { type: 'integer', value: ['Call-Check'] },
        'Calling-Station-Id': { type: 'string', value: ['00-50-56-A4-89-5A'] },
      },
    ],
  },
  RadiusAttribute: {
    type: 'object',
    description: 'An attribute as rlm_rest reads it. `do_xlat` is false on every one: nothing is expanded.',
    properties: {
      op: {
        enum: [':=', '+=', '-=', '!*'],
        description:
          'FreeRADIUS goes from top to bottom: `-=` and `!*` take away what an earlier answer brought.',
      },
      do_xlat: { const: false },
      value: { type: 'array', minItems: 1, items: { type: ['string', 'number'] } },
    },
    required: ['op', 'do_xlat', 'value'],
    additionalProperties: false,
  },
  RadiusAnswer: {
    type: 'object',
    description:
      'A decision, and attributes for the lists of FreeRADIUS: `reply:`, `control:` and, while EAP goes on, `session-state:`; with dialect=v4 a dot in the place of the colon. No other name is one of a dictionary.',
    properties: {
      decision: { enum: ['allow', 'deny', 'remediate', 'fail'] },
      reason: { enum: [...decisionReasons, 'probe'] },
      decisionId: { ...text, description: 'Absent for a monitoring probe, about which nothing was decided.' },
      errorCode: { ...text, pattern: '^[a-z_]+$', description: 'Why the state could not be determined.' },
    },
    required: ['decision', 'reason'],
    patternProperties: {
      '^(reply|control|session-state)[:.]': { $ref: '#/components/schemas/RadiusAttribute' },
    },
    additionalProperties: false,
    examples: [
      {
        decision: 'allow',
        reason: 'compliant',
        decisionId: '5c8f0f5e-7c1d-4c55-9b3e-0f4f5f0a6f0e',
        'control:Auth-Type': { op: ':=', do_xlat: false, value: ['Accept'] },
        'reply:Tunnel-Private-Group-Id': { op: ':=', do_xlat: false, value: ['10'] },
      },
    ],
  },
  RadiusProblem: {
    type: 'object',
    description: 'What is wrong, for the log of FreeRADIUS.',
    properties: {
      errorCode: { ...text, pattern: '^[a-z_]+$', description: 'Stable: listed in docs/error-codes.md.' },
      field: { ...text, description: 'The attribute or header field that is wrong.' },
      detail: text,
      remedy: text,
    },
    required: ['errorCode', 'detail', 'remedy'],
    additionalProperties: false,
  },
}

const noStore: ZodOpenApiHeadersObject = {
  'cache-control': { required: true, schema: { const: 'no-store' } },
}

function answer(description: string, ...schemas: RadiusSchema[]): ZodOpenApiResponseObject {
  const references = schemas.map((name) => ({ $ref: `#/components/schemas/${name}` }))
  const [only = {}] = references
  return {
    description,
    headers: noStore,
    content: { 'application/json': { schema: references.length === 1 ? only : { oneOf: references } } },
  }
}

const refusals = {
  '400': answer(
    'The request names no device, is no JSON or form, is neither EAP nor MAC authentication, or asks what is not answered. FreeRADIUS rejects.',
    'RadiusProblem',
  ),
  '403': answer(
    'No credentials, or wrong ones, or the client may not use this front end, or not from this address. FreeRADIUS rejects.',
    'RadiusProblem',
  ),
  '413': answer('The body is larger than 64 KiB. FreeRADIUS rejects.', 'RadiusProblem'),
  '415': answer('The body has a Content-Encoding, such as gzip. FreeRADIUS rejects.', 'RadiusProblem'),
  '503': answer(
    'The state could not be determined, more arrives than can be answered, or the service has a defect: an outage to FreeRADIUS.',
    'RadiusAnswer',
    'RadiusProblem',
  ),
}

const decisions = {
  '200': {
    ...answer('Allowed or to be remediated; with denial=control also denied.', 'RadiusAnswer'),
    headers: { ...noStore, 'x-decision-id': { required: false, schema: text } },
  },
  '401': {
    ...answer(
      'Denied. In `authorize` FreeRADIUS takes the attributes into its Access-Reject.',
      'RadiusAnswer',
    ),
    headers: { ...noStore, 'x-decision-id': { required: false, schema: text } },
  },
  ...refusals,
  '503': {
    ...refusals['503'],
    headers: { ...refusals['503'].headers, 'x-decision-id': { required: false, schema: text } },
  },
}

const { '413': _tooLarge, ...refusedUnread } = refusals
const acknowledged = { '204': { description: 'Acknowledged.' }, ...refusedUnread } as const
const proxied = { '204': { description: 'Acknowledged: it is accounting.' }, ...refusals } as const

const parameters: oas31.ParameterObject[] = [
  {
    name: 'dialect',
    in: 'query',
    description: 'How attributes are named: as FreeRADIUS 3 does (default) or as version 4.',
    schema: { enum: [...dialects] },
  },
  {
    name: 'called-station',
    in: 'query',
    description: 'What the NAS write into Called-Station-Id (docs/policy.md).',
    schema: { enum: [...calledStationForms] },
  },
  {
    name: 'denial',
    in: 'query',
    description: 'A denial as 401 (default), or as 200 with control:Auth-Type := Reject.',
    schema: { enum: [...denials] },
  },
]

const requestBody: ZodOpenApiOperationObject['requestBody'] = {
  description:
    'What it is, its first character says; the Content-Type is not looked at. Without a body the query is read.',
  content: {
    'application/json': { schema: { $ref: '#/components/schemas/RadiusRequest' } },
    'application/x-www-form-urlencoded': {
      schema: { type: 'object', additionalProperties: { oneOf: [text, { type: 'array', items: text }] } },
    },
  },
}

const sections = [
  ['authorize', 'Asks about a request before it is authenticated', decisions],
  ['post-auth', 'Asks about a device that FreeRADIUS has authenticated', decisions],
  ['preacct', 'Tells of accounting', acknowledged],
  ['accounting', 'Tells of accounting', acknowledged],
  ['pre-proxy', 'Tells of accounting that is proxied', proxied],
  ['post-proxy', 'Tells of accounting that is proxied', proxied],
] as const

/** Every address of the RADIUS front end. */
export const radiusPaths: ZodOpenApiPathsObject = Object.fromEntries(
  sections.map(([section, summary, responses]) => {
    const name = section.replaceAll(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase())
    const shared = {
      summary,
      tags: ['radius'],
      ...(responses === decisions && { parameters: [...parameters] }),
      responses,
    }
    const get = {
      operationId: `radiusGet_${name}`,
      description: 'The attributes are in the query.',
      ...shared,
    }
    const post = { operationId: `radiusPost_${name}`, ...shared, requestBody }
    return [`/v1/radius/${section}`, { get, post }]
  }),
)
