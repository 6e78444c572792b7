import { request } from 'node:http'
import { hostname, networkInterfaces } from 'node:os'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { failure } from '../../src/errors/fault.ts'
import { frontends } from '../../src/frontends/frontends.ts'
import { createHostCheck } from '../../src/server/asked-locally.ts'
import { createAuthenticator } from '../../src/server/authentication.ts'
import { parseClients } from '../../src/server/clients.ts'
import { type ManagementParts, registerManagementRoutes } from '../../src/server/management.ts'
import { hashSecret } from '../../src/server/secret-hash.ts'
import { createManagementServer, createServer } from '../../src/server/server.ts'

const logger = pino({ level: 'silent' })
const hash = await hashSecret('secret')
const operators = `clients:\n  - { name: operator, frontends: [management], basic: { username: operator, passwordHash: "${hash}" } }\n`
const strangers = `clients:\n  - { name: caller, basic: { username: caller, passwordHash: "${hash}" } }\n`
const basic = (name: string, secret = 'secret') =>
  `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`

function authenticatorOf(text: string) {
  const parsed = parseClients(text, 'clients.yaml')
  if (!parsed.ok) throw new Error(parsed.fault.message)
  return createAuthenticator({ clients: parsed.value })
}

/** The listener on a port of its own; `ask` gives the status. */
async function manage(
  t: Test,
  {
    host = '127.0.0.1',
    names = [] as string[],
    ...parts
  }: { host?: string; names?: string[] } & Partial<ManagementParts> = {},
) {
  const refused: string[] = []
  const onRefused = (_door: string, code: string) => void refused.push(code)
  const readiness = () => ({ ready: true, checks: {} })
  const app = createManagementServer({
    logger,
    readiness,
    onRefused,
    isServedHost: createHostCheck(host, names),
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
    onRefused,
    ...parts,
  })
  const address = await app.listen({ host, port: 0 })
  t.teardown(() => app.close())
  const port = Number(new URL(address).port)
  const ask = (path: string, headers: Record<string, string>, to = '127.0.0.1', method = 'GET') =>
    new Promise<number>((resolve, reject) => {
      const asked = request({ host: to, port, path, method, headers, agent: false }, (reply) => {
        reply.resume()
        reply.once('end', () => resolve(reply.statusCode ?? 0))
      })
      asked.once('error', reject)
      asked.end()
    })
  return { ask, port, refused }
}

t.test('the management listener answers to its own host alone, on every route', async (t) => {
  const { ask, port, refused } = await manage(t)
  const own = [
    '127.0.0.1',
    `127.0.0.1:${port}`,
    'localhost',
    `LOCALHOST:${port}`,
    'localhost.',
    '[::1]',
    `[::1]:${port}`,
  ]
  for (const host of [...own, '127.0.0.2', '127.1', 'a.localhost', '[::ffff:127.0.0.1]', hostname()])
    t.equal(await ask('/status', { host }), 200, host)
  const others = [
    'evil.example',
    `evil.example:${port}`,
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.1.nip.io',
    'evil-localhost',
    'localhost@evil.example',
    'evil.example/localhost',
    'localhost:9090@evil.example',
    '0.0.0.0',
    '[::]',
    '10.0.0.1',
    '169.254.169.254',
    ' ',
    'a b',
    'localhost, evil.example',
    'nac-1.contoso.example',
  ]
  for (const host of others) t.equal(await ask('/status', { host }), 421, host)
  for (const path of ['/livez', '/readyz', '/metrics', '/status', '/decisions', '/nowhere'])
    t.equal(await ask(path, { host: 'evil.example' }), 421, path)
  t.equal(await ask('/guard/accept', { host: 'evil.example' }, '127.0.0.1', 'POST'), 421)
  t.same([...new Set(refused)], ['host_not_served'])
})

t.test(
  'it answers to the host that it was given, to the address of the connection, and to the names of the setting',
  async (t) => {
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal)?.address
    const { ask } = await manage(t, {
      host: '0.0.0.0',
      names: ['nac-1.contoso.example', '192.0.2.10', '2001:db8::1'],
    })
    t.equal(await ask('/status', { host: 'nac-1.contoso.example:9090' }), 200)
    t.equal(await ask('/status', { host: 'NAC-1.contoso.example.' }), 200)
    t.equal(await ask('/status', { host: '192.0.2.10:9090' }), 200)
    t.equal(await ask('/status', { host: '[2001:DB8:0::1]:9090' }), 200)
    t.equal(await ask('/status', { host: 'contoso.example' }), 421)
    t.equal(await ask('/status', { host: '0.0.0.0:9090' }), 421, 'what it listens on is no host')
    if (outside !== undefined) {
      t.equal(await ask('/status', { host: outside }, outside), 200, 'as the kubelet and Prometheus ask')
      t.equal(
        await ask('/status', { host: outside }),
        421,
        'an address of the machine, asked for at another one',
      )
    }
    const named = createHostCheck('nac.internal', [])
    t.ok(named('nac.internal:9090', '10.0.0.1'))
    t.ok(named('10.0.0.1', '::ffff:10.0.0.1'), 'a dual-stack socket')
    t.ok(named(undefined, '10.0.0.1'), 'HTTP/1.0 has no Host')
    t.notOk(named('', '10.0.0.1'))
  },
)

