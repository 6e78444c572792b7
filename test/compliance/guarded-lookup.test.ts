import t from 'tap'
import type { MdmLookup, MdmService, Observation } from '../../src/compliance/compliance-record.ts'
import { createGuardedLookup } from '../../src/compliance/guarded-lookup.ts'
import type { LineLimits } from '../../src/compliance/question-line.ts'
import type { FaultCode } from '../../src/errors/catalogue.ts'
import { type Fault, failure, type Outcome, success } from '../../src/errors/fault.ts'
import { type DeviceIdentifier, identifierKey } from '../../src/identity/device-identity.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'
import { mac } from '../fakes/scripted-lookup.ts'

type Reply = FaultCode | Partial<Fault> | 'ok'

/** Replies one after the other, the last one for ever; serial numbers are asked of Graph, all else of Intune. */
function build(replies: readonly Reply[] = ['ok'], limits?: LineLimits) {
  const clock = new FakeClock()
  let asked = 0
  let hold: (() => void)[] | undefined
  const said = new Map<string, Reply>()
  const lookup: MdmLookup = (identifier, through) => {
    const service: MdmService = identifier.kind === 'serialNumber' ? 'graph' : 'compliance_retrieval'
    const ask = async () => {
      const reply = said.get(identifier.value) ?? replies[Math.min(asked, replies.length - 1)] ?? 'ok'
      asked += 1
      if (hold) await new Promise<void>((resolve) => hold?.push(resolve))
      return outcomeOf(reply, clock)
    }
    return through ? through(service, ask) : ask()
  }
  const deviceIds = new Map<string, string>()
  const guarded = createGuardedLookup({
    lookup,
    clock,
    random: () => 0,
    budgetMs: 1000,
    deviceIdOf: (key) => deviceIds.get(key),
    ...(limits && { limits }),
  })
  const ask = async (identifier: DeviceIdentifier = mac(), share = 'client') => {
    const asking = guarded.lookup(identifier, share)
    for (let turn = 0; turn < 4; turn += 1) await settle()
    await clock.advance(50)
    return asking
  }
  return {
    clock,
    guarded,
    ask,
    asked: () => asked,
    intune: () => guarded.status().compliance_retrieval,
    graph: () => guarded.status().graph,
    /** Asks about five devices that nobody has asked about before. */
    askFive: async () => {
      for (let count = 0; count < 5; count += 1) await ask(numbered(count))
    },
    /** What is said of one device, whoever asks. */
    say: (identifier: DeviceIdentifier, reply: Reply) => void said.set(identifier.value, reply),
    /** Names the same device by another identifier. */
    sameDevice: (identifier: DeviceIdentifier, id: string) =>
      void deviceIds.set(identifierKey(identifier), id),
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

function numbered(index: number): DeviceIdentifier {
  return mac(`0050560000${index.toString(16).toUpperCase().padStart(2, '0')}`)
}

function serial(value: string): DeviceIdentifier {
  return { kind: 'serialNumber', value, origin: 'serialNumber', rank: 3 }
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
  const { askFive, asked, guarded, intune } = build(['upstream_timeout'])
  await askFive()
  t.equal(asked(), 5)
  t.match(await guarded.lookup(mac()), { ok: false, fault: { code: 'upstream_timeout' } })
  t.equal(asked(), 5, 'nothing was sent')
  t.equal(guarded.admits('compliance_retrieval'), false)
  t.match(intune(), { breaker: { state: 'open' }, running: 0, waiting: 0 })
})

t.test('Retry-After is counted down in what callers are told', async (t) => {
  const { clock, ask, guarded, asked } = build([
    { code: 'intune_throttled', status: 429, retryAfterMs: 60_000 },
  ])
  await ask()
  await clock.advance(20_000)
  const answer = await guarded.lookup(numbered(1))
  t.match(answer, { ok: false, fault: { code: 'intune_throttled', status: 429 } })
  const left = answer.ok ? 0 : (answer.fault.retryAfterMs ?? 0)
  t.ok(left > 39_000 && left <= 40_000, `${left} ms are left`)
  t.equal(asked(), 1)
})

t.test('an answer says whether anything was sent for it', async (t) => {
  const { ask, askFive, say } = build(['ok'])
  say(serial('ILL'), { code: 'details_throttled', hop: 'details', status: 500 })
  const sent = await ask(serial('ILL'))
  t.match(sent, { ok: false, fault: { code: 'details_throttled', wasNotSent: undefined } })
  t.match(await ask(serial('ILL')), { ok: false, fault: { wasNotSent: true } }, 'the device is left alone')
  for (let count = 0; count < 5; count += 1) say(numbered(count), 'connection_refused')
  await askFive()
  t.match(await ask(numbered(9)), { ok: false, fault: { wasNotSent: true } }, 'the service is left alone')
})

t.test('a look-up of which one part was sent says that it was', async (t) => {
  const clock = new FakeClock()
  let questions = 0
  const lookup: MdmLookup = async (_identifier, through) => {
    await through?.('compliance_retrieval', async () => {
      questions += 1
      return outcomeOf('ok', clock)
    })
    const outcome = outcomeOf({ code: 'details_throttled', status: 429, retryAfterMs: 60_000 }, clock)
    return (await through?.('graph', async () => outcome)) ?? outcome
  }
  const guarded = createGuardedLookup({ lookup, clock, random: () => 0, budgetMs: 1000 })
  for (const device of [mac(), mac('005056A4895B')]) {
    const answer = await guarded.lookup(device)
    t.match(answer, { fault: { code: 'details_throttled', wasNotSent: undefined } })
  }
  t.equal(questions, 2, 'Graph was left alone, Intune was asked')
})

t.test('a single probe finds out, without a second attempt', async (t) => {
  const { clock, askFive, asked, guarded, intune } = build([
    ...Array<Reply>(10).fill('connection_refused'),
    'ok',
  ])
  await askFive()
  const before = asked()
  await clock.advance(1000)
  const answers = await Promise.all([guarded.lookup(mac()), guarded.lookup(mac('005056A4895B'))])
  t.equal(asked(), before + 1)
  t.same(
    answers.map(({ ok }) => ok),
    [true, false],
  )
  t.match(intune().breaker, { state: 'closed' })
})

t.test('what is wrong with one service is nothing to another', async (t) => {
  const throttled = {
    code: 'details_throttled',
    status: 429,
    hop: 'details',
    retryAfterMs: 3_000_000,
  } as const
  const { ask, say, intune, graph } = build()
  say(serial('ZY22'), throttled)
  await ask(serial('ZY22'))
  t.match(graph().breaker, { state: 'open', cause: 'retry_after' })
  t.match(intune().breaker, { state: 'closed' })
  t.match(await ask(), { ok: true })
  t.match(await ask(serial('OTHER')), { fault: { code: 'details_throttled' } }, 'Graph throttles the app')
})

for (const hop of ['token', 'discovery'] as const) {
  t.test(`a failure of ${hop} is none of the service that was to be asked`, async (t) => {
    const { ask, askFive, intune, clock } = build([{ code: 'upstream_timeout', hop, retryAfterMs: 60_000 }])
    await askFive()
    await ask()
    t.match(intune().breaker, { state: 'closed', consecutiveFailures: 0 })
    await clock.advance(1)
    t.match(await ask(), { fault: { hop } }, 'it says for itself when it is over')
  })
}

t.test('one device in trouble, whatever it is asked by, is one failure and hurts nobody', async (t) => {
  for (const reply of [
    { code: 'intune_unavailable', status: 500 },
    { code: 'intune_unavailable', status: 503 },
    { code: 'intune_unavailable', status: 500, retryAfterMs: 3_000_000 },
    'upstream_timeout',
    'connection_failed',
  ] satisfies Reply[]) {
    const { ask, say, sameDevice, clock, intune, asked } = build()
    const names = Array.from({ length: 6 }, (_, index) => mac(`00505699990${index}`))
    for (const name of names) {
      say(name, reply)
      sameDevice(name, 'the same')
    }
    for (let round = 0; round < 50; round += 1) {
      for (const name of names) t.match(await ask(name), { ok: false })
      await clock.advance(1000)
    }
    t.match(intune().breaker, { state: 'closed', consecutiveFailures: 1 }, JSON.stringify(reply))
    t.ok(asked() <= 9, `${asked()} questions about it in a minute: it has a pause of its own`)
    for (let index = 0; index < 24; index += 1) t.match(await ask(numbered(index)), { ok: true })
  }
})

t.test(
  'a device in trouble is asked about after 1, 2, 4, ... 30 seconds, and at once when it is over',
  async (t) => {
    const { ask, say, clock, asked } = build()
    const device = numbered(7)
    say(device, { code: 'intune_unavailable', status: 500 })
    await ask(device)
    for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
      const before = asked()
      await clock.advance(seconds * 1000 - 51)
      t.match(await ask(device), { fault: { code: 'intune_unavailable', status: 500 } })
      t.equal(asked(), before, `not before ${seconds} s`)
      await clock.advance(1)
      await ask(device)
      t.equal(asked(), before + 1)
    }
    say(device, 'ok')
    await clock.advance(30_000)
    t.match(await ask(device), { ok: true })
    say(device, { code: 'intune_unavailable', status: 500 })
    await ask(device)
    await clock.advance(1000)
    const before = asked()
    await ask(device)
    t.equal(asked(), before + 1, 'a new trouble begins with a second')
  },
)

