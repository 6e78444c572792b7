import t, { type Test } from 'tap'
import type { DeviceIdentifier, IdentifierKind } from '../../src/identity/device-identity.ts'
import type { FaultInput, SimulatedTenant } from '../../src/simulator/simulator.ts'
import {
  byDeviceId,
  byMac,
  compliantId,
  compliantMac,
  type Difference,
  noncompliantId,
  simulateIntune,
  unknownId,
} from './simulated-intune.ts'

const imei = '354000000000001'
const meid = '35400000000000'
const udid = 'a'.repeat(40)

function by(kind: IdentifierKind, value: string): DeviceIdentifier {
  return { kind, value, origin: kind, rank: 3 }
}

/** The ordinary set-up with a phone that every dialect of NAC 1.x knows. */
async function simulate(t: Test, difference: Difference = {}) {
  const intune = await simulateIntune(t, difference)
  const phone = { imei, meid, udid, model: 'XT1068', manufacturer: 'motorola', serialNumber: 'ZY22' }
  intune.simulator.tenant.patchDevice(compliantId, phone)
  return { ...intune, tenant: intune.simulator.tenant }
}

/** Paths of the queries so far, without the part that discovery gave. */
function queried(tenant: SimulatedTenant): string[] {
  return tenant
    .requests('query')
    .map(({ path, query }) =>
      `${path.replace(/^.*?(?=\/(cisco|devices))/, '')} ${query['api-version'] ?? ''}`.trim(),
    )
}

const compliant = (api: string) => ({
  ok: true,
  value: { record: { enrolled: true, complianceState: 'compliant' }, trace: { api } },
})
const notEnrolled = { ok: true, value: { record: { enrolled: false, complianceState: 'unknown' } } }

t.test(
  'auto asks Compliance Retrieval by device id and MAC, and NAC 1.x by what only it knows',
  async (t) => {
    const { lookup, tenant } = await simulate(t)
    t.match(await lookup(byDeviceId(compliantId)), compliant('compliance-retrieval'))
    t.match(await lookup(byMac(compliantMac)), compliant('compliance-retrieval'))
    for (const [kind, value] of [
      ['imei', imei],
      ['meid', meid],
      ['udid', udid],
    ] as const) {
      t.match(await lookup(by(kind, value)), compliant('nac'), kind)
    }
    t.same(queried(tenant).slice(2), ['/devices 1.3', '/devices 1.3', '/devices 1.3'])
    t.match(
      tenant.requestCounts(),
      { token: 2, discovery: 1, query: 5 },
      'with the same tokens and one discovery',
    )
  },
)

t.test('auto asks NAC 1.x by MAC only where the tenant has no Compliance Retrieval', async (t) => {
  const { lookup, tenant } = await simulate(t)
  tenant.setVariants({ discoveryRows: ['NACAPIService', 'NACAPIServiceBackup'] })
  t.match(await lookup(byMac(compliantMac)), compliant('nac'))
  t.match(await lookup(byMac('005056A4895B')), { value: { record: { complianceState: 'noncompliant' } } })
  t.match(await lookup(byMac('005056A48900')), notEnrolled)
  t.match(
    await lookup(byDeviceId(compliantId)),
    { fault: { code: 'identifier_not_supported' } },
    'a device id has no query there, and is not "not enrolled"',
  )
})

t.test('a kind that no listed service takes is not supported, at the cost of one discovery', async (t) => {
  const { lookup, tenant } = await simulate(t)
  tenant.setVariants({ discoveryRows: ['ComplianceRetrievalService'] })
  for (let i = 0; i < 2; i += 1) {
    t.match(await lookup(by('imei', imei)), { fault: { code: 'identifier_not_supported', field: 'imei' } })
  }
  t.match(tenant.requestCounts(), { discovery: 1, query: 0 })
})

