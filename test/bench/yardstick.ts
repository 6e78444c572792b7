/**
 * What the service is held against, one per process: `node yardstick.ts <kind>`.
 * node-http: bare node:http with a constant body of the same size. fastify: a bare Fastify route with the same answer
 * schema. naive: what somebody would write in an afternoon, a token and a query for every request (needs INTUNE_*).
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ConfidentialClientApplication } from '@azure/msal-node'
import Fastify from 'fastify'
import { Agent, fetch, setGlobalDispatcher } from 'undici'
import { z } from 'zod'
import { DecisionAnswer } from '../../src/frontends/json/schema.ts'
import { loadClientCertificate } from '../../src/intune/client-certificate.ts'

const answer: DecisionAnswer = {
  decision: 'allow',
  reason: 'compliant',
  complianceState: 'compliant',
  enrolled: true,
  matchedBy: 'mac',
  device: '005056A4895A',
  source: 'cache',
  observedAt: '2026-11-23T01:00:00.000Z',
  ageSeconds: 12,
  stale: false,
  expiresInSeconds: 588,
  remediationAction: null,
  remediationUrl: null,
  remediationMessage: null,
  decisionId: '7da56673-7434-4237-85c0-7efb8df1a726',
  errorCode: null,
}

const kinds: Readonly<Record<string, () => Promise<number>>> = {
  'node-http': bareNode,
  fastify: bareFastify,
  naive,
}

async function bareNode(): Promise<number> {
  const body = Buffer.from(JSON.stringify(answer))
  const headers = { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length }
  const server = createServer((request, response) => {
    // A POST yardstick has to read what it was sent, as everybody must.
    if (request.method === 'POST')
      request.resume().on('end', () => response.writeHead(200, headers).end(body))
    else response.writeHead(200, headers).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

async function bareFastify(): Promise<number> {
  const app = Fastify()
  const schema = { response: { 200: z.toJSONSchema(DecisionAnswer, { target: 'draft-7' }) } }
  app.get('/v1/decision', { schema }, (_request, reply) => reply.send({ ...answer }))
  app.post('/v1/decision', { schema }, (_request, reply) => reply.send({ ...answer }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

async function naive(): Promise<number> {
  const { env } = process
  const origin = env.INTUNE_AUTO_DISCOVERY_URL ?? ''
  const agent = new Agent({ connect: { ca: readFileSync(env.INTUNE_CA_FILE ?? '', 'utf8') } })
  setGlobalDispatcher(agent)
  const loaded = loadClientCertificate({
    certificateFile: env.INTUNE_CERTIFICATE_FILE ?? '',
    privateKeyFile: env.INTUNE_PRIVATE_KEY_FILE ?? '',
  })
  if (!loaded.ok) throw new Error(loaded.fault.message)
  const send = async (
    url: string,
    init: { method?: string; headers?: Record<string, string>; body?: string },
  ) => {
    const reply = await fetch(url, init)
    const headers = Object.fromEntries(reply.headers)
    return { status: reply.status, headers, body: JSON.parse(await reply.text()) }
  }
  const token = async (resource: string) => {
    const msal = new ConfidentialClientApplication({
      auth: {
        clientId: env.INTUNE_CLIENT_ID ?? '',
        authority: env.INTUNE_TOKEN_ISSUING_URL ?? '',
        knownAuthorities: [new URL(origin).host],
        clientCertificate: {
          thumbprintSha256: loaded.value.thumbprintSha256,
          privateKey: loaded.value.privateKeyPem,
        },
      },
      system: {
        networkClient: {
          sendGetRequestAsync: (url, options) => send(url, { headers: options?.headers ?? {} }),
          sendPostRequestAsync: (url, options) =>
            send(url, { method: 'POST', headers: options?.headers ?? {}, body: options?.body ?? '' }),
        },
      },
    })
    const result = await msal.acquireTokenByClientCredential({ scopes: [`${resource}/.default`] })
    return { authorization: `Bearer ${result?.accessToken ?? ''}` }
  }
  const server = createServer(async (request, response) => {
    try {
      const mac =
        new URL(request.url ?? '/', origin).searchParams.get('mac')?.replaceAll(/[^0-9a-f]/gi, '') ?? ''
      const path = '/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints'
      const { body } = await send(`${origin}${path}`, { headers: await token(origin) })
      const row = body.value.find(
        ({ providerName }: { providerName: string }) => providerName === 'ComplianceRetrievalService',
      )
      const query = `/cisco/devices/?paging=0&querycriteria=macaddress&value=${mac.toUpperCase()}&filter=all`
      const headers = { ...(await token('https://api.manage.microsoft.com/')), accept: 'application/xml' }
      const xml = await (await fetch(`${row.uri}${query}`, { headers })).text()
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ decision: /<status>true/.test(xml) ? 'allow' : 'remediate' }))
    } catch (error) {
      response.writeHead(500).end(String(error))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const start = kinds[process.argv[2] ?? '']
if (!start) throw new Error(`yardstick is one of ${Object.keys(kinds).join(', ')}`)
process.stdout.write(`listening on http://127.0.0.1:${await start()}\n`)
