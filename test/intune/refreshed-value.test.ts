import t from 'tap'
import { type Fault, failure, type Outcome, success } from '../../src/errors/fault.ts'
import { type Lease, RefreshedValue } from '../../src/intune/refreshed-value.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'

/** A value whose fetches are answered by the test: refreshed after 100 s, worthless after 200 s. */
function arrange() {
  const clock = new FakeClock()
  const waiting: ((outcome: Outcome<Lease<string>>) => void)[] = []
  const failures: Fault[] = []
  const value = new RefreshedValue<string>({
    clock,
    fetch: () => new Promise((resolve) => waiting.push(resolve)),
    onBackgroundFailure: (fault) => failures.push(fault),
  })
  const grant = async (text: string) => {
    const nowMs = clock.nowMs()
    const lease = { value: text, refreshAtMs: nowMs + 100_000, expiresAtMs: nowMs + 200_000 }
    waiting.shift()?.(success(lease))
    await settle()
  }
  const refuse = async (retryAfterMs?: number) => {
    waiting.shift()?.(failure('entra_unavailable', 'down', { retryAfterMs }))
    await settle()
  }
  return { clock, value, failures, waiting, grant, refuse }
}

t.test('however many wait, there is one fetch', async (t) => {
  const { value, waiting, grant } = arrange()
  const asked = Promise.all([value.get(), value.get(), value.renew()])
  t.equal(waiting.length, 1, 'one fetch')
  await grant('a')
  t.same(await asked, [success('a'), success('a'), success('a')])
  t.same(await value.get(), success('a'))
  t.equal(waiting.length, 0, 'and none for the next caller')
})

t.test('a value that is due is given at once and refreshed behind', async (t) => {
  const { clock, value, waiting, grant } = arrange()
  void value.get()
  await grant('a')
  await clock.advance(99_999)
  await value.get()
  t.equal(waiting.length, 0, 'not due yet')
  await clock.advance(1)
  t.same(await value.get(), success('a'), 'the caller does not wait')
  await value.get()
  t.equal(waiting.length, 1, 'one fetch behind')
  await grant('b')
  t.same(await value.get(), success('b'))
})

t.test('a failed refresh never loses a value that is still good', async (t) => {
  const { clock, value, waiting, failures, grant, refuse } = arrange()
  void value.get()
  await grant('a')
  await clock.advance(100_000)
  await value.get()
  await refuse()
  t.match(failures, [{ code: 'entra_unavailable' }], 'the failure is told')
  t.same(await value.get(), success('a'))
  t.equal(waiting.length, 0, 'nothing is sent while cooling down')
  await clock.advance(1000)
  t.same(await value.get(), success('a'))
  t.equal(waiting.length, 1, 'then it is tried again')
  await refuse()
  await clock.advance(98_999)
  t.same(await value.get(), success('a'), 'good to its last millisecond')
  await refuse()
  await clock.advance(1)
  t.match(await value.get(), { ok: false, fault: { code: 'entra_unavailable' } }, 'and not after it')
})

t.test('after a failure the last fault comes at once, for 1 s doubling to 30 s', async (t) => {
  const { clock, value, waiting, refuse, grant } = arrange()
  for (const coolDownMs of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
    const asked = value.get()
    t.equal(waiting.length, 1, 'a fetch is tried')
    await refuse()
    t.match(await asked, { fault: { code: 'entra_unavailable' } })
    await clock.advance(coolDownMs - 1)
    t.match(await value.get(), { fault: { code: 'entra_unavailable' } }, `silent for ${coolDownMs} ms`)
    t.equal(waiting.length, 0)
    await clock.advance(1)
  }
  void value.get()
  await grant('a')
  void value.renew()
  await refuse()
  await clock.advance(1000)
  void value.renew()
  t.equal(waiting.length, 1, 'a success starts the count again')
})

t.test('the pause that the peer asked for is kept, and what is left of it is said', async (t) => {
  const { clock, value, waiting, refuse } = arrange()
  void value.get()
  await refuse(120_000)
  await clock.advance(50_000)
  t.match(await value.get(), { fault: { retryAfterMs: 70_000 } })
  t.equal(waiting.length, 0)
  await clock.advance(70_000)
  void value.get()
  t.equal(waiting.length, 1)
})

t.test('renew keeps the old value until there is a new one', async (t) => {
  const { value, grant, refuse } = arrange()
  void value.get()
  await grant('a')
  const renewed = value.renew()
  t.same(await value.get(), success('a'), 'the old one meanwhile')
  await refuse()
  t.match(await renewed, { fault: { code: 'entra_unavailable' } })
  t.equal(value.peek(), 'a', 'and after a failed renewal')
})

t.test('what callers meet is shown: open while there is no value and none to be had', async (t) => {
  const { clock, value, grant, refuse } = arrange()
  const closed = { state: 'closed', consecutiveFailures: 0, openings: 0 }
  t.same(value.status, closed)
  void value.get()
  t.same(value.status, closed, 'not yet fetched is nothing wrong')
  await refuse()
  const openSinceMs = clock.nowMs()
  t.same(value.status, { state: 'open', cause: 'failures', openSinceMs, consecutiveFailures: 1, openings: 1 })
  await clock.advance(1000)
  void value.get()
  t.match(value.status, { state: 'half_open', openSinceMs })
  await refuse(120_000)
  t.match(value.status, {
    state: 'open',
    cause: 'retry_after',
    openSinceMs,
    consecutiveFailures: 2,
    openings: 1,
  })
  await clock.advance(120_000)
  void value.get()
  await grant('a')
  t.same(value.status, { ...closed, openings: 1 })
  void value.renew()
  await refuse()
  t.match(value.status, { state: 'closed', consecutiveFailures: 1, openings: 2 }, 'the value is still good')
})

t.test('a fetch that throws is a fault, not a rejection', async (t) => {
  const value = new RefreshedValue<string>({
    clock: new FakeClock(),
    fetch: () => Promise.reject(new Error('a defect')),
    onBackgroundFailure: () => {},
  })
  t.match(await value.get(), { ok: false, fault: { code: 'internal' } })
})