t.test('INTUNE_API keeps to one service', async (t) => {
  const retrieval = await simulate(t, { settings: { api: 'compliance-retrieval' } })
  t.match(await retrieval.lookup(byMac(compliantMac)), compliant('compliance-retrieval'))
  retrieval.tenant.setVariants({ discoveryRows: ['NACAPIService'] })
  t.match(await retrieval.again().lookup(byMac(compliantMac)), {
    fault: { code: 'discovery_endpoint_missing' },
  })
  const nac = await simulate(t, { settings: { api: 'nac' } })
  t.match(await nac.lookup(byMac(compliantMac)), compliant('nac'))
  t.match(await nac.lookup(by('imei', imei)), compliant('nac'))
  nac.tenant.setVariants({ discoveryRows: ['ComplianceRetrievalService'] })
  t.match(await nac.again().lookup(byMac(compliantMac)), { fault: { code: 'discovery_endpoint_missing' } })
})

t.test('every form of a NAC 1.x reply is the same answer', async (t) => {
  const { lookup, tenant, again } = await simulate(t, { settings: { api: 'nac' } })
  for (const nacBooleans of ['boolean', 'string', 'capitalised', 'number'] as const) {
    for (const nacAbsentValues of ['empty', 'missing', 'null'] as const) {
      tenant.setVariants({ nacBooleans, nacAbsentValues })
      t.match(await lookup(byMac(compliantMac)), compliant('nac'), `${nacBooleans}, ${nacAbsentValues}`)
    }
  }
  for (const nacNotFound of ['full', 'bare', 'http_404'] as const) {
    tenant.setVariants({ nacNotFound })
    t.match(await lookup(byMac('005056A48900')), notEnrolled, nacNotFound)
    t.match(
      await again().lookup(byMac('005056A48900')),
      notEnrolled,
      `${nacNotFound}, as the very first answer`,
    )
  }
  const lastContactMs = Date.UTC(2026, 10, 20, 8, 30)
  tenant.patchDevice(compliantId, { lastContactMs, deviceOwner: 'Personal' })
  for (const nacLastContact of ['plain', 'with_offset'] as const) {
    tenant.setVariants({ nacLastContact })
    t.match(
      await lookup(byMac(compliantMac)),
      {
        value: { record: { details: { lastSyncMs: lastContactMs, ownership: 'personal', model: 'XT1068' } } },
      },
      nacLastContact,
    )
  }
  tenant.patchDevice(noncompliantId, { macs: [compliantMac] })
  for (const nacDuplicates of ['array', 'value'] as const) {
    tenant.setVariants({ nacDuplicates })
    t.match(
      await lookup(byMac(compliantMac)),
      { value: { record: { complianceState: 'noncompliant' } } },
      nacDuplicates,
    )
  }
})

t.test('a device that enrols is enrolled and unknown on NAC 1.x', async (t) => {
  const { lookup, tenant } = await simulate(t, { settings: { api: 'nac' } })
  tenant.patchDevice(unknownId, { enrolling: true, macs: ['005056A4895C'] })
  t.match(await lookup(byMac('005056A4895C')), {
    value: { record: { enrolled: true, complianceState: 'unknown' } },
  })
})

t.test('a version that the service does not take is followed by the next one, once', async (t) => {
  const { lookup, tenant } = await simulate(t, { settings: { api: 'nac' } })
  tenant.setFault({ hop: 'query', kind: 'status', status: 400, times: 2 })
  t.match(await lookup(byMac(compliantMac)), compliant('nac'))
  t.match(await lookup(byMac('005056A4895B')), { value: { record: { complianceState: 'noncompliant' } } })
  t.same(
    queried(tenant),
    ['/devices 1.3', '/devices 1.1', '/devices 1.0', '/devices 1.0'],
    'the version that worked is used from then on',
  )
})

