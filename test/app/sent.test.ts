import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { sentAnswers } from '../../src/decision/sent-answer.ts'
import { laptop, simulatedService } from './simulated-service.ts'

const broken = { deviceId: '0b000000-0000-4000-8000-000000000001', mac: '005056000001' }
const stranger = '005056000003'

const policy = `
profiles:
  repair: { vlan: 20 }
rules:
  - { name: somewhere to enrol, when: { reason: not_enrolled, frontend: radius }, decision: remediate, profile: repair }
`

async function service(t: Test, environment: Record<string, string> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'sent-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'policy.yaml')
  writeFileSync(file, policy)
  const running = await simulatedService(t, { environment: { POLICY_FILE: file, ...environment } })
  const { app, simulator } = running
  if (!app) throw new Error(JSON.stringify(running.built))
  simulator.tenant.putDevice({
    deviceId: broken.deviceId,
    macs: [broken.mac],
    complianceState: 'noncompliant',
  })
  const decisionLines = () =>
    running
      .log()
      .split('\n')
      .filter((line) => line.includes('"event":"decision"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  const mab = async (mac: string, query = '') => {
    const payload = { 'User-Name': mac, 'Calling-Station-Id': mac, 'Service-Type': 'Call-Check' }
    return app.server.inject({ method: 'POST', url: `/v1/radius/authorize${query}`, payload })
  }
  const ise = (criterion: string, value: string) =>
    app.server.inject(
      `/ciscoise/mdmapi/v3/devices?paging=0&querycriteria=${criterion}&value=${value}&filter=all`,
    )
  return { ...running, app, decisionLines, mab, ise }
}

t.test('what is sent is recorded beside what was decided, for every front end', async (t) => {
  const { app, ask, mab, ise, decisionLines } = await service(t)
  const expected: string[] = []
  /** The line, the story and the count of the decision that was just made. */
  const told = async (frontend: string, decision: string, sent: string) => {
    const line = decisionLines().at(-1)
    t.match(line, { frontend, decision, sent, v: 1 })
    const story = await app.management.inject(`/decisions/${line?.decisionId}`)
    t.match(story.json(), { decision, sent }, 'the story has it')
    expected.push(`nac_answers_total{frontend="${frontend}",sent="${sent}"}`)
  }
  t.equal((await mab(laptop.mac)).statusCode, 200)
  await told('radius', 'allow', 'accept')
  t.equal((await mab(broken.mac)).statusCode, 401, 'there is no profile for it')
  await told('radius', 'remediate', 'reject')
  t.equal((await mab(broken.mac, '?denial=control')).statusCode, 200)
  await told('radius', 'remediate', 'reject')
  t.equal((await mab(stranger)).statusCode, 200)
  await told('radius', 'remediate', 'redirect')

  t.match(await ask({ mac: laptop.mac }), { decision: 'allow' })
  await told('json', 'allow', 'accept')
  t.match(await ask({ mac: broken.mac }), { decision: 'remediate' })
  await told('json', 'remediate', 'redirect')
  const conflict = { deviceId: laptop.deviceId, certificateSan: `IntuneDeviceId://${broken.deviceId}` }
  t.match(await ask(conflict), { decision: 'deny' })
  await told('json', 'deny', 'reject')

  t.match((await ise('macaddress', laptop.mac)).body, /<register_status>true<.*<status>true</)
  await told('ise', 'allow', 'compliant')
  t.match((await ise('guid', broken.deviceId)).body, /<register_status>true<.*<status>false</)
  await told('ise', 'remediate', 'noncompliant')
  t.match((await ise('macaddress', stranger)).body, /<deviceList><\/deviceList>/)
  await told('ise', 'remediate', 'unregistered')

  const { body: text } = await app.management.inject('/metrics')
  for (const series of expected) t.ok(text.includes(`${series} `), series)
  t.ok(text.includes('nac_answers_total{frontend="radius",sent="reject"} 2\n'))
})

t.test('in the middle of EAP nothing was told yet; a reject or an error is', async (t) => {
  const { app, decisionLines } = await service(t)
  const eap = async (mac: string, section: string, more: object = {}) => {
    const payload = { 'User-Name': 'alice', 'EAP-Message': '0x02', 'Calling-Station-Id': mac, ...more }
    await app.server.inject({ method: 'POST', url: `/v1/radius/${section}`, payload })
    return decisionLines().at(-1)
  }
  t.match(await eap(laptop.mac, 'authorize'), { decision: 'allow', sent: null })
  t.match(await eap(broken.mac, 'authorize'), { decision: 'remediate', sent: 'reject' })
  t.match(await eap(laptop.mac, 'post-auth'), { decision: 'allow', sent: 'accept' })
  const uri = `IntuneDeviceId://${laptop.deviceId}`
  const certificate = { 'TLS-Client-Cert-Subject-Alt-Name-Uri': uri }
  t.match(
    await eap(laptop.mac, 'authorize', certificate),
    { decision: 'allow', sent: 'accept' },
    'the virtual server inside EAP-TLS asks from authorize, when the certificate is verified',
  )
  const { body } = await app.management.inject('/metrics')
  t.ok(body.includes('nac_answers_total{frontend="radius",sent="accept"} 2\n'), 'and is not counted')
})

t.test('while nobody can decide, what is sent is the error or the denial', async (t) => {
  const { ask, mab, ise, simulator, decisionLines } = await service(t)
  simulator.tenant.setFault({ hop: 'query', kind: 'status', status: 500 })
  const reason = 'intune_unavailable'
  t.equal((await mab(stranger)).statusCode, 503)
  t.match(decisionLines().at(-1), { reason, decision: 'fail', sent: 'unavailable' })
  t.equal((await ise('macaddress', stranger)).statusCode, 503)
  t.match(decisionLines().at(-1), { reason, decision: 'fail', sent: 'unavailable' })
  t.match(await ask({ mac: stranger }), { decision: 'deny' })
  t.match(decisionLines().at(-1), { reason, decision: 'deny', sent: 'reject' })
})

t.test('a batch of ISE that ends as an error has told nothing about any of its devices', async (t) => {
  const { app, simulator, decisionLines } = await service(t)
  const batch = (...values: string[]) =>
    app.server.inject({
      method: 'POST',
      url: '/ciscoise/mdmapi/v3/batchdevices?querycriteria=macaddress&filter=all',
      payload: `<ise_api>${values.map((value) => `<value>${value}</value>`).join('')}</ise_api>`,
    })
  const sentOf = (mac: string) =>
    decisionLines()
      .filter(({ device }) => device === mac)
      .map(({ sent }) => sent)
  t.equal((await batch(laptop.mac, broken.mac)).statusCode, 200)
  t.same(sentOf(laptop.mac), ['compliant'])
  t.same(sentOf(broken.mac), ['noncompliant'])

  simulator.tenant.setFault({ hop: 'query', kind: 'status', status: 500 })
  t.equal((await batch(laptop.mac, stranger)).statusCode, 503)
  t.same(sentOf(laptop.mac), ['compliant', 'unavailable'], 'whatever was known of it')
  t.same(sentOf(stranger), ['unavailable'])
  const { body } = await app.management.inject('/metrics')
  t.ok(body.includes('nac_answers_total{frontend="ise",sent="unavailable"} 2\n'))
})

t.test(
  'the line has NAS, port, SSID, user and the other identifiers, the story no user, and off none of it',
  async (t) => {
    const attributes = {
      'User-Name': { type: 'string', value: ['host/laptop-1'] },
      'EAP-Type': { type: 'string', value: ['TLS'] },
      'NAS-IP-Address': { type: 'ipaddr', value: ['192.0.2.7'] },
      'NAS-Identifier': { type: 'string', value: ['switch-7'] },
      'NAS-Port': { type: 'integer', value: [50101] },
      'NAS-Port-Id': { type: 'string', value: ['Gi1/0/1\u0007'] },
      'NAS-Port-Type': { type: 'integer', value: ['Wireless-802.11'] },
      'Called-Station-Id': { type: 'string', value: ['00-11-22-33-44-55:Corp'] },
      'Calling-Station-Id': { type: 'string', value: [laptop.mac] },
      'TLS-Client-Cert-Subject-Alt-Name-Uri': {
        type: 'string',
        value: [`IntuneDeviceId://${laptop.deviceId}`],
      },
      'TLS-Client-Cert-Subject-Alt-Name-Upn': { type: 'string', value: ['alice@corp.example'] },
    }
    const post = { method: 'POST', url: '/v1/radius/post-auth', payload: attributes } as const
    const on = await service(t)
    t.equal((await on.app.server.inject(post)).statusCode, 200)
    const [line] = on.decisionLines()
    t.match(line, {
      device: laptop.deviceId,
      sent: 'accept',
      nasIpAddress: '192.0.2.7',
      nasIdentifier: 'switch-7',
      nasPort: '50101',
      nasPortId: 'Gi1/0/1\ufffd',
      ssid: 'Corp',
      user: 'host/laptop-1',
      certificateUser: 'alice@corp.example',
      otherIdentifiers: [{ kind: 'mac', value: laptop.mac }],
    })
    const story = await on.app.management.inject(`/decisions/${line?.decisionId}`)
    t.notMatch(story.body, /alice|laptop-1|50101/)

    const off = await service(t, { LOG_REQUEST_CONTEXT: 'off' })
    t.equal((await off.app.server.inject(post)).statusCode, 200)
    t.match(off.decisionLines(), [{ device: laptop.deviceId, sent: 'accept' }])
    t.notMatch(
      JSON.stringify(off.decisionLines()),
      /192\.0\.2\.7|switch-7|50101|Gi1|Corp|laptop-1|alice|005056A4895A/,
    )
  },
)

t.test('of a login that MAC authentication vouches for, no user of a certificate is told', async (t) => {
  const { app, decisionLines } = await service(t)
  const payload = {
    'User-Name': laptop.mac,
    'Calling-Station-Id': laptop.mac,
    'Service-Type': 'Call-Check',
    'TLS-Client-Cert-Subject-Alt-Name-Upn': 'eve@corp.example',
  }
  await app.server.inject({ method: 'POST', url: '/v1/radius/authorize', payload })
  t.match(decisionLines().at(-1), { user: laptop.mac, sent: 'accept', certificateUser: undefined })
})

t.test('every word of the vocabulary is in the documentation of the log', async (t) => {
  const page = readFileSync(new URL('../../docs/decision-log.md', import.meta.url), 'utf8')
  for (const sent of sentAnswers) t.match(page, `\`${sent}\``, sent)
})
