import type { FastifyInstance } from 'fastify'
import type { FrontendName } from '../decision/decide.ts'
import type { Metrics, UpstreamOperation, UpstreamResult } from './metrics.ts'

interface Sent {
  readonly ok: boolean
  readonly value?: { readonly status: number }
  readonly fault?: { readonly code: string; readonly status?: number }
}

/** Measures every exchange with Microsoft; what goes through and what comes back stays as it is. */
export function observeUpstream<
  Request extends { readonly hop: UpstreamOperation },
  Reply extends Sent,
  Outbound extends { send(request: Request): Promise<Reply> },
>(outbound: Outbound, metrics: Pick<Metrics, 'upstreamRequest'>): Outbound {
  return {
    ...outbound,
    async send(request: Request) {
      const startedMs = performance.now()
      const reply = await outbound.send(request)
      metrics.upstreamRequest(request.hop, resultOf(reply), (performance.now() - startedMs) / 1000)
      return reply
    },
  }
}

function resultOf({ value, fault }: Sent): UpstreamResult {
  const status = value?.status ?? fault?.status
  if (status === undefined) return fault?.code === 'upstream_timeout' ? 'timeout' : 'network_error'
  if (status === 429) return 'throttled'
  if (status >= 500) return 'server_error'
  if (status >= 400) return 'client_error'
  return fault === undefined ? 'ok' : 'network_error'
}

/**
 * Measures every request to a front end, from the route that answered it, up to the moment at which the answer goes to
 * the socket. Not onResponse: its two listeners per request cost more than everything else that is measured.
 */
export function observeRequests(
  server: FastifyInstance,
  frontends: readonly { readonly name: FrontendName; readonly prefix: string }[],
  metrics: Pick<Metrics, 'request'>,
): void {
  // The longest prefix wins: /v1/radius is not the JSON front end.
  const longestFirst = [...frontends].sort((a, b) => b.prefix.length - a.prefix.length)
  const byRoute = new Map<string, FrontendName | undefined>()
  server.addHook('onSend', (request, reply, _payload, done) => {
    const route = request.routeOptions.url
    if (route !== undefined) {
      if (!byRoute.has(route))
        byRoute.set(route, longestFirst.find(({ prefix }) => isBelow(route, prefix))?.name)
      const frontend = byRoute.get(route)
      if (frontend !== undefined) metrics.request(frontend, reply.elapsedTime / 1000, reply.statusCode)
    }
    done()
  })
}

function isBelow(route: string, prefix: string): boolean {
  return route === prefix || route.startsWith(`${prefix}/`)
}
