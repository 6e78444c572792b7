import t from 'tap'
import type { ComplianceLookup, Observation } from '../../src/compliance/compliance-record.ts'
import { createGuardedLookup } from '../../src/compliance/guarded-lookup.ts'
import type { FaultCode } from '../../src/errors/catalogue.ts'
import { type Fault, failure, type Outcome, success } from '../../src/errors/fault.ts'
import type { DeviceIdentifier } from '../../src/identity/device-identity.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'
import { mac } from '../fakes/scripted-lookup.ts'

type Reply = FaultCode | Partial<Fault> | 'ok'

/** Replies one after the other, the last one for ever. */
function build(replies: readonly Reply[] = ['ok'], limits?: { running: number; waiting: number }) {
  const clock = new FakeClock()
  let asked = 0
  let hold: (() => void)[] | undefined
  const lookup: ComplianceLookup = async () => {
    const reply = replies[Math.min(asked, replies.length - 1)] ?? 'ok'
    asked += 1
    if (hold) await new Promise<void>((resolve) => hold?.push(resolve))
    return outcomeOf(reply, clock)
  }
  const guarded = createGuardedLookup({
    lookup,
    clock,
    random: () => 0,
    budgetMs: 1000,
    ...(limits && { limits }),
  })
  const ask = async (identifier: DeviceIdentifier = mac()) => {
    const asking = guarded.lookup(identifier)
    for (let turn = 0; turn < 4; turn += 1) await settle()
    await clock.advance(50)
    return asking
  }
  return {
    clock,
    guarded,
    ask,
    asked: () => asked,
    holdAnswers: () => {
      hold = []
    },
    releaseAnswers: () => {
      const waiting = hold ?? []
      hold = undefined
      for (const release of waiting) release()
    },
  }
}

function outcomeOf(reply: Reply, clock: FakeClock): Outcome<Observation> {
  if (reply === 'ok') {
    return success({
      record: { enrolled: true, complianceState: 'compliant', observedAtMs: clock.nowMs() },
      trace: { api: 'compliance-retrieval', status: 200, requestId: 'r', durationMs: 1 },
    })
  }
  const fault = typeof reply === 'string' ? { code: reply } : reply
  return { ok: false, fault: { code: 'internal', message: 'scripted', hop: 'query', ...fault } }
}

for (const reply of [
  'connection_failed',
  'connection_refused',
  { code: 'intune_unavailable', status: 502 },
  { code: 'intune_unavailable', status: 503 },
  { code: 'intune_unavailable', status: 504 },
] satisfies Reply[]) {
  t.test(`${JSON.stringify(reply)} is tried once more, and no more than that`, async (t) => {
    const once = build([reply, 'ok'])
    t.match(await once.ask(), { ok: true })
    t.equal(once.asked(), 2)
    const twice = build([reply])
    t.match(await twice.ask(), { ok: false })
    t.equal(twice.asked(), 2)
  })
}

for (const reply of [
  'upstream_timeout',
  'tls_untrusted',
  'intune_forbidden',
  'intune_reply_malformed',
  { code: 'intune_unavailable', status: 500 },
  { code: 'intune_unavailable', status: 503, retryAfterMs: 5000 },
  { code: 'connection_failed', hop: 'token' },
] satisfies Reply[]) {
  t.test(`${JSON.stringify(reply)} is not tried again`, async (t) => {
    const { ask, asked } = build([reply, 'ok'])
    t.match(await ask(), { ok: false })
    t.equal(asked(), 1)
  })
}

t.test('there is no second attempt when the budget is used up', async (t) => {
  const { clock, guarded, asked, holdAnswers, releaseAnswers } = build(['connection_failed', 'ok'])
  holdAnswers()
  const asking = guarded.lookup(mac())
  await settle()
  await clock.advance(960)
  releaseAnswers()
  t.match(await asking, { ok: false, fault: { code: 'connection_failed' } })
  t.equal(asked(), 1)
})

t.test('while the breaker is open the fault that opened it is the answer, at once', async (t) => {
  const { ask, asked, guarded } = build(['upstream_timeout'])
  for (let count = 0; count < 5; count += 1) await ask()
  t.equal(asked(), 5)
  t.match(await guarded.lookup(mac()), { ok: false, fault: { code: 'upstream_timeout' } })
  t.equal(asked(), 5, 'nothing was sent')
  t.equal(guarded.admits(), false)
  t.match(guarded.status(), { breaker: { state: 'open' }, running: 0, waiting: 0 })
})

