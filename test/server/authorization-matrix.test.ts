import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import {
  createCertificateAuthority,
  issueClientCertificate,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { failure } from '../../src/errors/fault.ts'
import { frontends } from '../../src/frontends/frontends.ts'
import { createNetworks } from '../../src/networks/networks.ts'
import { createAuthenticator } from '../../src/server/authentication.ts'
import { parseClients } from '../../src/server/clients.ts'
import { createHttpsServers } from '../../src/server/https-server.ts'
import { registerManagementRoutes } from '../../src/server/management.ts'
import { hashSecret } from '../../src/server/secret-hash.ts'
import { createManagementServer, createServer } from '../../src/server/server.ts'
import { loadTls } from '../../src/server/tls.ts'
import { HastyClock } from '../fakes/hasty-clock.ts'

const authority = await createCertificateAuthority({ commonName: 'Network root' })
const dayMs = 86_400_000
const [server, stranger, known, bound, expired] = await Promise.all([
  issueServerCertificate(authority, { commonName: 'nac', ipAddresses: ['127.0.0.1'] }),
  issueClientCertificate(authority, { commonName: 'stranger' }),
  issueClientCertificate(authority, { commonName: 'known', sanUris: ['urn:a', 'urn:known, URI:urn:other'] }),
  issueClientCertificate(authority, { commonName: 'bound' }),
  issueClientCertificate(authority, { commonName: 'known', notAfter: new Date(Date.now() - dayMs) }),
])
const hash = await hashSecret('secret')
const entry = (name: string, more: string) =>
  `  - { name: ${name}, basic: { username: ${name}, passwordHash: "${hash}" }, ${more} }\n`
const clientsFile = `clients:
${frontends.map(({ name }) => entry(`only-${name}`, `frontends: [${name}]`)).join('')}${entry('inside', 'networks: [10.1.0.0/16, "2001:db8::/32"]')}${entry('bound', 'certificate: { subject: CN=bound }')}  - { name: known, certificate: { subject: CN=known, san: "URI:urn:known, URI:urn:other" } }
  - { name: trick, certificate: { san: "URI:urn:other" } }
`

const basic = (name: string, secret = 'secret') =>
  `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`
const others = { json: 'only-radius', radius: 'only-ise', ise: 'only-json' } as const

/** A request of one kind of client: whose certificate, which header, through the trusted proxy from which address. */
interface Kind {
  readonly certificate?: typeof stranger
  readonly header?: string | undefined
  readonly from?: string
}

const kinds: Readonly<
  Record<
    string,
    {
      readonly kind: (frontend: keyof typeof others) => Kind
      readonly status: Record<keyof typeof others, string>
    }
  >
> = {
  'no credentials': { kind: () => ({}), status: { json: '401', radius: '403', ise: '401' } },
  'a wrong password': {
    kind: (frontend) => ({ header: basic(`only-${frontend}`, 'wrong') }),
    status: { json: '401', radius: '403', ise: '401' },
  },
  'the credentials of another front end': {
    kind: (frontend) => ({ header: basic(others[frontend]) }),
    status: { json: '403', radius: '403', ise: '403' },
  },
  'the right password from outside its networks': {
    kind: () => ({ header: basic('inside'), from: '10.2.0.1' }),
    status: { json: '403', radius: '403', ise: '403' },
  },
  'the right password without its certificate': {
    kind: () => ({ header: basic('bound') }),
    status: { json: '403', radius: '403', ise: '403' },
  },
  'a certificate that has expired': {
    kind: () => ({ certificate: expired }),
    status: { json: 'no handshake', radius: 'no handshake', ise: 'no handshake' },
  },
  'an address that guessed ten times': {
    kind: (frontend) => ({ header: basic(`only-${frontend}`, 'wrong'), from: '203.0.113.66' }),
    status: { json: '429', radius: '403', ise: '403' },
  },
  'the right password': {
    kind: (frontend) => ({ header: basic(`only-${frontend}`) }),
    status: { json: 'served', radius: 'served', ise: 'served' },
  },
  'the right password inside its networks': {
    kind: () => ({ header: basic('inside'), from: '198.51.100.1, 10.1.2.3' }),
    status: { json: 'served', radius: 'served', ise: 'served' },
  },
  'the right password with its certificate': {
    kind: () => ({ header: basic('bound'), certificate: bound }),
    status: { json: 'served', radius: 'served', ise: 'served' },
  },
  'a known certificate': {
    kind: () => ({ certificate: known }),
    status: { json: 'served', radius: 'served', ise: 'served' },
  },
}

t.test('every route answers every kind of client as it should', async (t) => {
  const directory = t.testdir({
    'tls.pem': server.certificatePem,
    'tls.key': server.privateKeyPem,
    'client-ca.pem': authority.certificatePem,
  })
  const tls = loadTls({
    certificateFile: join(directory, 'tls.pem'),
    privateKeyFile: join(directory, 'tls.key'),
    clientCaFile: join(directory, 'client-ca.pem'),
  })
  const clients = parseClients(clientsFile, 'clients.yaml')
  if (!tls.ok || !clients.ok) throw new Error(JSON.stringify([tls, clients]))
  const clock = new HastyClock(Date.now())
  const refused: string[] = []
  const app = createServer({
    logger: pino({ level: 'silent' }),
    decide: async () => failure('intune_unavailable', 'not asked'),
    authenticate: createAuthenticator({ clients: clients.value, clock }),
    frontends,
    readiness: () => ({ ready: true, checks: {} }),
    https: createHttpsServers(tls.value),
    trustedProxies: createNetworks(['127.0.0.1']),
    onRefused: (frontend, code) => void refused.push(`${frontend} ${code}`),
    mdmServer: {
      redirectUrl: 'https://portal.example',
      pathPrefix: '',
      productVersion: '0',
      noncompliantDevices: { list: async () => [], judge: () => t.fail('not asked') as never },
    },
  })
  const routes: { method: string; url: string; frontend: keyof typeof others }[] = []
  app.addHook('onRoute', ({ method, url }) => {
    const { name } = frontends
      .toSorted((a, b) => b.prefix.length - a.prefix.length)
      .find(({ prefix }) => url.startsWith(prefix)) ?? { name: undefined }
    if (name === undefined) throw new Error(`${url} belongs to no front end`)
    for (const one of [method].flat()) routes.push({ method: one, url, frontend: name })
  })
  const port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
  const agents = new Map(
    [stranger, known, bound, expired].map((pair) => [
      pair,
      new Agent({
        keepAlive: true,
        ca: authority.certificatePem,
        cert: pair.certificatePem,
        key: pair.privateKeyPem,
      }),
    ]),
  )
  t.teardown(async () => {
    for (const agent of agents.values()) agent.destroy()
    await app.close()
  })
  let senders = 0
  const ask = (method: string, path: string, { certificate = stranger, header, from }: Kind) =>
    new Promise<string>((resolve) => {
      senders += 1
      const asked = request(
        {
          port,
          host: '127.0.0.1',
          method,
          path,
          agent: agents.get(certificate),
          headers: {
            // An address of its own for each, so that wrong passwords do not add up.
            'x-forwarded-for': from ?? `198.18.${senders >> 8}.${senders & 255}`,
            ...(header !== undefined && { authorization: header }),
          },
        },
        (reply) => {
          reply.resume()
          reply.once('end', () => {
            const status = String(reply.statusCode)
            resolve(['401', '403', '429'].includes(status) ? status : 'served')
          })
        },
      )
      asked.once('error', () => resolve('no handshake'))
      asked.end()
    })
  for (let attempt = 0; attempt < 10; attempt += 1) {
    await ask('GET', '/v1/decision', { header: basic('only-json', `w${attempt}`), from: '203.0.113.66' })
  }
  t.ok(routes.length > 40, `${routes.length} routes`)
  // A wrong password costs a scrypt or a second each time, so the matrix has one method for each address and front end.
  const dear = ['a wrong password', 'an address that guessed ten times']
  const addresses = [...new Map(routes.map((route) => [`${route.frontend} ${route.url}`, route])).values()]
  for (const [name, { kind, status }] of Object.entries(kinds)) {
    const asked = dear.includes(name) ? addresses : routes
    const wrong: string[] = []
    for (const { method, url, frontend } of asked) {
      const answer = await ask(method, url, kind(frontend))
      if (answer !== status[frontend]) wrong.push(`${method} ${url}: ${answer}, not ${status[frontend]}`)
    }
    t.same(wrong, [], `${name}: ${JSON.stringify(status)}`)
  }
  for (const path of ['/livez', '/readyz'])
    t.equal(await ask('GET', path, {}), 'served', `${path} is for all`)
  t.equal(await ask('GET', '/v1/nothing', {}), '401', 'an unknown address is not revealed either')
  t.same([...new Set(refused)].sort(), [
    'ise client_forbidden',
    'ise too_many_attempts',
    'ise unauthenticated',
    'json client_forbidden',
    'json too_many_attempts',
    'json unauthenticated',
    'radius client_forbidden',
    'radius too_many_attempts',
    'radius unauthenticated',
  ])
  t.equal(await ask('GET', '/v1/decision', { header: basic('inside'), from: '10.1.2.3, 10.2.0.1' }), '403')
  await clock.advance(400 * dayMs)
  t.equal(
    await ask('GET', '/v1/decision', { certificate: known }),
    '401',
    'a connection that outlives its certificate is refused',
  )
})

t.test('X-Forwarded-For is not read unless the sender is a trusted proxy', async (t) => {
  for (const [trusted, expected] of [
    [undefined, 403],
    ['127.0.0.1', 204],
    ['192.0.2.1', 403],
  ] as const) {
    const parsed = parseClients(clientsFile, 'clients.yaml')
    if (!parsed.ok) return t.fail(parsed.fault.message)
    const app = createServer({
      logger: pino({ level: 'silent' }),
      decide: async () => failure('intune_unavailable', 'not asked'),
      authenticate: createAuthenticator({ clients: parsed.value }),
      frontends,
      readiness: () => ({ ready: true, checks: {} }),
      ...(trusted && { trustedProxies: createNetworks([trusted]) }),
    })
    t.teardown(() => app.close())
    const reply = await app.inject({
      url: '/v1/radius/accounting',
      remoteAddress: '127.0.0.1',
      headers: { 'x-forwarded-for': '127.0.0.1, 10.1.2.3', authorization: basic('inside') },
    })
    t.equal(reply.statusCode, expected, `trusted: ${trusted}`)
  }
})

/** What each scope is for, said once more, so that nobody moves a route by accident. */
const rights = {
  read: ['GET', 'HEAD'].flatMap((method) =>
    ['/decisions', '/decisions/:decisionId', '/devices'].map((url) => `${method} ${url}`),
  ),
  operate: ['POST /guard/accept', 'POST /guard/reject', 'DELETE /devices/:kind/:value'],
  admin: ['DELETE /devices'],
}

/** What a caller of the management listener gets: without credentials for all, or this machine's and operators' own. */
const open = ['/livez', '/readyz', '/metrics', '/status']

t.test('every route of the management listener answers every kind of caller as it should', async (t) => {
  const operators = `${clientsFile}${entry('operator', 'frontends: [management], networks: [10.9.0.0/16]')}${entry('both', 'frontends: [json, management]')}${entry('reader', 'frontends: [management], scopes: [read]')}${entry('fixer', 'frontends: [management], scopes: [operate]')}${entry('chief', 'frontends: [management], scopes: [admin]')}${entry('bound-operator', 'frontends: [management], certificate: { subject: CN=bound }')}`
  const list = (text: string) => {
    const parsed = parseClients(text, 'clients.yaml')
    if (!parsed.ok) throw new Error(parsed.fault.message)
    return parsed.value
  }
  const clock = new HastyClock(Date.now())
  const authenticate = createAuthenticator({ clients: list(operators), clock })
  const refused: string[] = []
  const app = createManagementServer({
    logger: pino({ level: 'silent' }),
    readiness: () => ({ ready: true, checks: {} }),
  })
  t.teardown(() => app.close())
  const routes: { method: string; url: string }[] = []
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const one of [method].flat()) routes.push({ method: one, url })
    // Only what shows something has no line of its own in the decision log.
    const isRead = [method].flat().every((one) => one === 'GET' || one === 'HEAD')
    t.equal(config?.action === undefined, isRead, `${method} ${url}: ${config?.action}`)
  })
  registerManagementRoutes(app, {
    exposeMetrics: async () => ({ contentType: 'text/plain', text: '' }),
    status: () => ({}),
    acceptHeld: async () => ({ records: 0 }),
    rejectHeld: () => ({ records: 0 }),
    purge: () => true,
    purgeAll: () => 0,
    traces: { find: async () => undefined, search: async () => ({ traces: [], isComplete: true }) },
    listDevices: async () => ({ devices: [], next: null }),
    authenticate,
    onRefused: (door, code) => void refused.push(`${door} ${code}`),
  })
  await app.ready()
  t.ok(routes.length > 8, `${routes.length} routes`)
  let senders = 0
  const ask = async (method: string, url: string, header?: string, remoteAddress?: string) => {
    senders += 1
    const { statusCode, headers } = await app.inject({
      method: method as 'GET',
      url,
      remoteAddress: remoteAddress ?? `198.18.0.${senders & 255}`,
      ...(header !== undefined && { headers: { authorization: header } }),
    })
    if (statusCode === 401) t.match(headers['www-authenticate'], /Basic/)
    return ['401', '403', '429'].includes(String(statusCode)) ? String(statusCode) : 'served'
  }
  const expected: readonly [
    what: string,
    header: string | undefined,
    from: string | undefined,
    answer: string,
  ][] = [
    ['no credentials', undefined, undefined, '401'],
    ['a wrong password', basic('operator', 'wrong'), undefined, '401'],
    ['a client that is let in to a front end', basic('only-json'), undefined, '403'],
    ['a client that is let in to every front end', basic('inside'), '10.1.2.3', '403'],
    ['an operator outside its networks', basic('operator'), '10.8.0.1', '403'],
    ['an operator without its certificate', basic('bound-operator'), undefined, '403'],
    ['an operator', basic('operator'), '10.9.0.1', 'served'],
    ['a client of both', basic('both'), undefined, 'served'],
    ['this machine, without credentials', undefined, '127.0.0.1', 'served'],
    ['this machine, with wrong ones', basic('operator', 'wrong'), '::1', 'served'],
  ]
  for (const [what, header, from, answer] of expected) {
    const wrong: string[] = []
    for (const { method, url } of routes) {
      const should = open.includes(url) ? 'served' : answer
      const got = await ask(method, url, header, from)
      if (got !== should) wrong.push(`${method} ${url}: ${got}, not ${should}`)
    }
    t.same(wrong, [], `${what}: ${answer}`)
  }
  for (const [client, scope] of [
    ['reader', 'read'],
    ['fixer', 'operate'],
    ['chief', 'admin'],
  ] as const) {
    const served: string[] = []
    for (const { method, url } of routes)
      if ((await ask(method, url, basic(client))) === 'served') served.push(`${method} ${url}`)
    t.same(
      served.filter((route) => !open.some((url) => route.endsWith(` ${url}`))).sort(),
      rights[scope].toSorted(),
      `${client} may do that and nothing else`,
    )
  }
  t.same([...new Set(refused)].sort(), ['management client_forbidden', 'management unauthenticated'])

  for (let attempt = 0; attempt < 10; attempt += 1) {
    await ask('GET', '/decisions', basic('operator', `w${attempt}`), '203.0.113.66')
  }
  t.equal(await ask('GET', '/decisions', basic('operator', 'w'), '203.0.113.66'), '429', 'guesses are slowed')

  authenticate.replaceClients(list(clientsFile))
  t.equal(await ask('GET', '/decisions', basic('operator'), '10.9.0.1'), '403', 'no operator any more')
  t.equal(await ask('GET', '/decisions'), '403', 'and then nobody from elsewhere is asked who they are')
  t.equal(await ask('GET', '/decisions', undefined, '127.0.0.1'), 'served')
})
