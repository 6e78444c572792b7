import type { InjectOptions } from 'fastify'
import { faultCatalogue } from '../../src/errors/catalogue.ts'
import { parseXml } from '../../src/xml/xml-tree.ts'
import { type CheckedReply, schemaErrors } from '../openapi/validate-reply.ts'

/** Every route of both listeners; a parameter is a segment that begins with a colon. */
export const routes = [
  '/livez',
  '/readyz',
  '/v1/decision',
  '/v1/decision',
  '/v1/decisions/:id',
  '/v1/devices/:kind/:value/recheck',
  '/v1/radius/authorize',
  '/v1/radius/authorize',
  '/v1/radius/post-auth',
  '/v1/radius/accounting',
  '/v1/radius/preacct',
  '/v1/radius/post-proxy',
  '/ciscoise/mdminfo',
  ...[1, 2, 3].flatMap((version) => [
    `/ciscoise/mdmapi/v${version}/devices`,
    `/ciscoise/mdmapi/v${version}/batchdevices`,
    `/ciscoise/mdmapi/v${version}/action`,
    `/ciscoise/mdmapi/v${version}/action/:type`,
    `/ciscoise/mdmapi/v${version}/sendmessage`,
  ]),
  '/ciscoise/mdmapi/v1/devices/:paging/:querycriteria/:value/:filter',
  '/ciscoise/mdmapi/v1/devices/:paging/:filter',
  '/metrics',
  '/status',
  '/decisions',
  '/decisions/:id',
  '/devices/:kind/:value',
  '/guard/accept',
  '/guard/reject',
] as const

/** The longest that is ever sent is a list of devices or the metrics. */
const maxReplyBytes = 1024 * 1024
const radiusStatuses: readonly number[] = [200, 204, 400, 401, 403, 405, 413, 415, 503]

/** Why a reply is not what its front end promises, or undefined where it is. */
export function isFitReply(
  { method = 'GET', url }: InjectOptions,
  reply: CheckedReply,
  listener: 'server' | 'management',
): string | undefined {
  const { statusCode, headers, body } = reply
  const type = String(headers['content-type'] ?? '')
  if (statusCode >= 500 && statusCode !== 503) return 'a defect'
  if (Buffer.byteLength(body) > maxReplyBytes) return 'too long'
  if (/canary|s3cret/.test(body)) return 'a secret'
  if (statusCode === 204) return body === '' ? undefined : '204 with a body'
  if (headers['cache-control'] !== 'no-store') return 'to be stored'
  // The router reads an address before the front end does: what is not to be decoded is JSON wherever it is.
  const path =
    String(url)
      .replace(/^\/nac\//, '/')
      .split('?')[0] ?? ''
  const isProblem = type.startsWith('application/problem+json')
  if (statusCode === 503 && !type.includes('/json') && headers['retry-after'] !== '1')
    return '503 without Retry-After'
  if (method === 'HEAD') return body === '' ? undefined : 'HEAD with a body'
  if (isProblem) return problemWith(reply)
  if (
    listener === 'server' &&
    /^\/+v1\/+radius\/+(?:authorize|post-auth|preacct|accounting|pre-proxy|post-proxy)\/*$/.test(path)
  ) {
    if (!radiusStatuses.includes(statusCode)) return 'no status for RADIUS'
    if (!/^application\/json(?:;|$)/.test(type)) return 'no JSON for RADIUS'
    if (/%[{(]/.test(body)) return 'an expansion'
    const { decision } = JSON.parse(body) as { decision?: unknown }
    return statusCode === 200 && decision === undefined ? 'a 200 without a decision' : undefined
  }
  if (type === 'application/xml; charset=utf-8') {
    const root = parseXml(body, { maxCharacters: maxReplyBytes, maxElements: 100_000, maxDepth: 16 })
    return root?.name === 'ise_api' ? undefined : 'XML that is no <ise_api>'
  }
  if (type.startsWith('text/plain')) return path.startsWith('/metrics') ? undefined : 'plain text'
  if (!type.startsWith('application/json')) return 'another media type'
  JSON.parse(body)
  return undefined
}

function problemWith({ statusCode, headers, body }: CheckedReply): string | undefined {
  const problem = JSON.parse(body) as {
    readonly status: number
    readonly code: string
    readonly detail: string
  }
  if (schemaErrors(['components', 'schemas', 'Problem'], problem).length > 0) return 'no Problem'
  if (problem.status !== statusCode) return 'another status in the problem'
  if (!(problem.code in faultCatalogue)) return 'a code that is not in the catalogue'
  if (statusCode === 503 && headers['retry-after'] !== '1') return '503 without Retry-After'
  if (statusCode === 401 && headers['www-authenticate'] === undefined) return '401 without a challenge'
  return /[^\x20-\x7e]/.test(problem.detail) ? 'characters of the request in the detail' : undefined
}
