import { TLSSocket } from 'node:tls'
import { buildConnector, Client, type Dispatcher, request } from 'undici'
import { createDispatcher, DIAGNOSIS_TIMEOUT_MS, type Route } from './outbound-tls.ts'

/**
 * A dispatcher that connects the way of every request, shows `see` the socket after the handshake, unverified, and gives
 * the connection up: whatever it is asked to send fails, and nothing is sent.
 */
export function createHandshakeDispatcher(route: Route, see: (socket: TLSSocket) => void): Dispatcher {
  return createDispatcher(route, {
    factory(origin, options: Client.Options) {
      const { connect } = options
      const connector = typeof connect === 'function' ? connect : buildConnector(connect ?? {})
      return new Client(origin, {
        ...options,
        connect: (target, callback) =>
          connector(target, (error, socket) => {
            if (socket instanceof TLSSocket) see(socket)
            socket?.destroy()
            callback(error ?? new Error('the handshake was all that was wanted'), null)
          }),
      })
    },
  })
}

/**
 * Who issued the certificate that the host of `url` presents, for a message to the operator: a TLS inspection box
 * names itself there. Makes one connection of its own the same way as any other, without verification, sends nothing
 * over it, takes at most two seconds and never rejects.
 */
export async function readPresentedIssuer(route: Route, url: string): Promise<string | undefined> {
  let issuer: string | undefined
  const dispatcher = createHandshakeDispatcher(route, (socket) => {
    issuer = describeIssuer(socket)
  })
  try {
    await request(url, { dispatcher, signal: AbortSignal.timeout(DIAGNOSIS_TIMEOUT_MS) })
  } catch {
    // Always ends here: the connection is given up as soon as the certificate has been seen.
  }
  await dispatcher.destroy()
  return issuer
}

/**
 * Common name and organisation of the issuer, in quotation marks. They are the peer's text: shortened, printable
 * characters only; undefined where nothing is left.
 */
export function describeIssuer(socket: TLSSocket): string | undefined {
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
