import { randomUUID } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendFiller, sendReply, trickleReply, truncateReply, waitedMs, withholdReply } from './delivery.ts'
import { presentRefusal } from './entra/entra-error.ts'
import type { Exchange, SimulatedCloud, SimulatedService, WireReply } from './exchange.ts'
import { presentIntuneErrorInGraph } from './graph/graph-error.ts'
import { presentIntuneError } from './intune/intune-error.ts'
import type { Disturbance } from './state/fault-table.ts'
import type { SimulatorHop } from './state/faults.ts'

/** Makes the fastify handler of a service: record the request, let the set faults strike, answer. */
export function serve(service: SimulatedService, cloud: SimulatedCloud, closing: AbortSignal) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const exchange = readExchange(request)
    const hop = service.hopOf(exchange)
    const { subject, names } = service.describe(exchange)
    const settle = cloud.state.requestLog.record({
      atMs: cloud.clock.nowMs(),
      hop,
      method: exchange.method,
      path: exchange.path,
      query: Object.fromEntries(exchange.query),
      clientRequestId: exchange.clientRequestId,
      ...subject,
    })
    const { latencyMs, disturbance } = cloud.state.faults.strike(hop, names)
    if (latencyMs > 0 && !(await waitedMs(latencyMs, closing))) {
      withholdReply(reply, 'reset')
      return reply
    }

    if (disturbance?.kind === 'reset' || disturbance?.kind === 'hang') {
      withholdReply(reply, disturbance.kind)
      return reply
    }
    if (disturbance?.kind === 'huge') {
      settle(200)
      await sendFiller(reply, disturbance.bytes, disturbance.contentType ?? 'application/octet-stream')
      return reply
    }
    const wire = replacement(disturbance, hop, exchange, cloud) ?? (await service.answer(exchange))
    if (wire === 'reset') {
      withholdReply(reply, wire)
      return reply
    }
    settle(wire.status)
    if (disturbance?.kind === 'truncate') truncateReply(reply, wire)
    else if (disturbance?.kind === 'slow_body') await trickleReply(reply, wire, disturbance, closing)
    else await sendReply(reply, wire)
    return reply
  }
}

const graphHops: ReadonlySet<SimulatorHop> = new Set(['discovery', 'details'])

/** What http.sys and the gateways built on it say when nobody behind them answers. */
function htmlPage(status: number): string {
  return `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/strict.dtd">
<HTML><HEAD><TITLE>Service Unavailable</TITLE>
<META HTTP-EQUIV="Content-Type" Content="text/html; charset=us-ascii"></HEAD>
<BODY><h2>Service Unavailable</h2>
<hr><p>HTTP Error ${status}. The service is unavailable.</p>
</BODY></HTML>
`
}

/** The answer that a disturbance puts in place of the normal one. */
function replacement(
  disturbance: Disturbance | undefined,
  hop: SimulatorHop,
  exchange: Exchange,
  cloud: SimulatedCloud,
): WireReply | undefined {
  switch (disturbance?.kind) {
    case 'status':
    case 'body':
      return {
        status: disturbance.kind === 'status' ? disturbance.status : 200,
        contentType: disturbance.contentType ?? 'text/plain; charset=utf-8',
        body: disturbance.body ?? '',
        headers: disturbance.headers ?? {},
      }
    case 'html':
      return {
        status: disturbance.status,
        contentType: 'text/html; charset=us-ascii',
        body: htmlPage(disturbance.status),
        headers: disturbance.headers ?? {},
      }
    case 'empty':
      return { status: disturbance.status, body: '', headers: disturbance.headers ?? {} }
    case 'nested_error': {
      const { status, retryAfterSeconds, headers } = disturbance
      const present = graphHops.has(hop) ? presentIntuneErrorInGraph : presentIntuneError
      const wire = present(status, exchange, cloud, { retryAfterSeconds })
      return { ...wire, headers: { ...wire.headers, ...headers } }
    }
    case 'redirect':
      return {
        status: disturbance.status,
        contentType: 'text/html; charset=utf-8',
        body: '',
        headers: { location: disturbance.location },
      }
    case 'aadsts': {
      const refusal = { aadsts: disturbance.aadsts, text: 'Set by the control API of the simulator.' }
      const wire = presentRefusal(refusal, cloud.clock.nowMs(), exchange.clientRequestId)
      return { ...wire, headers: { ...wire.headers, ...disturbance.headers } }
    }
    default:
      return undefined
  }
}

function readExchange(request: FastifyRequest): Exchange {
  // Not new URL(): a target that starts with two slashes, as ISE sends it, would lose its first segment to the host.
  const [target = '', ...queryParts] = request.url.split('?')
  const query = new URLSearchParams(queryParts.join('?'))
  const isForm = (request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded')
  const form = new URLSearchParams(isForm && typeof request.body === 'string' ? request.body : '')
  return {
    method: request.method,
    path: target.replaceAll(/\/{2,}/g, '/').replace(/(?<=.)\/$/, ''),
    query,
    headers: request.headers,
    form,
    clientRequestId:
      textOf(request.headers['client-request-id']) ??
      form.get('client-request-id') ??
      query.get('client-request-id') ??
      randomUUID(),
  }
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}
