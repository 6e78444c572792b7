import type { TLSSocket } from 'node:tls'
import { request } from 'undici'
import type { Clock } from '../clock.ts'
import { failure, type Hop, type Outcome, success } from '../errors/fault.ts'
import { describeNetworkError } from '../intune/network-fault.ts'
import type { Route } from '../intune/outbound-tls.ts'
import { createHandshakeDispatcher, describeIssuer } from '../intune/tls-handshake.ts'

/** What a TLS handshake with a host showed. */
export interface HostFacts {
  /** `host` or `host:port`. */
  readonly host: string
  /** For example `TLSv1.3`. */
  readonly protocol: string
  /** Common name and organisation of the issuer, printable characters only. */
  readonly issuer: string
}

/** The way to the hosts, and under which name a proxy on it is told of. */
export interface ProbedRoute extends Route {
  readonly proxyHost?: string
}

/**
 * Resolves a host, connects the way that every request goes (proxy included), shakes hands and hangs up: nothing is
 * sent. Ends within `limitMs`. Faults: those of the network; `tls_untrusted` names the issuer that was presented.
 */
export async function probeHost(
  url: string,
  hop: Hop,
  route: ProbedRoute,
  { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number },
): Promise<Outcome<HostFacts>> {
  const { host } = new URL(url)
  const exchange = { hop, host, proxyHost: route.proxyHost }
  let seen: { readonly facts: HostFacts; readonly distrust: string | undefined } | undefined
  const dispatcher = createHandshakeDispatcher(route, (socket) => {
    seen = readSocket(socket, host)
  })
  const limit = new AbortController()
  const late = Object.assign(new Error('time limit reached'), { code: 'ETIMEDOUT' })
  const cancel = clock.after(limitMs, () => limit.abort(late))
  try {
    await request(url, { dispatcher, signal: limit.signal })
    return failure('internal', `the probe of ${host} was answered`, { hop, host })
  } catch (error) {
    if (!seen) return { ok: false, fault: describeNetworkError(error, exchange) }
    if (seen.distrust === undefined) return success(seen.facts)
    const fault = describeNetworkError(Object.assign(new Error(), { code: seen.distrust }), exchange)
    return { ok: false, fault: { ...fault, message: `${fault.message}; its issuer is ${seen.facts.issuer}` } }
  } finally {
    cancel()
    await dispatcher.destroy()
  }
}

function readSocket(socket: TLSSocket, host: string) {
  const facts: HostFacts = {
    host,
    protocol: socket.getProtocol() ?? 'TLS',
    issuer: describeIssuer(socket) ?? '""',
  }
  // Typed as an Error, but Node puts the code of one here as a text.
  const distrust = socket.authorized ? undefined : String(socket.authorizationError)
  return { facts, distrust }
}
