import type { IncomingHttpHeaders } from 'node:http'
import type { onRequestHookHandler } from 'fastify'
import { type Fault, failure } from '../errors/fault.ts'

/** What is wrong with a request before anybody reads it; the error handler of the route's dialect answers it. */
export class RefusedRequest extends Error {
  readonly fault: Fault

  constructor(fault: Fault) {
    super(fault.message)
    this.fault = fault
  }
}

/**
 * The onRequest hook of every listener. Refuses two Host fields (RFC 9112 section 3.2: 400), of which Node takes the first and
 * a proxy may take the other one, and a body with a coding, which nothing here undoes (RFC 9110 section 15.5.16: 415).
 */
export const refuseMalformedRequest: onRequestHookHandler = ({ raw }, reply, done) => {
  if (hostFields(raw.rawHeaders) > 1) return done(new RefusedRequest(hostTwice))
  const encoding = raw.headers['content-encoding']
  if (encoding === undefined || isIdentity(encoding) || !hasBody(raw.headers)) return done()
  reply.header('accept-encoding', 'identity')
  done(new RefusedRequest(encoded))
}

const hostTwice = failure('request_malformed', 'The request has more than one Host field.', {
  field: 'Host',
}).fault

const encoded = failure(
  'media_type_not_supported',
  'The body is compressed, or has another Content-Encoding, which is not undone here: send it as it is.',
  { field: 'Content-Encoding' },
).fault

function hostFields(rawHeaders: readonly string[]): number {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]
    if (name?.length === 4 && name.toLowerCase() === 'host') count += 1
  }
  return count
}

function isIdentity(encoding: string): boolean {
  return encoding.split(',').every((coding) => ['', 'identity'].includes(coding.trim().toLowerCase()))
}

function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
