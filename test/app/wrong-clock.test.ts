import t from 'tap'
import { FakeClock } from '../fakes/fake-clock.ts'
import { simulatedService } from './simulated-service.ts'

const hourMs = 60 * 60 * 1000

t.test(
  'a wrong clock is degraded, measured, counted and logged, and forgotten when it is right',
  async (t) => {
    const clock = new FakeClock(Date.now())
    const { app, ask, log } = await simulatedService(t, { overrides: { clock } })
    if (!app) throw new Error('the service was not built')
    const device = { mac: '005056A4895A' }
    const health = async () => (await app.management.inject('/readyz')).json()
    const sample = async (name: string) => {
      const text = (await app.management.inject('/metrics')).body
      return Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.split(' ')[1],
      )
    }
    t.match(await ask(device), { decision: 'allow', source: 'intune' })
    t.match(await health(), { status: 'ready', degraded: false, checks: { clock: { status: 'ok' } } })
    t.ok(Math.abs(await sample('nac_clock_ahead_seconds')) < 60)
    t.equal(await sample('nac_clock_contradictions_total'), 0)

    clock.jump(9 * hourMs)
    const { status, degraded, checks } = await health()
    t.same([status, degraded], ['ready', true])
    t.match(checks.clock, {
      status: 'degraded',
      what: /\d{5} s ahead of that of Microsoft's servers\. This machine says that it is 2/,
      remedy: /chrony/,
    })
    t.ok((await sample('nac_clock_ahead_seconds')) > 32_000)
    t.match(await ask(device), { decision: 'allow', source: 'intune', ageSeconds: 0 }, 'due at once')
    t.ok((await sample('nac_clock_contradictions_total')) > 0)

    clock.jump(-9 * hourMs)
    t.match(await health(), { degraded: false, checks: { clock: { status: 'ok' } } })
    t.match(await ask(device), { decision: 'allow', source: 'intune', ageSeconds: 0 }, 'due again')
    t.match(log(), /"event":"clock_wrong","aheadSeconds":32\d{3}/)
  },
)

t.test('where nothing is sent, a certificate that is not valid yet tells of the clock', async (t) => {
  const clock = new FakeClock(Date.UTC(2000, 0, 1))
  const { app, ask } = await simulatedService(t, { overrides: { clock } })
  if (!app) throw new Error('the service was not built')
  t.match(await ask({ mac: '005056A4895A' }), { decision: 'deny', errorCode: 'certificate_not_yet_valid' })
  const { checks } = (await app.management.inject('/readyz')).json()
  t.match(checks.certificate, { status: 'degraded', what: /becomes valid at/, remedy: /clock/ })
  t.match(checks.clock, { status: 'degraded', what: /2000-01-01T00:00:00/, remedy: /chrony/ })
})
