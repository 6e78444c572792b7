import t from 'tap'
import { type Clock, systemClock } from '../../src/clock.ts'
import { type Authenticate, createAuthenticator } from '../../src/server/authentication.ts'
import { parseAuthorization } from '../../src/server/authorization-header.ts'
import type { ClientList } from '../../src/server/clients.ts'
import { hashSecret, parseSecretHash, type SecretHash, verifySecret } from '../../src/server/secret-hash.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const address = '192.0.2.7'

async function secretHash(secret: string): Promise<SecretHash> {
  const parsed = parseSecretHash(await hashSecret(secret))
  if (parsed === undefined) throw new Error('hashSecret and parseSecretHash disagree')
  return parsed
}

const clients: ClientList = {
  clients: [
    {
      name: 'switches',
      frontends: ['radius'],
      basic: { username: 'nac', passwordHash: await secretHash('a:b') },
    },
    {
      name: 'web',
      frontends: ['json'],
      basic: { username: 'wëb', passwordHash: await secretHash('pässword') },
    },
    { name: 'first', frontends: ['json'], bearer: { tokenHash: await secretHash('token-1') } },
    { name: 'second', frontends: ['json'], bearer: { tokenHash: await secretHash('token-2') } },
  ],
}

const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64')
const basic = (username: string, password: string) => `Basic ${base64(`${username}:${password}`)}`

/** An authenticator that counts what it would spend on scrypt. */
function counted(list: ClientList = clients, verify = verifySecret, clock: Clock = systemClock) {
  const verified: SecretHash[] = []
  const authenticate = createAuthenticator({
    clients: list,
    clock,
    verify: (secret, expected) => {
      verified.push(expected)
      return verify(secret, expected)
    },
  })
  return { authenticate, verified }
}

const matrix: readonly {
  case: string
  header: string | undefined
  frontend: Parameters<Authenticate>[2]
  expected: string
  checks: number
}[] = [
  { case: 'no credentials', header: undefined, frontend: 'json', expected: 'unauthenticated', checks: 0 },
  { case: 'an empty header', header: '', frontend: 'json', expected: 'unauthenticated', checks: 0 },
  {
    case: 'a wrong password',
    header: basic('nac', 'x'),
    frontend: 'radius',
    expected: 'unauthenticated',
    checks: 1,
  },
  {
    case: 'an empty password',
    header: basic('nac', ''),
    frontend: 'radius',
    expected: 'unauthenticated',
    checks: 1,
  },
  {
    case: 'an unknown user',
    header: basic('nobody', 'a:b'),
    frontend: 'radius',
    expected: 'unauthenticated',
    checks: 1,
  },
  { case: 'a wrong token', header: 'Bearer nope', frontend: 'json', expected: 'unauthenticated', checks: 2 },
  {
    case: 'another scheme',
    header: 'Digest username="nac"',
    frontend: 'json',
    expected: 'unauthenticated',
    checks: 0,
  },
  {
    case: 'base64 that is none',
    header: 'Basic !!!!',
    frontend: 'json',
    expected: 'unauthenticated',
    checks: 0,
  },
  {
    case: 'a scheme without credentials',
    header: 'Basic',
    frontend: 'json',
    expected: 'unauthenticated',
    checks: 0,
  },
  {
    case: 'the right password',
    header: basic('nac', 'a:b'),
    frontend: 'radius',
    expected: 'switches',
    checks: 1,
  },
  {
    case: 'the right password in UTF-8',
    header: basic('wëb', 'pässword'),
    frontend: 'json',
    expected: 'web',
    checks: 1,
  },
  {
    case: 'the scheme in another case',
    header: `bAsIc  ${base64('nac:a:b')}`,
    frontend: 'radius',
    expected: 'switches',
    checks: 1,
  },
  {
    case: 'the right password of another front end',
    header: basic('nac', 'a:b'),
    frontend: 'json',
    expected: 'client_forbidden',
    checks: 1,
  },
  { case: 'a right token', header: 'Bearer token-1', frontend: 'json', expected: 'first', checks: 1 },
  {
    case: 'a right token further down',
    header: 'bearer token-2',
    frontend: 'json',
    expected: 'second',
    checks: 2,
  },
  {
    case: 'a right token of another front end',
    header: 'Bearer token-1',
    frontend: 'ise',
    expected: 'client_forbidden',
    checks: 1,
  },
  {
    case: 'a token as a password',
    header: basic('first', 'token-1'),
    frontend: 'json',
    expected: 'unauthenticated',
    checks: 1,
  },
  {
    case: 'a password as a token',
    header: 'Bearer pw',
    frontend: 'json',
    expected: 'unauthenticated',
    checks: 2,
  },
]

