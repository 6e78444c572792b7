import type { PeerCertificate } from 'node:tls'
import { z } from 'zod'
import type { ListenerSettings, ServiceTlsSettings } from '../config/settings.ts'
import { readCertificates } from '../pem/read-certificates.ts'
import { readBytesLater } from '../pem/read-file.ts'
import { describeFileFault } from '../text/decode.ts'
import { WrongUse } from './command.ts'

/** Where a listener of the service on this machine is asked. */
export interface Target {
  readonly url: URL
  /** File of the certificate that the service has to show, whatever the name in it. */
  readonly certificateFile?: string
}

/** The same by the settings of the listener. WrongUse where the system picks its port. */
export function targetOf(listener: ListenerSettings, tls: ServiceTlsSettings | undefined): Target {
  if (tls === undefined) return { url: localUrl('http', listener) }
  return { url: localUrl('https', listener), certificateFile: tls.certificateFile }
}

/** The address that `--url` gives. WrongUse where it is none. */
export function parseUrl(text: string): URL {
  const url = URL.parse(text)
  if (url !== null && /^https?:$/.test(url.protocol)) return url
  throw new WrongUse('--url must be an address such as http://127.0.0.1:9090')
}

function localUrl(scheme: 'http' | 'https', { host, port }: ListenerSettings): URL {
  if (port === 0) throw new WrongUse('cannot know the port that the system picked: give --url')
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return new URL(`${scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`)
}

/**
 * Trust in the very certificate of the file, and its PEM; undefined for another address. An authority that stands behind it
 * in the file is not believed: it signs certificates of others as well. Rejects where the file cannot be read.
 */
export async function trustOf({ certificateFile }: Target) {
  if (certificateFile === undefined) return undefined
  const bytes = await readBytesLater(certificateFile)
  const certificates = bytes.ok ? readCertificates(bytes.value) : bytes
  if (!certificates.ok) {
    throw new Error(describeFileFault('the certificate of the listener', certificateFile, certificates.why))
  }
  const own = certificates.value.list[0]
  // The name in it is the one that callers use, and here it is asked at a loopback address.
  const checkServerIdentity = (_host: string, shown: PeerCertificate) =>
    own.raw.equals(shown.raw) ? undefined : new Error('the certificate is another one')
  return { ca: own.toString(), allowPartialTrustChain: true, checkServerIdentity }
}

/** Why an exchange with a listener failed, for a person; fetch hides it in the cause. */
export function reasonOf(error: unknown, timeoutMs: number): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  if (!(cause instanceof Error)) return 'unknown error'
  if (cause instanceof z.ZodError || cause instanceof SyntaxError)
    return 'it is not an answer of this service'
  const { code, message, name } = cause as NodeJS.ErrnoException
  if (name === 'AbortError' || name === 'TimeoutError') return `nothing within ${timeoutMs} ms`
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') {
    return `${code}: does it speak HTTPS, or ask for a certificate?`
  }
  return code ?? message
}
