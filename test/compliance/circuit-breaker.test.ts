import t from 'tap'
import { type BreakerStatus, CircuitBreaker } from '../../src/compliance/circuit-breaker.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

function build(random = () => 0) {
  const clock = new FakeClock()
  const changes: BreakerStatus[] = []
  const breaker = new CircuitBreaker({ clock, random, onChange: (status) => changes.push(status) })
  const fail = (retryAfterMs?: number) => breaker.acquire()?.failed(retryAfterMs)
  const open = () => {
    for (let count = 0; count < 5; count += 1) fail()
  }
  return { clock, breaker, changes, fail, open }
}

t.test('five failures in a row open it, an answer in between does not', async (t) => {
  const { breaker, fail, changes } = build()
  for (let count = 0; count < 4; count += 1) fail()
  breaker.acquire()?.succeeded()
  for (let count = 0; count < 4; count += 1) fail()
  t.match(breaker.status, { state: 'closed', consecutiveFailures: 4 })
  t.same(changes, [])
  fail()
  t.match(breaker.status, { state: 'open', cause: 'failures', consecutiveFailures: 5 })
  t.equal(breaker.acquire(), undefined, 'nothing is let through')
  t.equal(breaker.admits, false)
})

t.test('probes come after 1, 2, 4, ... 30 seconds, one at a time', async (t) => {
  const { clock, breaker, open } = build()
  open()
  for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
    await clock.advance(seconds * 1000 - 1)
    t.equal(breaker.acquire(), undefined, `not before ${seconds} s`)
    await clock.advance(1)
    const probe = breaker.acquire()
    t.equal(probe?.isProbe, true, `after ${seconds} s`)
    t.equal(breaker.acquire(), undefined, 'and no second one beside it')
    t.match(breaker.status, { state: 'half_open' })
    probe?.failed()
  }
})

t.test('the first answer closes it, and the next outage starts from the beginning', async (t) => {
  const { clock, breaker, open } = build()
  open()
  await clock.advance(1000)
  breaker.acquire()?.failed()
  await clock.advance(2000)
  breaker.acquire()?.succeeded()
  t.same(breaker.status, { state: 'closed', consecutiveFailures: 0 })
  open()
  await clock.advance(1000)
  t.equal(breaker.acquire()?.isProbe, true, 'a second later')
})

t.test('one Retry-After opens it for as long as it says', async (t) => {
  const { clock, breaker, fail } = build()
  fail(120_000)
  t.match(breaker.status, { state: 'open', cause: 'retry_after', nextProbeAtMs: clock.nowMs() + 120_000 })
  await clock.advance(119_999)
  t.equal(breaker.acquire(), undefined)
  await clock.advance(1)
  t.equal(breaker.acquire()?.isProbe, true)
})

t.test('the probes of replicas are spread, and never early', async (t) => {
  const { clock, breaker, open } = build(() => 0.999999)
  open()
  await clock.advance(1099)
  t.equal(breaker.acquire(), undefined)
  await clock.advance(1)
  t.ok(breaker.acquire())
})

t.test(
  'what was let through before it opened changes nothing, but a late Retry-After is obeyed',
  async (t) => {
    const { clock, breaker, open } = build()
    const [good, bad, late] = [breaker.acquire(), breaker.acquire(), breaker.acquire()]
    open()
    good?.succeeded()
    t.match(breaker.status, { state: 'open' })
    bad?.failed()
    t.match(breaker.status, { consecutiveFailures: 5 })
    late?.failed(60_000)
    await clock.advance(59_999)
    t.equal(breaker.acquire(), undefined)
    await clock.advance(1)
    t.ok(breaker.acquire())
  },
)

t.test('a probe that learns nothing leaves the next question the probe', async (t) => {
  const { clock, breaker, open } = build()
  open()
  await clock.advance(1000)
  breaker.acquire()?.released()
  t.equal(breaker.acquire()?.isProbe, true)
})

t.test('every change is told once', async (t) => {
  const { clock, breaker, open, changes } = build()
  open()
  await clock.advance(1000)
  breaker.acquire()?.succeeded()
  t.same(
    changes.map(({ state }) => state),
    ['open', 'half_open', 'closed'],
  )
})
