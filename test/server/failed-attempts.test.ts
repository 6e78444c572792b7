import t from 'tap'
import type { Outcome } from '../../src/errors/fault.ts'
import { createAuthenticator } from '../../src/server/authentication.ts'
import type { ClientList } from '../../src/server/clients.ts'
import { createFailedAttempts, sourceOf } from '../../src/server/failed-attempts.ts'
import type { PeerCertificate } from '../../src/server/peer-certificate.ts'
import { hashSecret, parseSecretHash, verifySecret } from '../../src/server/secret-hash.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'

const passwordHash = parseSecretHash(await hashSecret('right'))
const otherHash = parseSecretHash(await hashSecret('something else'))
if (!passwordHash || !otherHash) throw new Error('hashSecret and parseSecretHash disagree')
const basic = (name: string, secret: string) => `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`
const clients: ClientList = {
  clients: [
    { name: 'nac', frontends: ['json'], basic: { username: 'nac', passwordHash } },
    { name: 'other', frontends: ['json'], basic: { username: 'other', passwordHash: otherHash } },
  ],
}

/** An authenticator on a clock of its own, with a check that counts instead of costing. */
function build(list: ClientList = clients) {
  const clock = new FakeClock()
  const checked: string[] = []
  const authenticate = createAuthenticator({
    clients: list,
    clock,
    verify: async (secret, expected) => {
      checked.push(secret)
      return expected === passwordHash && secret === 'right'
    },
  })
  /** What comes of it, and how long it took on that clock. */
  const ask = async (header: string, address = '192.0.2.7', certificate?: PeerCertificate) => {
    const startedMs = clock.monotonicMs()
    let answer: string | undefined
    const asking = Promise.resolve(authenticate(header, address, 'json', certificate)).then((outcome) => {
      answer = outcome.ok ? outcome.value.client : outcome.fault.code
    })
    await settle()
    while (answer === undefined) await clock.advance(50)
    await asking
    return { answer, tookMs: clock.monotonicMs() - startedMs }
  }
  const guess = async (count: number, user = 'nac', address?: string) => {
    for (let attempt = 0; attempt < count; attempt += 1) {
      await ask(basic(user, `${user} ${attempt} ${checked.length}`), address)
    }
  }
  return { clock, authenticate, checked, ask, guess }
}

const right = basic('nac', 'right')

t.test(
  'after ten wrong credentials within a minute the wrong ones of an address are answered late',
  async (t) => {
    const { clock, ask, guess, checked, authenticate } = build()
    for (let attempt = 0; attempt < 10; attempt += 1) {
      t.match(await ask(basic('nac', `w${attempt}`)), { answer: 'unauthenticated', tookMs: 0 })
    }
    t.match(await ask(basic('nac', 'w')), { answer: 'too_many_attempts', tookMs: 1000 })
    const answer = authenticate(basic('nac', 'w2'), '192.0.2.7', 'json')
    await clock.advance(1000)
    t.match(await answer, { fault: { code: 'too_many_attempts', retryAfterMs: 58_000 } })
    t.match(
      await ask(basic('nac', 'w'), '192.0.2.8'),
      { answer: 'unauthenticated', tookMs: 0 },
      'not elsewhere',
    )
    await clock.advance(58_000)
    t.match(await ask(basic('nac', 'w3')), { answer: 'unauthenticated', tookMs: 0 }, 'a minute later')
    await guess(20)
    t.ok(checked.length > 30, 'and each of them was looked at')
  },
)

t.test('what is right is admitted, however many were wrong before it, of this user or others', async (t) => {
  for (const user of ['nac', 'other', 'nobody']) {
    const { ask, guess } = build()
    await guess(20, user)
    const { answer, tookMs } = await ask(right)
    t.equal(answer, 'nac', user)
    t.ok(tookMs <= 100, `${tookMs} ms`)
    t.match(await ask(right), { answer: 'nac', tookMs: 0 }, 'and from then on at once')
  }
})

t.test('what is right has its turn while somebody guesses with ever new names', async (t) => {
  const { authenticate, ask, clock } = build()
  const outcomes: Promise<unknown>[] = []
  for (let attempt = 0; attempt < 500; attempt += 1) {
    outcomes.push(Promise.resolve(authenticate(basic(`user ${attempt}`, 'x'), '192.0.2.7', 'json')))
  }
  await clock.advance(500)
  const { answer, tookMs } = await ask(right)
  t.equal(answer, 'nac')
  t.ok(tookMs <= 200, `it waits for one check of the others: ${tookMs} ms`)
  await clock.advance(10_000)
  const codes = (await Promise.all(outcomes)).map(
    (outcome) => (outcome as { fault: { code: string } }).fault.code,
  )
  t.same([...new Set(codes)].sort(), ['too_many_attempts', 'unauthenticated'])
})

