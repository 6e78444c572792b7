import { once } from 'node:events'
import { connect } from 'node:net'
import { PassThrough } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { failure } from '../../src/errors/fault.ts'
import { answerClientError } from '../../src/server/client-error.ts'
import type { Readiness } from '../../src/server/health.ts'
import { createManagementServer } from '../../src/server/server.ts'
import { allowed, createJsonApp } from '../frontends/json/json-app.ts'
import { expectDocumented, schemaErrors } from '../openapi/validate-reply.ts'

/** Sends raw bytes to a listening server and gives everything that comes back until the connection closes. */
async function exchange(app: FastifyInstance, request: string): Promise<{ status: number; body: unknown }> {
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect(Number(port), '127.0.0.1')
  socket.on('error', () => {})
  socket.write(request)
  const chunks: (string | Buffer)[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  await once(socket, 'close')
  const reply = chunks.map(String).join('')
  const [head = '', body = ''] = reply.split('\r\n\r\n')
  return { status: Number(head.split(' ')[1]), body: body === '' ? undefined : JSON.parse(body) }
}

const bombs: readonly { bomb: string; request: string; status: number }[] = [
  {
    bomb: 'one header field of 64 KiB',
    request: `GET /livez HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(65_536)}\r\n\r\n`,
    status: 431,
  },
  {
    bomb: 'four thousand header fields',
    request: `GET /livez HTTP/1.1\r\nHost: a\r\n${'X: 1234567\r\n'.repeat(4000)}\r\n`,
    status: 431,
  },
  {
    bomb: 'a URL of 64 KiB',
    request: `GET /v1/decision?mac=${'x'.repeat(65_536)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    status: 431,
  },
  { bomb: 'bytes that are not HTTP', request: '\u0016\u0003\u0001\u0002\u0000\u0001\r\n\r\n', status: 400 },
  {
    bomb: 'two lengths',
    request: 'POST /v1/decision HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx',
    status: 400,
  },
  {
    bomb: 'a length and chunks',
    request:
      'POST /v1/decision HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    status: 400,
  },
]
for (const { bomb, request, status } of bombs) {
  t.test(`${bomb}: ${status}, and the connection is closed`, async (t) => {
    const { app } = createJsonApp(t)
    const reply = await exchange(app, request)
    t.equal(reply.status, status)
    t.match(reply.body, { code: 'request_malformed', status })
    t.same(schemaErrors(['components', 'schemas', 'Problem'], reply.body), [], 'as a problem')
  })
}

t.test('a request that never arrives is given up with 408', async (t) => {
  const stream = new PassThrough()
  const chunks: string[] = []
  stream.on('data', (chunk) => chunks.push(String(chunk)))
  // Not through a listener: its time-out would take the test ten seconds.
  answerClientError(Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), stream)
  await once(stream, 'close')
  t.match(chunks.join(''), /^HTTP\/1\.1 408 Request Timeout\r\n.*"status":408/s)
})

const unread: readonly { request: string; title: string; kept: boolean }[] = [
  { title: 'a long body', request: 'Content-Length: 1073741824\r\n\r\nxxxx', kept: false },
  {
    title: 'a body of unknown length',
    request: 'Transfer-Encoding: chunked\r\n\r\n4\r\nxxxx\r\n',
    kept: false,
  },
  { title: 'a short body that is cut off', request: 'Content-Length: 100\r\n\r\nxxxx', kept: true },
]
for (const { title, request, kept } of unread) {
  t.test(
    `${title} that is refused unread is one answer${kept ? '' : ', which ends the connection'}`,
    async (t) => {
      const { app } = createJsonApp(t, { authenticate: () => failure('unauthenticated', 'no') })
      const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
      const socket = connect({ port: Number(port), host: '127.0.0.1' })
      const chunks: string[] = []
      socket.setEncoding('latin1').on('data', (chunk: string) => chunks.push(chunk))
      const answered = once(socket, 'data')
      socket.write(`POST /v1/decision HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${request}`)
      await answered
      if (kept) socket.end()
      await once(socket, 'close')
      t.same(chunks.join('').match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 401'])
      t.match(chunks.join(''), kept ? /connection: keep-alive/i : /connection: close/i)
    },
  )
}

t.test('bytes behind the last request of a connection get no answer of their own', async (t) => {
  const { app } = createJsonApp(t)
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect({ port: Number(port), host: '127.0.0.1' })
  const chunks: string[] = []
  socket.setEncoding('latin1').on('data', (chunk: string) => chunks.push(chunk))
  socket.write(
    'GET /v1/decision?mac=005056A4895A HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n',
  )
  await once(socket, 'close')
  t.same(chunks.join('').match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200'])
})

t.test('somebody who hung up is not answered', async (t) => {
  const stream = new PassThrough()
  answerClientError(Object.assign(new Error('gone'), { code: 'ECONNRESET' }), stream)
  t.equal(stream.destroyed, true)
  t.equal(stream.read(), null)
})

t.test('limits and time-outs are set on the listener', async (t) => {
  const { app } = createJsonApp(t)
  t.equal(app.server.requestTimeout, 10_000)
  t.equal(app.server.headersTimeout, 10_000)
  t.equal(app.server.timeout, 30_000)
  t.ok(app.server.keepAliveTimeout > 60_000, 'rlm_rest closes an idle connection first')
  t.equal(app.initialConfig.bodyLimit, 65_536)
})

t.test('a proxy header does not change who asks', async (t) => {
  const { inject } = createJsonApp(t)
  const reply = await inject({
    url: '/v1/decision?mac=005056A4895A',
    remoteAddress: '192.0.2.7',
    headers: { 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1' },
  })
  t.equal(reply.statusCode, 403)
  t.match(reply.json(), { code: 'client_forbidden' })
})

t.test('a caller without credentials learns nothing but how to send them', async (t) => {
  const lines = new PassThrough()
  const { inject, requests } = createJsonApp(t, {
    logger: pino({ level: 'warn' }, lines),
    authenticate: (header) => {
      const fault = { code: 'unauthenticated', message: 'The request carries no credentials.' } as const
      return header === 'Bearer right' ? { ok: true, value: { client: 'c' } } : { ok: false, fault }
    },
  })
  const asked = [
    { url: '/v1/decision?mac=bad' },
    { url: '/v1/nope' },
    { method: 'PUT', url: '/v1/decision' },
    { method: 'POST', url: '/v1/decision', payload: '{', headers: { 'content-type': 'application/json' } },
    {
      method: 'POST',
      url: '/v1/decision',
      payload: 'x'.repeat(70_000),
      headers: { 'content-type': 'text/plain' },
    },
  ] as const
  for (const request of asked) {
    const reply = await inject({
      ...request,
      headers: { ...('headers' in request && request.headers), authorization: 'Basic x' },
    })
    t.equal(reply.statusCode, 401, `${request.url}: before anything else is looked at`)
    t.same(reply.headers['www-authenticate'], [
      'Basic realm="intune-nac", charset="UTF-8"',
      'Bearer realm="intune-nac"',
    ])
  }
  t.same(requests, [])
  const logged = String(lines.read())
  t.match(JSON.parse(logged.split('\n')[0] ?? ''), {
    msg: 'caller refused',
    frontend: 'json',
    remoteAddress: '127.0.0.1',
    code: 'unauthenticated',
  })
  t.notMatch(logged, /Basic x/, 'credentials stay out of the log')

  const ok = await inject({
    url: '/v1/decision?mac=005056A4895A',
    headers: { authorization: 'Bearer right' },
  })
  t.equal(ok.statusCode, 200)
  t.equal(requests[0]?.client, 'c')
})

t.test('credentials that take time to check are waited for', async (t) => {
  const { inject, requests } = createJsonApp(t, {
    authenticate: async () => ({ ok: true, value: { client: 'slow' } }),
  })
  t.equal((await inject('/v1/decision?mac=005056A4895A')).statusCode, 200)
  t.equal(requests[0]?.client, 'slow')
  const busy = createJsonApp(t, {
    authenticate: async () => ({ ok: false, fault: { code: 'service_overloaded', message: 'busy' } }),
  })
  const reply = await busy.inject('/v1/decision?mac=005056A4895A')
  t.equal(reply.statusCode, 503)
  t.equal(reply.headers['retry-after'], '1')
})

t.test('an authenticator that breaks is 500', async (t) => {
  const { inject } = createJsonApp(t, { authenticate: () => Promise.reject(new Error('secret')) })
  const reply = await inject('/v1/decision?mac=005056A4895A')
  t.equal(reply.statusCode, 500)
  t.notMatch(reply.body, /secret/)
})

t.test('while the server drains, an open connection still gets its decisions', async (t) => {
  const release: (() => void)[] = []
  const { app } = createJsonApp(t, {
    decide: () => new Promise((resolve) => release.push(() => resolve({ ok: true, value: allowed }))),
  })
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect(Number(port), '127.0.0.1')
  const chunks: (string | Buffer)[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  const ask = async () => {
    socket.write('GET /v1/decision?mac=005056A4895A HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(app.server, 'request')
  }
  await ask()
  const closed = app.close()
  await once(app.server, 'close', { signal: AbortSignal.timeout(50) }).catch(() => 'still open')
  await ask()
  for (const answer of release) answer()
  await once(socket, 'close')
  await closed
  t.equal(release.length, 2, 'the question that came while draining was asked')
  t.equal(
    chunks
      .map(String)
      .join('')
      .match(/HTTP\/1\.1 200/g)?.length,
    2,
  )
})

const failing: Readiness = {
  ready: false,
  checks: {
    token: { status: 'failing', since: '2026-11-23T12:00:00.000Z', what: 'No token.', remedy: 'Get one.' },
    upstream: { status: 'degraded', what: 'Intune is away.' },
    certificate: { status: 'ok' },
  },
}

async function health(t: Test, app: FastifyInstance, path: string) {
  const reply = await app.inject({ url: path, remoteAddress: '192.0.2.7' })
  expectDocumented(t, { method: 'GET', path, reply })
  return { status: reply.statusCode, body: reply.json() }
}

t.test('/livez and /readyz answer anyone, on both servers', async (t) => {
  const { app } = createJsonApp(t)
  t.same(await health(t, app, '/livez'), { status: 200, body: { status: 'ok' } })
  t.same(await health(t, app, '/readyz'), { status: 200, body: { status: 'ready', checks: {} } })
  t.equal((await app.inject({ method: 'HEAD', url: '/livez' })).statusCode, 200)

  const broken = createJsonApp(t, { readiness: failing }).app
  t.same(
    await health(t, broken, '/livez'),
    { status: 200, body: { status: 'ok' } },
    'alive, though not ready',
  )
  t.same(
    await health(t, broken, '/readyz'),
    {
      status: 503,
      body: { status: 'not_ready', checks: { token: 'failing' } },
    },
    'strangers do not read why',
  )

  const management = createManagementServer({ logger: pino({ level: 'silent' }), readiness: () => failing })
  t.teardown(() => management.close())
  t.same(await health(t, management, '/livez'), { status: 200, body: { status: 'ok' } })
  const verbose = await management.inject({ url: '/readyz', remoteAddress: '192.0.2.7' })
  t.equal(verbose.statusCode, 503)
  t.same(
    verbose.json(),
    { status: 'not_ready', degraded: true, checks: failing.checks },
    'since when, what, and what to do',
  )
  t.equal((await management.inject('/v1/decision?mac=005056A4895A')).statusCode, 404, 'no decisions there')
})

t.test('a readiness check that breaks is 500', async (t) => {
  const app = createManagementServer({
    logger: pino({ level: 'silent' }),
    readiness: () => {
      throw new Error('secret')
    },
  })
  t.teardown(() => app.close())
  t.match(await health(t, app, '/readyz'), { status: 500, body: { code: 'internal' } })
})
