import t from 'tap'
import { createRadiusApp, mabBody, userPassword } from './radius-app.ts'

const mac = { kind: 'mac', value: '005056A4895A', origin: 'mac', rank: 4 }
const url = '/v1/radius/authorize'
const json = JSON.stringify(mabBody())

t.test('every body that rlm_rest can send is understood', async (t) => {
  const variants: Readonly<Record<string, { headers?: Record<string, string>; payload?: string | Buffer }>> =
    {
      json: { headers: { 'content-type': 'application/json' }, payload: json },
      'json of another spelling': {
        headers: { 'content-type': 'Application/JSON; charset=utf-8' },
        payload: ` \r\n${json}`,
      },
      'raw_value and attr_num': {
        headers: { 'content-type': 'application/json' },
        payload: JSON.stringify({
          'Calling-Station-Id': { type: 'string', attr_num: 31, value: ['00-50-56-A4-89-5A'] },
          'Service-Type': { attr_num: 6, value: [10] },
        }),
      },
      'json of a template': {
        headers: { 'content-type': 'application/json' },
        payload: '{"calling-station-id":"00:50:56:a4:89:5a"}',
      },
      form: {
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        payload: 'User-Name=005056a4895a&Calling-Station-Id=00-50-56-A4-89-5A&Service-Type=Call-Check',
      },
      'escaped slashes': {
        headers: { 'content-type': 'application/json' },
        payload:
          '{"Calling-Station-Id":{"value":["00-50-56-A4-89-5A"]},"NAS-Identifier":{"value":["a\\/b"]}}',
      },
      'a body that says it is none': { headers: { 'content-type': 'none' }, payload: json },
      'a body of no type': { payload: Buffer.from(json) },
      'a body of another type': { headers: { 'content-type': 'text/plain' }, payload: json },
      'a lone value': {
        headers: { 'content-type': 'application/json' },
        payload: '{"Calling-Station-Id":{"value":"00-50-56-A4-89-5A"}}',
      },
    }
  for (const [name, variant] of Object.entries(variants)) {
    const { inject, requests } = createRadiusApp(t)
    const reply = await inject({ method: 'POST', url, ...variant })
    t.equal(reply.statusCode, 200, name)
    t.match(requests, [
      { frontend: 'radius', client: 'local', refresh: false, identity: { identifiers: [mac] } },
    ])
  }
})

t.test('without a body, the attributes may be in the query', async (t) => {
  const { inject, requests } = createRadiusApp(t)
  const query = { 'Calling-Station-Id': '00-50-56-A4-89-5A' }
  for (const method of ['GET', 'POST'] as const) {
    const reply = await inject({ method, url, query, headers: { 'content-type': 'none' } })
    t.equal(reply.statusCode, 200, method)
  }
  t.match(requests[1]?.identity.identifiers, [mac])
})

t.test('slashes at the end and twice do not matter', async (t) => {
  const { inject } = createRadiusApp(t)
  for (const path of ['/v1/radius/authorize/', '//v1//radius/authorize', '/v1/radius//post-auth/']) {
    const reply = await inject({ method: 'POST', url: `http://localhost${path}`, payload: json })
    t.equal(reply.statusCode, 200, path)
  }
})

t.test('a chunked body arrives over a real connection that stays open', async (t) => {
  const { app } = createRadiusApp(t)
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const pieces = json.match(/[\s\S]{1,40}/g) ?? []
  const body = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(Buffer.from(piece))
      controller.close()
    },
  })
  const reply = await fetch(`${address}${url}`, {
    method: 'POST',
    body,
    duplex: 'half',
    headers: { 'content-type': 'application/json' },
  })
  t.equal(reply.status, 200)
  t.match(reply.headers.get('connection') ?? 'keep-alive', /keep-alive/)
})

t.test('a question without a device is refused, visibly, and never falls through', async (t) => {
  const { ask, inject, requests } = createRadiusApp(t)
  const empty = [
    '',
    '{}',
    { 'Service-Type': 'Call-Check', 'User-Name': { value: ['alice'] } },
    { 'Calling-Station-Id': { value: ['10.1.2.3'] } },
    { 'Calling-Station-Id': { value: [null, {}, []] } },
  ]
  for (const body of empty) {
    const { status, body: answer } = await ask(body)
    t.equal(status, 400)
    t.match(answer, { errorCode: 'identifier_missing', detail: String })
    t.match(answer.remedy, /body = 'json'/, 'what rlm_rest without it sends')
    t.match(answer.remedy, /Calling-Station-Id/)
    t.notMatch(answer.remedy, /serialNumber/, 'nothing that RADIUS does not have')
  }
  t.equal((await inject({ url, method: 'GET' })).statusCode, 400, 'a bare GET is harmless')
  t.equal(requests.length, 0, 'nobody was asked')
})

