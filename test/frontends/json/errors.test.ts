import { PassThrough } from 'node:stream'
import type { InjectOptions } from 'fastify'
import { pino } from 'pino'
import t from 'tap'
import { createJsonApp } from './json-app.ts'

const mac = 'mac=005056A4895A'
const json = { 'content-type': 'application/json' }
const post = (payload: string, headers: Record<string, string> = json): InjectOptions => ({
  method: 'POST',
  url: '/v1/decision',
  payload,
  headers,
})

const refused: readonly {
  case: string
  request: InjectOptions | string
  status: number
  problem: Readonly<Record<string, unknown>>
}[] = [
  { case: 'no identifier', request: '/v1/decision', status: 400, problem: { code: 'identifier_missing' } },
  {
    case: 'a blank identifier',
    request: '/v1/decision?mac=%20',
    status: 400,
    problem: { code: 'identifier_missing' },
  },
  {
    case: 'a malformed identifier',
    request: '/v1/decision?mac=00:50',
    status: 400,
    problem: { code: 'identifier_malformed', field: 'mac' },
  },
  {
    case: 'an unknown parameter',
    request: `/v1/decision?${mac}&colour=red`,
    status: 400,
    problem: {
      code: 'request_malformed',
      field: 'colour',
      detail:
        '"colour" is not a known query parameter. Accepted: mac, deviceId, imei, meid, udid, serialNumber, certificateSan, certificateCn, refresh.',
    },
  },
  {
    case: 'a parameter in the wrong case',
    request: '/v1/decision?MAC=005056A4895A',
    status: 400,
    problem: { field: 'MAC', detail: /Did you mean mac\?/ },
  },
  {
    case: 'a parameter spelled as in JSON of others',
    request: '/v1/decision?device_ID=1',
    status: 400,
    problem: { detail: /Did you mean deviceId\?/ },
  },
  {
    case: 'a refresh that is neither true nor false',
    request: `/v1/decision?${mac}&refresh=1`,
    status: 400,
    problem: { code: 'request_malformed', field: 'refresh' },
  },
  {
    case: 'a refresh given twice',
    request: `/v1/decision?${mac}&refresh=true&refresh=true`,
    status: 400,
    problem: { field: 'refresh' },
  },
  {
    case: 'a percent sign that starts nothing',
    request: '/v1/decis%zzion',
    status: 400,
    problem: { code: 'request_malformed' },
  },
  {
    case: 'a parameter given too often',
    request: `/v1/decision?${Array(17).fill(mac).join('&')}`,
    status: 400,
    problem: { code: 'request_malformed', field: 'mac' },
  },
  {
    case: 'repeated values that differ',
    request: '/v1/decision?mac=005056A4895A&mac=005056A4895B',
    status: 400,
    problem: { code: 'identifier_malformed', field: 'mac' },
  },
  {
    case: 'an address that does not exist',
    request: '/v1/nope',
    status: 404,
    problem: { code: 'route_not_found' },
  },
  {
    case: 'an address outside every front end',
    request: '/nope',
    status: 404,
    problem: { code: 'route_not_found' },
  },
  {
    case: 'an empty body',
    request: post(''),
    status: 400,
    problem: { code: 'request_malformed', detail: /empty/ },
  },
  {
    case: 'no body and no type',
    request: { method: 'POST', url: '/v1/decision' },
    status: 400,
    problem: { code: 'request_malformed' },
  },
  {
    case: 'a body that is not JSON',
    request: post('{"mac":'),
    status: 400,
    problem: { code: 'request_malformed', detail: /not valid JSON/ },
  },
  { case: 'a list', request: post('[]'), status: 400, problem: { detail: /must be a JSON object/ } },
  { case: 'a text', request: post('"x"'), status: 400, problem: { detail: /must be a JSON object/ } },
  { case: 'null', request: post('null'), status: 400, problem: { detail: /must be a JSON object/ } },
  { case: 'an empty object', request: post('{}'), status: 400, problem: { code: 'identifier_missing' } },
  {
    case: 'a number for an identifier',
    request: post('{"imei":490154203237518}'),
    status: 400,
    problem: { code: 'request_malformed', field: 'imei' },
  },
  {
    case: 'null for every identifier',
    request: post('{"mac":null,"deviceId":null}'),
    status: 400,
    problem: { code: 'identifier_missing' },
  },
  {
    case: 'null for a name that is none',
    request: post('{"mac":"005056A4895A","macAddress":null}'),
    status: 400,
    problem: { field: 'macAddress' },
  },
  { case: 'null in a list', request: post('{"mac":[null]}'), status: 400, problem: { field: 'mac' } },
  {
    case: 'a list with a number in it',
    request: post('{"mac":["005056A4895A",1]}'),
    status: 400,
    problem: { field: 'mac' },
  },
  {
    case: 'too long a list',
    request: post(JSON.stringify({ mac: Array(17).fill('005056A4895A') })),
    status: 400,
    problem: { field: 'mac' },
  },
  {
    case: 'refresh as a text in JSON',
    request: post('{"mac":"005056A4895A","refresh":"true"}'),
    status: 400,
    problem: { field: 'refresh' },
  },
  {
    case: 'an unknown key',
    request: post('{"mac":"005056A4895A","serial":"x"}'),
    status: 400,
    problem: { field: 'serial', detail: /not a known key.*serialNumber/ },
  },
  {
    case: '__proto__ in the body',
    request: post('{"__proto__":{"mac":"005056A4895A"}}'),
    status: 400,
    problem: { code: 'request_malformed' },
  },
  {
    case: 'constructor.prototype in the body',
    request: post('{"constructor":{"prototype":{"mac":"x"}}}'),
    status: 400,
    problem: { code: 'request_malformed' },
  },
  {
    case: 'a body of plain text',
    request: post('mac=1', { 'content-type': 'text/plain' }),
    status: 415,
    problem: { code: 'media_type_not_supported' },
  },
  {
    case: 'a form',
    request: post(mac, { 'content-type': 'application/x-www-form-urlencoded' }),
    status: 415,
    problem: { code: 'media_type_not_supported' },
  },
  {
    case: 'a type that is no media type',
    request: post('{}', { 'content-type': 'none' }),
    status: 415,
    problem: { code: 'media_type_not_supported' },
  },
  {
    case: 'a body above 64 KiB',
    request: post(JSON.stringify({ certificateSan: 'x'.repeat(65_536) })),
    status: 413,
    problem: { code: 'body_too_large' },
  },
]

