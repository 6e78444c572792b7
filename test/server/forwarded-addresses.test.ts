import pino from 'pino'
import t, { type Test } from 'tap'
import { failure } from '../../src/errors/fault.ts'
import { frontends } from '../../src/frontends/frontends.ts'
import { createNetworks } from '../../src/networks/networks.ts'
import { readForwardedFor } from '../../src/server/forwarded-addresses.ts'
import { createServer } from '../../src/server/server.ts'

const forms: readonly [field: string, addresses: readonly string[], isWhole: boolean][] = [
  ['192.0.2.1', ['192.0.2.1'], true],
  ['192.0.2.1:4711', ['192.0.2.1'], true],
  ['"192.0.2.1:4711"', ['192.0.2.1'], true],
  ['2001:db8::1', ['2001:db8::1'], true],
  ['[2001:db8::1]', ['2001:db8::1'], true],
  ['[2001:db8::1]:4711', ['2001:db8::1'], true],
  ['"[2001:db8::1]:4711"', ['2001:db8::1'], true],
  ['::ffff:192.0.2.1', ['::ffff:192.0.2.1'], true],
  ['203.0.113.9 ,\t192.0.2.1:1', ['203.0.113.9', '192.0.2.1'], true],
  ['unknown', [], false],
  ['_hidden', [], false],
  ['', [], false],
  ['127.0.0.1, unknown', [], false],
  ['unknown, 192.0.2.1', ['192.0.2.1'], false],
  ['127.0.0.1,, 192.0.2.1', ['192.0.2.1'], false],
  ['fe80::1%eth0', [], false],
  ['192.0.2.1:', [], false],
  ['192.0.2.1:123456', [], false],
  ['192.0.2:80', [], false],
  ['[192.0.2.1]:80', [], false],
  ['[2001:db8::1', [], false],
  ['2001:db8::1]:80', [], false],
  ['"192.0.2.1', [], false],
  ['192.0.2.1"', [], false],
  ['for=192.0.2.1', [], false],
  ['localhost', [], false],
]

t.test(
  'X-Forwarded-For is read in the forms that proxies write, and no further than an address goes',
  async (t) => {
    for (const [field, addresses, isWhole] of forms) {
      t.same(readForwardedFor(field), { addresses, isWhole }, JSON.stringify(field))
    }
  },
)

t.test('a port in X-Forwarded-For does not make an address of its own', async (t) => {
  const { ask, seen } = listening(t, ['198.51.100.1'])
  for (const field of ['203.0.113.9:1', '203.0.113.9:2', '"203.0.113.9:3"', '203.0.113.9']) {
    await ask('198.51.100.1', field)
  }
  t.same(new Set(seen), new Set(['203.0.113.9']))
})

t.test('who is forwarded without a readable address counts as the proxy, and is logged once', async (t) => {
  const { ask, seen, lines } = listening(t, ['198.51.100.1', '198.51.100.2'])
  await ask('198.51.100.1', 'unknown')
  await ask('198.51.100.1', '127.0.0.1, unknown')
  await ask('198.51.100.1', '_a, 198.51.100.2')
  t.same(seen, ['198.51.100.1', '198.51.100.1', '198.51.100.2'])
  t.equal(lines.filter((line) => line.includes('forwarded_address_unreadable')).length, 1)
})

t.test(
  'nobody is taken for a caller on this machine because a proxy on it does not say who it is',
  async (t) => {
    const { ask, seen } = listening(t, ['127.0.0.1', '198.51.100.2'])
    await ask('127.0.0.1', 'unknown')
    await ask('127.0.0.1', 'unknown, 127.0.0.1')
    await ask('127.0.0.1', 'unknown, 127.0.0.1, 198.51.100.2')
    await ask('127.0.0.1', '127.0.0.1, 203.0.113.9')
    t.same(seen, ['0.0.0.0', '0.0.0.0', '0.0.0.0', '203.0.113.9'])
  },
)

function listening(t: Test, trusted: readonly string[]) {
  const seen: string[] = []
  const lines: string[] = []
  const app = createServer({
    logger: pino({}, { write: (line: string) => void lines.push(line) }),
    decide: async () => failure('intune_unavailable', 'not asked'),
    authenticate: (_header, address) => {
      seen.push(address)
      return failure('unauthenticated', 'not let in')
    },
    frontends,
    readiness: () => ({ ready: true, checks: {} }),
    trustedProxies: createNetworks(trusted),
  })
  t.teardown(() => app.close())
  const ask = (remoteAddress: string, field: string) =>
    app.inject({ url: '/v1/decision?mac=005056A4895A', remoteAddress, headers: { 'x-forwarded-for': field } })
  return { ask, seen, lines }
}