t.test('what is not a JSON object is 400 and never shows what was in it', async (t) => {
  const { ask } = createRadiusApp(t)
  for (const body of [
    `{"User-Password":"${userPassword}"`,
    '[1,2]',
    `"${userPassword}"`,
    `[{"User-Password":"${userPassword}"}]`,
  ]) {
    const { status, body: answer } = await ask(body)
    t.equal(status, 400, body.replace(userPassword, 'the password'))
    t.match(answer, { errorCode: 'request_malformed' })
    t.notMatch(JSON.stringify(answer), new RegExp(userPassword))
  }
})

t.test('addresses that do not exist are 400: 404 would let FreeRADIUS go on', async (t) => {
  const { inject } = createRadiusApp(t)
  // In `authenticate` a success would be an Accept.
  for (const path of ['', '/', '/nothing', '/authorize/alice', '/Authorize', '/authenticate']) {
    const reply = await inject({ method: 'POST', url: `/v1/radius${path}`, payload: json })
    t.equal(reply.statusCode, 400, path)
    t.match(reply.json(), { errorCode: 'route_not_found', detail: /\/v1\/radius\/authorize/ })
  }
})

t.test('every other method on an address is 405 and names the right ones, whatever the body', async (t) => {
  const { inject, requests } = createRadiusApp(t)
  const sections = ['authorize', 'post-auth', 'preacct', 'accounting', 'pre-proxy', 'post-proxy']
  const mab = 'User-Name=005056A4895A&Calling-Station-Id=005056A4895A&Service-Type=Call-Check'
  for (const path of [...sections, 'authorize/', '/authorize', 'authorize?x=1', `authorize?${mab}`]) {
    for (const method of [
      'HEAD',
      'PUT',
      'PATCH',
      'DELETE',
      'OPTIONS',
      'TRACE',
      'QUERY',
      'PROPFIND',
    ] as const) {
      const reply = await inject({
        method: method as 'PUT',
        url: `http://localhost/v1/radius/${path}`,
        headers: { 'content-type': 'text/xml' },
        payload: '<a',
      })
      t.equal(reply.statusCode, 405, `${method} ${path}`)
      t.equal(reply.headers.allow, 'GET, POST')
      if (method === 'HEAD') t.equal(reply.body, '')
      else t.match(reply.json(), { errorCode: 'method_not_allowed' })
    }
  }
  t.equal(requests.length, 0)
})

t.test('accounting is acknowledged whatever it holds', async (t) => {
  const { inject, requests } = createRadiusApp(t)
  const payloads = [json, '', '{', '[]', 'x=1', Buffer.from([0xff, 0xfe]), 'x'.repeat(70 * 1024)]
  for (const section of ['accounting', 'preacct']) {
    for (const payload of payloads) {
      const reply = await inject({ method: 'POST', url: `/v1/radius/${section}`, payload })
      t.equal(reply.statusCode, 204, section)
      t.equal(reply.body, '')
    }
  }
  t.equal(requests.length, 0)
})

t.test('what is proxied is acknowledged where it is accounting, and no log-in is', async (t) => {
  const { ask, requests } = createRadiusApp(t)
  for (const section of ['pre-proxy', 'post-proxy']) {
    const accounting = { ...mabBody(), 'Acct-Status-Type': { type: 'integer', value: ['Start'] } }
    t.strictSame(await ask(accounting, section), { status: 204, body: {} }, section)
    t.match(await ask(mabBody(), section), { status: 400, body: { detail: /post-auth/ } }, section)
    t.match(await ask('{', section), { status: 400, body: { errorCode: 'request_malformed' } }, section)
  }
  t.equal(requests.length, 0)
})

t.test('a body up to 64 KiB is read, a larger one is refused', async (t) => {
  const { ask } = createRadiusApp(t)
  const filler = (bytes: number) => mabBody('00-50-56-A4-89-5A', { Class: { value: ['c'.repeat(bytes)] } })
  t.equal((await ask(filler(60 * 1024))).status, 200)
  const { status, body } = await ask(filler(64 * 1024))
  t.equal(status, 413)
  t.match(body, { errorCode: 'body_too_large' })
})
