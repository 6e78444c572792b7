import type { FastifyInstance } from 'fastify'
import type { Clock } from '../clock.ts'

/** How the service leaves without a caller noticing. The servers leave in the order in which they were followed. */
export interface Departure {
  /** True from the signal on: what /readyz tells load balancers. */
  isStopping(): boolean
  /** Lets the answers of a server say goodbye when it is time; to be called before the server is ready. */
  follow(server: FastifyInstance): void
  /**
   * Says that the service stops and answers as before for `graceMs`, while load balancers turn away. Then every answer
   * says `Connection: close`, until no connection is open or a second is over.
   */
  announce(graceMs: number): Promise<void>
  /**
   * Closes the servers: requests under way have 5 seconds to be answered. Resolves with how many connections were cut
   * off after that. Connections that say nothing are closed at once.
   */
  closeServers(): Promise<{ readonly connectionsCut: number }>
}

/**
 * A server may not close a connection that a request is on its way on: the caller would meet a reset (RFC 9112 section
 * 9.6). It can know only of its own last answer, so connections in use are ended by that, and only those that were
 * silent for this long are closed as they are.
 */
const goodbyeMs = 1000
const answersMs = 5000
const lookMs = 50

/** Builds the departure; nothing happens before `announce` or `closeServers`. */
export function createDeparture(clock: Clock): Departure {
  const followed: FastifyInstance[] = []
  let stopping = false
  let leaving = false

  const wait = (ms: number) =>
    new Promise<void>((resolve) => {
      clock.after(ms, resolve)
    })

  /** Node closes what is idle; what is left after the limit is cut off, and not waited for: a handshake may be half done. */
  async function closeWithin(server: FastifyInstance, limitMs: number): Promise<number> {
    const limit = Promise.withResolvers<number>()
    const cancel = clock.after(limitMs, () => {
      limit.resolve(countConnections(server))
      server.server.closeAllConnections()
    })
    const closed = server.close().then(() => 0)
    const cut = await Promise.race([closed, limit.promise])
    cancel()
    return cut
  }

  return {
    isStopping: () => stopping,
    follow(server) {
      followed.push(server)
      // When the answer is written and not when the request arrives: one that was under way says it too.
      server.addHook('onSend', (_request, reply, _payload, done) => {
        if (leaving) reply.raw.shouldKeepAlive = false
        done()
      })
    },
    async announce(graceMs) {
      stopping = true
      if (graceMs > 0) await wait(graceMs)
      leaving = true
      const startedMs = clock.monotonicMs()
      while (clock.monotonicMs() - startedMs < goodbyeMs) {
        const open = await Promise.all(followed.map(countConnections))
        if (open.every((count) => count === 0)) return
        await wait(lookMs)
      }
    },
    async closeServers() {
      stopping = true
      leaving = true
      const startedMs = clock.monotonicMs()
      let connectionsCut = 0
      for (const server of followed) {
        connectionsCut += await closeWithin(server, Math.max(0, startedMs + answersMs - clock.monotonicMs()))
      }
      return { connectionsCut }
    },
  }
}

function countConnections({ server }: FastifyInstance): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))
}
