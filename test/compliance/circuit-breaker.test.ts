import t from 'tap'
import { type BreakerStatus, CircuitBreaker } from '../../src/compliance/circuit-breaker.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

function build(random = () => 0) {
  const clock = new FakeClock()
  const changes: BreakerStatus[] = []
  const breaker = new CircuitBreaker({ clock, random, onChange: (status) => changes.push(status) })
  const fail = (device: string, pauseMs?: number) => breaker.acquire(device)?.failed(pauseMs)
  const open = () => {
    for (let count = 0; count < 5; count += 1) fail(`device ${count}`)
  }
  let strangers = 0
  /** A question about a device that nobody has asked about before. */
  const ask = () => {
    strangers += 1
    return breaker.acquire(`stranger ${strangers}`)
  }
  return { clock, breaker, changes, fail, open, ask }
}

t.test('five different devices in a row open it, an answer in between does not', async (t) => {
  const { breaker, fail, changes, ask } = build()
  for (let count = 0; count < 4; count += 1) fail(`device ${count}`)
  ask()?.succeeded()
  for (let count = 0; count < 4; count += 1) fail(`device ${count}`)
  t.match(breaker.status, { state: 'closed', consecutiveFailures: 4, openings: 0 })
  t.same(changes, [])
  fail('device 4')
  t.match(breaker.status, { state: 'open', cause: 'failures', consecutiveFailures: 5, openings: 1 })
  t.equal(ask(), undefined, 'nothing is let through')
  t.equal(breaker.admits(), false)
})

t.test('one device that fails a hundred times is one failure', async (t) => {
  const { breaker, fail } = build()
  for (let count = 0; count < 100; count += 1) fail('device 0')
  t.match(breaker.status, { state: 'closed', consecutiveFailures: 1 })
  for (let count = 0; count < 100; count += 1) fail(`device ${count % 4}`)
  t.match(breaker.status, { state: 'closed', consecutiveFailures: 4 }, 'four are four')
})

t.test('probes come after 1, 2, 4, ... 30 seconds, one at a time', async (t) => {
  const { clock, breaker, open, ask } = build()
  open()
  for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
    await clock.advance(seconds * 1000 - 1)
    t.equal(ask(), undefined, `not before ${seconds} s`)
    await clock.advance(1)
    const probe = ask()
    t.equal(probe?.isProbe, true, `after ${seconds} s`)
    t.equal(ask(), undefined, 'and no second one beside it')
    t.match(breaker.status, { state: 'half_open' })
    probe?.failed()
  }
})

t.test('the device of a probe that failed stands back for the others, and not for ever', async (t) => {
  const { clock, breaker, open } = build()
  open()
  await clock.advance(1000)
  breaker.acquire('poison')?.failed()
  await clock.advance(2000)
  t.equal(breaker.acquire('poison'), undefined, 'it was the last probe')
  t.equal(breaker.admits('poison'), false)
  t.equal(breaker.admits('sound'), true)
  const probe = breaker.acquire('sound')
  t.equal(probe?.isProbe, true, 'another device is the next')
  probe?.succeeded()
  t.equal(breaker.acquire('poison')?.isProbe, false)
})

t.test('four devices with a trouble of their own cannot be every probe between them', async (t) => {
  const { clock, breaker, open } = build()
  open()
  const probed: string[] = []
  // They ask in every millisecond, a sound device only now and then.
  for (let second = 0; second < 300; second += 1) {
    await clock.advance(1000)
    for (const device of ['a', 'b', 'c', 'd']) {
      const permit = breaker.acquire(device)
      if (permit?.isProbe) probed.push(device)
      permit?.failed()
    }
    if (second % 20 === 19) breaker.acquire('sound')?.succeeded()
    if (breaker.status.state === 'closed') break
  }
  t.same(probed, ['a', 'b', 'c', 'd'], 'each of them once')
  t.equal(breaker.status.state, 'closed')
})

t.test('where nobody else asks, the same device is the probe an interval later', async (t) => {
  const { clock, breaker, open } = build()
  open()
  await clock.advance(1000)
  breaker.acquire('only')?.failed()
  await clock.advance(2000)
  t.equal(breaker.acquire('only'), undefined)
  await clock.advance(4000)
  t.equal(breaker.acquire('only')?.isProbe, true)
})

