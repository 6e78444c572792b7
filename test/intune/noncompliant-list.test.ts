import t, { type Test } from 'tap'
import type { SimulatedIntune } from './simulated-intune.ts'
import { noncompliantId, simulateIntune } from './simulated-intune.ts'

/** The list as the whole look-up gets it. */
async function fetchList(intune: SimulatedIntune) {
  return intune.again().fetchNoncompliantList()
}

async function withDevices(t: Test, count: number) {
  const intune = await simulateIntune(t)
  const { tenant } = intune.simulator
  tenant.removeDevice(noncompliantId)
  tenant.setVariants({ bulkRule: 'off' })
  for (let index = 0; index < count; index += 1) {
    tenant.putDevice({ deviceId: idOf(index), macs: [macOf(index)], complianceState: 'noncompliant' })
  }
  return { intune, tenant }
}

const idOf = (index: number) => `${index.toString(16).padStart(8, '0')}-6859-4b71-93aa-56aba42581c5`
const macOf = (index: number) => index.toString(16).toUpperCase().padStart(12, '0')

t.test('the list is asked for as ISE does today, and names only what is noncompliant', async (t) => {
  const { intune, tenant } = await withDevices(t, 2)
  const answer = await fetchList(intune)
  t.match(answer, { ok: true, value: { listedAtMs: intune.clock.nowMs() } })
  t.same(answer.ok && answer.value.devices, [{ macs: [macOf(0)] }, { macs: [macOf(1)] }])
  const [request] = tenant.requests('bulk')
  t.match(request?.query, {
    paging: '0',
    querycriteria: 'compliance',
    value: 'false',
    deviceidentifier: 'macaddress',
    filter: 'all',
  })
  t.equal(tenant.requestCounts().query, 0)
})

t.test('a list in pages is put together, and a device with two addresses is one', async (t) => {
  const { intune, tenant } = await withDevices(t, 250)
  tenant.setVariants({ bulkPageSize: 100, bulkMacRows: 'guid_and_macaddress' })
  tenant.patchDevice(idOf(7), { macs: ['AAAAAAAAAAAA', 'BBBBBBBBBBBB'] })
  const answer = await fetchList(intune)
  const devices = answer.ok ? answer.value.devices : []
  t.equal(devices.length, 250)
  t.same(
    devices.find(({ deviceId }) => deviceId === idOf(7)),
    { deviceId: idOf(7), macs: ['AAAAAAAAAAAA', 'BBBBBBBBBBBB'] },
  )
  t.equal(tenant.requestCounts().bulk, 3)
})

t.test('19,000 devices are read', async (t) => {
  const { intune } = await withDevices(t, 19_000)
  const startedMs = performance.now()
  const answer = await fetchList(intune)
  t.equal(answer.ok && answer.value.devices.length, 19_000)
  t.comment(`${Math.round(performance.now() - startedMs)} ms`)
})

t.test('pages that lead back to an earlier one end in a fault', async (t) => {
  const { intune, tenant } = await withDevices(t, 20)
  tenant.setVariants({ bulkPageSize: 5, bulkPaging: 'repeats_token' })
  t.match(await fetchList(intune), { ok: false, fault: { code: 'intune_reply_malformed', hop: 'bulk' } })
  t.ok(tenant.requestCounts().bulk < 5)
})

t.test('a second query within four hours is a fault, which says so and disturbs nothing', async (t) => {
  const { intune, tenant } = await withDevices(t, 1)
  tenant.setVariants({ bulkRule: 'strict' })
  t.match(await fetchList(intune), { ok: true })
  t.match(await fetchList(intune), {
    ok: false,
    fault: { code: 'intune_unavailable', status: 503, hop: 'bulk' },
  })
  t.equal(tenant.requestCounts().bulk, 2, 'the first page is never asked for twice')
  t.match(intune.logged.join(''), /list of noncompliant devices failed/)
})

