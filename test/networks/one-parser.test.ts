import fc from 'fast-check'
import t from 'tap'
import { loadSettings } from '../../src/config/load-settings.ts'
import { networkProblem } from '../../src/networks/networks.ts'
import { parsePolicy } from '../../src/policy/policy-file.ts'
import { compileSitePolicy } from '../../src/policy/site-policy.ts'
import { parseClients } from '../../src/server/clients.ts'
import { factsOf } from '../policy/policy-facts.ts'

const hash = `scrypt:16384:8:1:${Buffer.alloc(16, 1).toString('base64')}:${Buffer.alloc(32, 2).toString('base64')}`

/** What each place that takes networks makes of one: how it decides about addresses, or the problem that it names. */
interface Reading {
  readonly contains?: (address: string) => boolean
  readonly problem?: string
}

function readByPolicy(network: string): Reading {
  const rule = { name: 'here', when: { nasAddress: network }, decision: 'deny' }
  const parsed = parsePolicy(JSON.stringify({ rules: [rule] }), 'p')
  if (!parsed.ok) return { problem: parsed.fault.message }
  const policy = compileSitePolicy(parsed.value.definition)
  return {
    contains: (nasIpAddress) => policy.decide(factsOf({ context: { nasIpAddress } })).rule === 'here',
  }
}

function readByClients(network: string): Reading {
  const client = { name: 'a', basic: { username: 'a', passwordHash: hash }, networks: [network] }
  const parsed = parseClients(JSON.stringify({ clients: [client] }), 'c')
  if (!parsed.ok) return { problem: parsed.fault.message }
  return { contains: (address) => parsed.value.clients[0]?.networks?.contains(address) === true }
}

function readByVariable(network: string): Reading {
  const loaded = loadSettings(
    {
      INTUNE_TENANT_ID: 'contoso.example',
      INTUNE_CLIENT_ID: '0d1f6e1a-0b3c-4d5e-8f70-112233445566',
      INTUNE_CERTIFICATE_FILE: '/app.pem',
      INTUNE_PRIVATE_KEY_FILE: '/app.key',
      SERVICE_TRUSTED_PROXIES: network,
    },
    () => undefined,
  )
  return loaded.ok ? {} : { problem: loaded.problems[0]?.problem ?? '' }
}

t.test('a network that one place refuses is refused by every place, with the same words', async (t) => {
  for (const [text, words] of [
    [
      '10.0.0.5/8',
      'has bits behind its prefix: write 10.0.0.0/8 for the network or 10.0.0.5 for the one machine',
    ],
    ['2001:db8::1/64', 'write 2001:db8::/64 for the network or 2001:db8::1 for the one machine'],
    ['::ffff:10.0.0.1', 'is IPv4 in the form of IPv6: write 10.0.0.1'],
    ['0:0:0:0:0:FFFF:a00:1', 'is IPv4 in the form of IPv6: write 10.0.0.1'],
    ['::ffff:10.0.0.0/104', 'is IPv4 in the form of IPv6: write 10.0.0.0/8'],
    ['fe80::1%eth0', 'has a zone'],
    ['10.0.0.0/33', 'must have a prefix length from 0 to 32'],
    ['10.0.0.0/08', 'must have a prefix length from 0 to 32'],
    ['10.0.0/8', 'must be an address or a network'],
    ['switch.example', 'must be an address or a network'],
  ] as const) {
    for (const read of [readByPolicy, readByClients, readByVariable]) {
      t.ok(read(text).problem?.includes(words), `${read.name} ${text}: ${read(text).problem}`)
    }
  }
})

const ipv4 = fc.ipV4()
const ipv6 = fc.oneof(
  fc.ipV6(),
  ipv4.map((address) => `::ffff:${address}`),
  fc.constant('fe80::1%eth0'),
)
const network = fc.oneof(
  ipv4,
  ipv6,
  fc.tuple(ipv4, fc.nat(33)).map(([address, prefix]) => `${address}/${prefix}`),
  fc.tuple(fc.ipV4(), fc.nat(32)).map(([address, prefix]) => `${maskedIpv4(address, prefix)}/${prefix}`),
  fc.tuple(ipv6, fc.nat(129)).map(([address, prefix]) => `${address}/${prefix}`),
  fc.constantFrom('::/0', '2001:db8::/32', '0.0.0.0/0', '10.0.0.0/', '/8', '10.1'),
)

function maskedIpv4(address: string, prefix: number): string {
  const bits = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)
  const kept = prefix === 0 ? 0 : (bits & (-1 << (32 - prefix))) >>> 0
  return [24, 16, 8, 0].map((shift) => (kept >>> shift) & 255).join('.')
}

t.test('every network means the same in a policy, a clients file and a variable', async (t) => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6())
  fc.assert(
    fc.property(network, fc.array(address, { minLength: 1, maxLength: 5 }), (text, addresses) => {
      const problem = networkProblem(text)
      const [policy, clients, variable] = [readByPolicy(text), readByClients(text), readByVariable(text)]
      if (problem !== undefined) {
        return [policy, clients, variable].every((reading) => reading.problem?.includes(problem))
      }
      const own = text.split('/')[0] ?? ''
      return (
        variable.problem === undefined &&
        [own, ...addresses].every((one) => policy.contains?.(one) === clients.contains?.(one)) &&
        policy.contains?.(own) === true
      )
    }),
    { numRuns: 500 },
  )
  t.pass('500 networks')
})
