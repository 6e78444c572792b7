import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { createIseClient } from '../../src/ise-client/ise-client.ts'
import { readDevicePage, readMdmInfo } from '../../src/ise-client/read-reply.ts'
import { laptop } from '../app/simulated-service.ts'
import { iseService, user } from './ise-service.ts'

const tablet = { deviceId: 'b0b00000-0000-4000-8000-000000000002', mac: '3408BC507C78' }

t.test('a device from first contact to repair, over TLS and Basic, as ISE sees it', async (t) => {
  const service = await iseService(t, { NONCOMPLIANT_FRESH_SECONDS: '1' })
  const { tenant } = service.simulator
  tenant.putDevice({ deviceId: tablet.deviceId, macs: [tablet.mac], complianceState: 'noncompliant' })
  const client = service.client()
  t.match(await client.testConnection(), {
    ok: true,
    value: {
      apiVersion: 3,
      apiPath: '/ciscoise/mdmapi/v3',
      redirectUrl: 'https://portal.manage.microsoft.com/networkaccesscontrol/index',
      queryMaxSize: 1000,
    },
  })
  t.match(await client.lookUp({ guid: laptop.deviceId, macAddress: laptop.mac }), {
    value: { guid: laptop.deviceId, registered: true, compliant: true },
  })
  const unknownGuid = '3eeb9e62-cec9-4dd8-9dd6-74903695a62b'
  t.match(
    await client.lookUp({ guid: unknownGuid, macAddress: laptop.mac }),
    { value: { macAddress: laptop.mac, registered: true, compliant: true } },
    'where the guid is unknown the address is asked',
  )
  t.same(await client.lookUp({ guid: unknownGuid }), { ok: true, value: undefined }, 'unregistered')

  const sick = await client.lookUp({ guid: tablet.deviceId, macAddress: tablet.mac })
  t.match(sick, {
    value: {
      registered: true,
      compliant: false,
      failureReason: /not compliant/,
      remediation: /Company Portal/,
    },
  })
  if (!sick.ok) throw new Error(sick.fault.message)
  t.same(await client.requery({ guid: tablet.deviceId }, sick.value), { ok: true, value: false })
  await client.lookUp({ macAddress: tablet.mac })
  const asked = tenant.requestCounts()
  t.match(await client.poll('guid'), {
    ok: true,
    value: [{ guid: tablet.deviceId, registered: true, compliant: false }],
  })
  t.match(await client.poll('macaddress'), {
    ok: true,
    value: [{ macAddress: tablet.mac, registered: true, compliant: false }],
  })
  t.same(tenant.requestCounts(), asked, 'a poll asks Intune nothing')

  tenant.patchDevice(tablet.deviceId, { complianceState: 'compliant' })
  await new Promise((go) => setTimeout(go, 1300))
  t.same(
    await client.requery({ guid: tablet.deviceId }, sick.value),
    { ok: true, value: true },
    'the repair is seen, a CoA is due',
  )
})

t.test('older releases of ISE get version 1 and 2', async (t) => {
  const service = await iseService(t)
  for (const apiVersion of [1, 2] as const) {
    const client = service.client({ apiVersion })
    t.match(await client.testConnection(), { value: { apiVersion } })
    t.match(await client.lookUp({ macAddress: '00:50:56:a4:89:5a' }), {
      value: { macAddress: laptop.mac, compliant: true },
    })
    t.match(await client.poll('macaddress'), { ok: true })
  }
})

t.test(
  'while nothing can be determined ISE calls the server unreachable, not the device unregistered',
  async (t) => {
    const service = await iseService(t, { DECISION_DEADLINE_MS: '400' })
    service.simulator.tenant.setFault({ hop: 'query', kind: 'latency', latencyMs: 5000 })
    const startedMs = performance.now()
    t.match(await service.client().lookUp({ guid: laptop.deviceId }), {
      ok: false,
      fault: { code: 'mdm_unreachable', status: 503 },
    })
    t.ok(performance.now() - startedMs < 2500, 'within the deadline')
  },
)