t.test(
  'too few devices for an outage are back together: the first answer ends the pauses of all',
  async (t) => {
    const { ask, say, clock } = build()
    const devices = [0, 1, 2].map(numbered)
    for (const device of devices) say(device, 'connection_refused')
    for (let round = 0; round < 60; round += 1) {
      for (const device of devices) await ask(device)
      await clock.advance(1000)
    }
    for (const device of devices) say(device, 'ok')
    await clock.advance(30_000)
    for (const device of devices) t.match(await ask(device), { ok: true })
  },
)

t.test('a 503 with Retry-After is said of the service, and believed for two minutes', async (t) => {
  const { ask, say, clock, asked } = build()
  say(numbered(0), { code: 'intune_unavailable', status: 503, retryAfterMs: 3_000_000 })
  await ask(numbered(0))
  t.match(await ask(numbered(1)), { fault: { status: 503 } })
  t.equal(asked(), 1, 'nothing is sent in the pause')
  await clock.advance(119_000)
  t.match(await ask(numbered(1)), { ok: false })
  await clock.advance(1000)
  t.match(await ask(numbered(1)), { ok: true }, 'whoever wrote an hour there')
})

t.test('a throttled reply that does not say how long is a pause of a second', async (t) => {
  const { ask, say, clock, asked } = build()
  say(numbered(0), { code: 'intune_throttled', status: 429 })
  await ask(numbered(0))
  t.match(await ask(numbered(1)), { fault: { code: 'intune_throttled' } })
  t.equal(asked(), 1)
  await clock.advance(1000)
  t.match(await ask(numbered(1)), { ok: true })
})

