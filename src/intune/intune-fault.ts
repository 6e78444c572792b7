import { z } from 'zod'
import type { FaultCode } from '../errors/catalogue.ts'
import { type Fault, failure } from '../errors/fault.ts'
import type { HttpReply } from './outbound.ts'
import { findRequestId, findRetryAfter, isRequestId } from './reply-headers.ts'

/** What a reply of Intune other than 200 means. `sentRequestId` stands in where Intune names no id of its own. */
export function describeIntuneReply(
  reply: HttpReply,
  host: string,
  sentRequestId: string,
  nowMs: number,
): Fault {
  const { status, headers, body } = reply
  const error = parseFrontEndError(body)
  return failure(classify(status), `${host} answered ${status} to a device query`, {
    hop: 'query',
    host,
    status,
    retryAfterMs: findRetryAfter(headers, nowMs, retryAfterText(reply, error.retryAfter)),
    requestId: error.activityId ?? findRequestId(headers) ?? sentRequestId,
  }).fault
}

/**
 * Where a reply says when to come back: the header field, and of a throttled one the document in its body. With a server
 * error what is in the body was said of one question by a service further back.
 */
export function retryAfterText(
  { status, headers }: HttpReply,
  inBody: string | undefined,
): string | undefined {
  return headers['retry-after'] ?? (status === 429 ? inBody : undefined)
}

function classify(status: number): FaultCode {
  switch (status) {
    case 401:
      return 'intune_unauthorized'
    case 403:
      return 'intune_forbidden'
    case 404:
    case 410:
      return 'intune_endpoint_gone'
    // RFC 9110 section 15.5.9: the server gave up waiting, and the same request may be sent again.
    case 408:
      return 'intune_unavailable'
    case 429:
      return 'intune_throttled'
    default:
      if (status >= 500) return 'intune_unavailable'
      return status >= 400 ? 'intune_rejected' : 'intune_reply_malformed'
  }
}

/** The outer document of Intune's front ends, which holds another JSON document as text; Graph's wrapper likewise. */
const Outer = z.union([
  z.object({ Message: z.string() }).transform(({ Message }) => Message),
  z.object({ error: z.object({ message: z.string() }) }).transform(({ error }) => error.message),
])
const Inner = z.object({
  Message: z.string().catch(''),
  RetryAfter: z
    .union([z.string(), z.number().transform(String)])
    .optional()
    .catch(undefined),
})

/**
 * The activity id, which is what support asks for, and the time to wait, out of the error body of Intune's front ends:
 * JSON inside a string of JSON, by itself or wrapped by Graph. Gateways send HTML or nothing, and that gives nothing.
 */
export function parseFrontEndError(body: string): { activityId?: string; retryAfter?: string } {
  try {
    const inner = Inner.parse(JSON.parse(Outer.parse(JSON.parse(body))))
    const activityId = /Activity ID: ([\w-]+)/.exec(inner.Message)?.[1]
    return {
      ...(isRequestId(activityId) && { activityId }),
      ...(inner.RetryAfter !== undefined && { retryAfter: inner.RetryAfter }),
    }
  } catch {
    return {}
  }
}
