import { pino } from 'pino'
import t from 'tap'
import type { Decision, RadiusAttribute } from '../../../src/decision/decision.ts'
import { failure, success } from '../../../src/errors/fault.ts'
import { createAuthenticator } from '../../../src/server/authentication.ts'
import { allowed, attribute, createRadiusApp, eapBody, mabBody } from './radius-app.ts'

const remediation = {
  action: 'fix_compliance',
  url: 'https://portal.manage.microsoft.com/networkaccesscontrol/index',
  message: 'Open Company Portal, fix what it lists, then try again.',
} as const

const refused: Decision = { ...allowed, outcome: 'deny', reason: 'identifier_conflict', remediation }

function withAttributes(...attributes: RadiusAttribute[]): Decision {
  return { ...allowed, outcome: 'remediate', reason: 'noncompliant', profile: { name: 'p', attributes } }
}

t.test('allow is 200 with the profile, and Auth-Type Accept for MAB in authorize alone', async (t) => {
  const { ask } = createRadiusApp(t)
  const expected = {
    decision: 'allow',
    reason: 'compliant',
    decisionId: 'd-1',
    'control:NAC-Decision': attribute(':=', 'allow'),
    'control:NAC-Reason': attribute(':=', 'compliant'),
    'reply:Tunnel-Type': attribute(':=', 'VLAN'),
    'reply:Tunnel-Medium-Type': attribute(':=', 'IEEE-802'),
    'reply:Tunnel-Private-Group-Id': attribute(':=', '10'),
    'reply:Session-Timeout': attribute(':=', 28_800),
  }
  t.strictSame(await ask(mabBody()), {
    status: 200,
    body: { ...expected, 'control:Auth-Type': attribute(':=', 'Accept') },
  })
  t.strictSame(await ask(mabBody(), 'post-auth'), { status: 200, body: expected })
  t.notOk('control:Auth-Type' in (await ask(eapBody())).body, 'EAP has to succeed by itself')
})

t.test('while EAP goes on nothing of the profile is for the next reply, which is a challenge', async (t) => {
  const { ask } = createRadiusApp(t)
  const profile = Object.entries({
    'Tunnel-Type': 'VLAN',
    'Tunnel-Medium-Type': 'IEEE-802',
    'Tunnel-Private-Group-Id': '10',
    'Session-Timeout': 28_800,
  })
  const decided = {
    decision: 'allow',
    reason: 'compliant',
    decisionId: 'd-1',
    'control:NAC-Decision': attribute(':=', 'allow'),
    'control:NAC-Reason': attribute(':=', 'compliant'),
  }
  const inList = (list: string) =>
    Object.fromEntries(profile.map(([name, value]) => [`${list}:${name}`, attribute(':=', value)]))
  const removed = Object.fromEntries(
    profile.map(([name, value]) => [`session-state:${name.toLowerCase()}`, attribute('!*', value)]),
  )
  const kept = { status: 200, body: { ...decided, ...inList('session-state') } }
  const replied = { status: 200, body: { ...decided, ...inList('reply') } }
  t.strictSame(await ask(eapBody()), kept, 'kept until the conversation ends')
  const { 'EAP-Message': message, ...before } = eapBody()
  t.strictSame(await ask(before), kept, 'EAP-Type says that it is EAP as well')
  t.strictSame(await ask({ ...mabBody(), 'EAP-Message': message }), kept, 'EAP with Call-Check')
  const v4 = Object.keys((await ask(eapBody(), 'authorize?dialect=v4')).body)
  t.ok(v4.includes('session-state.Tunnel-Private-Group-Id'))
  t.notOk(v4.some((name) => name.startsWith('reply')))
  const ended = { status: 200, body: { ...decided, ...removed, ...inList('reply') } }
  t.strictSame(await ask(eapBody(), 'post-auth'), ended, 'the end takes the place of what was kept')
  const inTunnel = eapBody(undefined, { 'FreeRADIUS-Proxied-To': { type: 'ipaddr', value: ['127.0.0.1'] } })
  t.strictSame(await ask(inTunnel), replied, 'the challenges of a tunnel stay inside')
  const verified = eapBody(undefined, { 'TLS-Client-Cert-Common-Name': { value: ['laptop'] } })
  t.strictSame(await ask(verified), replied, 'a certificate that is verified is the last round')
})

