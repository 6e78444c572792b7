import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { parse } from 'yaml'

/** A reply as inject gives it; a fetch reply fits after reading its body. */
export interface CheckedReply {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

interface Response {
  readonly headers?: Readonly<Record<string, { readonly required?: boolean }>>
  readonly content: Readonly<Record<string, unknown>>
}

interface OpenApiDocument {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { responses: Readonly<Record<string, Response>> }>>>
  >
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> }
}

/** The part of tap's test object that is needed. */
interface Assertions {
  ok(value: unknown, message: string): unknown
  equal(actual: unknown, expected: unknown, message: string): unknown
  same(actual: unknown, expected: unknown, message: string): unknown
}

/** The committed openapi.yaml. */
export const openApi: OpenApiDocument = parse(
  readFileSync(new URL('../../openapi.yaml', import.meta.url), 'utf8'),
)

const ajv = new Ajv2020({ strict: false, allErrors: true })
addFormats.default(ajv)
ajv.addSchema({ ...openApi, $id: 'openapi' })
const validators = new Map<string, ValidateFunction>()

/** Checks a value against a place in openapi.yaml, given as the keys on the way; the empty list says it fits. */
export function schemaErrors(keys: readonly string[], value: unknown): readonly unknown[] {
  const pointer = keys
    .map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1')))
    .join('/')
  const known = validators.get(pointer)
  const validate = known ?? ajv.compile({ $ref: `openapi#/${pointer}` })
  validators.set(pointer, validate)
  return validate(value) ? [] : (validate.errors ?? [])
}

/**
 * Fails the test unless openapi.yaml describes this reply: its status, media type, header fields and body. An address
 * or a method that the document does not have must be answered with a Problem. `path` is without the query.
 */
export function expectDocumented(
  t: Assertions,
  { method, path, reply }: { method: string; path: string; reply: CheckedReply },
): void {
  const name = `${method} ${path} ${reply.statusCode}`
  const mediaType = String(reply.headers['content-type']).split(';')[0] ?? ''
  const operation = openApi.paths[path]?.[method === 'HEAD' ? 'get' : method.toLowerCase()]
  if (operation === undefined) {
    t.ok(reply.statusCode >= 400, `${name}: what is not documented is refused`)
    t.equal(mediaType, 'application/problem+json', `${name}: the media type is that of a problem`)
    t.same(
      schemaErrors(['components', 'schemas', 'Problem'], JSON.parse(reply.body)),
      [],
      `${name}: the body is a problem`,
    )
    return
  }
  const response = operation.responses[String(reply.statusCode)]
  t.ok(response, `${name}: the status is documented`)
  if (response === undefined) return
  t.ok(response.content[mediaType], `${name}: the media type ${mediaType} is documented`)
  for (const [header, { required }] of Object.entries(response.headers ?? {})) {
    if (required) t.ok(reply.headers[header], `${name}: the header ${header} is there`)
  }
  if (method === 'HEAD') {
    t.equal(reply.body, '', `${name}: HEAD has no body`)
    return
  }
  const place = ['paths', path, method.toLowerCase(), 'responses', String(reply.statusCode), 'content']
  t.same(
    schemaErrors([...place, mediaType, 'schema'], JSON.parse(reply.body)),
    [],
    `${name}: the body is documented`,
  )
}