t.test('what goes wrong with the connection is told apart', async (t) => {
  const service = await iseService(t)
  const code = async (difference: Parameters<typeof service.client>[0]) => {
    const outcome = await service.client(difference).testConnection()
    return outcome.ok ? 'connected' : outcome.fault.code
  }
  t.equal(await code({}), 'connected')
  t.equal(await code({ password: 'wrong' }), 'mdm_credentials_refused')
  t.equal(
    await code({ url: service.url.replace('https://127.0.0.1', 'https://127.0.0.2') }),
    'mdm_unreachable',
  )
  t.equal(await code({ url: `${service.url}/other` }), 'mdm_unreachable')
  const untrusting = createIseClient({ url: service.url, ...user })
  t.teardown(() => untrusting.close())
  t.match(await untrusting.testConnection(), { fault: { code: 'mdm_certificate_untrusted' } })
  t.match(await untrusting.lookUp({ macAddress: laptop.mac }), {
    fault: { code: 'mdm_certificate_untrusted' },
  })
  t.match(await untrusting.poll('guid'), { fault: { code: 'mdm_certificate_untrusted' } })
  t.match(await untrusting.requery({}, undefined), { ok: true, value: false })
  t.match(await untrusting.requery({ macAddress: laptop.mac }, undefined), { ok: false })
})

t.test('a refusal is shown with the code and the reason of the server', async (t) => {
  const document = (code: string) =>
    `<ise_api><name>error</name><error_code>${code}</error_code><error_message>Because.</error_message></ise_api>`
  let answer: readonly [number, string] = [200, '']
  const server = createServer((_request, response) => response.writeHead(answer[0]).end(answer[1]))
  await new Promise<void>((go) => server.listen(0, '127.0.0.1', go))
  t.teardown(() => server.close())
  const client = createIseClient({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...user,
  })
  t.teardown(() => client.close())
  for (const [status, body, code, message] of [
    [
      401,
      document('unauthenticated'),
      'mdm_credentials_refused',
      /\(HTTP 401\)\. It says unauthenticated: Because\./,
    ],
    [
      403,
      document('client_forbidden'),
      'mdm_access_refused',
      /\(HTTP 403\)\. It says client_forbidden: Because\./,
    ],
    [
      403,
      document('too_many_attempts'),
      'mdm_access_refused',
      /\(HTTP 403\)\. It says too_many_attempts: Because\./,
    ],
    [403, '<html>go away</html>', 'mdm_access_refused', /\(HTTP 403\)\.$/],
    [503, document('rate_limited'), 'mdm_unreachable', /HTTP 503.* It says rate_limited: Because\./],
    [404, '', 'mdm_unreachable', /HTTP 404: ISE calls that unreachable\.$/],
  ] as const) {
    answer = [status, body]
    t.match(await client.testConnection(), { fault: { code, message, status } }, `${status} ${code}`)
  }
})

t.test('a list that does not end is given up, and pages are joined', async (t) => {
  const pages: Record<string, string> = { 0: '7', 7: '9', 9: '0', 1: '1' }
  let first = '0'
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://a')
    const body = pathname.startsWith('/ciscoise/mdminfo')
      ? '<name>mdminfo</name><api_version>3</api_version><api_path>/x</api_path>'
      : `<name>attributes</name><paging_info>${pages[searchParams.get('paging') === '0' ? first : (searchParams.get('paging') ?? '')]}</paging_info><deviceList><device><guid>g${searchParams.get('paging')}</guid></device></deviceList>`
    response.end(`<ise_api>${body}</ise_api>`)
  })
  await new Promise<void>((go) => server.listen(0, '127.0.0.1', go))
  t.teardown(() => server.close())
  const client = createIseClient({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    ...user,
  })
  t.teardown(() => client.close())
  t.match(await client.poll('guid'), { value: [{ guid: 'g0' }, { guid: 'g7' }, { guid: 'g9' }] })
  first = '1'
  t.match(await client.poll('guid'), { fault: { code: 'mdm_reply_malformed' } })
})

t.test('a reply that is not of the API is said to be so', async (t) => {
  for (const xml of [
    '',
    '<html/>',
    '<ise_api><name>attributes</name></ise_api>',
    '<ise_api><name>mdminfo</name><api_version>9</api_version></ise_api>',
    '<ise_api><name>mdminfo</name><api_version>3</api_version><api_path>x</api_path></ise_api>',
  ]) {
    t.match(readMdmInfo(xml), { fault: { code: 'mdm_reply_malformed' } }, xml)
    t.match(readDevicePage(xml), { fault: { code: 'mdm_reply_malformed' } }, xml)
  }
  // Intune's own dialect: a namespace, capitals, no paging_info.
  const intune =
    '<ise_api xmlns="http://x"><name>attributes</name><deviceList><device><guid>g</guid><Attributes><register_status>true</register_status><Compliance><status>true</status></Compliance></Attributes></device></deviceList></ise_api>'
  t.match(readDevicePage(intune), {
    value: { next: '0', devices: [{ guid: 'g', registered: true, compliant: true }] },
  })
})