t.test('Auth-Type Accept is for what the NAS calls MAB, and for nothing that a user can type', async (t) => {
  const { ask } = createRadiusApp(t)
  const accepted = async (more: Record<string, unknown>) =>
    'control:Auth-Type' in (await ask({ ...mabBody(), ...more })).body
  t.ok(await accepted({}))
  t.ok(await accepted({ 'Service-Type': { value: [10] } }), 'raw_value of Call-Check')
  t.ok(await accepted({ 'User-Name': { value: ['alice'] } }), 'whatever the User-Name is')
  for (const type of ['Login-User', 'Framed-User', 'Outbound-User', 1, 2, 100, '', 'call-check', ' 10']) {
    t.notOk(await accepted({ 'Service-Type': { value: [type] } }), `Service-Type ${type}`)
  }
  t.notOk(
    await accepted({ 'Service-Type': undefined }),
    'nor because the User-Name is the Calling-Station-Id',
  )
  t.notOk(await accepted({ 'EAP-Type': { value: ['TLS'] } }), 'EAP')
})

t.test('deny is 401 with a Reply-Message', async (t) => {
  const { ask, decides } = createRadiusApp(t)
  const message = async (decision: Decision) => {
    decides(success(decision))
    const { status, body } = await ask(mabBody())
    t.equal(status, 401)
    t.same(Object.keys(body), ['decision', 'reason', 'decisionId', 'reply:Reply-Message'], 'and nothing else')
    return (body['reply:Reply-Message'] as { value: string[] }).value[0]
  }
  t.equal(await message(refused), remediation.message)
  const own = { name: 'r', attributes: [{ name: 'Reply-Message', values: ['Ring 555'] }] }
  t.equal(await message({ ...refused, profile: own }), 'Ring 555')
  const { remediation: _, ...bare } = refused
  t.equal(await message(bare), 'Your device presents contradicting identities.')
  t.equal(await message({ ...bare, reasonText: 'Ask in room 5' }), 'Ask in room 5')
})

t.test(
  'deny in post-auth is 401 as well, or 200 with Auth-Type Reject where the site asks for it',
  async (t) => {
    const { ask, decides } = createRadiusApp(t)
    decides(success(refused))
    t.equal((await ask(mabBody(), 'post-auth')).status, 401)
    t.match(await ask(mabBody(), 'post-auth?denial=control'), {
      status: 200,
      body: {
        'control:Auth-Type': attribute(':=', 'Reject'),
        'control:NAC-Decision': attribute(':=', 'deny'),
        'reply:Reply-Message': attribute(':=', remediation.message),
      },
    })
  },
)

t.test('cannot decide is 503', async (t) => {
  const { ask, decides } = createRadiusApp(t)
  decides(
    success({ ...allowed, outcome: 'fail', reason: 'intune_unavailable', faultCode: 'upstream_timeout' }),
  )
  for (const section of ['authorize', 'post-auth']) {
    t.strictSame(await ask(mabBody(), section), {
      status: 503,
      body: {
        decision: 'fail',
        reason: 'intune_unavailable',
        decisionId: 'd-1',
        errorCode: 'upstream_timeout',
      },
    })
  }
  decides(failure('internal', 'a defect'))
  t.equal((await ask(mabBody())).status, 503)
  decides(failure('identifier_not_supported', 'no query for it'))
  t.equal((await ask(mabBody())).status, 400)
})