t.test('a later page that is lost is asked for once more', async (t) => {
  const { intune, tenant } = await withDevices(t, 20)
  tenant.setVariants({ bulkPageSize: 10 })
  tenant.setFault({ hop: 'bulk', kind: 'latency', latencyMs: 1, times: 1 })
  const answered = fetchList(intune)
  while (tenant.requestCounts().bulk === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  tenant.setFault({ hop: 'bulk', kind: 'reset', times: 1 })
  const answer = await answered
  t.ok(
    answer.ok ? answer.value.devices.length === 20 : answer.fault.code === 'connection_failed',
    'the whole list or none',
  )
})

for (const [what, body] of [
  ['no XML', 'gateway says hello'],
  ['another document', '<other/>'],
  ['no list', '<ise_api><name>attributes</name></ise_api>'],
  ['a list that is nil', '<ise_api xmlns:i="urn:x"><deviceList i:nil="true"/></ise_api>'],
  ['an error with an empty list', '<ise_api><name>error</name><deviceList/></ise_api>'],
  ['a list of something else', '<ise_api><deviceList><error>busy</error></deviceList></ise_api>'],
  [
    'a page with two next ones',
    '<ise_api><paging_info>1</paging_info><paging_info>2</paging_info><deviceList/></ise_api>',
  ],
  [
    'rows that nobody can read',
    '<ise_api><deviceList><device><guid>x</guid></device></deviceList></ise_api>',
  ],
] as const) {
  t.test(`${what} is no list`, async (t) => {
    const { intune, tenant } = await withDevices(t, 1)
    tenant.setFault({ hop: 'bulk', kind: 'body', body, contentType: 'application/xml' })
    t.match(await fetchList(intune), { ok: false, fault: { code: 'intune_reply_malformed', hop: 'bulk' } })
  })
}

t.test('rows that are not plainly registered and noncompliant are left out', async (t) => {
  const { intune, tenant } = await withDevices(t, 1)
  const row = (mac: string, registered: string, status: string) =>
    `<device><macaddress>${mac}</macaddress><Attributes><register_status>${registered}</register_status><Compliance><status>${status}</status></Compliance></Attributes></device>`
  const rows = [
    row('00:00:00:00:00:0a', 'true', 'false'),
    row('00000000000B', 'false', 'false'),
    row('00000000000C', 'true', 'true'),
    row('00000000000D', 'true', 'perhaps'),
    row('not a mac', 'true', 'false'),
    row(
      `00000000000E</macaddress><guid>${idOf(1)}</guid><guid>${idOf(2)}</guid><macaddress>`,
      'true',
      'false',
    ),
  ].join('')
  tenant.setFault({
    hop: 'bulk',
    kind: 'body',
    body: `<ise_api><name>attributes</name><paging_info>0</paging_info><deviceList>${rows}</deviceList></ise_api>`,
    contentType: 'application/xml',
  })
  const answer = await fetchList(intune)
  t.same(answer.ok && answer.value.devices, [{ macs: ['00000000000A'] }])
})

t.test('an empty list is a list', async (t) => {
  const { intune } = await withDevices(t, 0)
  const answer = await fetchList(intune)
  t.same(answer.ok && answer.value.devices, [])
})

t.test('whether the list can be asked for is known without spending the query', async (t) => {
  const { intune, tenant } = await withDevices(t, 1)
  t.equal(await intune.again().canFetchNoncompliantList(), true)
  t.equal(await intune.again({ settings: { api: 'nac' } }).canFetchNoncompliantList(), false)
  tenant.setFault({ hop: 'discovery', kind: 'status', status: 500 })
  t.equal(await intune.again().canFetchNoncompliantList(), false)
  t.match(await intune.again().fetchNoncompliantList(), {
    ok: false,
    fault: { code: 'discovery_unavailable' },
  })
  t.equal(tenant.requestCounts().bulk, 0)
})
