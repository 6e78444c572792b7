import t from 'tap'
import { checkTimes, fakedService, faketimeMissing, isFreshAllow, offsets } from './faked-service.ts'

// Also where tap does not run the file, whose limit of 30 s is for units.
t.setTimeout(120_000)
const options = { skip: faketimeMissing }

t.test('a start with a wrong clock, which is then set right', options, async (t) => {
  const { put, start, setClock, rows, doctor } = await fakedService(t)
  const starts = ['ahead', 'behind', 'y2000', 'dayAhead'] as const
  const changing = (index: number) => 20 + index
  const first = await start('right')
  for (const device of [1, ...starts.map((_offset, index) => changing(index))]) {
    put(device, 'compliant')
    t.match(await first.ask(device), { decision: 'allow', source: 'intune' })
  }
  t.match((await first.health()).checks.clock, { status: 'ok' })
  await first.stop()

  for (const [index, offset] of starts.entries()) {
    const known = rows()
    t.equal(known.size, 5, 'every row is there')
    put(changing(index), 'noncompliant')
    const service = await start(offset)
    const wrong = await service.clockIs('degraded')
    t.match(wrong.what, offset === 'y2000' ? /not valid yet.*2000-01-01/ : /\d{5} s (ahead of|behind)/)
    t.match(await service.health(), { status: 'ready' }, `${offset}: it goes on answering`)
    // More than it takes to open the breaker.
    for (const device of [1, changing(index), 2, 3, 4, 5, 6, 7]) {
      const answer = await service.ask(device)
      t.notOk(isFreshAllow(answer), `${offset}: device ${device} is ${JSON.stringify(answer)}`)
      checkTimes(t, answer, `${offset}: device ${device}`)
    }
    t.match((await service.health()).checks.upstream, { status: 'degraded' }, 'the breaker is open')
    t.same(rows(), known, `${offset}: the state file is as it was`)
    if (offset === 'ahead' || offset === 'y2000') {
      const { exitCode, output } = await doctor()
      t.not(exitCode, 0)
      t.match(
        output,
        offset === 'ahead' ? /clock.*32\d{3} s ahead of/ : /clock.*this machine says that it is 2000-01-01/,
      )
    }
    if (offset === 'ahead') {
      t.ok(Math.abs((await service.metric('nac_clock_ahead_seconds')) - offsets.ahead) < 5)
      t.ok((await service.metric('nac_clock_contradictions_total')) > 0)
    }

    setClock('right')
    t.match(await service.answerOfIntune(changing(index)), { decision: 'remediate', reason: 'noncompliant' })
    t.match(await service.ask(1), { decision: 'allow', stale: false })
    await service.clockIs('ok')
    await service.stop()
  }
})
