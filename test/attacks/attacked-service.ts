import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Pool } from 'undici'
import { canaryMarker } from '../../scripts/secret-scan.ts'
import { hashSecret } from '../../src/server/secret-hash.ts'
import type { Simulator } from '../../src/simulator/simulator.ts'
import { type Difference, simulatedService } from '../app/simulated-service.ts'

/** An answer over HTTP. */
export interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: Record<string, string | string[] | undefined>
  readonly tookMs: number
  /** The body of a JSON answer. */
  readonly json: Record<string, unknown>
}

/** What a caller sends besides the path. */
export interface Sent {
  readonly method?: 'GET' | 'POST'
  readonly body?: string
  readonly headers?: Record<string, string>
}

export const devices = 24

/** The Intune device id, MAC address and serial number of one of the sound devices of the tenant. */
export function device(index: number) {
  const hex = index.toString(16).padStart(4, '0')
  return {
    deviceId: `5000${hex}-6859-4b71-93aa-56aba42581c5`,
    mac: `0050560A${hex.toUpperCase()}`,
    serialNumber: `SN-${hex.toUpperCase()}`,
  }
}

/** `prepare` has the simulator before the service begins to listen. */
export interface Attacked extends Difference {
  readonly prepare?: (simulator: Simulator) => void
}

/** The whole service on real sockets, with clients of its own, in front of a simulated tenant of sound devices. */
export async function attackedService(t: Test, { prepare, ...difference }: Attacked = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'attacked-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const password = `${canaryMarker}-right`
  const entry = async (name: string) => ({
    name,
    basic: { username: name, passwordHash: await hashSecret(password) },
  })
  const clients = { clients: await Promise.all(['ise', 'radius', 'scripts'].map(entry)) }
  const clientsFile = join(directory, 'clients.yaml')
  writeFileSync(clientsFile, JSON.stringify(clients))
  const service = await simulatedService(t, {
    ...difference,
    environment: { CLIENTS_FILE: clientsFile, SERVICE_HOST: '127.0.0.1', ...difference.environment },
  })
  if (!service.app) throw new Error('the service was not built')
  prepare?.(service.simulator)
  const { serviceUrl } = await service.app.listen()
  const pool = new Pool(serviceUrl, { connections: 256, pipelining: 1 })
  t.teardown(() => pool.close())
  for (let index = 0; index < devices; index += 1) {
    service.simulator.tenant.putDevice({ ...hardwareOf(index), complianceState: 'compliant' })
  }

  async function send(path: string, authorization: string, { method = 'GET', body, headers }: Sent = {}) {
    const startedMs = performance.now()
    const reply = await pool.request({
      path,
      method,
      headers: { authorization, ...headers },
      ...(body !== undefined && { body }),
    })
    const text = await reply.body.text()
    const json = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {}
    const tookMs = performance.now() - startedMs
    return { status: reply.statusCode, text, headers: reply.headers, tookMs, json } satisfies Answer
  }
  const right = (name: string) => basic(name, password)
  return {
    ...service,
    app: service.app,
    serviceUrl,
    send,
    right,
    /** One decision of the JSON front end for the client `scripts`. */
    decide: async (query: Record<string, string>) =>
      (await send(`/v1/decision?${new URLSearchParams(query)}`, right('scripts'))).json,
    /** How many of the sound devices are let in, each asked about by another identifier. */
    async letIn(): Promise<number> {
      const answers = await Promise.all(
        Array.from({ length: devices }, (_, index) => {
          const { deviceId, mac } = device(index)
          const query = index % 2 === 0 ? `deviceId=${deviceId}` : `mac=${mac}`
          return send(`/v1/decision?${query}`, right('scripts'))
        }),
      )
      return answers.filter(({ json }) => json.decision === 'allow').length
    },
    async management(path: string): Promise<string> {
      return (await service.app?.management.inject({ url: path }))?.payload ?? ''
    },
  }
}

function hardwareOf(index: number) {
  const { deviceId, mac, serialNumber } = device(index)
  return { deviceId, macs: [mac], serialNumber }
}

/** Basic credentials as a header field has them. */
export function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
}
