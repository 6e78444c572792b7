import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { createIseApp } from '../frontends/ise/ise-app.ts'
import { createJsonApp } from '../frontends/json/json-app.ts'
import { createRadiusApp } from '../frontends/radius/radius-app.ts'

interface Answer {
  readonly status: number
  readonly headers: string
  readonly body: string
}

/** Sends bytes to a real listener; gives what came back until it closed. */
function send(port: number, bytes: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk
    })
    socket.once('error', reject)
    socket.once('close', () => {
      const end = received.indexOf('\r\n\r\n')
      const headers = received.slice(0, end)
      resolve({ status: Number(headers.split(' ')[1]), headers, body: received.slice(end + 4) })
    })
  })
}

/** Every front end, each in its own dialect, and the routes that none has. */
async function listen(t: Test) {
  const apps = { json: createJsonApp(t).app, radius: createRadiusApp(t).app, ise: createIseApp(t).app }
  const ports: Record<string, number> = {}
  for (const [name, app] of Object.entries(apps)) {
    ports[name] = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
  }
  const post = (path: string, body: string) => `POST ${path} HTTP/1.1\r\nContent-Length: ${body.length}`
  return [
    { port: ports.json, type: 'problem+json', line: 'GET /livez HTTP/1.1', body: '' },
    { port: ports.json, type: 'problem+json', line: 'GET /nothing HTTP/1.1', body: '' },
    { port: ports.json, type: 'problem+json', line: post('/v1/decision', '{}'), body: '{}' },
    { port: ports.radius, type: 'application/json', line: post('/v1/radius/authorize', '{}'), body: '{}' },
    { port: ports.radius, type: 'application/json', line: post('/v1/radius/accounting', '{}'), body: '{}' },
    { port: ports.ise, type: 'application/xml', line: 'GET /ciscoise/mdminfo HTTP/1.1', body: '' },
    {
      port: ports.ise,
      type: 'application/xml',
      line: post('/ciscoise/mdmapi/v2/batchdevices', '<a/>'),
      body: '<a/>',
    },
  ]
}

t.test('two Host fields are 400, in the dialect of the route', async (t) => {
  for (const { port = 0, type, line, body } of await listen(t)) {
    for (const second of ['Host: b', 'Host: 127.0.0.1', 'hOST: b', 'Host:']) {
      const bytes = `${line}\r\nHost: 127.0.0.1\r\n${second}\r\nConnection: close\r\n\r\n${body}`
      const answer = await send(port, bytes)
      t.equal(answer.status, 400, `${line} ${second}`)
      t.match(
        answer.headers.toLowerCase(),
        `content-type: ${type === 'problem+json' ? 'application/' : ''}${type}`,
      )
      t.match(answer.body, /request_malformed/)
    }
    const once = await send(
      port,
      `${line}\r\nHost: 127.0.0.1\r\nX-Host: b\r\nConnection: close\r\n\r\n${body}`,
    )
    t.notMatch(once.body, /more than one Host/, 'one is what every request has')
  }
})

t.test(
  'a body with a coding is 415, in the dialect of the route, and says which codings are read',
  async (t) => {
    for (const { port = 0, type, line, body } of await listen(t)) {
      const ask = (encoding: string) =>
        send(
          port,
          `${line}\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Encoding: ${encoding}\r\nConnection: close\r\n\r\n${body}`,
        )
      for (const encoding of ['gzip', 'deflate', 'br', 'x-gzip', 'identity, gzip', 'GZIP', 'none']) {
        const answer = await ask(encoding)
        if (body === '') {
          t.not(answer.status, 415, 'what has no body has no coding')
          continue
        }
        t.equal(answer.status, 415, `${line} ${encoding}`)
        t.match(answer.headers.toLowerCase(), 'accept-encoding: identity')
        t.match(answer.headers.toLowerCase(), type)
        t.match(answer.body, /media_type_not_supported/)
      }
      for (const encoding of ['identity', 'Identity', '']) t.not((await ask(encoding)).status, 415, encoding)
    }
  },
)

t.test('another method on the health routes is 405 with Allow, whatever the body', async (t) => {
  const { inject } = createJsonApp(t)
  for (const url of ['/livez', '/readyz']) {
    for (const method of [
      'POST',
      'PUT',
      'PATCH',
      'DELETE',
      'OPTIONS',
      'TRACE',
      'QUERY',
      'PROPFIND',
    ] as const) {
      const headers = { 'content-type': 'text/xml' }
      const reply = await inject({ method: method as 'PUT', url, headers, payload: '<a' })
      t.equal(reply.statusCode, 405, `${method} ${url}`)
      t.equal(reply.headers.allow, 'GET, HEAD')
      t.match(reply.json(), { code: 'method_not_allowed' })
    }
  }
})