for (const { case: name, header, frontend, expected, checks } of matrix) {
  t.test(`${name}: ${expected}, after ${checks} scrypt`, async (t) => {
    const { authenticate, verified } = counted()
    const outcome = await authenticate(header, address, frontend)
    t.equal(outcome.ok ? outcome.value.client : outcome.fault.code, expected)
    t.equal(verified.length, checks)
  })
}

t.test('an unknown user costs the same scrypt as a wrong password', async (t) => {
  const { authenticate, verified } = counted()
  await authenticate(basic('nac', 'wrong'), address, 'radius')
  await authenticate(basic('nobody', 'wrong'), address, 'radius')
  t.same(verified[1]?.parameters, verified[0]?.parameters)
  const empty = counted({ clients: [] })
  t.match(await empty.authenticate('Bearer x', address, 'json'), { fault: { code: 'unauthenticated' } })
  t.match(await empty.authenticate(basic('a', 'b'), address, 'json'), { fault: { code: 'unauthenticated' } })
  t.equal(empty.verified.length, 2, 'also where there is no client at all')
})

t.test('a hash that nobody has never lets an unknown user in', async (t) => {
  const { authenticate } = counted(clients, async () => true)
  t.match(await authenticate(basic('nobody', 'x'), address, 'json'), { fault: { code: 'unauthenticated' } })
  const empty = counted({ clients: [] }, async () => true)
  t.match(await empty.authenticate('Bearer x', address, 'json'), { fault: { code: 'unauthenticated' } })
})

t.test('scrypt runs once per credential, and then the answer comes at once', async (t) => {
  const { authenticate, verified } = counted()
  const header = basic('wëb', 'pässword')
  const together = await Promise.all(Array.from({ length: 64 }, () => authenticate(header, address, 'json')))
  t.ok(together.every(({ ok }) => ok))
  t.equal(verified.length, 1, 'sixty-four connections with one credential cost one scrypt')
  t.same(authenticate(header, address, 'json'), { ok: true, value: { client: 'web' } }, 'without a promise')
  t.match(authenticate(header, address, 'ise'), { fault: { code: 'client_forbidden' } }, 'per front end')
  t.equal(verified.length, 1)
})

t.test('a wrong credential is remembered for a while, and another one is checked', async (t) => {
  const { authenticate, verified } = counted()
  for (const password of ['wrong', 'wrong', 'also wrong']) {
    t.match(await authenticate(basic('nac', password), address, 'radius'), {
      fault: { code: 'unauthenticated' },
    })
  }
  t.equal(verified.length, 2)
})

/** Checks that wait until they are released, on a clock that stands still. */
function held() {
  const release: (() => void)[] = []
  const clock = new FakeClock()
  const check = async () => {
    await new Promise<void>((resolve) => release.push(resolve))
    return true
  }
  return { release, clock, ...counted(clients, check, clock) }
}

t.test('two checks run at once, thirty-two of a user wait, and the rest is turned away', async (t) => {
  const { authenticate, verified, release, clock } = held()
  const attempts = Array.from({ length: 35 }, (_, index) =>
    authenticate(basic('nac', `${index}`), address, 'radius'),
  )
  await clock.advance(1000)
  t.match(await attempts[34], { fault: { code: 'too_many_attempts' } })
  t.equal(verified.length, 2, 'the thread pool keeps room for others')
  for (let done = 0; done < 34; done += 1) {
    t.ok(release.length <= 2 + done, 'never more than two at once')
    release[done]?.()
    await attempts[done]
  }
  t.equal(verified.length, 34, 'everyone who waited was checked')
  t.match(authenticate(basic('nac', '3'), address, 'radius'), { ok: true })
})

