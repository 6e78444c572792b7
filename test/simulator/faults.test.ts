import t from 'tap'
import { Agent, request } from 'undici'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { graphScope, intuneScope, startRig } from './rig.ts'

const deviceId = 'ee9d3792-6859-4b71-93aa-56aba42581c5'
const otherDeviceId = '3eeb9e62-91a5-4c40-8d5f-1d2f3c4b5a69'

t.test('a fault strikes its hop only, as often as it was told to', async (t) => {
  const rig = await startRig(t)
  const { tenant } = rig.simulator
  const token = await rig.token(intuneScope)
  tenant.setFault({
    hop: 'query',
    kind: 'status',
    status: 429,
    body: 'slow down',
    headers: { 'retry-after': '7' },
    contentType: 'text/html',
    times: 2,
  })
  t.equal((await rig.requestToken()).status, 200, 'the token hop is untouched')
  const first = await rig.query('guid', deviceId, token)
  t.equal(first.status, 429)
  t.equal(first.headers['retry-after'], '7')
  t.equal(first.headers['content-type'], 'text/html')
  t.equal(first.text, 'slow down')
  t.match(tenant.listFaults(), [{ times: 1 }])
  t.equal((await rig.query('guid', deviceId, token)).status, 429)
  t.equal((await rig.query('guid', deviceId, token)).status, 200)
  t.strictSame(tenant.listFaults(), [])
})

t.test('a fault can be aimed at one audience, one device id or one MAC', async (t) => {
  const rig = await startRig(t)
  const { tenant } = rig.simulator
  const token = await rig.token(intuneScope)
  const id = tenant.setFault({ hop: 'token', match: 'graph', kind: 'status', status: 500 })
  t.equal((await rig.requestToken({ scope: graphScope })).status, 500)
  t.equal((await rig.requestToken({ scope: intuneScope })).status, 200)
  t.equal(tenant.clearFault(id), true)
  t.equal(tenant.clearFault(id), false)
  t.equal((await rig.requestToken({ scope: graphScope })).status, 200)

  tenant.putDevice({ deviceId, macs: ['005056A4895A'], complianceState: 'compliant' })
  tenant.setFault({ hop: 'query', match: deviceId.toUpperCase(), kind: 'body', body: '<html>' })
  t.equal((await rig.query('guid', deviceId, token)).text, '<html>')
  t.equal(
    (await rig.query('macaddress', '005056A4895A', token)).text,
    '<html>',
    'the MAC belongs to that device',
  )
  t.not((await rig.query('guid', otherDeviceId, token)).text, '<html>')
  tenant.clearFaults()
  tenant.setFault({ hop: 'query', match: '00:50:56:a4:89:5a', kind: 'status', status: 503 })
  t.equal((await rig.query('guid', deviceId, token)).status, 503)
  t.equal((await rig.query('macaddress', '005056A4895A', token)).status, 503)
  t.equal((await rig.query('guid', otherDeviceId, token)).status, 200)
})

t.test('an AADSTS fault has the HTTP status, the OAuth error and the headers', async (t) => {
  const rig = await startRig(t)
  const expected: [number, number, string][] = [
    [90033, 503, 'temporarily_unavailable'],
    [90055, 429, 'temporarily_unavailable'],
    [7000222, 401, 'invalid_client'],
    [123456, 400, 'invalid_request'],
  ]
  for (const [aadsts, status, error] of expected) {
    rig.simulator.tenant.setFault({
      hop: 'token',
      kind: 'aadsts',
      aadsts,
      headers: { 'retry-after': '1' },
      times: 1,
    })
    const answer = await rig.requestToken()
    t.equal(answer.status, status, `AADSTS${aadsts}`)
    t.equal(answer.headers['retry-after'], '1')
    t.match(answer.json(), { error, error_codes: [aadsts] })
  }
})

t.test('latencies add up, and combine with the normal answer and with another fault', async (t) => {
  const rig = await startRig(t)
  const { tenant } = rig.simulator
  tenant.setFault({ hop: 'token', kind: 'latency', latencyMs: 40, times: 2 })
  tenant.setFault({ hop: 'token', kind: 'latency', latencyMs: 30, times: 2 })
  tenant.setFault({ hop: 'token', kind: 'status', status: 500, times: 1 })
  for (const status of [500, 200]) {
    const start = performance.now()
    t.equal((await rig.requestToken()).status, status)
    t.ok(performance.now() - start >= 68, 'it took both latencies')
  }
  t.strictSame(tenant.listFaults(), [])
})

