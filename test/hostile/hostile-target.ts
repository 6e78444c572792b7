import { readFileSync } from 'node:fs'
import { Agent, request as requestHttp } from 'node:http'
import { request as requestHttps, Agent as TlsAgent } from 'node:https'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import {
  createCertificateAuthority,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { startCommand } from '../e2e/run-process.ts'
import { prepareAccess } from './service-access.ts'

/** Resident memory of a process in MiB: at this moment, and the most since it was last reset. */
export interface Memory {
  readonly nowMiB: number
  readonly peakMiB: number
}

/** A real `serve` process with clients, in front of a simulator. */
export async function startHostileTarget(t: Test, { tls = false } = {}) {
  const simulator = await startSimulator()
  t.teardown(() => simulator.close())
  const directory = t.testdir({})
  const { environment, token } = await prepareAccess(simulator, directory)
  const authority = tls ? await createCertificateAuthority({ commonName: 'Network root' }) : undefined
  if (authority) {
    const pair = await issueServerCertificate(authority, { commonName: 'nac', ipAddresses: ['127.0.0.1'] })
    const files = t.testdir({
      ...Object.fromEntries(
        ['ca.pem', 'app.pem', 'app.key', 'clients.yaml'].map((name) => [
          name,
          readFileSync(join(directory, name), 'utf8'),
        ]),
      ),
      'tls.pem': pair.certificatePem,
      'tls.key': pair.privateKeyPem,
    })
    environment.SERVICE_TLS_CERTIFICATE_FILE = join(files, 'tls.pem')
    environment.SERVICE_TLS_PRIVATE_KEY_FILE = join(files, 'tls.key')
  }
  const service = startCommand(['serve'], environment)
  t.teardown(async () => {
    service.child.kill('SIGTERM')
    await service.exited
  })
  const [, url = ''] = await service.waitFor(/"serviceUrl":"([^"]+)"/)
  const [, managementUrl = ''] = await service.waitFor(/"managementUrl":"([^"]+)"/)
  const port = Number(new URL(url).port)
  const { pid = 0 } = service.child

  return {
    url,
    port,
    token,
    managementUrl,
    caPem: authority?.certificatePem,
    /** True while the process has not ended. */
    runs: () => service.child.exitCode === null && service.child.signalCode === null,
    memory(): Memory {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      const of = (name: string) =>
        Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024
      return { nowMiB: Math.round(of('VmRSS')), peakMiB: Math.round(of('VmHWM')) }
    },
    /** A connection to the service; errors only close it. */
    open(from = '127.0.0.1'): Socket {
      const socket = connect({ port, host: '127.0.0.1', localAddress: from })
      socket.on('error', () => {})
      return socket
    },
    async metric(name: string): Promise<number> {
      const text = await (await fetch(`${managementUrl}/metrics`)).text()
      return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1] ?? 0)
    },
  }
}
export type HostileTarget = Awaited<ReturnType<typeof startHostileTarget>>

/** What became of the requests of the normal client. */
export interface Served {
  readonly served: number
  /** Refused with 503 and Retry-After because the service was late, and asked again. */
  readonly postponed: number
  readonly failures: readonly string[]
}

/**
 * A caller as there are many: it asks with its token all the time, over connections that it keeps and every tenth time
 * over a new one. `stop` gives what became of it.
 */
export function startNormalClient({ url, token, caPem }: HostileTarget) {
  const { hostname, port, protocol } = new URL(url)
  const options = { ...(caPem !== undefined && { ca: caPem }) }
  const kept =
    protocol === 'https:' ? new TlsAgent({ keepAlive: true, ...options }) : new Agent({ keepAlive: true })
  const send = protocol === 'https:' ? requestHttps : requestHttp
  const failures: string[] = []
  let served = 0
  let postponed = 0
  let stopped = false

  function ask(count: number): Promise<void> {
    return new Promise((resolve) => {
      const given = {
        ...options,
        hostname,
        port,
        path: '/v1/decision?mac=00:50:56:A4:89:5A',
        headers: { authorization: `Bearer ${token}` },
        agent: count % 10 === 9 ? (false as const) : kept,
      }
      const request = send(given, (reply) => {
        let body = ''
        reply.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk
        })
        reply.once('end', () => {
          if (reply.statusCode === 200 && body.includes('"decision":"allow"')) served += 1
          else if (reply.statusCode === 503 && reply.headers['retry-after'] !== undefined) postponed += 1
          else failures.push(`${reply.statusCode} ${body.slice(0, 200)}`)
          resolve()
        })
      })
      request.once('error', (error) => {
        failures.push(error.message)
        resolve()
      })
      request.end()
    })
  }

  const running = (async () => {
    for (let count = 0; !stopped; count += 1) {
      await ask(count)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  })()
  return {
    /** Resolves when it has been served once. */
    async untilServed(): Promise<void> {
      while (served === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    },
    async stop(): Promise<Served> {
      stopped = true
      await running
      kept.destroy()
      return { served, postponed, failures }
    },
  }
}

/** Everything that comes back until the connection ends. */
export function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  return new Promise((resolve) => {
    socket.once('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
  })
}

/** The statuses of all answers in what came back, those of 1xx left out. */
export function statusesIn(reply: string): number[] {
  return [...reply.matchAll(/HTTP\/1\.1 ([2-5]\d\d) /g)].map(([, status]) => Number(status))
}

/** The most MiB that an attack may add to the memory of the service; 10,000 connections take some 150. */
export const mostMiB = 256

/** Fails the test unless the normal client was served all the time, and says how much memory it took. */
export function expectUnharmed(
  t: Test,
  what: string,
  { target, before, client }: { target: HostileTarget; before: Memory; client: Served },
): void {
  const after = target.memory()
  t.same(client.failures.slice(0, 5), [], `${what}: no request of the normal client failed`)
  t.ok(client.served > 0, `${what}: it was served`)
  t.ok(target.runs(), `${what}: the service runs`)
  t.ok(after.peakMiB - before.nowMiB < mostMiB, `${what}: less than ${mostMiB} MiB more`)
  t.comment(
    `${what}: normal client ${client.served} served, ${client.failures.length} failed, ` +
      `${client.postponed} told to come back; ` +
      `memory ${before.nowMiB} MiB before, ${after.peakMiB} at most, ${after.nowMiB} after`,
  )
}
