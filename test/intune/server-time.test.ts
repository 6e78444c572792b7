import t from 'tap'
import { failure, success } from '../../src/errors/fault.ts'
import type { Outbound } from '../../src/intune/outbound.ts'
import { readServerTime, ServerTime, withServerTime } from '../../src/intune/server-time.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const secondMs = 1000
const minuteMs = 60 * secondMs

function build() {
  const clock = new FakeClock(Date.UTC(2026, 10, 23, 8))
  const changes: [boolean, number][] = []
  let contradictions = 0
  const time = new ServerTime({
    clock,
    onChange: (isWrong, aheadMs) => changes.push([isWrong, aheadMs]),
    onContradiction: () => {
      contradictions += 1
    },
  })
  /** A server that is ahead of this machine by so much answers. */
  const hear = (aheadMs: number, uncertaintyMs = 500) =>
    time.note({ offsetMs: clock.nowMs() + aheadMs - clock.monotonicMs(), uncertaintyMs })
  return { clock, time, hear, changes, contradictions: () => contradictions }
}

const at = { sentAtMs: 1000, receivedAtMs: 3000 }
const dateMs = Date.UTC(2026, 10, 23, 8, 0, 0)
const date = new Date(dateMs).toUTCString()

t.test('the time of a reply is that of the middle of its exchange, to half a second', async (t) => {
  t.same(readServerTime({ headers: { date } }, at), { offsetMs: dateMs + 500 - 2000, uncertaintyMs: 1500 })
  t.match(
    readServerTime({ headers: { date, age: '60' } }, at),
    { offsetMs: dateMs + 60_000 + 500 - 2000 },
    'a reply out of a cache was sent that long ago',
  )
  for (const headers of [{}, { date: 'yesterday' }, { date: '2026-11-23T08:00:00Z' }]) {
    t.equal(readServerTime({ headers }, at), undefined, JSON.stringify(headers))
  }
  for (const age of ['-1', '1e9', 'x'])
    t.match(readServerTime({ headers: { date, age } }, at), { offsetMs: dateMs + 500 - 2000 }, age)
})

t.test('nobody has told the time: the clock is neither wrong nor confirmed', async (t) => {
  const { time } = build()
  t.equal(time.measuredMs(), undefined)
  t.equal(time.aheadMs(), 0)
  t.notOk(time.isConfirmed())
  t.equal(time.problem(), undefined)
})

t.test('up to a minute is right, more is wrong, to either side', async (t) => {
  for (const sign of [1, -1]) {
    const { time, hear, contradictions } = build()
    hear(sign * minuteMs)
    t.ok(time.isConfirmed())
    t.equal(time.aheadMs(), 0)
    t.equal(time.measuredMs(), -sign * minuteMs)
    hear(sign * (minuteMs + 2000))
    t.notOk(time.isConfirmed())
    t.equal(time.aheadMs(), -sign * (minuteMs + 2000))
    t.match(time.problem(), sign > 0 ? /62 s behind/ : /62 s ahead of/)
    t.equal(contradictions(), 1)
  }
})

t.test('one server that is wrong among three is outvoted', async (t) => {
  const { time, hear, changes } = build()
  hear(0)
  hear(10)
  hear(5 * minuteMs)
  t.ok(time.isConfirmed())
  hear(20)
  t.ok(time.isConfirmed())
  t.same(changes, [])
  hear(5 * minuteMs)
  t.notOk(time.isConfirmed(), 'two are not')
  hear(5 * minuteMs)
  t.same(changes, [[true, -5 * minuteMs]], 'told once')
  hear(0)
  hear(0)
  t.same(changes[1], [false, 0], 'and that it is over')
})

t.test('a clock that is set is noticed without another reply', async (t) => {
  const { clock, time, hear } = build()
  hear(0)
  clock.jump(9 * 60 * minuteMs)
  t.equal(time.aheadMs(), 9 * 60 * minuteMs)
  await clock.advance(60 * minuteMs)
  t.equal(time.aheadMs(), 9 * 60 * minuteMs)
  clock.jump(-9 * 60 * minuteMs)
  t.ok(time.isConfirmed())
})

t.test('a reply that took very long says nothing about a minute', async (t) => {
  const { time, hear, contradictions } = build()
  hear(10 * minuteMs, 5001)
  t.equal(time.measuredMs(), undefined)
  hear(minuteMs + 4000, 4500)
  t.equal(contradictions(), 0, 'nor does one that may be off by the difference contradict')
})

t.test('every reply is listened to, whatever it answers', async (t) => {
  const { clock, time } = build()
  const replies: Awaited<ReturnType<Outbound['send']>>[] = [
    failure('tls_certificate_date', 'the certificate of login.example is not valid'),
    success({ status: 400, headers: { date }, body: '', contentType: '' }),
    failure('connection_refused', 'refused'),
  ]
  const outbound = withServerTime(
    { close: async () => {}, send: async () => replies.shift() ?? failure('internal', 'no more') },
    time,
    clock,
  )
  const send = () =>
    outbound.send({
      hop: 'token',
      method: 'GET',
      url: 'https://x/',
      headers: {},
      timeoutMs: 1,
      maxBytes: 1,
    })
  t.match(await send(), { fault: { code: 'tls_certificate_date' } })
  t.match(
    time.problem(),
    /login\.example is not valid/,
    'TLS is the first to notice a clock that is very wrong',
  )
  t.match(await send(), { value: { status: 400 } })
  t.equal(time.problem(), undefined)
  t.equal(time.measuredMs(), -500)
  t.match(await send(), { fault: { code: 'connection_refused' } })
  t.equal(time.measuredMs(), -500)
})
