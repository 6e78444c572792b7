import { connect, type Socket } from 'node:net'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { failure, success } from '../../src/errors/fault.ts'
import { frontends } from '../../src/frontends/frontends.ts'
import { createNetworks } from '../../src/networks/networks.ts'
import { createAuthenticator } from '../../src/server/authentication.ts'
import type { ClientList } from '../../src/server/clients.ts'
import { watchOverload } from '../../src/server/overload.ts'
import { createRateLimit } from '../../src/server/rate-limit.ts'
import { hashSecret, parseSecretHash } from '../../src/server/secret-hash.ts'
import { createServer, type ServerParts } from '../../src/server/server.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const tokenHash = parseSecretHash(await hashSecret('token'))
if (tokenHash === undefined) throw new Error('hashSecret and parseSecretHash disagree')

const listOf = (rateLimitPerSecond: number): ClientList => ({
  clients: [{ name: 'one', frontends: ['json', 'radius', 'ise'], bearer: { tokenHash }, rateLimitPerSecond }],
})

function serve(t: Test, parts: Partial<ServerParts>) {
  const refused: string[] = []
  const app = createServer({
    logger: pino({ level: 'silent' }),
    decide: async () => failure('intune_unavailable', 'not asked'),
    authenticate: createAuthenticator({ clients: undefined }),
    frontends,
    readiness: () => ({ ready: true, checks: {} }),
    onRefused: (frontend, code) => void refused.push(`${frontend} ${code}`),
    mdmServer: {
      redirectUrl: 'https://portal.example',
      pathPrefix: '',
      productVersion: '0',
      noncompliantDevices: { list: async () => [], judge: () => t.fail('not asked') as never },
    },
    ...parts,
  })
  t.teardown(() => app.close())
  const ask = (url: string) => app.inject({ url, headers: { authorization: 'Bearer token' } })
  return { app, ask, refused }
}

/** One address of each front end that answers without a decision. */
const addresses = { json: '/v1/decision', radius: '/v1/radius/accounting', ise: '/ciscoise/mdminfo' } as const

t.test('a bucket holds one second, fills evenly and says how long to wait', async (t) => {
  const clock = new FakeClock()
  const limit = createRateLimit(4, clock)
  for (let count = 0; count < 4; count += 1) t.equal(limit.take(), 0)
  t.equal(limit.take(), 250)
  await clock.advance(249)
  t.equal(limit.take(), 1)
  await clock.advance(1)
  t.equal(limit.take(), 0)
  await clock.advance(3_600_000)
  for (let count = 0; count < 4; count += 1) t.equal(limit.take(), 0, 'an hour of silence is worth a second')
  t.ok(limit.take() > 0)
})

t.test('a clock that is set forward or back brings and takes nothing', async (t) => {
  for (const jumpMs of [9 * 3_600_000, -26 * 3_600_000]) {
    const clock = new FakeClock()
    const limit = createRateLimit(2, clock)
    limit.take()
    limit.take()
    clock.jump(jumpMs)
    t.equal(limit.take(), 500)
    await clock.advance(500)
    t.equal(limit.take(), 0)
  }
})

t.test('above its rate a client gets 429 in JSON, 503 in RADIUS and ISE', async (t) => {
  const clock = new FakeClock()
  const { ask, refused } = serve(t, { authenticate: createAuthenticator({ clients: listOf(3), clock }) })
  for (let count = 0; count < 3; count += 1) t.equal((await ask(addresses.radius)).statusCode, 204)
  const json = await ask(addresses.json)
  t.equal(json.statusCode, 429)
  t.equal(json.headers['retry-after'], '1')
  t.match(json.json(), { code: 'rate_limited' })
  t.equal((await ask(addresses.radius)).statusCode, 503)
  t.equal((await ask(addresses.ise)).statusCode, 503)
  t.same(refused, ['json rate_limited', 'radius rate_limited', 'ise rate_limited'])
  await clock.advance(1000)
  t.equal((await ask(addresses.ise)).statusCode, 200)
})

t.test('an edit of the clients file fills no bucket, another rate does', async (t) => {
  const authenticate = createAuthenticator({ clients: listOf(1), clock: new FakeClock() })
  const ask = async () => {
    const outcome = await authenticate('Bearer token', '192.0.2.7', 'json')
    return outcome.ok ? 'served' : outcome.fault.code
  }
  t.equal(await ask(), 'served')
  authenticate.replaceClients(listOf(1))
  t.equal(await ask(), 'rate_limited')
  authenticate.replaceClients(listOf(2))
  t.equal(await ask(), 'served')
})

