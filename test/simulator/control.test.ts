import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { Agent, request } from 'undici'
import {
  createCertificateAuthority,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { clientId, intuneScope, startRig } from './rig.ts'

const deviceId = 'ee9d3792-6859-4b71-93aa-56aba42581c5'

t.test('a call that has nothing to say may name the type of what it does not send', async (t) => {
  const rig = await startRig(t)
  for (const [method, path] of [
    ['POST', '/control/reset'],
    ['POST', '/control/scale-unit'],
    ['DELETE', '/control/faults'],
    ['GET', '/control'],
  ] as const) {
    const reply = await rig.call(path, { method, headers: { 'content-type': 'application/json' } })
    t.ok(reply.status < 300, `${method} ${path}: ${reply.status}`)
  }
  const broken = await rig.call('/control/faults', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{',
  })
  t.equal(broken.status, 400)
})

t.test('requests are recorded with what they were about and without a secret', async (t) => {
  const rig = await startRig(t)
  const { tenant, tenantId } = rig.simulator
  const client_assertion = await rig.assertion()
  const answer = await rig.requestToken({ client_assertion, 'client-request-id': 'abc' })
  await rig.query('macaddress', '005056A4895A', String(answer.json().access_token))
  await rig.call('/nowhere?a=1')

  t.match(tenant.requests(), [
    {
      sequence: 1,
      atMs: rig.clock.nowMs(),
      hop: 'token',
      method: 'POST',
      path: `/${tenantId}/oauth2/v2.0/token`,
      status: 200,
      audience: 'intune',
      scope: intuneScope,
      clientRequestId: 'abc',
      assertion: { header: { alg: 'PS256', typ: 'JWT' }, claims: { iss: clientId, sub: clientId } },
    },
    {
      sequence: 2,
      hop: 'query',
      method: 'GET',
      query: { querycriteria: 'macaddress', value: '005056A4895A', paging: '0', filter: 'all' },
      identifier: { kind: 'macaddress', value: '005056A4895A' },
    },
    { sequence: 3, hop: 'other', path: '/nowhere', query: { a: '1' }, status: 404 },
  ])
  const recorded = (await rig.control('GET', '/requests')).text
  t.notMatch(recorded, client_assertion.split('.')[2], 'no signature')
  t.notMatch(recorded, String(answer.json().access_token), 'no token')
  t.equal(tenant.requests('query').length, 1)
  t.match(tenant.requestCounts(), { openid: 0, token: 1, discovery: 0, query: 1, other: 1 })
  tenant.clearRequests()
  t.strictSame(tenant.requests(), [])
  t.equal(tenant.requestCounts().token, 0)
})

t.test('the log keeps the latest requests and counts them all', async (t) => {
  const { createRequestLog } = await import('../../src/simulator/state/request-log.ts')
  const log = createRequestLog()
  for (let n = 0; n < 45_000; n += 1)
    log.record({ atMs: n, hop: 'query', method: 'GET', path: '/', query: {} })(200)
  t.equal(log.counts().query, 45_000)
  t.equal(log.list().length, 20_000)
  t.equal(log.list().at(-1)?.sequence, 45_000)
  t.equal(log.list()[0]?.sequence, 25_001)
})

t.test('everything in process can be done over HTTP', async (t) => {
  const rig = await startRig(t)
  const { control, simulator } = rig
  const { tenant } = simulator

  t.match((await control('GET', '')).json(), {
    origin: simulator.origin,
    tenantId: simulator.tenantId,
    tenantDomain: 'contoso.onmicrosoft.com',
    requestCounts: { token: 0 },
  })
  t.equal((await control('GET', '/ca.pem')).text, simulator.caCertificatePem)

  const put = await control('PUT', `/devices/${deviceId}`, {
    complianceState: 'noncompliant',
    macs: ['00-50-56-a4-89-5a'],
  })
  t.match(put.json(), { deviceId, macs: ['005056A4895A'], enrolled: true })
  await control('PATCH', `/devices/${deviceId}`, { complianceState: 'compliant', model: 'X1' })
  t.match(tenant.listDevices(), [
    { deviceId, complianceState: 'compliant', macs: ['005056A4895A'], model: 'X1' },
  ])
  await control('PATCH', `/devices/${deviceId}`, { model: null })
  t.notOk('model' in (tenant.listDevices()[0] ?? {}))
  t.match((await control('GET', '/devices')).json(), [{ deviceId }])
  t.equal((await control('DELETE', `/devices/${deviceId}`)).status, 204)
  t.strictSame(tenant.listDevices(), [])

  const certificatesPem = [rig.app.certificatePem]
  const other = '11111111-2222-3333-4444-555555555555'
  t.equal((await control('PUT', `/apps/${other}`, { certificatesPem })).status, 200)
  t.match((await control('GET', '/apps')).json(), [{ clientId }, { clientId: other, disabled: false }])
  t.equal((await control('DELETE', `/apps/${other}`)).status, 204)

  await control('PATCH', '/variants', { notFound: 'empty_list' })
  await control('PATCH', '/variants', { unknownOnWire: 'nil' })
  t.match((await control('GET', '/variants')).json(), { notFound: 'empty_list', unknownOnWire: 'nil' })
  t.match((await control('DELETE', '/variants')).json(), { notFound: 'unregistered', unknownOnWire: 'false' })

  const fault = await control('POST', '/faults', { hop: 'token', kind: 'aadsts', aadsts: 90033 })
  t.equal(fault.status, 201)
  t.equal((await rig.requestToken()).status, 503)
  t.match((await control('GET', '/faults')).json(), [{ id: fault.json().id, kind: 'aadsts' }])
  t.equal((await control('DELETE', `/faults/${fault.json().id}`)).status, 204)
  await control('POST', '/faults', { hop: 'query', kind: 'hang' })
  t.equal((await control('DELETE', '/faults')).status, 204)
  t.strictSame(tenant.listFaults(), [])

  t.match((await control('GET', '/requests?hop=token')).json(), [{ hop: 'token', status: 503 }])
  t.match((await control('GET', '/requests/counts')).json(), { token: 1 })
  t.equal((await control('DELETE', '/requests')).status, 204)
  t.strictSame(tenant.requests(), [], 'control calls are not recorded')

  t.equal((await control('POST', '/reset')).status, 204)
  t.strictSame(tenant.listApps(), [])
})

t.test('a wrong control call is refused and the field is named', async (t) => {
  const rig = await startRig(t)
  const { control } = rig
  const wrong: [Parameters<typeof control>, string][] = [
    [['PUT', '/devices/abc', { complianceState: 'compliant' }], 'deviceId'],
    [['PUT', `/devices/${deviceId}`, { complianceState: 'fine' }], 'complianceState'],
    [['PUT', `/devices/${deviceId}`, { complianceState: 'compliant', macs: ['x'] }], 'macs.0'],
    [['PUT', `/devices/${deviceId}`, { complianceState: 'compliant', colour: 'red' }], 'colour'],
    [['PUT', `/devices/${deviceId}`, { complianceState: 'compliant', deviceId: clientId }], 'deviceId'],
    [['PUT', `/devices/${deviceId}`, []], 'body'],
    [['PUT', '/devices', {}], 'body'],
    [['PUT', '/devices', [{ deviceId, complianceState: 'compliant' }, { deviceId }]], '1.complianceState'],
    [['PUT', `/apps/${clientId}`, { certificatesPem: ['abc'] }], 'certificatesPem.0'],
    [['PUT', `/apps/${clientId}`, { certificatesPem: [rig.app.privateKeyPem] }], 'certificatesPem.0'],
    [['PATCH', '/variants', { notFound: 'gone' }], 'notFound'],
    [['PATCH', '/variants', { complianceRetrievalPath: '/a/' }], 'complianceRetrievalPath'],
    [['POST', '/faults', { hop: 'query', kind: 'latency' }], 'latencyMs'],
    [['POST', '/faults', { hop: 'query', kind: 'explode' }], 'kind'],
    [['POST', '/faults', { hop: 'query', kind: 'aadsts', aadsts: 1 }], 'hop'],
    [['GET', '/requests?hop=phone'], 'hop'],
  ]
  for (const [call, field] of wrong) {
    const answer = await control(...call)
    t.equal(answer.status, 400, `${call[0]} ${call[1]} ${JSON.stringify(call[2])}`.slice(0, 80))
    t.hasStrict(answer.json(), { error: 'invalid_request' })
    t.equal((answer.json().problems as { field: string }[])[0]?.field, field, answer.text)
  }
  t.strictSame(rig.simulator.tenant.listDevices(), [], 'of a list with a mistake no device is stored')
  const notJson = await rig.call('/control/faults', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{',
  })
  t.equal(notJson.status, 400)
  const missing: Parameters<typeof control>[] = [
    ['PATCH', `/devices/${deviceId}`, { model: 'x' }],
    ['DELETE', `/devices/${deviceId}`],
    ['DELETE', `/apps/${deviceId}`],
    ['DELETE', '/faults/fault-9'],
    ['GET', '/nothing'],
  ]
  for (const call of missing) {
    const answer = await control(...call)
    t.equal(answer.status, 404, `${call[0]} ${call[1]}`)
    t.match(answer.json(), { error: 'not_found', message: /no / })
  }
})

t.test('in process a wrong field or an unknown device throws', async (t) => {
  const { simulator } = await startRig(t)
  t.throws(() => simulator.tenant.putDevice({ deviceId: 'x', complianceState: 'compliant' }), {
    name: 'ZodError',
  })
  t.throws(() => simulator.tenant.patchDevice(deviceId, {}), { name: 'UnknownItemError' })
})

t.test('an own TLS identity is presented, and the public host is in the origin', async (t) => {
  const authority = await createCertificateAuthority({ commonName: 'own root' })
  const server = await issueServerCertificate(authority, { commonName: 'own', dnsNames: ['localhost'] })
  const simulator = await startSimulator({
    publicHost: 'localhost',
    tenantId: 'AAAAAAAA-0000-4000-8000-000000000001',
    tls: { ...server, caCertificatePem: authority.certificatePem },
  })
  const dispatcher = new Agent({ connect: { ca: authority.certificatePem } })
  t.teardown(async () => {
    await dispatcher.destroy()
    await simulator.close()
  })
  t.match(simulator.origin, /^https:\/\/localhost:\d+$/)
  t.equal(simulator.tenantId, 'aaaaaaaa-0000-4000-8000-000000000001')
  t.equal((await request(`${simulator.origin}/control`, { dispatcher })).statusCode, 200)
  t.equal(new X509Certificate(simulator.caCertificatePem).subject, 'CN=own root')
})

t.test('a taken port is reported', async (t) => {
  const { simulator } = await startRig(t)
  await t.rejects(startSimulator({ port: Number(new URL(simulator.origin).port) }), { code: 'EADDRINUSE' })
})
