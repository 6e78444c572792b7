/**
 * What the service is held against, one per process: `node yardstick.ts <kind> [<answer file>]`.
 * node-http: bare node:http that sends the answer in the file, whatever it is asked. fastify: a bare Fastify route with
 * the same answer schema. naive: what somebody would write in an afternoon, a token and a query for every request
 * (needs INTUNE_*).
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { fetch } from 'undici'
import { z } from 'zod'
import { DecisionAnswer } from '../../src/frontends/json/schema.ts'
import { createNaiveIntune, intuneResource, macQuery } from './naive-intune.ts'

/** What the service answered to the question that the yardstick is held against. */
export interface RecordedAnswer {
  readonly contentType: string
  readonly body: string
}

const kinds: Readonly<Record<string, () => Promise<number>>> = {
  'node-http': bareNode,
  fastify: bareFastify,
  naive,
}

function recordedAnswer(): RecordedAnswer {
  return JSON.parse(readFileSync(process.argv[3] ?? '', 'utf8'))
}

async function bareNode(): Promise<number> {
  const { contentType, body: text } = recordedAnswer()
  const body = Buffer.from(text)
  const headers = { 'content-type': contentType, 'content-length': body.length }
  const server = createServer((request, response) => {
    // A POST yardstick has to read what it was sent, as everybody must.
    if (request.method === 'POST') {
      request.resume().on('end', () => response.writeHead(200, headers).end(body))
    } else response.writeHead(200, headers).end(body)
  })
  return listen(server)
}

async function bareFastify(): Promise<number> {
  const answer: DecisionAnswer = JSON.parse(recordedAnswer().body)
  const app = Fastify()
  const schema = { response: { 200: z.toJSONSchema(DecisionAnswer, { target: 'draft-7' }) } }
  app.get('/v1/decision', { schema }, (_request, reply) => reply.send({ ...answer }))
  app.post('/v1/decision', { schema }, (_request, reply) => reply.send({ ...answer }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

async function naive(): Promise<number> {
  const intune = createNaiveIntune(process.env)
  const server = createServer(async (request, response) => {
    try {
      const mac = /mac=([^&]+)/.exec(request.url ?? '')?.[1]?.replaceAll(/[^0-9a-f]/gi, '') ?? ''
      const uri = await intune.fetchServiceUri()
      const headers = { ...(await intune.fetchToken(intuneResource)), accept: 'application/xml' }
      const reply = await fetch(uri + macQuery(mac.toUpperCase()), { headers, dispatcher: intune.agent })
      const isCompliant = /<status>true/i.test(await reply.text())
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ decision: isCompliant ? 'allow' : 'remediate' }))
    } catch (error) {
      response.writeHead(500).end(String(error))
    }
  })
  return listen(server)
}

async function listen(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const start = kinds[process.argv[2] ?? '']
if (!start) throw new Error(`yardstick is one of ${Object.keys(kinds).join(', ')}`)
process.stdout.write(`listening on http://127.0.0.1:${await start()}\n`)