for (const code of [
  'intune_reply_malformed',
  'intune_reply_mismatch',
  'intune_rejected',
  'intune_forbidden',
  'intune_unauthorized',
  'details_forbidden',
  'details_rejected',
  'details_reply_malformed',
  'reply_too_large',
] as const) {
  t.test(`${code} is an answer of the service and does not open the breaker`, async (t) => {
    const { ask, asked, intune, clock, say } = build([code])
    for (let count = 0; count < 20; count += 1) await ask(numbered(count))
    t.equal(asked(), 20)
    t.match(intune().breaker, { state: 'closed', consecutiveFailures: 0 })
    await ask(numbered(0))
    t.equal(asked(), 21, 'nor is there a pause for the device')
    for (let count = 0; count < 5; count += 1) {
      say(numbered(count), 'upstream_timeout')
      await ask(numbered(count))
    }
    t.match(intune().breaker, { state: 'open' })
    await clock.advance(1000)
    await ask(numbered(20))
    t.match(intune().breaker, { state: 'closed' }, 'and as a probe it is proof enough')
  })
}

t.test('a kind that the API has no query for is no failure', async (t) => {
  const { ask, graph } = build(['identifier_not_supported'])
  for (let count = 0; count < 6; count += 1) await ask(serial(`C0${count}`))
  t.match(graph().breaker, { state: 'closed', consecutiveFailures: 0 })
})

