import type { RequestListener } from 'node:http'
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import type { TlsMaterial } from './tls.ts'

/** Makes HTTPS servers that share one certificate, and replaces it in all of them. */
export interface HttpsServers {
  create(options: ServerOptions, handler: RequestListener): Server
  setSecureContext(context: SecureContextOptions): void
}

/** Makes servers with this certificate: TLS 1.2 and later, a client certificate where authorities for it are named. */
export function createHttpsServers(material: TlsMaterial): HttpsServers {
  // A host name with two addresses gets a server for each.
  const servers = new Set<Server>()
  let current = material.context
  return {
    create(options, handler) {
      const server = createServer(
        {
          ...options,
          ...current,
          requestCert: material.requiresClientCertificate,
          rejectUnauthorized: material.requiresClientCertificate,
        },
        handler,
      )
      // Node would hand a failed handshake to the handler of bad HTTP, which answers in plain text.
      server.removeAllListeners('tlsClientError')
      server.on('tlsClientError', (_error, socket) => socket.destroy())
      servers.add(server)
      server.once('close', () => servers.delete(server))
      return server
    },
    setSecureContext(context) {
      current = context
      for (const server of servers) server.setSecureContext(context)
    },
  }
}