t.test('what is right has its turn while somebody guesses the password of that very user', async (t) => {
  const { authenticate, ask, clock, checked } = build()
  for (let attempt = 0; attempt < 20; attempt += 1) {
    void authenticate(basic('nac', `w${attempt}`), '192.0.2.7', 'json')
  }
  const { answer, tookMs } = await ask(right)
  t.equal(answer, 'nac')
  t.ok(tookMs <= 2000, `after the twenty: ${tookMs} ms`)
  await clock.advance(10_000)
  for (let attempt = 0; attempt < 200; attempt += 1) {
    void authenticate(basic('nac', `v${attempt}`), '192.0.2.9', 'json')
  }
  await clock.advance(10_000)
  t.ok(
    checked.length <= 21 + 34,
    `of two hundred at once ${checked.length - 21} are looked at: memory is bounded`,
  )
})

t.test(
  'who comes over a connection of its own does not wait behind one that was refused before',
  async (t) => {
    const { authenticate, clock, guess } = build()
    await guess(15)
    const guessing = {}
    const refused = authenticate(basic('nac', 'first'), '192.0.2.7', 'json', undefined, guessing)
    await clock.advance(1000)
    t.match(await refused, { ok: false })
    for (let attempt = 0; attempt < 30; attempt += 1) {
      void authenticate(basic('nac', `w${attempt}`), '192.0.2.7', 'json', undefined, guessing)
    }
    let answer: unknown
    void Promise.resolve(authenticate(right, '192.0.2.7', 'json', undefined, {})).then((outcome) => {
      answer = outcome
    })
    for (let step = 0; step < 4; step += 1) await clock.advance(100)
    t.match(answer, { ok: true }, 'although it is the very user')
  },
)

t.test('a slow address gets one check in 100 ms, for all of its users and however many ask', async (t) => {
  const { authenticate, clock, checked, guess } = build()
  await guess(12)
  await clock.advance(200)
  const before = checked.length
  for (let attempt = 0; attempt < 30; attempt += 1) {
    const user = ['nac', 'other', 'nobody'][attempt % 3] ?? ''
    void authenticate(basic(user, `p${attempt}`), '192.0.2.7', 'json')
  }
  for (let step = 0; step < 10; step += 1) await clock.advance(100)
  t.equal(checked.length - before, 11, 'at once, and ten in the second')
  for (let step = 0; step < 30; step += 1) await clock.advance(100)
  t.equal(checked.length - before, 30, 'and everybody in the end')
})

t.test('a name that nobody has is answered as one that somebody has', async (t) => {
  const known = build()
  const unknown = build()
  const answers = async ({ ask, authenticate, clock }: typeof known, user: string) => {
    const seen: unknown[] = []
    for (let attempt = 0; attempt < 15; attempt += 1) seen.push(await ask(basic(user, `w${attempt}`)))
    const flood = Array.from({ length: 100 }, async (_, attempt) => {
      const startedMs = clock.monotonicMs()
      const outcome = await authenticate(basic(user, `f${attempt}`), '192.0.2.7', 'json')
      return [outcome.ok || outcome.fault.code, clock.monotonicMs() - startedMs]
    })
    for (let step = 0; step < 60; step += 1) await clock.advance(100)
    return [...seen, ...(await Promise.all(flood))]
  }
  t.same(await answers(known, 'nac'), await answers(unknown, 'nobody'))
})

t.test(
  'a guesser from a name that nobody has does not tell by his delay which names there are',
  async (t) => {
    const { ask, guess } = build()
    await guess(15, 'nobody')
    t.match(await ask(basic('nobody else', 'x')), { answer: 'too_many_attempts', tookMs: 1000 })
    t.match(await ask(basic('nac', 'x')), { answer: 'too_many_attempts', tookMs: 1000 })
  },
)

t.test('a caller with an old password costs one check a minute', async (t) => {
  const { ask, checked, clock, authenticate } = build()
  for (let count = 0; count < 100; count += 1) await ask(basic('nac', 'old'))
  t.ok(checked.length <= 2, `${checked.length} checks in 90 seconds`)
  const before = checked.length
  authenticate.replaceClients(clients)
  await ask(basic('nac', 'old'))
  t.equal(checked.length, before + 1, 'an edit of the clients file is looked at at once')
  await clock.advance(60_000)
  await ask(basic('nac', 'old'))
  t.equal(checked.length, before + 2)
})

