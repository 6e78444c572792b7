import { createPrivateKey } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { Agent, request } from 'undici'
import { buildApp } from '../../src/app.ts'
import {
  createCertificateAuthority,
  createSelfSignedCertificate,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { runCommand } from '../../src/cli/run-command.ts'
import { loadSettings } from '../../src/config/load-settings.ts'
import { hashSecret } from '../../src/server/secret-hash.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startCommand } from '../e2e/run-process.ts'
import { createCanaries } from './canaries.ts'
import { spoilt } from './spoilt-replies.ts'
import { startTappedCloud } from './wire-tap.ts'

t.setTimeout(240_000)

const clientId = '6f1c7a52-3c1e-4f0a-9f0d-2a6f5a1b9c01'
const laptop = { deviceId: 'ee9d3792-6859-4b71-93aa-56aba42581c5', mac: '005056A4895A' }
const broken = { deviceId: 'b0b00000-0000-4000-8000-000000000002', mac: '3408BC507C78' }

const canaries = createCanaries()
const cloud = await startTappedCloud(t)
const pair = await createSelfSignedCertificate({ commonName: 'nothing leaks' })
const network = await createCertificateAuthority({ commonName: 'Network root' })
const tls = await issueServerCertificate(network, { commonName: 'nac', ipAddresses: ['127.0.0.1'] })
const stranger = await createSelfSignedCertificate({ commonName: 'stranger' })
canaries.plantKey('private key of the app', pair.privateKeyPem)
canaries.plantKey('private key of the service', tls.privateKeyPem)
const passphrase = canaries.plant('passphrase of the key')
const password = canaries.plant('password of a client')
const bearer = canaries.plant('token of a client')
const wrong = canaries.plant('wrong credentials')
const inQuery = canaries.plant('secret in a query')
const inBody = canaries.plant('secret in a body')
const inHeader = canaries.plant('secret in a header field')
const userPassword = canaries.plant('RADIUS password')
const inCrash = canaries.plant('secret in an error')
const ofProxy = canaries.plant('password of a proxy')
const misplaced = canaries.plant('secret in a wrong variable')

const directory = mkdtempSync(join(tmpdir(), 'nothing-leaks-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))
const file = (name: string, text: string) => {
  writeFileSync(join(directory, name), text)
  return join(directory, name)
}
const encryptedKey = createPrivateKey(pair.privateKeyPem)
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
  .toString()
const clients = [
  { name: 'by-password', basic: { username: 'psn', passwordHash: await hashSecret(password) } },
  { name: 'by-token', bearer: { tokenHash: await hashSecret(bearer) } },
]
const policy = `profiles:
  quarantine: { vlan: 20, replyMessage: "{reason}: {message} [{decisionId}]" }
defaultProfiles: { remediate: quarantine }
rules: []
`
const environment = {
  INTUNE_TOKEN_ISSUING_URL: `${cloud.origin}/${cloud.simulator.tenantId}`,
  INTUNE_AUTO_DISCOVERY_URL: cloud.origin,
  INTUNE_TOKEN_AUDIENCE: 'https://api.manage.microsoft.com/',
  INTUNE_ALLOWED_HOSTS: '127.0.0.1',
  INTUNE_CA_FILE: file('ca.pem', cloud.caCertificatePem),
  INTUNE_CLIENT_ID: clientId,
  INTUNE_CERTIFICATE_FILE: file('app.pem', pair.certificatePem),
  INTUNE_PRIVATE_KEY_FILE: file('app.key', encryptedKey),
  INTUNE_PRIVATE_KEY_PASSPHRASE: passphrase,
  INTUNE_GRAPH_DETAILS: 'on',
  SERVICE_HOST: '127.0.0.1',
  SERVICE_PORT: '0',
  SERVICE_TLS_CERTIFICATE_FILE: file('tls.pem', tls.certificatePem),
  SERVICE_TLS_PRIVATE_KEY_FILE: file('tls.key', tls.privateKeyPem),
  MANAGEMENT_PORT: '0',
  CLIENTS_FILE: file('clients.yaml', JSON.stringify({ clients })),
  POLICY_FILE: file('policy.yaml', policy),
  STATE_DIR: join(directory, 'state'),
  TRACE_STORE: 'on',
  DECISION_LOG_FILE: join(directory, 'decisions.log'),
  DECISION_DEADLINE_MS: '3000',
  LOG_LEVEL: 'trace',
}
const { tenant } = cloud.simulator
tenant.registerApp({
  clientId,
  certificatesPem: [pair.certificatePem],
  roles: {
    graph: ['Application.Read.All', 'DeviceManagementManagedDevices.Read.All'],
    intune: ['get_device_compliance'],
  },
})
tenant.putDevice({ deviceId: laptop.deviceId, macs: [laptop.mac], complianceState: 'compliant' })
tenant.putDevice({ deviceId: broken.deviceId, macs: [broken.mac], complianceState: 'noncompliant' })

const basic = (user: string, secret: string) => `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`
const right = { authorization: basic('psn', password) }
const json = { ...right, 'content-type': 'application/json' }
const radius = (section: string, more: Record<string, unknown> = {}, mac = broken.mac) => ({
  path: `/v1/radius/${section}`,
  headers: json,
  body: JSON.stringify({
    'User-Name': { type: 'string', value: ['jdoe'] },
    'User-Password': { type: 'string', value: [userPassword] },
    'CHAP-Password': { type: 'octets', value: [`0x${Buffer.from(userPassword).toString('hex')}`] },
    'MS-CHAP2-Response': { type: 'octets', value: [`0x${Buffer.from(userPassword).toString('hex')}`] },
    'EAP-Message': { type: 'octets', value: [`0x${Buffer.from(userPassword).toString('hex')}`] },
    'Tunnel-Password': { type: 'string', value: [userPassword] },
    'TLS-PSK-Identity': { type: 'string', value: [userPassword] },
    'Calling-Station-Id': { type: 'string', value: [mac] },
    ...more,
  }),
})

/** What callers send, right and wrong, with a secret wherever one can be. */
const requests: readonly { path: string; headers?: Record<string, string>; body?: string }[] = [
  { path: `/v1/decision?mac=${laptop.mac}`, headers: right },
  { path: `/v1/decision?deviceId=${broken.deviceId}`, headers: { authorization: `Bearer ${bearer}` } },
  { path: '/v1/decision?mac=00:50:56:00:00:09', headers: right },
  { path: '/v1/decision?mac=02:00:00:00:00:09', headers: right },
  { path: `/v1/decision?mac=${laptop.mac}` },
  ...[
    basic('psn', wrong),
    basic(wrong, 'x'),
    `Bearer ${wrong}`,
    `Basic ${wrong}`,
    `Digest username="psn", response="${wrong}"`,
    wrong,
  ].map((authorization) => ({ path: `/v1/decision?mac=${laptop.mac}`, headers: { authorization } })),
  {
    path: `/v1/decision?mac=${laptop.mac}`,
    headers: {
      ...right,
      cookie: `s=${inHeader}`,
      'x-api-key': inHeader,
      traceparent: inHeader,
      referer: inHeader,
    },
  },
  { path: `/v1/decision?mac=${laptop.mac}&access_token=${inQuery}`, headers: right },
  { path: `/v1/decision?password=${inQuery}&refresh=${inQuery}`, headers: right },
  { path: `/v1/decisions/${inQuery}`, headers: right },
  { path: `/v1/${inQuery}?code=${inQuery}`, headers: right },
  { path: `/v1/%zz${inQuery}`, headers: right },
  { path: `/v1/devices/${inQuery}/${laptop.mac}/recheck`, headers: json, body: '' },
  { path: `/v1/devices/mac/${laptop.mac}/recheck`, headers: right, body: '' },
  { path: '/v1/decision', headers: json, body: JSON.stringify({ mac: laptop.mac }) },
  { path: '/v1/decision', headers: json, body: JSON.stringify({ mac: laptop.mac, password: inBody }) },
  { path: '/v1/decision', headers: json, body: JSON.stringify({ mac: laptop.mac, refresh: inBody }) },
  { path: '/v1/decision', headers: json, body: `{"password":"${inBody}"` },
  { path: '/v1/decision', headers: json, body: `"${inBody}"` },
  { path: '/v1/decision', headers: json, body: JSON.stringify({ mac: inBody.repeat(4000) }) },
  { path: '/v1/decision', headers: { ...right, 'content-type': 'text/plain' }, body: inBody },
  radius('authorize'),
  radius('authorize', {}, laptop.mac),
  radius('authorize', { 'Calling-Station-Id': { type: 'string', value: ['nonsense'] } }),
  radius('post-auth', { 'Reply-Message': { type: 'string', value: [userPassword] } }),
  radius('post-auth?denial=control'),
  radius('accounting', { 'Acct-Status-Type': { type: 'integer', value: ['Start'] } }),
  { ...radius('authorize'), headers: { ...json, authorization: basic('psn', wrong) } },
  { path: '/v1/radius/authorize', headers: json, body: `{"User-Password":"${userPassword}"` },
  { path: '/v1/radius/authorize', headers: json, body: `["${userPassword}"]` },
  { path: '/v1/radius/authorize', headers: json, body: JSON.stringify({ a: userPassword.repeat(4000) }) },
  {
    path: '/v1/radius/authorize',
    headers: { ...right, 'content-type': 'application/x-www-form-urlencoded' },
    body: `${new URLSearchParams({ 'User-Name': 'jdoe', 'User-Password': userPassword, 'Calling-Station-Id': broken.mac })}`,
  },
  { path: `/v1/radius/${inQuery}`, headers: json, body: `User-Password=${userPassword}` },
  { path: '/ciscoise/mdminfo/?ise_api_version=3', headers: right },
  { path: `/ciscoise/mdminfo/?ise_api_version=${inQuery}`, headers: right },
  { path: '/ciscoise/mdminfo/?ise_api_version=3', headers: { authorization: basic('psn', wrong) } },
  {
    path: `/ciscoise/v3/devices/?paging=0&querycriteria=macaddress&value=${laptop.mac}&filter=all`,
    headers: right,
  },
  {
    path: `/ciscoise/v3/devices/?paging=${inQuery}&querycriteria=${inQuery}&value=${inQuery}`,
    headers: right,
  },
  { path: '/ciscoise/v3/devices/?paging=0&querycriteria=compliance&value=false&filter=all', headers: right },
  {
    path: '/ciscoise/v3/batchdevices/',
    headers: right,
    body: `<ise_api><password>${inBody}</password></ise_api>`,
  },
  { path: '/ciscoise/v3/batchdevices/', headers: right, body: `<ise_api><${inBody}` },
  { path: `/ciscoise/v3/devices/${inQuery}/`, headers: right, body: inBody },
]

const managementRequests: readonly {
  path: string
  method?: 'POST' | 'DELETE'
  headers?: Record<string, string>
}[] = [
  { path: '/metrics', headers: { authorization: `Bearer ${wrong}` } },
  { path: '/status' },
  { path: '/readyz' },
  { path: '/decisions?limit=1000' },
  { path: `/decisions?device=${broken.mac}&token=${inQuery}` },
  { path: `/decisions/${inQuery}` },
  { path: `/decisions?limit=${inQuery}` },
  { path: '/guard/accept', method: 'POST', headers: { origin: `https://${inHeader}.example` } },
  { path: `/devices/${inQuery}/x`, method: 'DELETE' },
  { path: `/${inQuery}` },
]

const places: { place: string; content: string | Buffer }[] = []
const keep = (place: string, content: string | Buffer) => places.push({ place, content })

async function sendAll(
  base: string,
  list: readonly { path: string; method?: string; headers?: Record<string, string>; body?: string }[],
  dispatcher: Agent,
) {
  for (const { path, headers = {}, body, method } of list) {
    const reply = await request(`${base}${path}`, {
      method: (method ?? (body === undefined ? 'GET' : 'POST')) as 'GET',
      headers,
      ...(body !== undefined && { body }),
      dispatcher,
    })
    const text = await reply.body.text()
    keep(
      `the answer to ${path.slice(0, 40)}`,
      `${reply.statusCode} ${JSON.stringify(reply.headers)}\n${text}`,
    )
  }
}

/** Sends bytes that no HTTP client would, and gives what comes back until the service hangs up. */
async function sendRaw(url: string, secure: boolean, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const to = { host: hostname, port: Number(port) }
  const socket = secure ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to)
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
    socket.write(bytes)
  })
}

