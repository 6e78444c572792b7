import type { SecureContext } from 'node:tls'
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici'
import { verifiesPeer } from '../tls/secure-defaults.ts'

/** The way to a host: whom to trust and which proxy to go through; empty texts for none. */
export interface Route {
  readonly trust: SecureContext
  readonly httpsProxy: string
  readonly noProxy: string
}

const CONNECT_TIMEOUT_MS = 3000
/** How long a connection that only looks at a certificate may take. */
export const DIAGNOSIS_TIMEOUT_MS = 2000

/** Keeps a burst from opening a socket per device; what is above waits its turn inside its own time limit. */
const CONNECTIONS_PER_HOST = 128

/**
 * The dispatcher for one route. The proxy is given explicitly, empty texts included: EnvHttpProxyAgent would read the
 * environment for whatever is left out; without a proxy nothing looks for one. HTTP/1.1 only: one look-up is one small
 * request, and an HTTP/2 connection that breaks takes every look-up on it along. With a `diagnosis` nothing is verified.
 */
export function createDispatcher(
  route: Route,
  diagnosis?: Required<Pick<Agent.Options, 'factory'>>,
): Dispatcher {
  const timeoutMs = diagnosis ? DIAGNOSIS_TIMEOUT_MS : CONNECT_TIMEOUT_MS
  const tls = { secureContext: route.trust, timeout: timeoutMs, allowH2: false, ...verifiesPeer }
  const toHost = diagnosis ? { ...tls, rejectUnauthorized: false } : tls
  const options = {
    allowH2: false,
    connectTimeout: timeoutMs,
    connections: CONNECTIONS_PER_HOST,
    keepAliveTimeout: 30_000,
    // Node's default as well, whatever --max-http-header-size says.
    maxHeaderSize: 16 * 1024,
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
