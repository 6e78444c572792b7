import { pino } from 'pino'
import t from 'tap'
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
  traces: { find: async () => undefined, search: async () => [] },
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
