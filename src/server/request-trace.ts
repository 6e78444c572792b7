import type { FastifyRequest } from 'fastify'
import { parseTraceparent, type TraceContext } from '../trace-context.ts'

/** The trace that a request says it belongs to (W3C Trace Context); undefined where it says none, or none that is valid. */
export function traceContextOf(request: Pick<FastifyRequest, 'raw'>): TraceContext | undefined {
  const { traceparent } = request.raw.headers
  return traceparent === undefined ? undefined : parseTraceparent(traceparent)
}

/** What the log lines about a request carry of its trace. */
export function traceFields(request: Pick<FastifyRequest, 'raw'>): { readonly traceId?: string } {
  const context = traceContextOf(request)
  return context ? { traceId: context.traceId } : {}
}