t.test('a service without the JSON dialect is asked in the XML that ISE used', async (t) => {
  const html = { hop: 'query', kind: 'body', body: '<html>', times: 1 } as const
  const disturbances: FaultInput[] = [
    html,
    { hop: 'query', kind: 'status', status: 404, times: 1 },
    { hop: 'query', kind: 'status', status: 406, times: 1 },
    { hop: 'query', kind: 'status', status: 400, times: 3 },
  ]
  for (const disturbance of disturbances) {
    const { lookup, tenant } = await simulate(t, { settings: { api: 'nac' } })
    tenant.setFault(disturbance)
    t.match(
      await lookup(byMac(compliantMac)),
      {
        value: {
          record: {
            enrolled: true,
            complianceState: 'compliant',
            details: { model: 'XT1068', serialNumber: 'ZY22' },
          },
          trace: { api: 'nac-ise-v2' },
        },
      },
      JSON.stringify(disturbance),
    )
    t.match(queried(tenant).at(-1), '/ciscodeviceinfo/mdm/api/devices')
    t.match(await lookup(byMac('005056A4895B')), { value: { record: { complianceState: 'noncompliant' } } })
  }
  const { lookup, tenant } = await simulate(t, { settings: { api: 'nac' } })
  tenant.setFault({ ...html, times: 9 })
  t.match(
    await lookup(by('imei', imei)),
    { fault: { code: 'intune_reply_malformed' } },
    'which takes MACs alone',
  )
  t.equal(tenant.requestCounts().query, 1)
  for (const notFound of ['unregistered', 'empty_list'] as const) {
    const other = await simulate(t, { settings: { api: 'nac' } })
    other.tenant.setVariants({ notFound })
    other.tenant.setFault({ hop: 'query', kind: 'status', status: 406, times: 1 })
    t.match(
      await other.lookup(byMac('005056A48900')),
      { value: { ...notEnrolled.value, trace: { api: 'nac-ise-v2' } } },
      `in XML, as ${notFound}`,
    )
  }
})

t.test(
  'rule 6: an outage of one dialect is an outage, never "not enrolled" and never another dialect',
  async (t) => {
    const outages: [FaultInput, string][] = [
      [{ hop: 'query', kind: 'status', status: 503 }, 'intune_unavailable'],
      [{ hop: 'query', kind: 'status', status: 429 }, 'intune_throttled'],
      [{ hop: 'query', kind: 'status', status: 403 }, 'intune_forbidden'],
      [{ hop: 'query', kind: 'reset' }, 'connection_failed'],
      [{ hop: 'query', kind: 'status', status: 410 }, 'intune_endpoint_gone'],
    ]
    for (const [fault, code] of outages) {
      for (const api of ['auto', 'nac'] as const) {
        const { lookup, tenant } = await simulate(t, { settings: { api } })
        tenant.setFault(fault)
        t.match(await lookup(byMac(compliantMac)), { ok: false, fault: { code } }, `${code} with ${api}`)
        const asked = new Set(queried(tenant).map((path) => path.split('/')[1]))
        t.equal(asked.size, 1, 'in one dialect')
      }
    }
  },
)

t.test('rule 6: NAC 1.x that is listed and gone is a fault by MAC, and not supported by IMEI', async (t) => {
  const { lookup, tenant, clock } = await simulate(t)
  tenant.setVariants({ nacServed: false })
  for (let i = 0; i < 3; i += 1) {
    t.match(await lookup(by('imei', imei)), { fault: { code: 'identifier_not_supported' } })
  }
  t.equal(queried(tenant).length, 1, 'and is not asked again for a while')
  await clock.advance(600_000)
  tenant.setVariants({ nacServed: true })
  t.match(await lookup(by('imei', imei)), compliant('nac'), 'until it is back')

  const nac = await simulate(t, { settings: { api: 'nac' } })
  nac.tenant.setVariants({ nacServed: false })
  t.match(await nac.lookup(byMac(compliantMac)), { fault: { code: 'intune_endpoint_gone', status: 404 } })
  t.match(await nac.lookup(by('imei', imei)), { fault: { code: 'intune_endpoint_gone', status: 404 } })
})