t.test('Retry-After is counted down in what callers are told', async (t) => {
  const { clock, ask, guarded, asked } = build([
    { code: 'intune_throttled', status: 429, retryAfterMs: 60_000 },
  ])
  await ask()
  await clock.advance(20_000)
  const answer = await guarded.lookup(mac())
  t.match(answer, { ok: false, fault: { code: 'intune_throttled', status: 429 } })
  const left = answer.ok ? 0 : (answer.fault.retryAfterMs ?? 0)
  t.ok(left > 39_000 && left <= 40_000, `${left} ms are left`)
  t.equal(asked(), 1)
})

t.test('a single probe finds out, without a second attempt', async (t) => {
  const { clock, ask, asked, guarded } = build([
    'connection_refused',
    ...Array<Reply>(9).fill('connection_refused'),
    'ok',
  ])
  for (let count = 0; count < 5; count += 1) await ask()
  const before = asked()
  await clock.advance(1000)
  const answers = await Promise.all([guarded.lookup(mac()), guarded.lookup(mac('005056A4895B'))])
  t.equal(asked(), before + 1)
  t.same(
    answers.map(({ ok }) => ok),
    [true, false],
  )
  t.match(guarded.status().breaker, { state: 'closed' })
})

for (const code of [
  'intune_reply_malformed',
  'intune_reply_mismatch',
  'intune_rejected',
  'reply_too_large',
] as const) {
  t.test(`${code} concerns one device and does not open the breaker`, async (t) => {
    const { ask, asked, guarded } = build([code])
    for (let count = 0; count < 20; count += 1) await ask(mac())
    t.equal(asked(), 20)
    t.match(guarded.status().breaker, { state: 'closed', consecutiveFailures: 0 })
  })
}

t.test('a kind that the API has no query for is said to be so while the breaker is open', async (t) => {
  const serial: DeviceIdentifier = { kind: 'serialNumber', value: 'C02', origin: 'serialNumber', rank: 3 }
  const { ask, guarded, asked } = build(['identifier_not_supported', 'upstream_timeout'])
  await ask(serial)
  t.match(guarded.status().breaker, { consecutiveFailures: 0 }, 'which is no failure')
  for (let count = 0; count < 5; count += 1) await ask()
  t.match(await guarded.lookup(serial), { ok: false, fault: { code: 'identifier_not_supported' } })
  t.match(await guarded.lookup(mac()), { ok: false, fault: { code: 'upstream_timeout' } })
  t.equal(asked(), 6)
})

t.test(
  'no more than the limit is with Intune, a bounded number waits, the rest is refused at once',
  async (t) => {
    const { guarded, asked, holdAnswers, releaseAnswers } = build(['ok'], { running: 2, waiting: 3 })
    holdAnswers()
    const answers = Array.from({ length: 7 }, (_, index) => guarded.lookup(mac(`00000000000${index}`)))
    await settle()
    t.equal(asked(), 2)
    t.match(guarded.status(), { running: 2, waiting: 3, shed: 2 })
    t.match(await answers[5], { ok: false, fault: { code: 'intune_queue_full' } })
    releaseAnswers()
    const settled = await Promise.all(answers)
    t.equal(settled.filter(({ ok }) => ok).length, 5)
    t.match(guarded.status(), { running: 0, waiting: 0 }, 'every place is given back')
  },
)

t.test('who waits in line when the breaker opens is answered without being asked', async (t) => {
  const { guarded, asked, holdAnswers, releaseAnswers } = build(['upstream_timeout'], {
    running: 5,
    waiting: 50,
  })
  holdAnswers()
  const answers = Array.from({ length: 40 }, () => guarded.lookup(mac()))
  await settle()
  releaseAnswers()
  const settled = await Promise.all(answers)
  t.equal(asked(), 5)
  t.ok(settled.every((answer) => !answer.ok && answer.fault.code === 'upstream_timeout'))
})

t.test('a look-up that rejects all the same is a fault and leaves nothing open', async (t) => {
  const guarded = createGuardedLookup({
    lookup: () => Promise.reject(new Error('defect')),
    clock: new FakeClock(),
    random: () => 0,
    budgetMs: 1000,
  })
  t.match(await guarded.lookup(mac()), failure('internal', 'a look-up ended in an exception'))
  t.match(guarded.status(), { running: 0 })
})
