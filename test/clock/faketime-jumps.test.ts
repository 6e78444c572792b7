import t from 'tap'
import { checkTimes, fakedService, faketimeMissing, macOf, until } from './faked-service.ts'

// Also where tap does not run the file, whose limit of 30 s is for units.
t.setTimeout(120_000)
const options = { skip: faketimeMissing }

t.test('a clock that jumps while the service runs, and is set right again', options, async (t) => {
  const { put, start, setClock, rows } = await fakedService(t)
  put(1, 'compliant')
  const service = await start('right')
  t.match(await service.ask(1), { decision: 'allow', source: 'intune' })
  await until('the first record is on disk', async () => (rows().size === 1 ? true : undefined))
  const jumps = ['ahead', 'behind', 'minutesAhead', 'dayAhead', 'y2000'] as const
  for (const [index, jump] of jumps.entries()) {
    const device = 10 + index
    put(device, 'compliant')
    setClock(jump)
    await service.clockIs('degraded')
    const learnt = await service.ask(device)
    checkTimes(t, learnt, jump)
    // The token and the connections are still good: only where TLS has to begin anew there may be no answer.
    if (jump !== 'y2000') {
      t.match(learnt, { decision: 'allow', source: 'intune' }, `${jump}: Intune is asked`)
      await until(`${jump}: the file has the true time`, async () => {
        const observedAtMs = rows().get(macOf(device)) ?? 0
        return Math.abs(Date.now() - observedAtMs) < 30_000 ? true : undefined
      })
    }
    checkTimes(t, await service.ask(1), `${jump}: what was known`)
    put(device, 'noncompliant')
    setClock('right')
    t.match(await service.answerOfIntune(device), { decision: 'remediate', reason: 'noncompliant' }, jump)
    await service.clockIs('ok')
    t.ok(rows().has(macOf(1)), `${jump}: what was known is still in the file`)
  }
})

t.test(
  'what was learnt under a wrong clock does not come back as fresh after a crash',
  options,
  async (t) => {
    const { put, start, setClock, rows } = await fakedService(t)
    put(1, 'compliant')
    const service = await start('right')
    await service.ask(2)
    setClock('minutesAhead')
    t.match(await service.ask(1), { decision: 'allow', source: 'intune' })
    await until('it is on disk', async () => (rows().has(macOf(1)) ? true : undefined))
    await service.stop('SIGKILL')
    put(1, 'noncompliant')
    const later = await start('right')
    t.match(await later.answerOfIntune(1), { decision: 'remediate', reason: 'noncompliant' })
    await later.stop('SIGKILL')
  },
)