for (const { case: name, request, status, problem } of refused) {
  t.test(`refuses ${name} with ${status}`, async (t) => {
    const { inject, requests } = createJsonApp(t)
    const reply = await inject(request)
    t.equal(reply.statusCode, status)
    t.match(reply.json(), { status, ...problem })
    t.equal(reply.json().type, `urn:intune-nac:error:${reply.json().code}`)
    t.equal(reply.headers['cache-control'], 'no-store')
    t.same(requests, [], 'no decision was made')
  })
}

t.test('every other method on the address is 405 and names the right ones, whatever the body', async (t) => {
  const { inject, requests } = createJsonApp(t)
  for (const method of ['HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY'] as const) {
    const reply = await inject({
      method,
      url: '/v1/decision?mac=005056A4895A',
      headers: { 'content-type': 'text/xml' },
      payload: '<a',
    })
    t.equal(reply.statusCode, 405, method)
    t.equal(reply.headers.allow, 'GET, POST')
    if (method === 'HEAD') t.equal(reply.body, '')
    else t.match(reply.json(), { code: 'method_not_allowed' })
  }
  t.same(requests, [], 'no decision was made')
})

t.test('null for what is optional is absent, as serialisers write it', async (t) => {
  const { inject, requests } = createJsonApp(t)
  const payload = { mac: '005056A4895A', deviceId: null, imei: null, certificateSan: null, refresh: null }
  t.equal((await inject({ method: 'POST', url: '/v1/decision', payload })).statusCode, 200)
  t.match(requests, [{ refresh: false, identity: { identifiers: [{ kind: 'mac', value: '005056A4895A' }] } }])
  t.equal(requests[0]?.identity.identifiers.length, 1)
})

t.test('a parameter name is quoted harmlessly', async (t) => {
  const { inject } = createJsonApp(t)
  const reply = await inject(`/v1/decision?${encodeURIComponent(`<b>"\r\n\u2028${'x'.repeat(90)}`)}=1`)
  t.match(reply.json(), { field: /^<b>\?\?\?\?x+$/ })
  t.ok(reply.json().field.length <= 40, 'and cut')
})

t.test('text that looks like a prototype key pollutes nothing', async (t) => {
  const { inject } = createJsonApp(t)
  await inject('/v1/decision?__proto__[polluted]=1&__proto__=1&constructor=1')
  await inject(post('{"constructor":"x","toString":"y","hasOwnProperty":"z"}'))
  t.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    t.match((await inject(`/v1/decision?${name}=1`)).json(), { field: name }, `${name} is an unknown name`)
  }
})

t.test('only what is not the caller\u2019s fault is logged, without the identifiers', async (t) => {
  const lines = new PassThrough()
  const logger = pino({ level: 'info' }, lines)
  const { inject, decides } = createJsonApp(t, { logger })
  await inject('/v1/decision?mac=bad')
  t.equal(lines.read(), null, 'a wrong question is not an event')
  const { inject: injectBroken } = createJsonApp(t, {
    logger,
    decide: () => {
      throw new Error('boom')
    },
  })
  await injectBroken(`/v1/decision?${mac}`)
  const line = JSON.parse(String(lines.read()))
  t.match(line, {
    level: 50,
    msg: 'request failed',
    method: 'GET',
    route: '/v1/decision',
    err: { message: 'boom' },
  })
  t.notMatch(JSON.stringify(line), /005056A4895A/, 'the query stays out of the log')
  t.ok(decides, 'the first app is still there')
})