t.test(
  'a secret that came into the file while its check was under way is not called wrong for it',
  async (t) => {
    let finish = (_matches: boolean) => {}
    const authenticate = createAuthenticator({
      clients: { clients: [] },
      clock: new FakeClock(),
      verify: () => {
        const { promise, resolve } = Promise.withResolvers<boolean>()
        finish = resolve
        return promise
      },
    })
    const early = authenticate(right, '192.0.2.7', 'json')
    await settle()
    authenticate.replaceClients(clients)
    finish(false)
    t.match(await early, { ok: false })
    const late = authenticate(right, '192.0.2.7', 'json')
    await settle()
    finish(true)
    t.match(await late, { ok: true })
  },
)

t.test('a guesser slows nobody down who shows a certificate', async (t) => {
  const { ask, guess } = build()
  await guess(15)
  const certificate = { subject: 'CN=radius-1', alternativeNames: [], notAfterMs: Number.MAX_SAFE_INTEGER }
  t.match(await ask(basic('nac', 'w'), '192.0.2.7', certificate), { answer: 'unauthenticated', tookMs: 0 })
  t.match(await ask(right, '192.0.2.7', certificate), { answer: 'nac', tookMs: 0 })
})

t.test(
  'a wrong token costs a check for each client whose token is not proven yet, in the end one',
  async (t) => {
    const hashes = await Promise.all(['a', 'b', 'c'].map(hashSecret))
    const list: ClientList = {
      clients: hashes.map((text, index) => {
        const tokenHash = parseSecretHash(text)
        if (tokenHash === undefined) throw new Error('hashSecret and parseSecretHash disagree')
        return { name: `token-${index}`, frontends: ['json'], bearer: { tokenHash } }
      }),
    }
    const checked: string[] = []
    const authenticate = createAuthenticator({
      clients: list,
      clock: new FakeClock(),
      verify: (secret, expected) => {
        checked.push(secret)
        return verifySecret(secret, expected)
      },
    })
    const cost = async (token: string) => {
      const before = checked.length
      await authenticate(`Bearer ${token}`, '192.0.2.7', 'json')
      return checked.length - before
    }
    t.equal(await cost('w1'), 3)
    t.equal(await cost('b'), 2)
    t.equal(await cost('w2'), 2)
    t.equal(await cost('a'), 1)
    t.equal(await cost('c'), 1)
    t.equal(await cost('w3'), 1, 'as for a user who does not exist')
    t.equal(await cost('a'), 0)
  },
)

t.test('another spelling of proven credentials is proven too, and drives no other proof out', async (t) => {
  const { ask, checked } = build()
  t.match(await ask(right), { answer: 'nac' })
  for (let spaces = 2; spaces < 1010; spaces += 1) {
    await ask(right.replace(' ', ' '.repeat(spaces)))
  }
  t.match(await ask(right), { answer: 'nac' })
  t.equal(checked.length, 1)
})

t.test('when everybody waits, whoever has most waiting gives way to who has nothing yet', async (t) => {
  const { authenticate, ask, clock } = build()
  const outcomes: Promise<Outcome<unknown>>[] = []
  for (let address = 0; address < 20; address += 1) {
    for (let attempt = 0; attempt < 40; attempt += 1) {
      outcomes.push(Promise.resolve(authenticate(basic('x', `${attempt}`), `192.0.2.${address}`, 'json')))
    }
  }
  const { answer } = await ask(right, '198.51.100.1')
  t.equal(answer, 'nac')
  for (let step = 0; step < 100; step += 1) await clock.advance(1000)
  const codes = new Set((await Promise.all(outcomes)).map((outcome) => !outcome.ok && outcome.fault.code))
  t.ok(codes.has('too_many_attempts'))
})

t.test('IPv6 addresses of one /64 are one source, other networks and certificates are others', async (t) => {
  const one = sourceOf('2001:db8::1:7')
  t.equal(sourceOf('2001:db8:0:0:ffff::9'), one)
  t.not(sourceOf('2001:db8:0:1::9'), one)
  t.not(sourceOf('::ffff:192.0.2.1'), sourceOf('::ffff:192.0.2.2'), 'mapped addresses are IPv4')
  t.not(sourceOf('2001:db8::1:7', { subject: 'CN=radius-1' }), one)
})

t.test('a clock that is set back or forward changes no minute', async (t) => {
  const clock = new FakeClock()
  const attempts = createFailedAttempts(clock)
  for (let count = 0; count < 11; count += 1) attempts.note('a')
  clock.jump(-26 * 3_600_000)
  t.equal(attempts.waitMs('a'), 60_000)
  clock.jump(52 * 3_600_000)
  t.equal(attempts.waitMs('a'), 60_000)
})

t.test('however many addresses fail, ten thousand are remembered', async (t) => {
  const attempts = createFailedAttempts(new FakeClock())
  const fail = (address: string) => {
    for (let count = 0; count < 11; count += 1) attempts.note(address)
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
