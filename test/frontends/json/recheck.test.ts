import t from 'tap'
import type { OperatorAction } from '../../../src/decision/operator-action.ts'
import { failure } from '../../../src/errors/fault.ts'
import { frontends } from '../../../src/frontends/frontends.ts'
import { createAuthenticator } from '../../../src/server/authentication.ts'
import { createServer } from '../../../src/server/server.ts'
import { laptop, simulatedService } from '../../app/simulated-service.ts'
import { keptLogger } from '../../fakes/kept-output.ts'
import { expectDocumented } from '../../openapi/validate-reply.ts'

t.test(
  'a recheck asks Intune although the answer is fresh, once in ten seconds for one device',
  async (t) => {
    const { app, ask, simulator } = await simulatedService(t)
    if (!app) throw new Error('the service was not built')
    const recheck = async (kind: string, value: string) => {
      const reply = await app.server.inject({ method: 'POST', url: `/v1/devices/${kind}/${value}/recheck` })
      expectDocumented(t, { method: 'POST', path: '/v1/devices/{kind}/{value}/recheck', reply })
      return reply
    }
    t.match(await ask({ mac: laptop.mac }), { decision: 'allow', source: 'intune' })
    simulator.tenant.patchDevice(laptop.deviceId, { complianceState: 'noncompliant' })
    t.match(await ask({ mac: laptop.mac }), { decision: 'allow', source: 'cache' })
    const first = await recheck('mac', '00-50-56-a4-89-5a')
    t.match(first.json(), {
      decision: 'remediate',
      reason: 'noncompliant',
      source: 'intune',
      matchedBy: 'mac',
    })
    t.ok(first.headers['x-decision-id'])

    const second = await recheck('mac', laptop.mac)
    t.equal(second.statusCode, 429)
    t.match(second.json(), { code: 'recheck_too_soon', status: 429 })
    const retryAfter = Number(second.headers['retry-after'])
    t.ok(retryAfter >= 1 && retryAfter <= 10, `Retry-After: ${retryAfter}`)
    t.equal(simulator.tenant.requestCounts().query, 2)
    t.equal((await recheck('deviceId', laptop.deviceId)).statusCode, 429, 'by whatever name')
    const other = '22222222-2222-4222-8222-222222222222'
    t.equal((await recheck('deviceId', other)).statusCode, 200, 'another device is another matter')

    for (const [kind, value, code] of [
      ['mac', 'nonsense', 'identifier_malformed'],
      ['phone', '123', 'request_malformed'],
      ['certificateSan', laptop.deviceId, 'request_malformed'],
    ] as const) {
      const reply = await recheck(kind, value)
      t.match(reply.json(), { status: 400, code }, `${kind}/${value}`)
    }
    t.match((await recheck('mac', '02-00-00-00-00-01')).json(), { reason: 'randomized_mac' })
  },
)

t.test('a refresh is under the same limit, and is answered from memory when it is too soon', async (t) => {
  const { app, ask, simulator } = await simulatedService(t)
  if (!app) throw new Error('the service was not built')
  const refresh = async (query: Record<string, string>) => {
    const reply = await app.server.inject({ path: '/v1/decision', query: { ...query, refresh: 'true' } })
    expectDocumented(t, { method: 'GET', path: '/v1/decision', reply })
    return { answer: reply.json(), retryAfter: reply.headers['retry-after'] }
  }
  const first = await refresh({ mac: laptop.mac })
  t.match(first, { answer: { decision: 'allow', source: 'intune' }, retryAfter: undefined })
  for (let count = 0; count < 200; count += 1) {
    const query = count % 2 === 0 ? { mac: '00-50-56-A4-89-5a' } : { deviceId: laptop.deviceId }
    const { answer, retryAfter } = await refresh(query)
    t.equal(answer.decision, 'allow')
    // The first question by the device id has no answer of its own yet.
    if (count !== 1) {
      t.equal(answer.source, 'cache')
      t.match(retryAfter, /^(10|[1-9])$/)
    }
  }
  t.equal(simulator.tenant.requestCounts().query, 2)
  const recheck = await app.server.inject({ method: 'POST', url: `/v1/devices/mac/${laptop.mac}/recheck` })
  t.match(recheck.json(), { code: 'recheck_too_soon' }, 'a recheck counts a refresh')
  simulator.tenant.setFault({ hop: 'query', kind: 'status', status: 500 })
  const other = { mac: '005056A4895F' }
  t.match(await refresh(other), { answer: { reason: 'intune_unavailable' } })
  const again = await app.server.inject({ method: 'POST', url: `/v1/devices/mac/${other.mac}/recheck` })
  t.equal(again.statusCode, 429, 'a look-up that failed counts too')
  t.match(await ask({ mac: laptop.mac }), { source: 'cache' })
})

t.test('without credentials there is no recheck', async (t) => {
  const { app } = await simulatedService(t)
  const reply = await app?.server.inject({
    method: 'POST',
    url: `/v1/devices/mac/${laptop.mac}/recheck`,
    remoteAddress: '192.0.2.1',
  })
  t.match(reply?.json(), { code: 'client_forbidden', status: 403 })
})

t.test('too much load is a refused attempt, and what Intune fails at a failed one', async (t) => {
  const noted: OperatorAction[] = []
  let isOverloaded = true
  const app = createServer({
    logger: keptLogger(),
    decide: async () => failure('internal', 'a defect'),
    authenticate: createAuthenticator({ clients: undefined }),
    frontends,
    readiness: () => ({ ready: true, checks: {} }),
    isOverloaded: () => isOverloaded,
    onAction: (action) => void noted.push(action),
  })
  t.teardown(() => app.close())
  const url = `/v1/devices/mac/${laptop.mac}/recheck`
  t.equal((await app.inject({ method: 'POST', url })).statusCode, 503)
  isOverloaded = false
  t.equal((await app.inject({ method: 'POST', url })).statusCode, 500)
  t.match(noted, [
    { client: undefined, result: 'refused', errorCode: 'service_overloaded' },
    { client: 'local', result: 'failed', errorCode: 'internal' },
  ])
})
