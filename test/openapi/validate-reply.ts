import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { parse } from 'yaml'
import { parseStrictly, type StrictElement } from '../frontends/ise/strict-xml.ts'

/** A reply as inject gives it; a fetch reply fits after reading its body. */
export interface CheckedReply {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

interface Response {
  readonly headers?: Readonly<Record<string, { readonly required?: boolean }>>
  /** Absent where there is no body. */
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>
}

interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

interface OpenApiDocument {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { responses: Readonly<Record<string, Response>> }>>>
  >
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

/** The part of tap's test object that is needed. */
interface Assertions {
  ok(value: unknown, message: string): unknown
  equal(actual: unknown, expected: unknown, message: string): unknown
  same(actual: unknown, expected: unknown, message: string): unknown
}

function readDocument(file: string): OpenApiDocument {
  return parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'))
}

/** The committed openapi.yaml. */
export const openApi = readDocument('openapi.yaml')
/** The committed openapi-management.yaml. */
export const managementApi = readDocument('openapi-management.yaml')

const ajv = new Ajv2020({ strict: false, allErrors: true })
addFormats.default(ajv)
ajv.addSchema({ ...openApi, $id: 'openapi' })
ajv.addSchema({ ...managementApi, $id: 'management' })
const validators = new Map<string, ValidateFunction>()

/** Checks a value against a place in openapi.yaml, given as the keys on the way; the empty list says it fits. */
export function schemaErrors(
  keys: readonly string[],
  value: unknown,
  document: OpenApiDocument = openApi,
): readonly unknown[] {
  const id = document === openApi ? 'openapi' : 'management'
  const pointer = keys
    .map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1')))
    .join('/')
  const place = `${id}#/${pointer}`
  const known = validators.get(place)
  const validate = known ?? ajv.compile({ $ref: place })
  validators.set(place, validate)
  return validate(value) ? [] : (validate.errors ?? [])
}

/**
 * Fails the test unless openapi.yaml describes this reply: its status, media type, header fields and body. An address
 * or a method that the document does not have must be answered with an error of the dialect. `path` is without the query.
 */
export function expectDocumented(
  t: Assertions,
  { method, path, reply }: { method: string; path: string; reply: CheckedReply },
  document: OpenApiDocument = openApi,
): void {
  const name = `${method} ${path} ${reply.statusCode}`
  const mediaType = String(reply.headers['content-type']).split(';')[0] ?? ''
  const known = documentedPath(path, document)
  // HEAD is described by GET, unless the address does not take it.
  const describedBy = method === 'HEAD' && reply.statusCode !== 405 ? 'get' : method.toLowerCase()
  const operation = document.paths[known]?.[describedBy]
  if (operation === undefined) {
    t.ok(reply.statusCode >= 400, `${name}: what is not documented is refused`)
    const { media, schema } = errorOf(path)
    t.equal(mediaType, media, `${name}: the media type is that of an error`)
    if (method === 'HEAD') return
    t.same(
      schemaErrors(['components', 'schemas', schema], bodyOf(reply, { $ref: schema }), document),
      [],
      `${name}: an error`,
    )
    return
  }
  const response = operation.responses[String(reply.statusCode)]
  t.ok(response, `${name}: the status is documented`)
  if (response === undefined) return
  const content = response.content?.[mediaType]
  if (response.content === undefined) t.equal(reply.body, '', `${name}: there is no body`)
  else t.ok(content, `${name}: the media type ${mediaType} is documented`)
  for (const [header, { required }] of Object.entries(response.headers ?? {})) {
    if (required) t.ok(reply.headers[header], `${name}: the header ${header} is there`)
  }
  if (method === 'HEAD') {
    t.equal(reply.body, '', `${name}: HEAD has no body`)
    return
  }
  if (content === undefined) return
  const place = ['paths', known, method.toLowerCase(), 'responses', String(reply.statusCode), 'content']
  t.same(
    schemaErrors([...place, mediaType, 'schema'], bodyOf(reply, content.schema), document),
    [],
    `${name}: the body is documented`,
  )
}

/** The error of each front end. */
function errorOf(path: string): { readonly media: string; readonly schema: string } {
  const address = path.replaceAll(/\/{2,}/g, '/')
  if (/^\/v1\/radius(\/|$)/.test(address)) return { media: 'application/json', schema: 'RadiusProblem' }
  if (/^\/ciscoise(\/|$)/.test(address)) return { media: 'application/xml', schema: 'IseError' }
  return { media: 'application/problem+json', schema: 'Problem' }
}

/** The path of the document that the address is one of; slashes at the end and twice do not matter. */
function documentedPath(given: string, { paths }: OpenApiDocument): string {
  const path = given.replaceAll(/\/{2,}/g, '/').replace(/(.)\/$/, '$1')
  if (paths[path] !== undefined) return path
  const template = Object.keys(paths).find((known) => {
    return known.includes('{') && new RegExp(`^${known.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path)
  })
  return template ?? path
}

function bodyOf({ headers, body }: CheckedReply, schema: Schema): unknown {
  const mediaType = String(headers['content-type'])
  if (mediaType.startsWith('text/plain')) return body
  if (!/xml/.test(mediaType)) return JSON.parse(body)
  return describedValue(parseStrictly(body), schema)
}

/** An element as the document describes it: a text, or its children by name, in a list where the schema says so. */
function describedValue(element: StrictElement, given: Schema): unknown {
  const schema =
    given.$ref === undefined ? given : (openApi.components.schemas[given.$ref.split('/').at(-1) ?? ''] ?? {})
  if (schema.properties === undefined) return element.children.length === 0 ? element.text : element
  const value: Record<string, unknown> = {}
  for (const child of element.children) {
    const property = schema.properties[child.name] ?? {}
    if (property.type !== 'array') value[child.name] = describedValue(child, property)
    else
      value[child.name] = [
        ...((value[child.name] as unknown[]) ?? []),
        describedValue(child, property.items ?? {}),
      ]
  }
  return value
}
