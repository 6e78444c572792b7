import t from 'tap'
import { DevicePauses } from '../../src/compliance/device-pauses.ts'
import type { Fault } from '../../src/errors/fault.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const fault: Fault = { code: 'intune_unavailable', message: 'scripted', hop: 'query' }

function build() {
  const clock = new FakeClock()
  return { clock, pauses: new DevicePauses(clock) }
}

t.test('a device is left alone for 1 s, doubling to 30 s, and others are not', async (t) => {
  const { clock, pauses } = build()
  for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
    pauses.failed('a', fault)
    await clock.advance(seconds * 1000 - 1)
    t.same(pauses.faultOf('a'), fault, `${seconds} s`)
    t.equal(pauses.faultOf('b'), undefined)
    await clock.advance(1)
    t.equal(pauses.faultOf('a'), undefined)
    t.equal(pauses.hasFailed('a'), true)
  }
  pauses.succeeded('a')
  t.equal(pauses.hasFailed('a'), false)
})

t.test('a Retry-After about one device is obeyed for two minutes at most, and counted down', async (t) => {
  const { clock, pauses } = build()
  pauses.failed('a', { ...fault, retryAfterMs: 3_000_000 })
  await clock.advance(20_000)
  t.match(pauses.faultOf('a'), { retryAfterMs: 100_000 })
  await clock.advance(100_000)
  t.equal(pauses.faultOf('a'), undefined)
})

t.test('an answer about another device ends the pauses of several that failed together', async (t) => {
  const { pauses } = build()
  for (const device of ['a', 'b']) pauses.failed(device, fault)
  pauses.succeeded('c')
  for (const device of ['a', 'b']) t.equal(pauses.faultOf(device), undefined, 'it was the service')
})

t.test('an answer about another device says nothing about one that failed alone', async (t) => {
  const { pauses } = build()
  for (let count = 0; count < 5; count += 1) {
    pauses.failed('a', fault)
    pauses.succeeded('b')
    t.same(pauses.faultOf('a'), fault)
  }
})

t.test('a clock that is set forward or back changes no pause', async (t) => {
  const { clock, pauses } = build()
  pauses.failed('a', fault)
  clock.jump(-9 * 3_600_000)
  t.same(pauses.faultOf('a'), fault)
  await clock.advance(1000)
  t.equal(pauses.faultOf('a'), undefined)
})

t.test('of ever more devices in trouble a thousand are remembered', async (t) => {
  const { pauses } = build()
  for (let index = 0; index < 1100; index += 1) pauses.failed(`${index}`, fault)
  t.equal(pauses.faultOf('0'), undefined)
  t.same(pauses.faultOf('1099'), fault)
})
