import t from 'tap'
import type { Decision } from '../../../src/decision/decision.ts'
import { failure, success } from '../../../src/errors/fault.ts'
import { schemaErrors } from '../../openapi/validate-reply.ts'
import { allowed, createJsonApp } from './json-app.ts'

const url = '/v1/decision?mac=00-50-56-a4-89-5a'

t.test('an allowed device is answered flat, with every key in the documented order', async (t) => {
  const { inject } = createJsonApp(t)
  const reply = await inject(url)
  t.equal(reply.statusCode, 200)
  t.equal(
    reply.body,
    JSON.stringify({
      decision: 'allow',
      reason: 'compliant',
      complianceState: 'compliant',
      enrolled: true,
      matchedBy: 'mac',
      device: '005056A4895A',
      source: 'cache',
      observedAt: '2026-11-22T23:40:00.000Z',
      ageSeconds: 41,
      stale: false,
      expiresInSeconds: 558,
      remediationAction: null,
      remediationUrl: null,
      remediationMessage: null,
      decisionId: 'd-1',
      errorCode: null,
    }),
  )
  t.equal(reply.headers['content-type'], 'application/json; charset=utf-8')
  t.equal(reply.headers['x-decision-id'], 'd-1', 'the decision can be found in the log from the header alone')
  t.equal(reply.headers['cache-control'], 'no-store', 'no proxy answers in place of the service')
  t.equal(reply.headers['x-content-type-options'], 'nosniff')
})

const remediation = {
  action: 'enroll',
  url: 'https://portal.example/',
  message: 'Say "hi" to\n<b>\u2028 %{x}',
} as const
const { observedAtMs: _, ...neverObserved } = allowed

const shapes: readonly { shape: string; decision: Decision; expected: Readonly<Record<string, unknown>> }[] =
  [
    {
      shape: 'a device to remediate, with what the user must do, escaped',
      decision: {
        ...allowed,
        outcome: 'remediate',
        reason: 'not_enrolled',
        enrolled: false,
        complianceState: 'unknown',
        remediation,
      },
      expected: {
        decision: 'remediate',
        reason: 'not_enrolled',
        enrolled: false,
        complianceState: 'unknown',
        remediationAction: 'enroll',
        remediationUrl: remediation.url,
        remediationMessage: remediation.message,
      },
    },
    {
      shape: 'what could not be determined, which is neither "not enrolled" nor "unknown"',
      decision: {
        ...neverObserved,
        outcome: 'deny',
        reason: 'intune_unavailable',
        enrolled: null,
        complianceState: null,
        source: 'none',
        faultCode: 'intune_throttled',
      },
      expected: {
        decision: 'deny',
        reason: 'intune_unavailable',
        enrolled: null,
        complianceState: null,
        observedAt: null,
        errorCode: 'intune_throttled',
      },
    },
    {
      shape: 'a device in its grace period: allowed and told what to do',
      decision: {
        ...allowed,
        reason: 'in_grace_period',
        remediation: { ...remediation, action: 'fix_compliance' },
      },
      expected: { decision: 'allow', reason: 'in_grace_period', remediationAction: 'fix_compliance' },
    },
    {
      shape: 'a denied device that nothing was observed of',
      decision: {
        ...neverObserved,
        outcome: 'deny',
        reason: 'identifier_conflict',
        source: 'none',
        matchedBy: 'none',
        device: '',
      },
      expected: {
        decision: 'deny',
        reason: 'identifier_conflict',
        observedAt: null,
        matchedBy: 'none',
        device: '',
        errorCode: null,
      },
    },
    {
      shape: 'an outage that policy denies, with the error code',
      decision: {
        ...neverObserved,
        outcome: 'deny',
        reason: 'intune_unavailable',
        faultCode: 'upstream_timeout',
      },
      expected: { decision: 'deny', reason: 'intune_unavailable', errorCode: 'upstream_timeout' },
    },
    {
      shape: 'an outage of unknown cause',
      decision: { ...neverObserved, outcome: 'deny', reason: 'intune_unavailable' },
      expected: { errorCode: 'intune_unavailable' },
    },
    {
      shape: 'a last known answer during an outage',
      decision: {
        ...allowed,
        source: 'last_known',
        stale: true,
        ageMs: 3_600_999,
        expiresInMs: 0,
        faultCode: 'intune_throttled',
      },
      expected: { source: 'last_known', stale: true, ageSeconds: 3600, expiresInSeconds: 0, errorCode: null },
    },
    {
      shape: 'a clock that went back: no negative seconds',
      decision: { ...allowed, ageMs: -5, expiresInMs: -1 },
      expected: { ageSeconds: 0, expiresInSeconds: 0 },
    },
  ]