t.test('who asks for much waits behind itself, and everybody else is asked for at once', async (t) => {
  const { guarded, holdAnswers, asked, releaseAnswers, intune } = build()
  holdAnswers()
  const batch = Array.from({ length: 600 }, (_, index) =>
    guarded.lookup(mac(index.toString(16).toUpperCase().padStart(12, '0')), 'ise batch'),
  )
  await settle()
  t.equal(asked(), 64)
  t.match(intune(), { running: 64, waiting: 256, shed: 280 })
  const other = guarded.lookup(mac(), 'radius')
  const behind = guarded.lookup(mac('005056A4895B'))
  await settle()
  t.equal(asked(), 66, 'another client, and a refresh behind')
  t.match(await batch.at(-1), { ok: false, fault: { code: 'intune_queue_full' } })
  releaseAnswers()
  t.match(await other, { ok: true })
  t.match(await behind, { ok: true })
  const settled = await Promise.all(batch)
  t.equal(settled.filter(({ ok }) => ok).length, 320)
  t.match(intune(), { running: 0, waiting: 0 }, 'every place is given back')
})

t.test('a question that a batch has waiting comes forward when somebody else asks the same', async (t) => {
  const { guarded, holdAnswers, asked, releaseAnswers } = build()
  holdAnswers()
  const devices = Array.from({ length: 200 }, (_, index) => numbered(index))
  const batch = devices.map((device) => guarded.lookup(device, 'ise batch'))
  await settle()
  t.equal(asked(), 64)
  guarded.join(devices[199] ?? mac(), 'radius')
  guarded.join(mac('005056FFFFFF'), 'radius')
  await settle()
  t.equal(asked(), 65, 'it does not wait behind the other 135')
  releaseAnswers()
  t.ok((await Promise.all(batch)).every(({ ok }) => ok))
})

t.test('who waits in line when the breaker opens is answered without being asked', async (t) => {
  const { guarded, asked, holdAnswers, releaseAnswers } = build(['upstream_timeout'], {
    running: 8,
    waitingOfShare: 50,
    waiting: 100,
  })
  holdAnswers()
  const answers = Array.from({ length: 40 }, (_, index) => guarded.lookup(numbered(index), 'client'))
  await settle()
  releaseAnswers()
  const settled = await Promise.all(answers)
  t.equal(asked(), 6)
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
  t.match(guarded.status(), { compliance_retrieval: { running: 0 } })
})

t.test(
  'a question that rejects all the same is a failure of the service and leaves nothing half open',
  async (t) => {
    const guarded = createGuardedLookup({
      lookup: (_identifier, through) =>
        through?.('nac', () => Promise.reject(new Error('defect'))) ?? Promise.reject(new Error('no gate')),
      clock: new FakeClock(),
      random: () => 0,
      budgetMs: 1000,
    })
    t.match(await guarded.lookup(mac()), failure('internal', 'a look-up ended in an exception'))
    t.match(guarded.status(), { nac: { running: 0, breaker: { consecutiveFailures: 1 } } })
  },
)
