import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { runCommand } from '../../src/cli/run-command.ts'
import { createSecret, hashSecret } from '../../src/server/secret-hash.ts'
import { clientId, laptop, simulatedService } from '../app/simulated-service.ts'
import { expectDocumented } from '../openapi/validate-reply.ts'

const policy = `
profiles:
  quarantine:
    filterId: quarantine.in
    replyMessage: "{device} has no access, decision {decisionId}"
rules:
  - { name: guests never, when: { client: guest-portal }, decision: deny }
  - { name: must be repaired, when: { reason: noncompliant }, decision: remediate, profile: quarantine }
`

/** tap's own directory of a test is taken by the service. */
function directoryWith(t: Test, files: Record<string, string> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'why-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  return directory
}

async function runningService(t: Test, environment: Record<string, string> = {}) {
  const pair = await createSelfSignedCertificate({ commonName: 'why' })
  const directory = directoryWith(t, { 'policy.yaml': policy })
  const service = await simulatedService(t, {
    pair,
    registered: false,
    environment: { POLICY_FILE: join(directory, 'policy.yaml'), INTUNE_GRAPH_DETAILS: 'on', ...environment },
  })
  const { tenant } = service.simulator
  tenant.registerApp({
    clientId,
    certificatesPem: [pair.certificatePem],
    roles: {
      graph: ['Application.Read.All', 'DeviceManagementManagedDevices.Read.All'],
      intune: ['get_device_compliance'],
    },
  })
  if (!service.app) throw new Error(JSON.stringify(service.built))
  const { managementUrl } = await service.app.listen()
  const why = async (...args: string[]) => {
    const out: string[] = []
    const err: string[] = []
    const context = { environment: {}, out: (s: string) => out.push(s), err: (s: string) => err.push(s) }
    const code = await runCommand(['why', ...args, '--url', managementUrl], context)
    return { code, out: out.join('\n'), err: err.join('\n') }
  }
  return { ...service, app: service.app, tenant, managementUrl, why }
}

const other = 'b0b00000-0000-4000-8000-000000000002'

const cases: readonly {
  reason: string
  ask: Record<string, string>
  device?: Record<string, unknown>
  outage?: boolean
  tells: readonly RegExp[]
}[] = [
  {
    reason: 'compliant',
    ask: { deviceId: laptop.deviceId, mac: laptop.mac },
    tells: [
      /^allow: compliant/m,
      /Device: +rank 1, deviceId ee9d3792-.*: decided/,
      /rank 4, mac 005056A4895A: not needed/,
      /Fact: +enrolled, compliant: asked now/,
      /Intune: +compliance-retrieval answered 200 in \d+ ms, request id \S+/,
      /must be repaired: does not apply: reason is compliant, the rule wants/,
      /applies and decides/,
      /User: +has nothing to do/,
    ],
  },
  {
    reason: 'noncompliant',
    ask: { mac: laptop.mac },
    device: { complianceState: 'noncompliant' },
    tells: [
      /^remediate: noncompliant/m,
      /Rule: +must be repaired/,
      /guests never: does not apply: client is "?local"?/,
      /Sent: +redirect: let in to be repaired/,
      /profile quarantine \(only RADIUS is sent its attributes\)/,
      /Filter-Id = quarantine\.in/,
      /Reply-Message = 005056A4895A has no access, decision [0-9a-f-]{36}/,
      /User: +\S.*\(fix_compliance\)/,
    ],
  },
  {
    reason: 'in_grace_period',
    ask: { mac: laptop.mac },
    device: { complianceState: 'inGracePeriod', gracePeriodEndsMs: Date.UTC(2200, 0, 1) },
    tells: [/in_grace_period/, /grace period ends 2200-01-01T00:00:00\.000Z/],
  },
  {
    reason: 'not_evaluated',
    ask: { mac: laptop.mac },
    device: { complianceState: 'unknown' },
    tells: [/not_evaluated/, /Fact: +enrolled, unknown/, /wait_for_evaluation/],
  },
  {
    reason: 'not_enrolled',
    ask: { mac: '00:50:56:00:00:01' },
    tells: [/Why: +Intune does not know the device/, /Fact: +not enrolled: asked now/, /\(enroll\)/],
  },
  {
    reason: 'randomized_mac',
    ask: { mac: '02:00:00:00:00:01' },
    tells: [/a random address: never looked up/, /Intune: +was not asked/, /\(use_device_mac\)/],
  },
  {
    reason: 'identifier_conflict',
    ask: { deviceId: laptop.deviceId, certificateSan: `IntuneDeviceId://${other}` },
    tells: [
      /rank 1, deviceId ee9d3792-.*: contradicts/,
      /rank 1, deviceId \(certificateSan\) b0b00000-.*: contradicts/,
    ],
  },
  {
    reason: 'compliant',
    ask: {
      mac: laptop.mac,
      certificateSan: `DNS:x, URI:IntuneDeviceId://${other}`,
      certificateCn: `CN=${other}`,
    },
    tells: [
      /rank 4, mac 005056A4895A: decided/,
      /note: the subject alternative name of the certificate holds a device id that can be read in two ways/,
      /note: the common name of the certificate holds a device id/,
    ],
  },
  {
    reason: 'intune_unavailable',
    ask: { mac: laptop.mac },
    outage: true,
    tells: [
      /Fact: +nothing was known/,
      /Intune: +entra_certificate_not_registered \(token, .*\): \S/,
      /remedy: \S/,
    ],
  },
]