for (const { shape, decision, expected } of shapes) {
  t.test(`presents ${shape}`, async (t) => {
    const { inject, decides } = createJsonApp(t)
    decides(success(decision))
    const reply = await inject(url)
    t.equal(reply.statusCode, 200, 'every decision is 200')
    t.match(reply.json(), expected)
    t.equal(Object.keys(reply.json()).length, 16, 'no key is left out')
  })
}

t.test('a decision to fail is 503 with the cause and when to come back', async (t) => {
  const { inject, decides } = createJsonApp(t)
  decides(
    success({ ...neverObserved, outcome: 'fail', reason: 'intune_unavailable', faultCode: 'tls_untrusted' }),
  )
  const reply = await inject(url)
  t.equal(reply.statusCode, 503)
  t.equal(reply.headers['content-type'], 'application/problem+json; charset=utf-8')
  t.equal(reply.headers['retry-after'], '1')
  t.equal(reply.headers['x-decision-id'], 'd-1')
  t.match(reply.json(), { code: 'tls_untrusted', status: 503, title: 'Service Unavailable' })

  decides(success({ ...neverObserved, outcome: 'fail', reason: 'intune_unavailable', faultCode: 'internal' }))
  t.equal((await inject(url)).statusCode, 503, 'policy says 503, whatever the cause')
  decides(success({ ...neverObserved, outcome: 'fail', reason: 'intune_unavailable' }))
  t.match((await inject(url)).json(), { code: 'intune_unavailable' }, 'a cause that is not known has a code')
})

t.test('faults of the decision service keep what an operator sees away from callers', async (t) => {
  const { inject, decides } = createJsonApp(t)
  decides(failure('identifier_not_supported', 'The API has no query for udid.', { field: 'udid' }))
  const refused = await inject(url)
  t.equal(refused.statusCode, 400)
  t.match(refused.json(), {
    code: 'identifier_not_supported',
    detail: 'The API has no query for udid.',
    field: 'udid',
  })

  decides(failure('internal', 'redis at 10.1.2.3 said WRONGPASS', { field: 'secret' }))
  const broken = await inject(url)
  t.equal(broken.statusCode, 500)
  t.notMatch(broken.body, /redis|10\.1|secret/, 'the message stays inside')
  t.match(broken.json(), { detail: 'A defect of this service.' })
})

t.test('a decision service that throws is 500 without a stack', async (t) => {
  const { inject } = createJsonApp(t, {
    decide: () => {
      throw new Error('private detail')
    },
  })
  const reply = await inject(url)
  t.equal(reply.statusCode, 500)
  t.notMatch(reply.body, /private|\.ts|at /, 'neither message nor stack')
})

t.test(
  'the decision service is asked with the parsed identity, the client and the refresh wish',
  async (t) => {
    const { inject, requests } = createJsonApp(t)
    await inject(`${url}&refresh=true`)
    t.match(requests[0], {
      identity: { identifiers: [{ kind: 'mac', value: '005056A4895A', rank: 4 }] },
      refresh: true,
      frontend: 'json',
      client: 'local',
    })
    await inject(`${url}&refresh=false`)
    t.equal(requests[1]?.refresh, false)
    await inject({
      method: 'POST',
      url: '/v1/decision',
      payload: { mac: ['00:50:56:a4:89:5a'], refresh: true },
    })
    t.same(requests[2], requests[0], 'a body asks the same')
  },
)

t.test('slashes too many do not matter, the case of the path does', async (t) => {
  const { app } = createJsonApp(t)
  for (const path of ['/v1/decision/', '//v1//decision', '/v1/decision//']) {
    t.equal((await app.inject(`${path}?mac=005056A4895A`)).statusCode, 200, path)
  }
  t.equal((await app.inject('/V1/decision?mac=005056A4895A')).statusCode, 404)
})

t.test('the example in openapi.yaml is itself a valid answer', async (t) => {
  const { inject } = createJsonApp(t)
  const place = ['components', 'schemas', 'DecisionAnswer']
  t.same(schemaErrors(place, (await inject(url)).json()), [])
  t.not(schemaErrors(place, { decision: 'allow' }).length, 0, 'the check can fail')
})