t.test('remediate without a place to do it is a denial: an empty Accept is the whole network', async (t) => {
  const { ask, decides } = createRadiusApp(t)
  const { profile: _, ...bare } = allowed
  for (const decision of [
    { ...bare },
    withAttributes(),
    withAttributes({ name: 'Filter-Id', values: [''] }),
  ]) {
    decides(success({ ...decision, outcome: 'remediate', reason: 'noncompliant', remediation }))
    t.match(await ask(mabBody()), {
      status: 401,
      body: { decision: 'deny', 'reply:Reply-Message': attribute(':=', remediation.message) },
    })
  }
  decides(success(bare))
  t.equal((await ask(mabBody())).status, 200, 'allow may be empty')
})

t.test('several values, tags and AV pairs keep each other', async (t) => {
  const { ask, decides } = createRadiusApp(t)
  decides(
    success(
      withAttributes(
        { name: 'Tunnel-Private-Group-Id', tag: 1, values: ['120'] },
        { name: 'Tunnel-Private-Group-Id', tag: 2, values: ['130'] },
        { name: 'Tunnel-Type', tag: 1, values: ['VLAN'] },
        {
          name: 'Cisco-AVPair',
          values: ['url-redirect-acl=ACL', 'url-redirect=https://x.example/a?b=50%25'],
        },
        { name: 'Filter-Id', values: ['a', 'b'] },
        { name: 'Filter-Id', values: ['c'] },
      ),
    ),
  )
  const { body } = await ask(mabBody())
  t.match(body, {
    'reply:Tunnel-Private-Group-Id:1': attribute('+=', '120'),
    'reply:Tunnel-Private-Group-Id:2': attribute('+=', '130'),
    'reply:Tunnel-Type:1': attribute(':=', 'VLAN'),
    'reply:Cisco-AVPair': attribute('+=', 'url-redirect-acl=ACL', 'url-redirect=https://x.example/a?b=50%25'),
    'reply:Filter-Id': attribute(':=', 'a', 'b', 'c'),
  })
  const keys = Object.keys(body)
  const removals = {
    'reply:tunnel-private-group-id': attribute('!*', '130'),
    'reply:cisco-avpair': attribute('-=', 'url-redirect-acl=ACL', 'url-redirect=https://x.example/a?b=50%25'),
    'reply:filter-id': attribute('!*', 'a'),
  }
  for (const [key, removal] of Object.entries(removals)) {
    t.strictSame(body[key], removal, `${key}: what an earlier answer brought goes`)
    const spelled = keys.findIndex((other) => other.toLowerCase().startsWith(key) && other !== key)
    t.ok(keys.indexOf(key) < spelled, 'FreeRADIUS goes from top to bottom')
  }
  t.notOk('reply:tunnel-type' in body, 'one value is replaced by itself')
})

t.test('a profile of very many values is written whole, without removals', async (t) => {
  const { ask, decides } = createRadiusApp(t)
  const values = Array.from({ length: 150 }, (_, index) => `a=${index}`)
  decides(success(withAttributes({ name: 'Cisco-AVPair', values })))
  const { body } = await ask(mabBody())
  t.strictSame(body['reply:Cisco-AVPair'], attribute('+=', ...values))
  t.notOk('reply:cisco-avpair' in body, 'rlm_rest reads 256 values')
})

t.test('the names of FreeRADIUS 4 are an option', async (t) => {
  const { ask } = createRadiusApp(t)
  const { body } = await ask(mabBody(), 'authorize?dialect=v4')
  t.match(body, {
    'control.Auth-Type': attribute(':=', 'Accept'),
    'reply.Tunnel-Private-Group-Id': attribute(':=', '10'),
  })
  t.notOk(Object.keys(body).some((name) => name.includes(':')))
})

t.test('what would be evaluated or cut on the way is made harmless', async (t) => {
  const { ask, decides } = createRadiusApp(t)
  const sent = async (name: string, value: string) => {
    decides(success(withAttributes({ name, values: [value] })))
    const { body } = await ask(mabBody())
    return (body[`reply:${name}`] as { value: string[] }).value[0] ?? ''
  }
  t.equal(await sent('Filter-Id', '%%{exec:touch x}\u0000\r\n"\\%(exec)'), '{exec:touch x} "\\(exec)')
  t.equal(await sent('Filter-Id', 'a\uD800b'), 'a\uFFFDb', 'a lone surrogate would break the JSON parser')
  const long = await sent('Reply-Message', 'é'.repeat(200))
  t.ok(Buffer.byteLength(long) <= 253, 'Reply-Message fits into its attribute')
  t.match(long, /^é+\.\.\.$/, 'and ends between characters')
  t.equal((await sent('Filter-Id', 'x'.repeat(253))).length, 253)
})

