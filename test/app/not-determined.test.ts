import { join } from 'node:path'
import t, { type Test } from 'tap'
import { refreshIntervalMs } from '../../src/compliance/refresh-limit.ts'
import { runToEnd } from '../e2e/run-process.ts'
import { createShiftedClock } from '../fakes/shifted-clock.ts'
import { type Difference, laptop, simulatedService } from './simulated-service.ts'

t.setTimeout(240_000)

const nobody = { mac: '005056A48900', deviceId: 'ffffffff-2222-4333-8444-555555555555' }
const mac = laptop.mac

async function serve(t: Test, difference: Difference = {}) {
  const service = await simulatedService(t, difference)
  const { app, simulator } = service
  if (!app) throw new Error('the service was not built')
  const radius = (address: string) =>
    app.server.inject({
      method: 'POST',
      url: '/v1/radius/authorize',
      payload: {
        'User-Name': { type: 'string', value: [address] },
        'Calling-Station-Id': { type: 'string', value: [address] },
        'Service-Type': { type: 'integer', value: ['Call-Check'] },
      },
    })
  const ise = (address: string) =>
    app.server.inject(
      `/ciscoise/mdmapi/v2/devices?paging=0&querycriteria=macaddress&value=${address}&filter=all`,
    )
  return { ...service, app, tenant: simulator.tenant, radius, ise }
}

function xml(devices: string, name = 'attributes'): string {
  return `<ise_api><name>${name}</name><api_version>3</api_version><deviceList>${devices}</deviceList></ise_api>`
}

function device(ids: string, registered: string, status: string): string {
  return `<device>${ids}<Attributes>${ids}<register_status>${registered}</register_status><Compliance><status>${status}</status></Compliance></Attributes></device>`
}

const own = `<macaddress>${mac}</macaddress><guid>${laptop.deviceId}</guid>`
const [yes, no] = [device(own, 'true', 'true'), device(own, 'true', 'false')]

const nac = { isManaged: true, complianceState: true, macAddress: mac }

/** Bodies with status 200 that say nothing about the device, or contradict themselves. */
const bodies: readonly (readonly [name: string, api: string, body: string, code?: string])[] = [
  ['no list', 'compliance-retrieval', '<ise_api><name>attributes</name></ise_api>'],
  ['an empty document', 'compliance-retrieval', '<ise_api/>'],
  ['a nil list', 'compliance-retrieval', '<ise_api xmlns:i="urn:x"><deviceList i:nil="true"/></ise_api>'],
  ['a device without a name', 'compliance-retrieval', xml(device('', 'true', 'true'))],
  ['a stranger without a name', 'compliance-retrieval', xml(device('', 'false', 'false'))],
  ['an empty device', 'compliance-retrieval', xml('<device/>')],
  ['an error with an empty list', 'compliance-retrieval', xml('', 'error')],
  [
    'another wrapper',
    'compliance-retrieval',
    `<ise_api><result><deviceList>${yes}</deviceList></result></ise_api>`,
  ],
  ['two lists', 'compliance-retrieval', `<ise_api><deviceList>${yes}</deviceList><deviceList/></ise_api>`],
  ['HTML', 'compliance-retrieval', '<html><body>Sign in</body></html>'],
  ['nothing at all', 'compliance-retrieval', ''],
  ['two statuses', 'compliance-retrieval', xml(device(own, 'true', 'true</status><status>false'))],
  ['one device twice', 'compliance-retrieval', xml(yes + no)],
  [
    'another device',
    'compliance-retrieval',
    xml(device(`<macaddress>${nobody.mac}</macaddress>`, 'true', 'true')),
    'intune_reply_mismatch',
  ],
  ['an empty object', 'nac', '{}'],
  ['null', 'nac', 'null'],
  ['two flags alone', 'nac', '{"isManaged":true,"complianceState":true}'],
  ['an object in an unknown wrapper', 'nac', JSON.stringify({ device: nac })],
  ['unrelated objects', 'nac', JSON.stringify([{ id: 1 }])],
  ['a stranger beside the device', 'nac', JSON.stringify([nac, { isManaged: false }])],
  [
    'one member twice',
    'nac',
    `{"isManaged":true,"macAddress":"${mac}","complianceState":false,"complianceState":true}`,
  ],
  ['HTML in place of JSON', 'nac', '<html></html>'],
  ['another address', 'nac', JSON.stringify({ ...nac, macAddress: nobody.mac }), 'intune_reply_mismatch'],
]

for (const api of ['compliance-retrieval', 'nac']) {
  t.test(`what is no answer of ${api} is none, and every front end says so`, async (t) => {
    const { ask, tenant, radius, ise, app, log } = await serve(t, { environment: { INTUNE_API: api } })
    let lines = 0
    for (const [name, of, body, code = 'intune_reply_malformed'] of bodies) {
      if (of !== api) continue
      tenant.clearFaults()
      tenant.setFault({ hop: 'query', kind: 'body', body })
      const answer = await ask({ mac })
      t.match(
        answer,
        {
          decision: 'deny',
          reason: 'intune_unavailable',
          complianceState: null,
          enrolled: null,
          source: 'none',
          observedAt: null,
          errorCode: code,
        },
        name,
      )
      t.equal((await radius(mac)).statusCode, 503, `${name}, through RADIUS`)
      t.equal((await ise(mac)).statusCode, 503, `${name}, through ISE`)
      const logged = log()
        .split('\n')
        .filter((line) => line.includes('"event":"decision"'))
        .slice(lines)
        .map((line) => JSON.parse(line))
      lines += logged.length
      t.equal(logged.length, 3, `${name}, in the log`)
      for (const line of logged) t.match(line, { complianceState: null, enrolled: null, errorCode: code })
      const { decisions } = (await app.management.inject('/decisions?limit=3')).json()
      for (const { fact } of decisions) {
        t.match(fact, { enrolled: null, complianceState: null, source: 'none' }, `${name}, in the story`)
      }
      const story = await app.server.inject(`/v1/decisions/${answer.decisionId}`)
      t.match(story.json(), { fact: { enrolled: null, complianceState: null } }, `${name}, for the client`)
      // A device whose look-up has failed is not asked about again for a second; a purge forgets that as well.
      await app.management.inject({ method: 'DELETE', url: `/devices/mac/${mac}` })
    }
  })
}