t.test('the connection can be cut before, in the middle of, or instead of an answer', async (t) => {
  const rig = await startRig(t)
  const { tenant, tenantId } = rig.simulator
  const path = `/${tenantId}/v2.0/.well-known/openid-configuration`
  tenant.setFault({ hop: 'openid', kind: 'reset', times: 1 })
  await t.rejects(rig.call(path), { code: 'UND_ERR_SOCKET' }, 'reset')
  tenant.setFault({ hop: 'openid', kind: 'truncate', times: 1 })
  await t.rejects(rig.call(path), { code: 'UND_ERR_SOCKET' }, 'truncate')
  t.equal((await rig.call(path)).status, 200)
  t.strictSame(
    tenant.requests('openid').map(({ status }) => status),
    [null, 200, 200],
  )
})

t.test('a body can be slow, huge, or elsewhere', async (t) => {
  const rig = await startRig(t)
  const { tenant, tenantId } = rig.simulator
  const path = `/${tenantId}/v2.0/.well-known/openid-configuration`
  tenant.setFault({ hop: 'openid', kind: 'slow_body', durationMs: 100, times: 1 })
  const start = performance.now()
  t.match((await rig.call(path)).json(), { issuer: /https/ }, 'the body is the normal one')
  t.ok(performance.now() - start >= 90)

  tenant.setFault({ hop: 'openid', kind: 'huge', bytes: 200_001, times: 1 })
  t.equal((await rig.call(path)).text.length, 200_001)

  tenant.setFault({ hop: 'openid', kind: 'redirect', location: 'https://evil.example/', times: 1 })
  const redirected = await rig.call(path)
  t.equal(redirected.status, 302)
  t.equal(redirected.headers.location, 'https://evil.example/')
})

t.test('front ends and gateways can fail in their own ways', async (t) => {
  const rig = await startRig(t)
  const { tenant } = rig.simulator
  const token = await rig.token(intuneScope)
  tenant.setFault({ hop: 'query', kind: 'html', headers: { 'retry-after': '3' }, times: 1 })
  const html = await rig.query('guid', deviceId, token)
  t.equal(html.status, 503)
  t.match(html.headers, { 'content-type': /^text\/html/, 'retry-after': '3' })
  t.match(html.text, /^<!DOCTYPE HTML.*HTTP Error 503/s)

  tenant.setFault({ hop: 'query', kind: 'empty', status: 502, times: 1 })
  const empty = await rig.query('guid', deviceId, token)
  t.equal(empty.status, 502)
  t.equal(empty.text, '')
  t.notOk('content-type' in empty.headers, 'not even a content type')

  tenant.setFault({ hop: 'query', kind: 'nested_error', times: 1 })
  const nested = await rig.query('guid', deviceId, token)
  t.equal(nested.status, 503)
  t.notOk('retry-after' in nested.headers, 'the wait is told inside')
  t.match(nested.json(), { ErrorCode: 'ServiceUnavailable', Target: null })
  t.match(JSON.parse(String(nested.json().Message)), {
    RetryAfter: 30,
    Message: /Activity ID: [0-9a-f-]{36} - Url: https:/,
  })
  tenant.setFault({ hop: 'query', kind: 'nested_error', status: 429, retryAfterSeconds: null, times: 1 })
  const silent = (await rig.query('guid', deviceId, token)).json()
  t.match(JSON.parse(String(silent.Message)), { RetryAfter: null })
  t.equal((await rig.query('guid', deviceId, token)).status, 200)
})

t.test('closing drops hanging, delayed and slow requests at once', async (t) => {
  const simulator = await startSimulator()
  const dispatcher = new Agent({ connect: { ca: simulator.caCertificatePem } })
  t.teardown(() => dispatcher.destroy())
  const keys = `${simulator.origin}/${simulator.tenantId}/discovery/v2.0/keys`
  const openid = `${simulator.origin}/${simulator.tenantId}/v2.0/.well-known/openid-configuration`
  simulator.tenant.setFault({ hop: 'keys', kind: 'hang', times: 1 })
  simulator.tenant.setFault({ hop: 'openid', kind: 'slow_body', durationMs: 600_000, times: 1 })
  const hanging = t.rejects(request(keys, { dispatcher }), { code: 'UND_ERR_SOCKET' }, 'hanging')
  const slow = t.rejects(
    request(openid, { dispatcher }).then(({ body }) => body.text()),
    { code: 'UND_ERR_SOCKET' },
    'slow',
  )
  while (simulator.tenant.requestCounts().keys + simulator.tenant.requestCounts().openid < 2) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  simulator.tenant.setFault({ hop: 'keys', kind: 'latency', latencyMs: 600_000 })
  const delayed = t.rejects(request(keys, { dispatcher }), { code: 'UND_ERR_SOCKET' }, 'delayed')
  while (simulator.tenant.requestCounts().keys < 2) await new Promise((resolve) => setTimeout(resolve, 5))

  const start = performance.now()
  await simulator.close()
  t.ok(performance.now() - start < 1000, 'close does not wait for them')
  await Promise.all([hanging, slow, delayed])
})