for (const { reason, ask: query, device, outage, tells } of cases) {
  t.test(`why tells the story of ${reason}`, async (t) => {
    const { ask, tenant, why } = await runningService(t)
    if (device) tenant.patchDevice(laptop.deviceId, device)
    if (outage) tenant.setFault({ hop: 'token', kind: 'aadsts', aadsts: 700027 })
    const answer = await ask(query)
    t.equal(answer.reason ?? reason, reason)
    const told = await why(String(answer.decisionId ?? Object.values(query)[0]))
    t.equal(told.code, 0, told.err)
    for (const pattern of tells) t.match(told.out, pattern)
  })
}

t.test('of a device, why tells the last decision and lists those before', async (t) => {
  const { ask, why } = await runningService(t)
  const first = await ask({ mac: laptop.mac })
  const second = await ask({ deviceId: laptop.deviceId, mac: laptop.mac })
  for (const spelling of ['00-50-56-a4-89-5a', laptop.deviceId.toUpperCase()]) {
    const told = await why(spelling)
    t.match(told.out, `decision ${second.decisionId}`)
    t.match(told.out, new RegExp(`Earlier decisions[^]*allow: compliant  ${first.decisionId}`))
  }
  t.match(JSON.parse((await why(laptop.mac, '--json')).out), {
    decisionId: second.decisionId,
    decision: 'allow',
  })
  t.match(await why('00:50:56:00:00:09'), { code: 1, err: /No decision is known/ })
  t.match(await why('0badc0de-0000-4000-8000-000000000000'), { code: 1, err: /No decision is known/ })
  t.match(await why(), { code: 2 })
  t.match(await why('???'), { code: 2, err: /decision id or an identifier/ })
})

t.test('a remembered fact is told with its age', async (t) => {
  const { ask, why } = await runningService(t)
  await ask({ mac: laptop.mac })
  await ask({ mac: laptop.mac })
  const { out } = await why(laptop.mac)
  t.match(out, /Fact: +enrolled, compliant: remembered and fresh \(hit\), \d+ s old/)
  t.match(out, /Intune: +was not asked for this decision/)
})

t.test('a service that cannot be reached is named', async (t) => {
  const err: string[] = []
  const context = { environment: {}, out: () => {}, err: (text: string) => err.push(text) }
  t.equal(await runCommand(['why', laptop.mac, '--url', 'http://127.0.0.1:1'], context), 1)
  t.match(err.join(), /http:\/\/127\.0\.0\.1:1 gave no answer/)
})

t.test('identifiers are masked wherever they stand, and found all the same', async (t) => {
  const { ask, tenant, why, managementUrl } = await runningService(t, { LOG_DEVICE_IDS: 'hash' })
  tenant.patchDevice(laptop.deviceId, { complianceState: 'noncompliant' })
  await ask({ mac: laptop.mac })
  const told = await why(laptop.mac)
  t.match(told.out, /Reply-Message = [0-9a-f]{32} has no access/)
  const all = await (await fetch(`${managementUrl}/decisions`)).text()
  t.notMatch(told.out + all, new RegExp(`${laptop.mac}|${laptop.deviceId}`, 'i'))
})