t.test('the forms of "not enrolled" that Intune has are answers', async (t) => {
  for (const [environment, variants] of [
    [{ INTUNE_API: 'compliance-retrieval' }, { notFound: 'unregistered' }],
    [{ INTUNE_API: 'compliance-retrieval' }, { notFound: 'empty_list' }],
    [{ INTUNE_API: 'compliance-retrieval' }, { notFound: 'http_404' }],
    [{ INTUNE_API: 'nac' }, { nacNotFound: 'full' }],
    [{ INTUNE_API: 'nac' }, { nacNotFound: 'bare' }],
    [{ INTUNE_API: 'nac' }, { nacNotFound: 'http_404', notFound: 'http_404' }],
  ] as const) {
    const { ask, tenant } = await serve(t, { environment })
    tenant.setVariants(variants)
    t.match(
      await ask({ mac: nobody.mac }),
      { decision: 'remediate', reason: 'not_enrolled', enrolled: false, complianceState: 'unknown' },
      JSON.stringify(variants),
    )
  }
})

t.test(
  'what was known stands in for an unreadable reply, and not for one that contradicts itself',
  async (t) => {
    const clock = createShiftedClock()
    const { ask, tenant, radius } = await serve(t, { overrides: { clock } })
    t.match(await ask({ mac }), { decision: 'allow' })
    tenant.setFault({ hop: 'query', kind: 'body', body: '<html></html>' })
    t.match(await ask({ mac, refresh: 'true' }), { decision: 'allow', source: 'last_known', enrolled: true })
    tenant.clearFaults()
    tenant.setFault({ hop: 'query', kind: 'body', body: xml(yes + no) })
    clock.pass(refreshIntervalMs)
    t.match(await ask({ mac, refresh: 'true' }), { decision: 'deny', enrolled: null, source: 'none' })
    t.match(await ask({ mac }), { decision: 'deny', enrolled: null }, 'nor for the next one')
    t.equal((await radius(mac)).statusCode, 503)
  },
)

t.test('where nobody was asked, nothing is said about the device', async (t) => {
  const { ask, ise, tenant } = await serve(t)
  t.match(await ask({ mac: '0A1B2C3D4E5F' }), {
    decision: 'remediate',
    reason: 'randomized_mac',
    enrolled: null,
    complianceState: null,
    errorCode: null,
  })
  const conflict = { deviceId: laptop.deviceId, certificateSan: `IntuneDeviceId://${nobody.deviceId}` }
  t.match(await ask(conflict), {
    decision: 'deny',
    reason: 'identifier_conflict',
    enrolled: null,
    complianceState: null,
  })
  t.match(
    (await ise('0A1B2C3D4E5F')).body,
    /<deviceList\/>|<deviceList><\/deviceList>/,
    'ISE is told as before',
  )
  t.equal(tenant.requestCounts().query, 0)
})

t.test('a policy for outages decides without making up what Intune says', async (t) => {
  const policy = (decision: string) =>
    `rules:\n  - name: outage\n    when: { reason: intune_unavailable }\n    decision: ${decision}\n`
  for (const [decision, status] of [
    ['allow', 'true'],
    ['remediate', 'false'],
  ] as const) {
    const POLICY_FILE = join(t.testdir({ 'policy.yaml': policy(decision) }), 'policy.yaml')
    await t.test(decision, async (t) => {
      const { ask, tenant, ise } = await serve(t, { environment: { POLICY_FILE } })
      tenant.setFault({ hop: 'query', kind: 'status', status: 500 })
      t.match(await ask({ mac }), { decision, enrolled: null, complianceState: null })
      const { body, statusCode } = await ise(mac)
      t.equal(statusCode, 200)
      const verdict = `<register_status>true</register_status><compliance><status>${status}</status>`
      t.ok(body.includes(verdict), body)
    })
  }
})

t.test('check and why say that it could not be determined', async (t) => {
  const { environment, tenant, app } = await serve(t)
  tenant.setVariants({ deviceNames: 'withheld' })
  const asJson = await runToEnd(['check', mac, '--json'], environment)
  t.equal(asJson.exitCode, 1)
  t.match(asJson.output, /"complianceState": null,\n\s+"enrolled": null/)
  const asTable = await runToEnd(['check', mac], environment)
  t.match(asTable.output, /complianceState +could not be determined/)
  t.match(asTable.output, /enrolled +could not be determined/)
  const failing = await runToEnd(['check', mac, '--frontend', 'radius', '--json'], environment)
  t.match(
    failing.output,
    /"decision": "fail",\n\s+"reason": "intune_unavailable",\n\s+"complianceState": null/,
  )
  const { managementUrl, serviceUrl } = await app.listen()
  const answer = (await (await fetch(`${serviceUrl}/v1/decision?mac=${mac}`)).json()) as {
    decisionId: string
  }
  const why = await runToEnd(['why', answer.decisionId, '--url', managementUrl], environment)
  t.match(why.output, /Fact: +nothing was known about the device: .* could not be determined/)
})