t.test('a profile that does not fit denies and says so in the log', async (t) => {
  const lines: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line) => void lines.push(line) })
  const { ask, decides } = createRadiusApp(t, { logger })
  const profiles: RadiusAttribute[][] = [
    [{ name: 'Cisco-AVPair', values: [`url-redirect=${'x'.repeat(240)}`] }],
    [{ name: 'Filter-Id', values: ['x'.repeat(254)] }],
    [{ name: 'Tunnel-Private-Group-Id', tag: 1, values: ['x'.repeat(253)] }],
    [{ name: 'Bad Name', values: ['x'] }],
    [{ name: 'Filter-Id":', values: ['x'] }],
    [{ name: 'Filter-Id', values: Array.from({ length: 20 }, () => 'x'.repeat(200)) }],
  ]
  for (const attributes of profiles) {
    decides(success({ ...withAttributes(...attributes), profile: { name: 'wide', attributes } }))
    const { status, body } = await ask(mabBody())
    t.equal(status, 401)
    t.match(body, { decision: 'deny' })
    t.match(lines.pop(), /"event":"profile_refused".*wide/)
  }
})

t.test(
  'wrong credentials are 403: FreeRADIUS rejects and logs the answer, and it is no denial',
  async (t) => {
    const { inject } = createRadiusApp(t, { authenticate: createAuthenticator({ clients: { clients: [] } }) })
    for (const section of ['authorize', 'post-auth', 'accounting', 'nothing']) {
      const reply = await inject({ method: 'POST', url: `/v1/radius/${section}`, payload: '{}' })
      t.equal(reply.statusCode, 403, section)
      t.match(reply.json(), { errorCode: 'unauthenticated', detail: /no credentials/ })
    }
    const elsewhere = await createRadiusApp(t).inject({
      method: 'POST',
      url: '/v1/radius/authorize',
      remoteAddress: '192.0.2.1',
    })
    t.match([elsewhere.statusCode, elsewhere.json()], [403, { errorCode: 'client_forbidden' }])
  },
)

t.test('a check of credentials that has no room is an outage', async (t) => {
  const overloaded = failure('service_overloaded', 'too many')
  const { inject } = createRadiusApp(t, { authenticate: () => overloaded })
  t.equal((await inject({ method: 'POST', url: '/v1/radius/authorize' })).statusCode, 503)
})

t.test('a defect is 503 without a word about it', async (t) => {
  const lines: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line) => void lines.push(line) })
  const { ask } = createRadiusApp(t, {
    logger,
    decide: () => {
      throw new Error('a secret detail')
    },
  })
  const { status, body } = await ask(mabBody())
  t.equal(status, 503)
  t.match(body, { errorCode: 'internal' })
  t.notMatch(JSON.stringify(body), /secret detail/)
  t.match(lines.join(''), /secret detail/, 'the log has it')
})

t.test('monitoring probes are rejected politely, without a decision, and logged as probes', async (t) => {
  const lines: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line) => void lines.push(line) })
  const { ask, requests } = createRadiusApp(t, { logger })
  for (const name of ['meraki_8021x_test', 'Meraki_8021X_Test', 'radius-tracking-user']) {
    const { status, body } = await ask({ ...mabBody(), 'User-Name': { value: [name] } })
    t.equal(status, 401)
    t.match(body, {
      decision: 'deny',
      reason: 'probe',
      'reply:Reply-Message': attribute(':=', /alive/ as never),
    })
    t.match(lines.pop(), /"event":"probe".*"probe":"(meraki_8021x_test|radius-tracking-user)"/)
  }
  t.equal(requests.length, 0)
})