/** Every file below, as it is on the disk at this moment. */
function keepFiles(place: string, path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) keep(`${place} ${entry.name}`, readFileSync(join(entry.parentPath, entry.name)))
  }
}

async function runHere(args: readonly string[], variables: Record<string, string>): Promise<number> {
  const lines: string[] = []
  const say = (text: string) => void lines.push(text)
  const code = await runCommand(args, { environment: variables, out: say, err: say })
  keep(`the output of ${args.join(' ').slice(0, 40)}`, lines.join('\n'))
  return code
}

function expectNoSecret(t: Test, kind: RegExp): void {
  const chosen = places.filter(({ place }) => kind.test(place))
  t.ok(chosen.length > 0, `${chosen.length} were looked at`)
  t.same(
    chosen.flatMap(({ place, content }) => canaries.findIn(place, content)),
    [],
  )
}

t.test('a running service that is asked, misused, refused by Intune and crashed', async (t) => {
  const crash = pathToFileURL(join(import.meta.dirname, 'crash-with-secrets.ts'))
  const service = startCommand(['serve'], {
    ...environment,
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${crash}`,
    CRASH_DETAIL: inCrash,
  })
  t.teardown(() => service.child.kill('SIGKILL'))
  const [, url = ''] = await service.waitFor(/"serviceUrl":"([^"]+)"/)
  const [, managementUrl = ''] = await service.waitFor(/"managementUrl":"([^"]+)"/)
  const agent = new Agent({ connect: { ca: network.certificatePem } })
  t.teardown(() => agent.close())
  await sendAll(url, requests, agent)
  await sendAll(managementUrl, managementRequests, agent)
  const head = `GET /v1/decision HTTP/1.1\r\nhost: x\r\nauthorization: Basic ${inHeader}\r\n`
  for (const [secure, bytes] of [
    [false, `${head}\r\n`],
    [true, `${head}transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n${inBody}`],
    [true, `${inHeader} ${inQuery} HTTP/9\r\n\r\n`],
    [true, `${head}x: ${inHeader.repeat(1000)}\r\n\r\n`],
  ] as const)
    keep('the answer to bytes that are no HTTP', await sendRaw(url, secure, bytes))
  const trusting = new Agent({ connect: { ca: stranger.certificatePem } })
  await t.rejects(
    request(url, { headers: right, dispatcher: trusting }),
    'a caller who does not trust the service',
  )
  await trusting.close()

  cloud.spoil(({ headers }) =>
    headers.authorization === undefined
      ? undefined
      : { status: 401, headers: { 'www-authenticate': headers.authorization }, body: headers.authorization },
  )
  await sendAll(
    url,
    [{ path: `/v1/decision?mac=00:50:56:00:00:0A`, headers: right }, radius('authorize', {}, '005056000011')],
    agent,
  )
  cloud.spoil(() => undefined)
  file('clients.yaml', `clients:\n  - { name: x, basic: { username: u, password: ${misplaced} } }\n`)
  file('policy.yaml', `password: ${misplaced}\nrules: [ { name: ${misplaced}`)
  await service.waitFor(/clients_refused/)
  await service.waitFor(/policy_refused/)
  file('clients.yaml', JSON.stringify({ clients }))
  file('policy.yaml', policy)

  for (const asked of [broken.mac, laptop.deviceId, 'no-such-thing']) {
    await runHere(['why', asked, '--url', managementUrl], {})
    await runHere(['why', asked, '--json', '--url', managementUrl], {})
  }
  const secretFile = file('client-password', `${password}\n`)
  const ise = [
    'check',
    '--as-ise',
    url,
    '--user',
    'psn',
    '--ca-file',
    file('root.pem', network.certificatePem),
  ]
  await runHere([...ise, '--password-file', secretFile, laptop.mac], {})
  await runHere([...ise, '--password-file', file('wrong-password', wrong), laptop.mac], {})
  keepFiles('the state of the running service', environment.STATE_DIR)

  service.child.kill('SIGUSR2')
  t.equal(await service.exited, 1, 'the crash path is taken')
  t.match(service.output(), /planted defect/, 'and said')
  keep('standard output and standard error', service.output())
  keepFiles('the state that is left', environment.STATE_DIR)
  keep('the decision log', readFileSync(environment.DECISION_LOG_FILE))
  t.ok(service.output().split('\n').length > requests.length / 2, 'much is logged')
})

t.test('replies of Microsoft that say back what they were sent', async () => {
  for (const [index, { title, spoil }] of spoilt.entries()) {
    cloud.spoil(spoil)
    const state = join(directory, 'spoilt')
    mkdirSync(state, { recursive: true })
    const variables = {
      ...environment,
      STATE_DIR: state,
      DECISION_LOG_FILE: join(state, 'decisions.log'),
      DECISION_DEADLINE_MS: '800',
    }
    const loaded = loadSettings(variables, (path) => readFileSync(path, 'utf8'))
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    const lines: string[] = []
    const logger = createLogger({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
    const app = buildApp(loaded, logger)
    if (!app.ok) throw new Error(app.fault.code)
    // The state file and the commands add nothing of their own to what the log says of a fault; one in four shows it.
    const isWhole = index % 4 === 0
    if (isWhole) await app.value.listen()
    for (const query of [`mac=${laptop.mac}`, `deviceId=${broken.deviceId}`]) {
      const reply = await app.value.server.inject({ url: `/v1/decision?${query}`, headers: right })
      keep(`the answer after ${title}`, `${JSON.stringify(reply.headers)}${reply.body}`)
    }
    for (const url of ['/metrics', '/status', '/decisions']) {
      const reply = await app.value.management.inject({ url })
      keep(`${url} after ${title}`, `${JSON.stringify(reply.headers)}${reply.body}`)
    }
    await app.value.close()
    keep(`the log after ${title}`, lines.join(''))
    if (isWhole) {
      await runHere(['check', broken.mac, '--json', '--explain'], variables)
      await runHere(['doctor', broken.mac], variables)
    }
    keepFiles(`the state after ${title}`, state)
    rmSync(state, { recursive: true })
  }
  cloud.spoil(() => undefined)
})

t.test('commands with a right, a wrong and a misunderstood configuration', async (t) => {
  t.equal(await runHere(['doctor', laptop.mac], environment), 0)
  t.equal(await runHere(['doctor', laptop.mac, '--json'], environment), 0)
  t.equal(await runHere(['check', laptop.mac, '--json'], environment), 0)
  t.equal(await runHere(['config'], environment), 0)
  t.equal(await runHere(['client', 'list', '--file', environment.CLIENTS_FILE], {}), 0)
  t.equal(await runHere(['onboard', '--certificate', environment.INTUNE_CERTIFICATE_FILE], environment), 0)
  await runHere(['log', 'verify', environment.DECISION_LOG_FILE], {})
  const proxied = { ...environment, HTTPS_PROXY: `http://nac:${ofProxy}@127.0.0.1:1` }
  for (const command of [['config'], ['check', laptop.mac], ['doctor']]) await runHere(command, proxied)
  for (const wrongVariable of [
    { INTUNE_PRIVATE_KEY_PASSPHRASE: misplaced },
    { INTUNE_PRIVATE_KEY_PASSHPRASE: misplaced },
    { INTUNE_PRIVATE_KEY_FILE: pair.privateKeyPem },
    { INTUNE_CERTIFICATE_FILE: environment.INTUNE_PRIVATE_KEY_FILE },
    { INTUNE_CERTIFICATE_FILE: pair.privateKeyPem },
    { SERVICE_TLS_PRIVATE_KEY_FILE: tls.privateKeyPem },
    { SERVICE_TLS_CERTIFICATE_FILE: environment.SERVICE_TLS_PRIVATE_KEY_FILE },
    { INTUNE_PRIVATE_KEY_PASSPHRASE: '', INTUNE_PRIVATE_KEY_PASSPHRASE_FILE: misplaced },
    {
      CLIENTS_FILE: file(
        'plain.yaml',
        `clients: [{ name: a, basic: { username: u, password: ${misplaced} } }]`,
      ),
    },
    { CLIENTS_FILE: file('odd.yaml', `clients: { ${misplaced}`) },
    { HTTPS_PROXY: `socks5://nac:${ofProxy}@proxy` },
  ] as Record<string, string>[]) {
    for (const command of [['config'], ['check', laptop.mac], ['doctor']])
      await runHere(command, { ...environment, ...wrongVariable })
  }
})

t.test('what was planted was sent, handed out and used', async (t) => {
  t.ok(cloud.assertions.size > 3, `${cloud.assertions.size} assertions`)
  t.ok(cloud.tokens.size > 3, `${cloud.tokens.size} access tokens`)
  for (const assertion of cloud.assertions) canaries.plantToken('client assertion', assertion)
  for (const token of cloud.tokens) canaries.plantToken('access token', token)
  t.equal(canaries.names().length, 15)
  const [assertion = ''] = cloud.assertions
  const bytes = Buffer.concat([Buffer.from([0, 255]), Buffer.from(`x${password} ${assertion}`)])
  for (const text of [bytes, bytes.toString('base64'), bytes.toString('hex')])
    t.same(
      canaries.findIn('a control', text),
      ['password of a client in a control', 'client assertion in a control'],
      'the search finds what is there',
    )
})

for (const [title, kind] of [
  ['standard output and standard error hold no secret', /^standard|^the log/],
  ['no answer holds a secret, neither in its body nor in its header fields', /^the answer/],
  ['metrics, status and stories of decisions hold no secret', /\/(metrics|status|decisions)/],
  ['the decision log holds no secret', /^the decision log|decisions\.log/],
  ['no byte of the state files is of a secret', /^the state/],
  ['what commands say holds no secret', /^the output/],
] as const)
  t.test(title, async (t) => expectNoSecret(t, kind))