t.test('rule 6: NACAPIServiceBackup is asked when NACAPIService is out of order', async (t) => {
  const { lookup, tenant, simulator } = await simulate(t, { settings: { api: 'nac' } })
  const home = `${simulator.origin}/StatelessNACService`
  // Nothing listens on port 1.
  tenant.setVariants({
    discoveredUris: { NACAPIService: 'https://127.0.0.1:1/x', NACAPIServiceBackup: home },
  })
  t.match(await lookup(byMac(compliantMac)), compliant('nac'), 'nothing listens')
  const refused = await simulate(t, { settings: { api: 'nac' } })
  const backup = { NACAPIServiceBackup: `${refused.simulator.origin}/StatelessNACService` }
  refused.tenant.setVariants({ discoveredUris: { NACAPIService: 'https://evil.example/x', ...backup } })
  t.match(await refused.lookup(byMac(compliantMac)), compliant('nac'), 'a row that may not be used')
  const missing = await simulate(t, { settings: { api: 'nac' } })
  missing.tenant.setVariants({ discoveryRows: ['NACAPIServiceBackup'] })
  t.match(await missing.lookup(byMac(compliantMac)), compliant('nac'), 'a row that is not there')
  const both = await simulate(t, { settings: { api: 'nac' } })
  both.tenant.setFault({ hop: 'query', kind: 'status', status: 503 })
  t.match(await both.lookup(byMac(compliantMac)), { fault: { code: 'intune_unavailable' } })
  t.equal(both.tenant.requestCounts().query, 1, 'the same address is not asked twice')
})

t.test('rule 7: a tenant that moves is followed in NAC 1.x too', async (t) => {
  for (const retiredPathStatus of [404, 410, 'reset'] as const) {
    const { lookup, tenant } = await simulate(t, { settings: { api: 'nac' } })
    t.match(await lookup(byMac(compliantMac)), compliant('nac'))
    tenant.setVariants({ nacPath: '/ScaleUnit2/StatelessNACService', retiredPathStatus })
    t.match(await lookup(byMac(compliantMac)), compliant('nac'), `after ${retiredPathStatus}`)
    t.equal(tenant.requestCounts().discovery, 2)
  }
})

t.test('Compliance Retrieval that answers 404 to everything says nothing about devices', async (t) => {
  const { lookup, tenant } = await simulate(t)
  tenant.setFault({ hop: 'query', kind: 'status', status: 404 })
  tenant.setFault({ hop: 'mdminfo', kind: 'status', status: 404 })
  t.match(await lookup(byMac(compliantMac)), { fault: { code: 'intune_endpoint_gone', status: 404 } })
  t.match(await lookup(byDeviceId(compliantId)), { fault: { code: 'intune_endpoint_gone', status: 404 } })
})

t.test('an error in the form of mdminfo does not prove that the service is there', async (t) => {
  const { lookup, tenant } = await simulate(t)
  tenant.setFault({ hop: 'query', kind: 'status', status: 404 })
  const body = '<ise_api><name>error</name></ise_api>'
  tenant.setFault({ hop: 'mdminfo', kind: 'body', body, contentType: 'application/xml' })
  t.match(await lookup(byMac(compliantMac)), { fault: { code: 'intune_endpoint_gone', status: 404 } })
})

t.test('a service that may stand on a page of discovery that is not read is not missing', async (t) => {
  const { lookup, tenant, simulator } = await simulate(t)
  const { origin } = simulator
  const body = JSON.stringify({
    value: [{ providerName: 'NACAPIService', uri: `${origin}/StatelessNACService` }],
    '@odata.nextLink': `${origin}/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints`,
  })
  tenant.setFault({ hop: 'discovery', kind: 'body', body })
  t.match(await lookup(byDeviceId(compliantId)), { fault: { code: 'discovery_reply_malformed' } })
  t.equal(tenant.requestCounts().discovery, 5)
})