t.test('the first answer closes it, and the next outage starts from the beginning', async (t) => {
  const { clock, breaker, open, ask } = build()
  open()
  await clock.advance(1000)
  ask()?.failed()
  await clock.advance(2000)
  ask()?.succeeded()
  t.same(breaker.status, { state: 'closed', consecutiveFailures: 0, openings: 1 })
  await clock.advance(120_000)
  open()
  await clock.advance(1000)
  t.equal(ask()?.isProbe, true, 'a second later')
  t.match(breaker.status, { openings: 2 })
})

t.test('devices that failed in an outage and fail again after it open nothing', async (t) => {
  const { clock, breaker, open, fail, ask } = build()
  open()
  await clock.advance(1000)
  ask()?.succeeded()
  open()
  for (let count = 5; count < 9; count += 1) fail(`device ${count}`)
  t.match(breaker.status, { state: 'closed', consecutiveFailures: 9 }, 'four others are not enough')
  fail('device 9')
  t.match(breaker.status, { state: 'open', openings: 2 }, 'five are')

  await clock.advance(1000)
  ask()?.succeeded()
  for (let count = 0; count < 10; count += 1) fail(`device ${count}`)
  t.match(breaker.status, { state: 'closed' }, 'all ten are known by now')
  for (let count = 0; count < 5; count += 1) {
    breaker.acquire(`device ${count}`)?.succeeded()
  }
  open()
  t.match(breaker.status, { state: 'open', openings: 3 }, 'until they have answered')
})

t.test('one pause for everybody opens it for as long as it lasts, and at least for a second', async (t) => {
  const { clock, breaker, fail, ask } = build()
  fail('device 0', 120_000)
  t.match(breaker.status, { state: 'open', cause: 'retry_after', nextProbeAtMs: clock.nowMs() + 120_000 })
  await clock.advance(119_999)
  t.equal(ask(), undefined)
  t.equal(breaker.pauseMs, 1)
  await clock.advance(1)
  t.equal(breaker.acquire('device 0'), undefined, 'it has failed: for half a second others come first')
  t.equal(breaker.acquire('device 1')?.isProbe, true)
  const silent = build()
  silent.fail('device 0', 0)
  t.equal(silent.ask(), undefined, 'also where it was not said how long')
  t.equal(silent.breaker.pauseMs, 1000)
})

t.test('a clock that is set forward or back changes no wait', async (t) => {
  for (const jumpMs of [9 * 3_600_000, -26 * 3_600_000]) {
    const { clock, breaker, fail, ask } = build()
    fail('device 0', 60_000)
    clock.jump(jumpMs)
    t.equal(ask(), undefined)
    t.match(breaker.status, { openSinceMs: clock.nowMs(), nextProbeAtMs: clock.nowMs() + 60_000 })
    await clock.advance(60_000)
    t.equal(ask()?.isProbe, true)
  }
})

t.test('the probes of replicas are spread, and never early', async (t) => {
  const { clock, open, ask } = build(() => 0.999999)
  open()
  await clock.advance(1099)
  t.equal(ask(), undefined)
  await clock.advance(1)
  t.ok(ask())
})

t.test(
  'what was let through before it opened changes nothing, but a late Retry-After is obeyed',
  async (t) => {
    const { clock, breaker, open, ask } = build()
    const [good, bad, late] = [ask(), ask(), ask()]
    open()
    good?.succeeded()
    t.match(breaker.status, { state: 'open' })
    bad?.failed()
    t.match(breaker.status, { consecutiveFailures: 5 })
    late?.failed(60_000)
    await clock.advance(59_999)
    t.equal(ask(), undefined)
    await clock.advance(1)
    t.ok(ask())
  },
)

t.test('a probe that learns nothing leaves the next question the probe', async (t) => {
  const { clock, open, ask } = build()
  open()
  await clock.advance(1000)
  ask()?.released()
  t.equal(ask()?.isProbe, true)
})

t.test('an outage of days is counted up to a thousand devices', async (t) => {
  const { clock, breaker, open, ask } = build()
  open()
  for (let probe = 0; probe < 1100; probe += 1) {
    await clock.advance(30_000)
    ask()?.failed()
  }
  t.equal(breaker.status.consecutiveFailures, 1000)
})

t.test('every change is told once', async (t) => {
  const { clock, open, changes, ask } = build()
  open()
  await clock.advance(1000)
  ask()?.succeeded()
  t.same(
    changes.map(({ state }) => state),
    ['open', 'half_open', 'closed'],
  )
})
