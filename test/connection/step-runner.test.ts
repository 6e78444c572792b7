import t from 'tap'
import { createStepRunner } from '../../src/connection/step-runner.ts'
import { failure } from '../../src/errors/fault.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

async function mustNotRun(): Promise<never> {
  throw new Error('a step ran whose needs had failed')
}

const limits = { stepLimitMs: 1000, slowMs: 100 }

t.test('values reach the steps that need them, and a failure names itself down the line', async (t) => {
  const { step, reports } = createStepRunner(new FakeClock(), limits)
  const first = await step('configuration', {}, async () => ({ result: 'ok', detail: 'fine', value: 7 }))
  const second = await step('certificate', { first }, async ({ first: seven }) => {
    t.equal(seven, 7)
    return { result: 'fail', fault: failure('certificate_expired', 'it expired').fault }
  })
  const third = await step('clock', { first, second }, mustNotRun)
  await step('query', { third }, mustNotRun)
  t.match(reports, [
    { step: 'configuration', result: 'ok' },
    { step: 'certificate', result: 'fail', detail: 'it expired', remedy: /new certificate/ },
    { step: 'clock', result: 'skipped', detail: 'needs "certificate and key", which failed' },
    { step: 'query', result: 'skipped', detail: 'needs "certificate and key", which failed' },
  ])
})

t.test('a step that never ends is a failure at its limit', async (t) => {
  const clock = new FakeClock()
  const { step, reports } = createStepRunner(clock, limits)
  const ended = step('query', {}, () => new Promise<never>(() => undefined))
  await clock.advance(1000)
  t.match(await ended, { passed: false, cause: 'query' })
  t.match(reports, [{ fault: { code: 'upstream_timeout' }, durationMs: 1000 }])
})

t.test('an exception is a defect and not an unhandled rejection', async (t) => {
  const clock = new FakeClock()
  const { step, reports } = createStepRunner(clock, limits)
  await step('query', {}, () => Promise.reject(new Error('token eyJ')))
  t.match(reports, [{ result: 'fail', fault: { code: 'internal' } }])
  t.notMatch(JSON.stringify(reports), /eyJ/)
  t.equal(clock.pendingTimers, 0)
})
