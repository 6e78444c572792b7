import type { FaultCode } from '../errors/catalogue.ts'
import type { Fault, Hop } from '../errors/fault.ts'

/** What was being asked, and of whom. */
export interface Exchange {
  readonly hop: Hop
  /** `host` or `host:port`. */
  readonly host: string
  /** `host:port` of the configured proxy; the request may have gone through it. */
  readonly proxyHost?: string | undefined
}

/**
 * X.509 verification results, by the names of OpenSSL that Node uses as `error.code` (Node "TLS: X509 certificate
 * error codes"), and Node's own code for a wrong host name.
 */
const UNTRUSTED = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'CERT_SIGNATURE_FAILURE',
  'CERT_CHAIN_TOO_LONG',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'HOSTNAME_MISMATCH',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

/** These two depend on the clock of this machine, which is wrong more often than a certificate of Microsoft's. */
const OUTSIDE_VALIDITY = new Set(['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED'])

const TIMED_OUT = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
])

/** The one mapping from an error of undici or Node to a fault: by error code, never by message text. */
export function describeNetworkError(error: unknown, exchange: Exchange): Fault {
  const errorCode = findErrorCode(error)
  const code = classify(errorCode, exchange)
  const via = exchange.proxyHost ? ` (a proxy is configured: ${exchange.proxyHost})` : ''
  const message = `${sentences[code](exchange.host, errorCode)}${via}`
  return { code, message, hop: exchange.hop, host: exchange.host }
}

type NetworkFaultCode = Extract<
  FaultCode,
  | 'name_not_resolved'
  | 'connection_refused'
  | 'connection_failed'
  | 'upstream_timeout'
  | 'proxy_refused'
  | 'tls_untrusted'
  | 'tls_certificate_date'
  | 'tls_failed'
  | 'reply_too_large'
  | 'internal'
>

const sentences: Record<NetworkFaultCode, (host: string, errorCode: string) => string> = {
  name_not_resolved: (host) => `the name of ${host} could not be resolved`,
  connection_refused: (host) => `the connection to ${host} was refused`,
  connection_failed: (host, errorCode) => `the connection to ${host} failed (${errorCode})`,
  upstream_timeout: (host) => `${host} did not answer in time`,
  proxy_refused: (host) => `the proxy refused a tunnel to ${host}`,
  tls_untrusted: (host, errorCode) => `the certificate of ${host} is not trusted (${errorCode})`,
  tls_certificate_date: (host, errorCode) =>
    `the certificate of ${host} is not valid at the time that this machine believes it is (${errorCode})`,
  tls_failed: (host, errorCode) => `the TLS handshake with ${host} failed (${errorCode})`,
  reply_too_large: (host) => `the reply of ${host} was larger than the limit`,
  internal: (host, errorCode) => `the request to ${host} could not be written (${errorCode})`,
}

function classify(errorCode: string, { proxyHost }: Exchange): NetworkFaultCode {
  if (UNTRUSTED.has(errorCode)) return 'tls_untrusted'
  if (OUTSIDE_VALIDITY.has(errorCode)) return 'tls_certificate_date'
  if (TIMED_OUT.has(errorCode)) return 'upstream_timeout'
  if (/^(ENOTFOUND|EAI_[A-Z]+)$/.test(errorCode)) return 'name_not_resolved'
  if (/^(EPROTO|ERR_SSL_\w+|ERR_TLS_\w+)$/.test(errorCode)) return 'tls_failed'
  switch (errorCode) {
    case 'ECONNREFUSED':
      return 'connection_refused'
    case 'UND_ERR_HEADERS_OVERFLOW':
    case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
      return 'reply_too_large'
    case 'UND_ERR_INVALID_ARG':
      return 'internal'
    // undici's ProxyAgent reports any CONNECT reply other than 200 like this, and `send` aborts with its own reason.
    case 'UND_ERR_ABORTED':
      return proxyHost ? 'proxy_refused' : 'connection_failed'
    default:
      return 'connection_failed'
  }
}

/** undici wraps what failed on the way to a proxy; the cause says what it was. */
function findErrorCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if ((code === '' || code.startsWith('UND_ERR_PRX')) && error.cause !== undefined)
    return findErrorCode(error.cause)
  return /^[\w-]+$/.test(code) ? code : error.name
}