t.test('a client sees how its own decisions came about, as openapi.yaml says, and no others', async (t) => {
  const secrets = [createSecret(), createSecret()]
  const clients = await Promise.all(
    secrets.map(async (secret, index) => ({
      name: `c${index}`,
      bearer: { tokenHash: await hashSecret(secret) },
    })),
  )
  const directory = directoryWith(t, { 'clients.yaml': JSON.stringify({ clients }) })
  const service = await simulatedService(t, {
    environment: { CLIENTS_FILE: join(directory, 'clients.yaml'), SERVICE_HOST: '127.0.0.1' },
  })
  const { app, simulator } = service
  if (!app) throw new Error('the service was not built')
  simulator.tenant.setFault({ hop: 'token', kind: 'aadsts', aadsts: 700027 })
  const get = (url: string, secret = '') =>
    app.server.inject({ url, headers: { authorization: `Bearer ${secret}` } })
  const trace = async (decisionId: string, secret?: string) => {
    const reply = await get(`/v1/decisions/${decisionId}`, secret)
    expectDocumented(t, { method: 'GET', path: '/v1/decisions/{decisionId}', reply })
    return reply
  }
  const decided = await get(`/v1/decision?mac=${laptop.mac}`, secrets[0])
  const decisionId = String(decided.headers['x-decision-id'])
  const own = await trace(decisionId, secrets[0])
  t.equal(own.statusCode, 200)
  t.match(own.json(), {
    decisionId,
    reason: 'intune_unavailable',
    request: { client: 'c0', frontend: 'json' },
    fault: { host: null, message: /^[A-Z]/ },
  })
  t.notMatch(own.body, /127\.0\.0\.1:\d+/, 'hosts are for the operator')
  t.match((await trace(decisionId, secrets[1])).json(), { status: 404, code: 'decision_not_found' })
  t.match((await trace('unknown', secrets[0])).json(), { status: 404, code: 'decision_not_found' })
  t.equal((await trace(decisionId)).statusCode, 401)
  const forOperator = await app.management.inject({ url: `/decisions/${decisionId}` })
  t.match(forOperator.json(), { decisionId, fault: { host: /127\.0\.0\.1/ } })
  for (const [url, code] of [
    ['/decisions/unknown', 'decision_not_found'],
    ['/decisions?limit=0', 'request_malformed'],
    ['/decisions?device=a&device=b', 'request_malformed'],
    ['/decisions?device=%3F', 'identifier_malformed'],
  ] as const)
    t.match((await app.management.inject({ url })).json(), { code }, url)
  t.match((await app.management.inject({ url: '/status' })).json(), { decisionLog: { seq: 1 } })
})

t.test('the file of a whole run is intact', async (t) => {
  const directory = directoryWith(t)
  const file = join(directory, 'decisions.log')
  const { ask, app } = await runningService(t, { DECISION_LOG_FILE: file })
  for (let count = 0; count < 20; count += 1) await ask({ mac: laptop.mac })
  await app.close()
  const out: string[] = []
  const context = { environment: {}, out: (text: string) => out.push(text), err: () => {} }
  t.equal(await runCommand(['log', 'verify', file], context), 0)
  t.match(out.join(), /intact: 22 line\(s\) in 1 segment/)
})

t.test(
  'from elsewhere, why brings the credentials of a management client, or says which it needs',
  async (t) => {
    const { ask, why, managementUrl } = await runningService(t)
    await ask({ mac: laptop.mac })
    const secret = createSecret()
    const files = directoryWith(t, { token: `${secret}\n`, password: 'pass:word\n' })
    // Stands in front as the listener does for another machine; what it lets through goes on to the real one.
    const wanted = [`Bearer ${secret}`, `Basic ${Buffer.from('operator:pass:word').toString('base64')}`]
    const front = createServer(async (request, response) => {
      const { authorization = '' } = request.headers
      if (!wanted.includes(authorization)) {
        response.writeHead(authorization === '' ? 401 : 403).end()
        return
      }
      const reply = await fetch(new URL(request.url ?? '/', managementUrl))
      response.writeHead(reply.status).end(await reply.text())
    })
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
    t.teardown(() => front.close())
    const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`
    const run = async (...args: string[]) => {
      const [out, err]: [string[], string[]] = [[], []]
      const context = { environment: {}, out: (s: string) => out.push(s), err: (s: string) => err.push(s) }
      const code = await runCommand(['why', laptop.mac, '--url', url, ...args], context)
      return { code, out: out.join('\n'), err: err.join('\n') }
    }
    t.match(await run('--token-file', join(files, 'token')), { code: 0, out: /allow/ })
    t.match(await run('--user', 'operator', '--password-file', join(files, 'password')), {
      code: 0,
      out: /allow/,
    })
    t.match(await run(), { code: 1, err: /refuses \(401\).*--token-file.*frontends: \[management\]/ })
    const wrong = await run('--user', 'someone', '--password-file', join(files, 'password'))
    t.match(wrong, { code: 1, err: /refuses \(403\)/ })
    t.notMatch(wrong.err, /pass:word/)
    t.match(await run('--user', 'operator'), { code: 2, err: /--password-file/ })
    t.match(await run('--token-file', join(files, 'nowhere')), {
      code: 2,
      err: /cannot read the file of --token-file/,
    })
    const both = ['--token-file', join(files, 'token'), '--user', 'operator']
    t.match(await run(...both), { code: 2, err: /one kind of credentials/ })
    t.match(await why(laptop.mac), { code: 0 }, 'on the same machine nothing is needed')
  },
)
