import { pino } from 'pino'
import t from 'tap'
import { createPlaces } from '../../src/server/concurrent-searches.ts'
import { type ManagementParts, registerManagementRoutes } from '../../src/server/management.ts'
import { createManagementServer } from '../../src/server/server.ts'

const done: string[] = []
const parts: ManagementParts = {
  exposeMetrics: async () => ({ contentType: 'text/plain', text: 'nac_up 1\n' }),
  status: () => ({ fine: true }),
  acceptHeld: async () => ({ records: done.push('accept') }),
  rejectHeld: () => ({ records: done.push('reject') }),
  purge: () => done.push('purge') > 0,
  purgeAll: () => done.push('purge all'),
  traces: { find: async () => undefined, search: async () => ({ traces: [], isComplete: true }) },
  listDevices: async () => ({ devices: [], next: null }),
}

const app = createManagementServer({
  logger: pino({ level: 'silent' }),
  readiness: () => ({ ready: true, checks: {} }),
})
registerManagementRoutes(app, parts)
t.teardown(() => app.close())

const guarded = [
  ['GET', '/decisions'],
  ['GET', '/decisions/6d8f0e0a-3f1c-4a53-9a59-5f4d2f1f7e11'],
  ['POST', '/guard/accept'],
  ['POST', '/guard/reject'],
  ['DELETE', '/devices'],
  ['DELETE', '/devices/mac/005056A4895A'],
] as const

t.test('what names a device or changes something answers this machine alone', async (t) => {
  for (const [method, url] of guarded) {
    for (const remoteAddress of ['192.0.2.7', '::ffff:192.0.2.7', '2001:db8::7']) {
      const reply = await app.inject({
        method,
        url,
        remoteAddress,
        headers: { 'x-forwarded-for': '127.0.0.1' },
      })
      t.equal(reply.statusCode, 403, `${method} ${url} from ${remoteAddress}`)
    }
  }
  t.same(done, [], 'nothing was done')
  for (const [method, url] of guarded) {
    for (const remoteAddress of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      const reply = await app.inject({ method, url, remoteAddress })
      t.not(reply.statusCode, 403, `${method} ${url} from ${remoteAddress}`)
    }
  }
  t.equal(done.length, 12, 'an operator on the machine can act')
})

t.test('probes, Prometheus and the status are answered from outside', async (t) => {
  for (const url of ['/livez', '/readyz', '/metrics', '/status']) {
    t.equal((await app.inject({ url, remoteAddress: '192.0.2.7' })).statusCode, 200, url)
  }
})

t.test('a caller has four searches at once, and the next is 503 with Retry-After', async (t) => {
  const busy = createManagementServer({
    logger: pino({ level: 'silent' }),
    readiness: () => ({ ready: true, checks: {} }),
  })
  t.teardown(() => busy.close())
  const { promise: searched, resolve: end } = Promise.withResolvers<void>()
  let begun = 0
  const search = async () => {
    begun += 1
    await searched
    if (begun === 5) throw new Error('a defect')
    return { traces: [], isComplete: false }
  }
  registerManagementRoutes(busy, { ...parts, traces: { find: async () => undefined, search } })
  const ask = (query = '') => busy.inject(`/decisions${query}`)
  const running = Array.from({ length: 4 }, () => ask())
  while (begun < 4) await new Promise((resolve) => setImmediate(resolve))
  const refused = await ask()
  t.match(refused, { statusCode: 503, headers: { 'retry-after': '1' } })
  t.match(refused.json(), { code: 'service_overloaded', detail: /more searches/ })
  t.equal((await busy.inject('/decisions/x')).statusCode, 404, 'one decision is looked for all the same')
  t.equal((await ask('?limit=0')).statusCode, 400)
  end()
  for (const one of await Promise.all(running)) t.same(one.json(), { decisions: [], complete: false })
  t.equal((await ask()).statusCode, 500, 'a search that fails gives its place back too')
  for (let again = 0; again < 9; again += 1) t.equal((await ask()).statusCode, 200)
})

t.test('nobody has all places', (t) => {
  const places = createPlaces({ ofCaller: 2, inAll: 3 })
  const [first] = [places.take('a'), places.take('a')]
  t.equal(places.take('a'), undefined, 'of one caller')
  t.ok(places.take('b'))
  t.equal(places.take('c'), undefined, 'of all')
  first?.()
  t.ok(places.take('c'))
  t.equal(places.take('a'), undefined)
  t.end()
})
