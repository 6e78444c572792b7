import { type SecureContext, TLSSocket } from 'node:tls'
import { Agent, buildConnector, Client, type Dispatcher, EnvHttpProxyAgent, request } from 'undici'

/** The way to a host: whom to trust and which proxy to go through; empty texts for none. */
export interface Route {
  readonly trust: SecureContext
  readonly httpsProxy: string
  readonly noProxy: string
}

const CONNECT_TIMEOUT_MS = 3000
const DIAGNOSIS_TIMEOUT_MS = 2000

/** Keeps a burst from opening a socket per device; what is above waits its turn inside its own time limit. */
const CONNECTIONS_PER_HOST = 128

/**
 * The dispatcher for one route. The proxy is given explicitly, empty texts included: EnvHttpProxyAgent would read the
 * environment for whatever is left out; without a proxy nothing looks for one. HTTP/1.1 only: one look-up is one small request, and an HTTP/2 connection
 * that breaks takes every look-up on it along.
 */
export function createDispatcher(
  route: Route,
  diagnosis?: Required<Pick<Agent.Options, 'factory'>>,
): Dispatcher {
  const timeoutMs = diagnosis ? DIAGNOSIS_TIMEOUT_MS : CONNECT_TIMEOUT_MS
  const tls = { secureContext: route.trust, timeout: timeoutMs, allowH2: false }
  const toHost = diagnosis ? { ...tls, rejectUnauthorized: false } : tls
  const options = {
    allowH2: false,
    connectTimeout: timeoutMs,
    connections: CONNECTIONS_PER_HOST,
    keepAliveTimeout: 30_000,
    connect: toHost,
    ...diagnosis,
  }
  if (route.httpsProxy === '') return new Agent(options)
  return new EnvHttpProxyAgent({
    ...options,
    requestTls: toHost,
    proxyTls: tls,
    httpProxy: '',
    httpsProxy: route.httpsProxy,
    noProxy: route.noProxy,
  })
}

/**
 * Who issued the certificate that the host of `url` presents, for a message to the operator: a TLS inspection box
 * names itself there. Makes one connection of its own the same way as any other, without verification, sends nothing
 * over it, takes at most two seconds and never rejects.
 */
export async function readPresentedIssuer(route: Route, url: string): Promise<string | undefined> {
  let issuer: string | undefined
  const dispatcher = createDispatcher(route, {
    factory(origin, options: Client.Options) {
      const { connect } = options
      const connector = typeof connect === 'function' ? connect : buildConnector(connect ?? {})
      return new Client(origin, {
        ...options,
        connect: (target, callback) =>
          connector(target, (error, socket) => {
            if (socket instanceof TLSSocket) issuer = describeIssuer(socket)
            socket?.destroy()
            callback(error ?? new Error('the certificate was all that was wanted'), null)
          }),
      })
    },
  })
  try {
    await request(url, { dispatcher, signal: AbortSignal.timeout(DIAGNOSIS_TIMEOUT_MS) })
  } catch {
    // Always ends here: the connection is given up as soon as the certificate has been seen.
  }
  await dispatcher.destroy()
  return issuer
}

/** Common name and organisation of the issuer. They are the peer's text: shortened, printable characters only. */
function describeIssuer(socket: TLSSocket): string | undefined {
  const { CN, O } = socket.getPeerCertificate().issuer ?? {}
  const name = [CN, O].flat().filter(Boolean).join(', ')
  const printable = name.replace(/[^\p{L}\p{N} .,:()&'*_-]/gu, '').slice(0, 120)
  return printable === '' ? undefined : `"${printable}"`
}

/**
 * Authorities that Microsoft's hosts are known to present (Microsoft, "Azure Certificate Authority details" and "Azure
 * TLS certificate changes"). Only for the wording of a message: what is trusted is decided by the trust store.
 */
const MICROSOFT_ISSUERS = /\b(DigiCert|Microsoft|GlobalSign|Entrust|Baltimore)\b/i

/** What a certificate that is not trusted looks like to an operator, for the end of a sentence. */
export function describePresentedIssuer(issuer: string | undefined): string {
  if (issuer === undefined) return 'its issuer could not be read'
  if (MICROSOFT_ISSUERS.test(issuer)) return `its issuer is ${issuer}`
  return `its issuer is ${issuer}, no public authority that Microsoft uses: this looks like TLS inspection`
}
