import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { type AgentOptions, Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { TLSSocket } from 'node:tls'

/** What the callers saw: answers by target, and everything that was not a 200. */
export interface Seen {
  readonly answered: Map<string, number>
  readonly failed: string[]
  /** Fingerprints of the certificates that new connections met, in the order of their first appearance. */
  readonly certificates: Set<string>
}

export interface SteadyCallers {
  readonly seen: Seen
  /** Answers of all targets. */
  answers(): number
  /** Lets the requests under way end. */
  stop(): Promise<void>
}

/** How one caller asks; `target` is the origin, read anew before every request that needs another connection. */
export interface CallerKind {
  /** True: one connection for as long as the service lets it, as RADIUS servers and proxies do. */
  readonly keepsConnection: boolean
  /** Where a new connection goes. */
  readonly target: () => string
  readonly headers?: Readonly<Record<string, string>>
  readonly tls?: AgentOptions
}

/** Callers that together send `perSecond` requests a second, each one at a time, until they are stopped. */
export function startCallers(
  kinds: readonly CallerKind[],
  { perSecond, path }: { readonly perSecond: number; readonly path: string },
): SteadyCallers {
  const seen: Seen = { answered: new Map(), failed: [], certificates: new Set() }
  const pauseMs = (kinds.length / perSecond) * 1000
  let stopped = false

  async function call(kind: CallerKind, firstAfterMs: number): Promise<void> {
    let target: string | undefined
    let agent: HttpAgent | undefined
    let dueMs = performance.now() + firstAfterMs
    while (!stopped) {
      await sleep(Math.max(0, dueMs - performance.now()))
      // Behind schedule, the next one is due at once, but what was missed is not made up for in a burst.
      dueMs = Math.max(dueMs + pauseMs, performance.now())
      if (target === undefined || !kind.keepsConnection) {
        agent?.destroy()
        target = kind.target()
        agent = createAgent(target, kind)
      }
      const { keepsOpen, failure } = await ask(target, agent, kind, path, seen)
      if (failure === undefined) seen.answered.set(target, (seen.answered.get(target) ?? 0) + 1)
      else seen.failed.push(`${target}: ${failure}`)
      if (!keepsOpen) target = undefined
    }
    agent?.destroy()
  }

  const running = kinds.map((kind, index) => call(kind, (pauseMs * index) / kinds.length))
  return {
    seen,
    answers: () => [...seen.answered.values()].reduce((sum, count) => sum + count, 0),
    async stop() {
      stopped = true
      await Promise.all(running)
    },
  }
}

function createAgent(target: string, { keepsConnection, tls }: CallerKind): HttpAgent {
  const options = { keepAlive: keepsConnection, maxSockets: 1 }
  return target.startsWith('https:') ? new HttpsAgent({ ...options, ...tls }) : new HttpAgent(options)
}

function ask(
  target: string,
  agent: HttpAgent | undefined,
  { headers = {} }: CallerKind,
  path: string,
  seen: Seen,
): Promise<{ readonly keepsOpen: boolean; readonly failure?: string }> {
  const request = target.startsWith('https:') ? requestHttps : requestHttp
  return new Promise((resolve) => {
    const fail = (error: NodeJS.ErrnoException) =>
      resolve({ keepsOpen: false, failure: error.code ?? error.message })
    const asked = request(new URL(path, target), { agent, headers }, (reply: IncomingMessage) => {
      reply.resume()
      reply.once('error', fail)
      reply.once('end', () => {
        const status = reply.statusCode === 200 ? {} : { failure: `status ${reply.statusCode}` }
        resolve({ keepsOpen: reply.headers.connection !== 'close', ...status })
      })
    })
    asked.once('socket', (socket) => {
      if (asked.reusedSocket || !(socket instanceof TLSSocket)) return
      socket.once('secureConnect', () => {
        const certificate = socket.getPeerX509Certificate()
        if (certificate) seen.certificates.add(certificate.fingerprint256)
      })
    })
    asked.once('error', fail)
    asked.end()
  })
}
