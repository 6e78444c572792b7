import type { InjectOptions } from 'fastify'
import type { Logger } from 'pino'
import type { Test } from 'tap'
import { canaryMarker } from '../../../scripts/secret-scan.ts'
import type { Decide, DecisionRequest } from '../../../src/decision/decide.ts'
import type { Decision } from '../../../src/decision/decision.ts'
import { type Outcome, success } from '../../../src/errors/fault.ts'
import { frontends } from '../../../src/frontends/frontends.ts'
import { type Authenticate, createAuthenticator } from '../../../src/server/authentication.ts'
import { createServer } from '../../../src/server/server.ts'
import { keepReplies, keptLogger } from '../../fakes/kept-output.ts'
import { expectDocumented } from '../../openapi/validate-reply.ts'

/** A compliant device with a VLAN. */
export const allowed: Decision = {
  decisionId: 'd-1',
  outcome: 'allow',
  reason: 'compliant',
  complianceState: 'compliant',
  enrolled: true,
  matchedBy: 'mac',
  device: '005056A4895A',
  source: 'cache',
  observedAtMs: Date.UTC(2026, 10, 22, 23, 40),
  ageMs: 41_900,
  stale: false,
  expiresInMs: 558_100,
  profile: {
    name: 'employees',
    attributes: [
      { name: 'Tunnel-Type', values: ['VLAN'] },
      { name: 'Tunnel-Medium-Type', values: ['IEEE-802'] },
      { name: 'Tunnel-Private-Group-Id', values: ['10'] },
      { name: 'Session-Timeout', values: [28_800] },
    ],
  },
}

/** What a user typed: nothing may ever repeat it. */
export const userPassword = `${canaryMarker}-of-a-user`

/** An attribute as FreeRADIUS must be told it. */
export function attribute(op: ':=' | '+=' | '-=' | '!*', ...value: (string | number)[]) {
  return { op, do_xlat: false, value }
}

/** A MAB request of a switch in the JSON of rlm_rest. */
export function mabBody(mac = '00-50-56-A4-89-5A', more: Record<string, unknown> = {}) {
  const bare = mac.replaceAll('-', '').toLowerCase()
  return {
    'User-Name': { type: 'string', value: [bare] },
    'User-Password': { type: 'string', value: [userPassword] },
    'NAS-IP-Address': { type: 'ipaddr', value: ['10.0.0.1'] },
    'Service-Type': { type: 'integer', value: ['Call-Check'] },
    'Calling-Station-Id': { type: 'string', value: [mac] },
    ...more,
  }
}

/** The request of an access point after EAP-TLS, in the JSON of rlm_rest. */
export function eapBody(mac = '00-50-56-A4-89-5A', more: Record<string, unknown> = {}) {
  return {
    'User-Name': { type: 'string', value: ['host/laptop.corp.example'] },
    'NAS-IP-Address': { type: 'ipaddr', value: ['10.0.0.1'] },
    'Service-Type': { type: 'integer', value: ['Framed-User'] },
    'Calling-Station-Id': { type: 'string', value: [mac] },
    'EAP-Message': { type: 'octets', value: ['0x020600060d00'] },
    'EAP-Type': { type: 'integer', value: ['TLS'] },
    ...more,
  }
}

/** Every RADIUS answer: a status that FreeRADIUS reads as it should, JSON, object form, no expansion. */
function expectSafe(t: Test, reply: { statusCode: number; headers: Record<string, unknown>; body: string }) {
  const status = String(reply.statusCode)
  t.ok(
    ['200', '204', '400', '401', '403', '405', '413', '415', '503'].includes(status),
    `status ${status} is a safe one`,
  )
  if (reply.statusCode === 204) return
  t.match(reply.headers['content-type'], /^application\/json(;|$)/, 'application/json')
  t.notMatch(reply.body, /%[{(]/, 'no expansion')
  // The answer to HEAD.
  if (reply.statusCode === 405 && reply.body === '') return
  const body = JSON.parse(reply.body) as Record<string, unknown>
  for (const [name, value] of Object.entries(body)) {
    if (!/[:.]/.test(name)) {
      t.type(value, 'string', `${name} is a plain text`)
      t.notOk(/^(state|class|group|expiration)$/i.test(name), `${name} is no name of the dictionary`)
      continue
    }
    t.match(name, /^(reply|control|session-state)[:.][A-Za-z][\w.-]*(:\d+)?$/, `${name} has its list`)
    t.match(value, { do_xlat: false, op: /^(:=|\+=|-=|!\*)$/, value: Array }, `${name} is in object form`)
  }
}

/** The RADIUS front end over a scripted decision service; every reply is checked for what FreeRADIUS needs. */
export function createRadiusApp(
  t: Test,
  options: { decide?: Decide; authenticate?: Authenticate; logger?: Logger } = {},
) {
  const requests: DecisionRequest[] = []
  let outcome: Outcome<Decision> = success(allowed)
  const app = createServer({
    logger: options.logger ?? keptLogger(),
    decide: async (request) => {
      requests.push(request)
      return options.decide?.(request) ?? outcome
    },
    authenticate: options.authenticate ?? createAuthenticator({ clients: undefined }),
    frontends: frontends.filter(({ name }) => name !== 'ise'),
    readiness: () => ({ ready: true, checks: {} }),
  })
  keepReplies(app)
  t.teardown(() => app.close())
  const inject = async (given: InjectOptions | string) => {
    const reply = await app.inject(given)
    expectSafe(t, reply)
    const request = typeof given === 'string' ? { url: given } : given
    const path = String(request.url)
      .replace(/^https?:\/\/[^/]+/, '')
      .split('?')[0]
    expectDocumented(t, { method: request.method ?? 'GET', path: path ?? '', reply })
    return reply
  }
  return {
    app,
    inject,
    /** What the decision service was asked. */
    requests,
    decides(next: Outcome<Decision>) {
      outcome = next
    },
    /** Asks as rlm_rest does. */
    async ask(body: unknown, section = 'authorize') {
      const reply = await inject({
        method: 'POST',
        url: `/v1/radius/${section}`,
        headers: { 'content-type': 'application/json', 'x-freeradius-section': section.split('?')[0] ?? '' },
        payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
      })
      return {
        status: reply.statusCode,
        body: reply.body === '' ? {} : (reply.json() as Record<string, unknown>),
      }
    },
  }
}