t.test('overload begins above 200 ms of delay and ends below 100', async (t) => {
  const clock = new FakeClock()
  let delayMs = 0
  const changes: boolean[] = []
  const overload = watchOverload(clock, {
    source: { readMs: () => delayMs, close: () => {} },
    onChange: (overloaded) => void changes.push(overloaded),
  })
  for (const [next, expected] of [
    [150, false],
    [201, true],
    [150, true],
    [99, false],
    [150, false],
  ] as const) {
    delayMs = next
    await clock.advance(250)
    t.equal(overload.isOverloaded(), expected, `${next} ms`)
  }
  t.same(changes, [true, false])
  overload.close()
  t.equal(clock.pendingTimers, 0)
})

t.test('a blocked event loop is measured', async (t) => {
  const clock = new FakeClock()
  const overload = watchOverload(clock)
  t.teardown(() => overload.close())
  const pause = () => new Promise((resolve) => setTimeout(resolve, 60))
  await pause()
  await clock.advance(250)
  t.equal(overload.isOverloaded(), false, 'idle')
  for (let block = 0; block < 2; block += 1) {
    const untilMs = performance.now() + 500
    while (performance.now() < untilMs);
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await clock.advance(250)
  t.equal(overload.isOverloaded(), true, 'blocked for half a second')
  await pause()
  await clock.advance(250)
  t.equal(overload.isOverloaded(), false, 'over')
})

t.test('while overloaded every front end answers 503 at once, and health stays', async (t) => {
  const { ask, refused } = serve(t, {
    isOverloaded: () => true,
    authenticate: () => success({ client: t.fail('not asked') as never }),
  })
  for (const [name, url] of Object.entries(addresses)) {
    const reply = await ask(url)
    t.equal(reply.statusCode, 503, name)
    t.match(reply.body, /service_overloaded|<status>503/, name)
  }
  t.equal(refused.length, 3)
  t.equal((await ask('/readyz')).statusCode, 200)
  t.equal((await ask('/livez')).statusCode, 200)
})

t.test('connections above the limit are closed and counted, the others are served', async (t) => {
  let dropped = 0
  const { app } = serve(t, { maxConnections: 3, onConnectionDropped: () => (dropped += 1) })
  const port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
  const open = () =>
    new Promise<{ socket: Socket; status: string }>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.on('error', () => {})
      socket.once('data', (data) => resolve({ socket, status: data.toString().slice(9, 12) }))
      socket.once('close', () => resolve({ socket, status: 'closed' }))
      socket.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n')
    })
  const opened = []
  for (let count = 0; count < 5; count += 1) opened.push(await open())
  t.same(
    opened.map(({ status }) => status),
    ['200', '200', '200', 'closed', 'closed'],
  )
  t.equal(dropped, 2)
  for (const { socket } of opened) socket.destroy()
})

t.test(
  'one address has a limit of its own, trusted proxies have none, and who leaves makes room',
  async (t) => {
    let dropped = 0
    const { app } = serve(t, {
      maxConnectionsPerAddress: 2,
      trustedProxies: createNetworks(['127.0.0.3']),
      onConnectionDropped: () => (dropped += 1),
    })
    const port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
    const open = (from: string) =>
      new Promise<{ socket: Socket; status: string }>((resolve) => {
        const socket = connect({ port, host: '127.0.0.1', localAddress: from })
        socket.on('error', () => {})
        socket.once('data', (data) => resolve({ socket, status: data.toString().slice(9, 12) }))
        socket.once('close', () => resolve({ socket, status: 'closed' }))
        socket.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n')
      })
    const opened = []
    for (const from of [
      '127.0.0.1',
      '127.0.0.1',
      '127.0.0.1',
      '127.0.0.2',
      '127.0.0.3',
      '127.0.0.3',
      '127.0.0.3',
    ]) {
      opened.push(await open(from))
    }
    t.same(
      opened.map(({ status }) => status),
      ['200', '200', 'closed', '200', '200', '200', '200'],
    )
    t.equal(dropped, 1)
    const left = new Promise((resolve) => app.server.once('connection', resolve))
    const [first] = opened
    const connections = () =>
      new Promise<number>((resolve) => app.server.getConnections((_error, count) => resolve(count)))
    const before = await connections()
    first?.socket.destroy()
    while ((await connections()) === before) await new Promise((resolve) => setTimeout(resolve, 5))
    const again = await open('127.0.0.1')
    await left
    t.equal(again.status, '200', 'room again')
    for (const { socket } of [...opened, again]) socket.destroy()
  },
)