t.test('of everybody together 512 wait, one each, and the next is told to come again', async (t) => {
  const { authenticate, verified, release } = held()
  const attempts = Array.from({ length: 514 }, (_, index) =>
    authenticate(basic('nobody', 'x'), `198.51.${index >> 8}.${index & 255}`, 'radius'),
  )
  t.match(await authenticate(basic('nac', 'a:b'), address, 'radius'), {
    fault: { code: 'service_overloaded' },
  })
  for (let done = 0; done < 514; done += 1) {
    release[done]?.()
    await attempts[done]
  }
  t.equal(verified.length, 514)
})

t.test('a check that breaks is a fault and leaves room for the next', async (t) => {
  let broken = true
  const { authenticate } = counted(clients, async () => {
    if (broken) throw new Error('out of memory')
    return true
  })
  for (let attempt = 0; attempt < 5; attempt += 1) {
    t.match(await authenticate(basic('nac', 'a:b'), address, 'radius'), { fault: { code: 'internal' } })
  }
  broken = false
  t.match(await authenticate(basic('nac', 'a:b'), address, 'radius'), { ok: true })
})

t.test('at most a thousand proofs are kept', async (t) => {
  const { authenticate, verified } = counted(clients, async () => true)
  for (let index = 0; index < 1001; index += 1)
    await authenticate(basic('nac', `${index}`), address, 'radius')
  await authenticate(basic('nac', '0'), address, 'radius')
  t.equal(verified.length, 1002, 'the oldest was forgotten')
})

t.test('without a clients file, callers on this machine are local and others are refused', async (t) => {
  const authenticate = createAuthenticator({ clients: undefined })
  for (const local of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1', '::ffff:127.9.9.9']) {
    t.same(authenticate(undefined, local, 'json'), { ok: true, value: { client: 'local' } }, local)
  }
  for (const remote of [
    '192.0.2.7',
    '128.0.0.1',
    '::2',
    '::ffff:192.0.2.7',
    'fe80::1',
    '',
    '127.evil',
    '0.0.0.0',
  ]) {
    t.match(
      authenticate(basic('nac', 'a:b'), remote, 'json'),
      { fault: { code: 'client_forbidden' } },
      remote,
    )
  }
})

t.test('with a clients file, a local caller needs credentials too', async (t) => {
  t.match(await counted().authenticate(undefined, '127.0.0.1', 'json'), {
    fault: { code: 'unauthenticated' },
  })
})

t.test('Basic and Bearer are parsed by their RFCs', async (t) => {
  t.same(parseAuthorization('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='), {
    scheme: 'basic',
    username: 'Aladdin',
    password: 'open sesame',
  })
  t.same(
    parseAuthorization('Basic dGVzdDoxMjPCow=='),
    { scheme: 'basic', username: 'test', password: '123£' },
    'the example of RFC 7617 section 2.1',
  )
  t.same(parseAuthorization(basic('u', ':p:')), { scheme: 'basic', username: 'u', password: ':p:' })
  t.same(parseAuthorization(basic('', '')), { scheme: 'basic', username: '', password: '' })
  t.same(parseAuthorization(basic('e\u0301', 'x')), { scheme: 'basic', username: 'é', password: 'x' })
  t.same(parseAuthorization('Bearer mF_9.B5f-4.1JqM~+/=='), {
    scheme: 'bearer',
    token: 'mF_9.B5f-4.1JqM~+/==',
  })
  const malformed = [
    'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ',
    `Basic ${base64('no colon')}`,
    `Basic ${base64('nul\0:x')}`,
    `Basic ${base64(Buffer.from([0x75, 0x3a, 0xff]))}`,
    'Basic QQ==, Bearer x',
    'BasicQWxhZGRpbg==',
    'Bearer',
    'Bearer a b',
    'Bearer a,b',
    ' Bearer a',
    'Bearer\ta',
    '\u0000',
  ]
  for (const header of malformed) t.equal(parseAuthorization(header), undefined, JSON.stringify(header))
})