t.test('an answer that does not say which device it is about is no answer', async (t) => {
  const malformed = { ok: false, fault: { code: 'intune_reply_malformed', hop: 'query', status: 200 } }
  for (const [api, identifier] of [
    ['compliance-retrieval', byDeviceId(compliantId)],
    ['compliance-retrieval', byMac(compliantMac)],
    ['compliance-retrieval', byMac('005056A48900')],
    ['nac', by('imei', imei)],
  ] as const) {
    const { lookup, tenant } = await simulate(t, { settings: { api } })
    tenant.setVariants({ deviceNames: 'withheld' })
    t.match(await lookup(identifier), malformed, `${api} by ${identifier.kind}`)
  }
})

t.test('what contradicts itself in JSON is not asked for again in XML', async (t) => {
  const { lookup, tenant } = await simulate(t, { settings: { api: 'nac' } })
  tenant.patchDevice(compliantId, { wireNacJson: { COMPLIANCESTATE: false } })
  t.match(await lookup(byMac(compliantMac)), {
    fault: { code: 'intune_reply_malformed', isContradiction: true },
  })
  t.equal(tenant.requestCounts().query, 1)
})

t.test('the drift sentinel counts what is new, logs it masked, and the decision stays right', async (t) => {
  const { lookup, tenant, logged, again } = await simulate(t, { settings: { api: 'nac' } })
  const intune = again()
  tenant.patchDevice(compliantId, {
    wireNacJson: { riskScore: 'High-7', IsManaged: true, lastContactTimeUtc: '2026-11-20T08:30:00Z' },
  })
  for (let i = 0; i < 3; i += 1) t.match(await intune.lookup(byMac(compliantMac)), compliant('nac'))
  t.same(
    intune.driftCounts().map(({ dialect, kind, name, count }) => `${dialect} ${kind} ${name} ${count}`),
    ['nac field riskScore 3', 'nac casing IsManaged 3', 'nac date lastContactTimeUtc 3'],
  )
  const lines = logged.map((line) => JSON.parse(line)).filter(({ sample }) => sample !== undefined)
  t.match(lines, [
    { msg: 'microsoft sent something new', dialect: 'nac', kind: 'field', name: 'riskScore' },
    { kind: 'casing' },
    { kind: 'date', sample: '9999-99-99A99:99:99A' },
  ])
  t.equal(lines.length, 3, 'one sample of each kind')
  t.match(await lookup(byMac('005056A4895B')), { value: { record: { complianceState: 'noncompliant' } } })
})

t.test('the drift sentinel watches Compliance Retrieval and discovery', async (t) => {
  const intune = await simulate(t)
  const { lookup, driftCounts } = intune.again()
  const row = (name: string, uri: string) => ({ providerName: name, uri })
  const value = [
    row('compliancerETRIEVALservice', `${intune.simulator.origin}/CR`),
    row('ComplianceRetrievalServiceV2', `${intune.simulator.origin}/CR2`),
    row('Region', 'OC'),
  ]
  intune.tenant.setFault({ hop: 'discovery', kind: 'body', body: JSON.stringify({ value }) })
  const guid = `<guid>${compliantId}</guid>`
  const body = `<ise_api><name>attributes</name><deviceList><Device>${guid}<attributes><register_status>True</register_status><compliance><status>true</status></compliance><risk>high</risk></attributes></Device></deviceList></ise_api>`
  intune.tenant.setFault({ hop: 'query', kind: 'body', body, contentType: 'application/xml' })
  t.match(await lookup(byDeviceId(compliantId)), compliant('compliance-retrieval'))
  t.same(
    driftCounts().map(({ dialect, kind, name }) => `${dialect} ${kind} ${name}`),
    [
      'discovery casing compliancerETRIEVALservice',
      'discovery service ComplianceRetrievalServiceV2',
      'compliance-retrieval casing Device',
      'compliance-retrieval casing register_status',
      'compliance-retrieval field risk',
    ],
  )
})
