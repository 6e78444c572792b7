import type { Dispatcher } from 'undici'
import { type Clock, systemClock } from '../clock.ts'
import { problemOfProxy } from '../config/proxy.ts'
import type { ProxySettings } from '../config/settings.ts'
import type { FaultCode } from '../errors/catalogue.ts'
import { failure, type Hop, type Outcome, success } from '../errors/fault.ts'
import { childTraceparent, currentTrace } from '../trace-context.ts'
import type { Exchange } from './network-fault.ts'
import { createDispatcher, type Route } from './outbound-tls.ts'
import { registerOwnHeaders } from './own-headers.ts'
import { ReplyReader } from './reply-reader.ts'
import { describePresentedIssuer, readPresentedIssuer } from './tls-handshake.ts'
import { loadTrust } from './trust-roots.ts'

/** How the service gets out. Nothing is read from the environment here. */
export interface OutboundSettings {
  /** PEM file of extra trust roots, added to Node's and the system's. */
  readonly caFile?: string
  readonly proxy?: ProxySettings
}

/** One request. The body is sent as given; `timeoutMs` covers everything from the connect to the last byte. */
export interface HttpRequest {
  readonly hop: Hop
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly timeoutMs: number
  readonly maxBytes: number
  /** A body that may be long is handed over as it came: joining and decoding it would hold everybody up. */
  readonly inPieces?: boolean
}

/** A reply with any status but 3xx, read whole. Header names are lower case, repeated ones joined by a comma. */
export interface HttpReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Decoded as UTF-8; of a reply in pieces the beginning alone, which is enough for an error. */
  readonly body: string
  /** All bytes of the body as they came, where they were asked for in pieces. */
  readonly pieces?: readonly Uint8Array[]
  /** Media type in lower case without parameters, or an empty text. */
  readonly contentType: string
}

/** The one way out: every request to Microsoft, MSAL's included, goes through it. */
export interface Outbound {
  /**
   * Sends one request; never rejects, never follows a redirect, never tries again. Faults: `name_not_resolved`,
   * `connection_refused`, `connection_failed` (a truncated reply too), `upstream_timeout`, `proxy_refused`,
   * `tls_untrusted` and `tls_certificate_date` (naming the issuer that was presented), `tls_failed`, `redirect_refused`, `reply_too_large`.
   */
  send(request: HttpRequest): Promise<Outcome<HttpReply>>
  /** Drops every connection at once; requests under way end in `connection_failed`. */
  close(): Promise<void>
}

/** Faults that the issuer of the certificate explains. */
const ABOUT_A_CERTIFICATE: readonly FaultCode[] = ['tls_untrusted', 'tls_certificate_date']

/** Opens nothing yet. Fault: `configuration_invalid` where the extra trust roots or the proxy cannot be used. */
export function createOutbound(settings: OutboundSettings, clock: Clock = systemClock): Outcome<Outbound> {
  const trust = loadTrust(settings.caFile)
  if (!trust.ok) return trust
  const proxyHost = parseProxyHost(settings.proxy)
  if (!proxyHost.ok) return proxyHost
  const route: Route = {
    trust: trust.value,
    httpsProxy: settings.proxy?.httpsProxy ?? '',
    noProxy: settings.proxy?.noProxy ?? '',
  }
  const dispatcher = createDispatcher(route)

  return success({
    close: () => dispatcher.destroy(),
    async send(request) {
      const url = new URL(request.url)
      const exchange = { hop: request.hop, host: url.host, proxyHost: proxyHost.value }
      const outcome = await exchangeOnce(dispatcher, clock, request, { url, exchange })
      if (outcome.ok || !ABOUT_A_CERTIFICATE.includes(outcome.fault.code)) return outcome
      const issuer = await readPresentedIssuer(route, request.url)
      const message = `${outcome.fault.message}; ${describePresentedIssuer(issuer)}`
      return { ok: false, fault: { ...outcome.fault, message } }
    },
  })
}

function exchangeOnce(
  dispatcher: Dispatcher,
  clock: Clock,
  request: HttpRequest,
  { url, exchange }: { readonly url: URL; readonly exchange: Exchange },
): Promise<Outcome<HttpReply>> {
  return new Promise((resolve) => {
    const reader = new ReplyReader(exchange, request, (outcome) => {
      cancelLimit()
      resolve(outcome)
    })
    const cancelLimit = clock.after(request.timeoutMs, () => reader.timeOut())
    const headers = { ...request.headers, ...traceHeaders(), 'accept-encoding': 'identity' }
    registerOwnHeaders(url.origin, Object.keys(headers))
    dispatcher.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method,
        headers,
        body: request.body ?? null,
        // The limit above covers them.
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      reader,
    )
  })
}

/**
 * OpenTelemetry's API, where somebody has loaded it into the process, is kept under this name; its instrumentation of
 * undici writes the field itself, and two of them are as good as none.
 */
const openTelemetry = Symbol.for('opentelemetry.js.api.1')

function traceHeaders(): { readonly traceparent?: string } {
  const trace = currentTrace()
  return trace === undefined || openTelemetry in globalThis ? {} : { traceparent: childTraceparent(trace) }
}

function parseProxyHost(proxy: ProxySettings | undefined): Outcome<string | undefined> {
  if (!proxy?.httpsProxy) return success(undefined)
  const problem = problemOfProxy(proxy.httpsProxy)
  if (problem === undefined) return success(new URL(proxy.httpsProxy).host)
  return failure('configuration_invalid', `HTTPS_PROXY ${problem}`, { field: 'HTTPS_PROXY' })
}
