import type { FastifyInstance } from 'fastify'
import type { Clock } from '../clock.ts'

/** How the service leaves without a caller noticing. The servers leave in the order in which they were followed. */
export interface Departure {
  /** True from the signal on: what /readyz tells load balancers. */
  isStopping(): boolean
  /** Counts the requests of a server and lets its answers say goodbye; before the server is ready. */
  follow(server: FastifyInstance): void
  /**
   * Says that the service stops and answers as before for `graceMs`, while load balancers turn away. Then every answer
   * says `Connection: close`, until no connection is open or a second is over.
   */
  announce(graceMs: number): Promise<void>
  /**
   * Closes the servers: requests under way have 5 seconds to be answered. Resolves with how many were not, and does not
   * wait for connections that say nothing.
   */
  closeServers(): Promise<{ readonly unanswered: number }>
}

/**
 * A server may not close a connection that a request is on its way on: the caller would meet a reset (RFC 9112 section
 * 9.6). It can know only of its own last answer, so connections in use are ended by that, and only those that were
 * silent for this long are closed as they are.
 */
const goodbyeMs = 1000
const answersMs = 5000
/** With nothing under way any more: how long a request that began to arrive has for the rest of its head. */
const quietMs = 250
const lookMs = 50

interface Followed {
  readonly server: FastifyInstance
  underWay: number
}

/** Builds the departure; nothing happens before `announce` or `closeServers`. */
export function createDeparture(clock: Clock): Departure {
  const followed: Followed[] = []
  let stopping = false
  let leaving = false

  const wait = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve))

  async function closeOne(one: Followed): Promise<number> {
    const { server } = one
    let unanswered = 0
    let closed = false
    const closing = server.close().then(() => {
      closed = true
    })
    async function endTheRest(): Promise<void> {
      const startedMs = clock.nowMs()
      let quietSinceMs = startedMs
      while (!closed) {
        await wait(lookMs)
        const nowMs = clock.nowMs()
        if (one.underWay > 0) quietSinceMs = nowMs
        const isLate = nowMs - startedMs >= answersMs
        if (!isLate && nowMs - quietSinceMs < quietMs) continue
        unanswered = one.underWay
        server.server.closeAllConnections()
        return
      }
    }
    void endTheRest()
    await closing
    return unanswered
  }

  return {
    isStopping: () => stopping,
    follow(server) {
      const one = { server, underWay: 0 }
      followed.push(one)
      server.addHook('onRequest', (_request, _reply, done) => {
        one.underWay += 1
        done()
      })
      // When the answer is written and not when the request arrives: one that was under way says it too.
      server.addHook('onSend', (_request, reply, _payload, done) => {
        if (leaving) reply.raw.shouldKeepAlive = false
        done()
      })
      server.addHook('onResponse', (_request, _reply, done) => {
        one.underWay -= 1
        done()
      })
    },
    async announce(graceMs) {
      stopping = true
      if (graceMs > 0) await wait(graceMs)
      leaving = true
      const startedMs = clock.nowMs()
      while (clock.nowMs() - startedMs < goodbyeMs) {
        const open = await Promise.all(followed.map(({ server }) => countConnections(server)))
        if (open.every((count) => count === 0)) return
        await wait(lookMs)
      }
    },
    async closeServers() {
      stopping = true
      leaving = true
      let unanswered = 0
      for (const one of followed) unanswered += await closeOne(one)
      return { unanswered }
    },
  }
}

function countConnections({ server }: FastifyInstance): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))
}
