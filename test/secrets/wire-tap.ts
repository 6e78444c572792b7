import type { IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { Agent, request } from 'undici'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { mintTls } from '../../src/simulator/tls.ts'

/** An answer with which the tap takes the place of the cloud. */
export interface Spoilt {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body: string
}

/** One request as it was on the wire, with every secret in it. */
export interface Overheard {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Gives an answer of its own, or undefined where the cloud answers. */
export type Spoil = (request: Overheard) => Spoilt | undefined

/**
 * The simulated cloud behind something that sees all: it knows every token and every assertion, which the simulator
 * does not record, and can say them back. Both are at the same port, on two addresses of the loopback network, so
 * that the addresses the simulator hands out lead to the tap.
 */
export async function startTappedCloud(t: Test) {
  const tls = await mintTls('127.0.0.1')
  const assertions = new Set<string>()
  const tokens = new Set<string>()
  let spoil: Spoil = () => undefined
  const toSimulator = new Agent({ connect: { rejectUnauthorized: false } })
  const tap = createServer(
    { cert: tls.certificatePem, key: tls.privateKeyPem },
    async (incoming, outgoing) => {
      const chunks: Buffer[] = []
      for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
      const body = Buffer.concat(chunks).toString()
      const path = incoming.url ?? '/'
      const assertion = new URLSearchParams(body).get('client_assertion')
      if (assertion !== null) assertions.add(assertion)
      const spoilt = spoil({ path, headers: incoming.headers, body })
      if (spoilt) {
        outgoing.writeHead(spoilt.status, spoilt.headers).end(spoilt.body)
        return
      }
      const { connection: _hop, 'content-length': _length, ...headers } = incoming.headers
      const reply = await request(`https://127.0.0.2:${port}${path}`, {
        method: incoming.method === 'POST' ? 'POST' : 'GET',
        headers,
        ...(body !== '' && { body }),
        dispatcher: toSimulator,
      })
      const text = await reply.body.text()
      const token = /"access_token":"([^"]+)"/.exec(text)?.[1]
      if (token !== undefined) tokens.add(token)
      const { connection, 'transfer-encoding': _encoding, 'keep-alive': _alive, ...kept } = reply.headers
      outgoing.writeHead(reply.statusCode, { ...kept, 'content-length': Buffer.byteLength(text) }).end(text)
    },
  )
  await new Promise<void>((resolve) => tap.listen(0, '127.0.0.1', resolve))
  const { port } = tap.address() as AddressInfo
  const simulator = await startSimulator({ host: '127.0.0.2', publicHost: '127.0.0.1', port, tls })
  t.teardown(async () => {
    tap.closeAllConnections()
    tap.close()
    await simulator.close()
    await toSimulator.close()
  })
  return {
    simulator,
    /** Of the tap and, as far as anybody can see, of the cloud. */
    origin: simulator.origin,
    caCertificatePem: tls.caCertificatePem,
    /** Every client assertion that was sent. */
    assertions,
    /** Every access token that was handed out. */
    tokens,
    /** Sets what is said in place of the cloud from now on. */
    spoil(next: Spoil) {
      spoil = next
    },
  }
}
