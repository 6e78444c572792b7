import t from 'tap'
import {
  type BackgroundFailure,
  inBackground,
  noteBackgroundFailure,
  onBackgroundFailure,
  repeatInBackground,
} from '../src/background.ts'
import { FakeClock, settle } from './fakes/fake-clock.ts'

function listen(t: { teardown: (stop: () => void) => void }): BackgroundFailure[] {
  const failures: BackgroundFailure[] = []
  t.teardown(onBackgroundFailure((failure) => failures.push(failure)))
  return failures
}

t.test('work that throws or rejects is told, and what comes afterwards comes', async (t) => {
  const failures = listen(t)
  const done: string[] = []
  const works: [string, () => unknown][] = [
    ['fine', async () => 1],
    ['plain', () => 1],
    ['rejects', () => Promise.reject(new Error('rejected'))],
    [
      'throws',
      () => {
        throw new Error('thrown')
      },
    ],
    ['rejects with nothing', () => Promise.reject(undefined)],
  ]
  for (const [name, work] of works) inBackground('lookup', work, () => done.push(name))
  t.same(done, [], 'nobody waits for it')
  await settle()
  t.same([...done].sort(), works.map(([name]) => name).sort())
  t.match(failures, [
    { task: 'lookup', error: { message: 'thrown' } },
    { error: { message: 'rejected' } },
    { error: undefined },
  ])
})

t.test('what fails afterwards, and a listener that fails, end nothing either', async (t) => {
  const warnings: Error[] = []
  const note = (warning: Error) => warnings.push(warning)
  process.on('warning', note)
  t.teardown(() => process.off('warning', note))
  const failures = listen(t)
  const stop = onBackgroundFailure(() => {
    throw new Error('the listener')
  })
  inBackground(
    'lookup',
    () => {},
    () => {
      throw new Error('afterwards')
    },
  )
  await settle()
  stop()
  await settle()
  t.match(failures, [{ error: { message: 'afterwards' } }])
  t.match(warnings, [{ message: 'the listener' }])
})

t.test('a failure that nobody listens for is a warning', async (t) => {
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  noteBackgroundFailure('lookup', new Error('unheard'))
  t.match(await warned, { message: 'unheard' })
})

t.test('what goes in rounds goes on after a round that fails, and ends when it is told to', async (t) => {
  const failures = listen(t)
  const clock = new FakeClock()
  let rounds = 0
  const stop = repeatInBackground('file_watch', clock, 1000, async () => {
    rounds += 1
    if (rounds === 2) throw new Error('second')
  })
  t.equal(rounds, 0)
  await clock.advance(3000)
  t.equal(rounds, 3)
  t.match(failures, [{ task: 'file_watch', error: { message: 'second' } }])
  stop()
  await clock.advance(5000)
  t.equal(rounds, 3)
  t.equal(clock.pendingTimers, 0)
})
