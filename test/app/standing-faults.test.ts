import t, { type Test } from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { type FaultCode, faultCatalogue } from '../../src/errors/catalogue.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { laptop, simulatedService } from './simulated-service.ts'

type Service = Awaited<ReturnType<typeof simulatedService>>

interface ShownCheck {
  readonly status: string
  readonly code?: string
  readonly what?: string
  readonly remedy?: string
}

/** What /readyz of the management listener says of Microsoft. */
async function checksOf({ app }: Service) {
  if (!app) throw new Error('the service was not built')
  const reply = await app.management.inject({ path: '/readyz', remoteAddress: '127.0.0.1' })
  const { checks } = reply.json() as { checks: Record<'token' | 'upstream', ShownCheck> }
  return checks
}

function withoutRole(service: Service, resource: 'intune' | 'graph'): () => void {
  const { tenant } = service.simulator
  const [app] = tenant.listApps()
  if (app === undefined) throw new Error('no app is registered')
  tenant.registerApp({ ...app, roles: { ...app.roles, [resource]: [] } })
  return () => tenant.registerApp(app)
}

interface Standing {
  readonly code: FaultCode
  readonly check: 'token' | 'upstream'
  /** Spoils something; what is returned mends it. */
  readonly set: (t: Test, clock: FakeClock) => Promise<{ service: Service; mend?: () => void }>
}

const faults: readonly Standing[] = [
  {
    code: 'token_role_missing',
    check: 'token',
    async set(t, clock) {
      const service = await simulatedService(t, { overrides: { clock }, simulator: { clock } })
      return { service, mend: withoutRole(service, 'intune') }
    },
  },
  {
    code: 'entra_certificate_not_registered',
    check: 'token',
    async set(t, clock) {
      const pair = await createSelfSignedCertificate({ commonName: 'another' })
      return { service: await simulatedService(t, { pair, overrides: { clock }, simulator: { clock } }) }
    },
  },
  {
    code: 'discovery_forbidden',
    check: 'upstream',
    async set(t, clock) {
      const service = await simulatedService(t, { overrides: { clock }, simulator: { clock } })
      withoutRole(service, 'graph')
      // The token for Graph, an hour long the same, has its permissions in it.
      return { service }
    },
  },
  {
    code: 'discovery_host_refused',
    check: 'upstream',
    async set(t, clock) {
      const environment = { INTUNE_ALLOWED_HOSTS: 'manage.microsoft.com' }
      return {
        service: await simulatedService(t, { environment, overrides: { clock }, simulator: { clock } }),
      }
    },
  },
  {
    code: 'tls_untrusted',
    check: 'token',
    async set(t, clock) {
      const environment = { INTUNE_CA_FILE: '' }
      return {
        service: await simulatedService(t, { environment, overrides: { clock }, simulator: { clock } }),
      }
    },
  },
  {
    code: 'intune_forbidden',
    check: 'upstream',
    async set(t, clock) {
      const service = await simulatedService(t, { overrides: { clock }, simulator: { clock } })
      const { tenant } = service.simulator
      tenant.setFault({ hop: 'query', kind: 'status', status: 403 })
      return { service, mend: () => tenant.clearFaults() }
    },
  },
]

for (const { code, check, set } of faults) {
  t.test(`${code} is on /readyz after one question, with its remedy, and goes with a good one`, async (t) => {
    const clock = new FakeClock(Date.now())
    const { service, mend } = await set(t, clock)
    await service.ask({ deviceId: laptop.deviceId })
    const { remedy } = faultCatalogue[code]
    t.match((await checksOf(service))[check], { status: 'degraded', code, what: code, remedy })
    if (mend === undefined) return
    mend()
    await clock.advance(61_000)
    t.match(await service.ask({ deviceId: laptop.deviceId }), { decision: 'allow', source: 'intune' })
    const checks = await checksOf(service)
    t.match(checks, { token: { status: 'ok' }, upstream: { status: 'ok' } })
  })
}

t.test('a missing role is known before anybody asks', async (t) => {
  const service = await simulatedService(t)
  withoutRole(service, 'intune')
  await service.app?.listen()
  let checks = await checksOf(service)
  for (let attempt = 0; attempt < 400 && checks.token.status === 'ok'; attempt += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    checks = await checksOf(service)
  }
  t.match(checks.token, { status: 'degraded', code: 'token_role_missing', remedy: /Grant admin consent/ })
})