const proxied = {
  'X-Forwarded-For': '127.0.0.1',
  Forwarded: 'for=127.0.0.1',
  'X-Real-IP': '127.0.0.1',
  Via: '1.1 nginx',
  'X-Forwarded-Host': 'localhost',
  'X-Forwarded-Proto': 'https',
  'X-Client-IP': '127.0.0.1',
  'CF-Connecting-IP': '127.0.0.1',
  'True-Client-IP': '127.0.0.1',
  'X-Envoy-External-Address': '127.0.0.1',
  'X-Forwarded-User': 'a',
  'X-Forwarded-Prefix': '/',
  'X-Original-Host': 'localhost',
  'Client-IP': '127.0.0.1',
  'WL-Proxy-Client-IP': '127.0.0.1',
  'Fly-Client-IP': '127.0.0.1',
  'CF-Connecting-IPv6': '::1',
  'CDN-Loop': 'cdn',
  'X-Amzn-Trace-Id': 'Root=1',
}

t.test('a request that a proxy on this machine passed on is one from elsewhere', async (t) => {
  const alone = await manage(t)
  const withOperators = await manage(t, { authenticate: authenticatorOf(operators) })
  t.equal(await alone.ask('/decisions', {}), 200, 'from this machine')
  for (const [name, value] of Object.entries(proxied)) {
    t.equal(await alone.ask('/decisions', { [name]: value }), 403, name)
    t.equal(await alone.ask('/devices', { [name]: value }, '127.0.0.1', 'DELETE'), 403, name)
    t.equal(await withOperators.ask('/decisions', { [name]: value }), 401, `${name}, no credentials`)
    t.equal(
      await withOperators.ask('/decisions', { [name]: value, authorization: basic('operator') }),
      200,
      name,
    )
    t.equal(await alone.ask('/status', { [name]: value }), 200, 'what is open to all stays open')
  }
})

t.test('with requiresCredentials this machine needs them as well', async (t) => {
  const { ask } = await manage(t, { authenticate: authenticatorOf(operators), requiresCredentials: true })
  t.equal(await ask('/decisions', {}), 401)
  t.equal(await ask('/devices', {}, '127.0.0.1', 'DELETE'), 401)
  t.equal(await ask('/decisions', { authorization: basic('operator', 'wrong') }), 401)
  t.equal(await ask('/decisions', { authorization: basic('operator') }), 200)
  for (const path of ['/livez', '/readyz', '/metrics', '/status']) t.equal(await ask(path, {}), 200, path)
  const nobody = await manage(t, { authenticate: authenticatorOf(strangers), requiresCredentials: true })
  t.equal(await nobody.ask('/decisions', {}), 403, 'nobody has any: nobody is let in')
})

t.test(
  'without CLIENTS_FILE the service itself answers this machine, not what a proxy or a page on it passes on',
  async (t) => {
    const serve = (clients: string | undefined) => {
      const app = createServer({
        logger,
        decide: async () => failure('intune_unavailable', 'not asked'),
        authenticate: clients === undefined ? createAuthenticator({ clients }) : authenticatorOf(clients),
        frontends,
        readiness: () => ({ ready: true, checks: {} }),
      })
      t.teardown(() => app.close())
      return async (headers: Record<string, string>, remoteAddress = '127.0.0.1') =>
        (await app.inject({ url: '/v1/radius/accounting', remoteAddress, headers })).statusCode
    }
    const open = serve(undefined)
    for (const host of ['localhost', '127.0.0.1:8080', '[::1]:8080', 'nac'])
      t.equal(await open({ host }), 204, host)
    for (const host of ['evil.example:8080', '127.0.0.1.nip.io', '10.0.0.1'])
      t.equal(await open({ host }), 403, host)
    for (const [name, value] of Object.entries(proxied)) t.equal(await open({ [name]: value }), 403, name)
    const closed = serve(strangers)
    const authorization = basic('caller')
    t.equal(
      await closed({ authorization, host: 'nac.example', ...proxied }),
      204,
      'with clients credentials count',
    )
  },
)
