import t from 'tap'
import { createAuthenticator } from '../../src/server/authentication.ts'
import { createFailedAttempts } from '../../src/server/failed-attempts.ts'
import { hashSecret, parseSecretHash } from '../../src/server/secret-hash.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const passwordHash = parseSecretHash(await hashSecret('right'))
if (passwordHash === undefined) throw new Error('hashSecret and parseSecretHash disagree')
const basic = (name: string, secret: string) => `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`
const clients = {
  clients: [{ name: 'nac', frontends: ['json' as const], basic: { username: 'nac', passwordHash } }],
}

t.test('after ten wrong credentials within a minute an address waits, without scrypt', async (t) => {
  const clock = new FakeClock()
  let checks = 0
  const authenticate = createAuthenticator({
    clients,
    clock,
    verify: async (secret) => {
      checks += 1
      return secret === 'right'
    },
  })
  const ask = async (secret: string, address = '192.0.2.7') => {
    const outcome = await authenticate(basic('nac', secret), address, 'json')
    return outcome.ok ? outcome.value.client : outcome.fault.code
  }
  t.equal(await ask('right'), 'nac')
  for (let attempt = 0; attempt < 10; attempt += 1) t.equal(await ask(`w${attempt}`), 'unauthenticated')
  t.equal(checks, 11)
  await clock.advance(20_000)
  t.match(authenticate(basic('nac', 'w'), '192.0.2.7', 'json'), {
    fault: { code: 'too_many_attempts', retryAfterMs: 40_000 },
  })
  t.equal(checks, 11, 'nothing was spent on it')
  t.equal(await ask('right'), 'nac', 'a proven credential is never slowed')
  t.equal(await ask('w', '192.0.2.8'), 'unauthenticated', 'another address is not slowed')
  await clock.advance(40_000)
  t.equal(await ask('w'), 'unauthenticated', 'looked at again after a minute')
})

t.test('attempts that stood in line are refused too, once ten have failed', async (t) => {
  let checks = 0
  const authenticate = createAuthenticator({
    clients,
    clock: new FakeClock(),
    verify: async () => {
      checks += 1
      return false
    },
  })
  const outcomes = await Promise.all(
    Array.from({ length: 60 }, (_, index) => authenticate(basic('nac', `${index}`), '192.0.2.7', 'json')),
  )
  t.ok(checks <= 11, `${checks} checks for sixty attempts at once`)
  t.equal(
    outcomes.filter((outcome) => !outcome.ok && outcome.fault.code === 'too_many_attempts').length,
    60 - checks,
  )
})

t.test('IPv6 addresses of one /64 count together, other networks apart', async (t) => {
  const attempts = createFailedAttempts(new FakeClock())
  for (let index = 0; index < 10; index += 1) attempts.note(`2001:db8::1:${index}`)
  t.ok(attempts.waitMs('2001:db8:0:0:ffff::9') > 0)
  t.equal(attempts.waitMs('2001:db8:0:1::9'), 0)
  for (let index = 0; index < 10; index += 1) attempts.note('::ffff:192.0.2.1')
  t.equal(attempts.waitMs('::ffff:192.0.2.2'), 0, 'mapped addresses are IPv4')
})

t.test('however many addresses fail, ten thousand are remembered', async (t) => {
  const attempts = createFailedAttempts(new FakeClock())
  const fail = (address: string) => {
    for (let count = 0; count < 10; count += 1) attempts.note(address)
  }
  fail('first')
  for (let index = 0; index < 9999; index += 1) attempts.note(`a${index}`)
  t.ok(attempts.waitMs('first') > 0)
  for (let index = 0; index < 10_000; index += 1) attempts.note(`b${index}`)
  t.equal(attempts.waitMs('first'), 0, 'forgotten')
})

t.test('a wrong user and a wrong password take the same time', async (t) => {
  const authenticate = createAuthenticator({ clients, clock: new FakeClock() })
  const times = { user: [] as number[], password: [] as number[] }
  const measure = async (kind: keyof typeof times, header: string, round: number) => {
    const startedMs = performance.now()
    const outcome = await authenticate(header, `192.0.2.${round}`, 'json')
    times[kind].push(performance.now() - startedMs)
    t.equal(outcome.ok, false)
  }
  for (let round = 0; round < 30; round += 1) {
    const order = round % 2 === 0 ? (['user', 'password'] as const) : (['password', 'user'] as const)
    for (const kind of order)
      await measure(kind, basic(kind === 'user' ? 'nobody' : 'nac', `w${round}`), round)
  }
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
  const [user, password] = [median(times.user), median(times.password)]
  t.ok(user > 5, `an unknown user costs a scrypt: ${user} ms`)
  // A check that skips scrypt would differ by a factor of a hundred; a busy machine differs by less than this.
  t.ok(Math.abs(Math.log(user / password)) < Math.log(1.5), `medians ${user} and ${password} ms`)
})
