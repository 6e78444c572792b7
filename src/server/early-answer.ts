import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'

/** Knows the connections on which an answer went out before the whole request had come in. */
export interface EarlyAnswers {
  /** True while the rest of a request that was answered is still to come: what is wrong with it needs no answer. */
  isAnswered(socket: Duplex): boolean
}

/**
 * Ends a connection with the answer that refuses a request unread, where the rest of the request is long or of unknown
 * length: Node would otherwise read all of it, to get at the next request (RFC 9112 section 9.6). Up to `shortBytes` are
 * read, and the connection stays.
 */
export function endConnectionsEarly(app: FastifyInstance, shortBytes: number): EarlyAnswers {
  const answered = new WeakMap<Duplex, IncomingMessage>()
  app.addHook('onSend', (request, reply, payload, done) => {
    const { raw } = request
    // An answer that needs no waiting is given while the parser is still at the end of the header section.
    if (!raw.complete && hasBody(raw)) {
      answered.set(raw.socket, raw)
      if (!isShort(raw, shortBytes)) reply.header('connection', 'close')
    }
    done(null, payload)
  })
  return {
    isAnswered: (socket) => answered.get(socket)?.complete === false,
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
}

function isShort({ headers }: IncomingMessage, shortBytes: number): boolean {
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= shortBytes
}
