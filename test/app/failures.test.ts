import t, { type Test } from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { faultCatalogue } from '../../src/errors/catalogue.ts'
import { clientId, laptop, simulatedService } from './simulated-service.ts'

type Service = Awaited<ReturnType<typeof simulatedService>>

/** One thing that is wrong with the set-up, the code that says so, and a fact the message must name. */
interface Failure {
  readonly case: string
  readonly code: keyof typeof faultCatalogue
  readonly set: (t: Test) => Promise<Service>
  readonly names?: RegExp
}

const xmlBomb =
  '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><ise_api><name>&b;</name></ise_api>'

const failures: readonly Failure[] = [
  {
    case: 'an application that the tenant does not know',
    code: 'entra_app_not_found',
    set: (t) =>
      simulatedService(t, { environment: { INTUNE_CLIENT_ID: '00000000-1111-4222-8333-444444444444' } }),
    names: /700016/,
  },
  {
    case: 'a certificate that is not registered on the application',
    code: 'entra_certificate_not_registered',
    set: async (t) =>
      simulatedService(t, { pair: await createSelfSignedCertificate({ commonName: 'another' }) }),
    names: /700027/,
  },
  {
    case: 'an expired certificate, without asking Entra at all',
    code: 'certificate_expired',
    set: async (t) =>
      simulatedService(t, {
        pair: await createSelfSignedCertificate({
          commonName: 'old',
          notBefore: new Date('2024-01-01'),
          notAfter: new Date('2025-01-01'),
        }),
      }),
    names: /2025-01-01/,
  },
  {
    case: 'a token without the role',
    code: 'token_role_missing',
    set: async (t) => {
      const service = await simulatedService(t)
      const [app] = service.simulator.tenant.listApps()
      if (app) service.simulator.tenant.registerApp({ ...app, roles: { ...app.roles, intune: [] } })
      return service
    },
    names: /get_device_compliance/,
  },
  {
    case: 'an application that may not read service endpoints',
    code: 'discovery_forbidden',
    set: async (t) => {
      const service = await simulatedService(t)
      const [app] = service.simulator.tenant.listApps()
      if (app) service.simulator.tenant.registerApp({ ...app, roles: { ...app.roles, graph: [] } })
      return service
    },
    names: /403/,
  },
  {
    case: 'a discovered host outside the allow-list',
    code: 'discovery_host_refused',
    set: (t) => simulatedService(t, { environment: { INTUNE_ALLOWED_HOSTS: 'manage.microsoft.com' } }),
    names: /127\.0\.0\.1/,
  },
  {
    case: 'a TLS certificate that is not trusted',
    code: 'tls_untrusted',
    set: (t) => simulatedService(t, { environment: { INTUNE_CA_FILE: '' } }),
    names: /issue/,
  },
  {
    case: 'a reply with an XML bomb',
    code: 'intune_reply_malformed',
    set: async (t) => {
      const service = await simulatedService(t)
      service.simulator.tenant.setFault({
        hop: 'query',
        kind: 'body',
        body: xmlBomb,
        contentType: 'application/xml',
      })
      return service
    },
  },
  {
    case: 'a reply about another device',
    code: 'intune_reply_mismatch',
    set: async (t) => {
      const service = await simulatedService(t)
      const other = '11111111-2222-4333-8444-555555555555'
      service.simulator.tenant.putDevice({ deviceId: other, complianceState: 'compliant' })
      service.simulator.tenant.patchDevice(laptop.deviceId, { replyAs: other })
      return service
    },
  },
]

for (const failure of failures) {
  t.test(`${failure.case} is "could not be determined", with its own code and remedy`, async (t) => {
    const service = await failure.set(t)
    const answer = await service.ask({ deviceId: laptop.deviceId })
    t.match(answer, {
      decision: 'deny',
      reason: 'intune_unavailable',
      enrolled: null,
      complianceState: null,
      source: 'none',
      errorCode: failure.code,
    })
    const log = service.log()
    t.match(log, new RegExp(`"code":"${failure.code}"`), 'the log names the code')
    t.ok(log.includes(JSON.stringify(faultCatalogue[failure.code].remedy).slice(1, -1)), 'and the remedy')
    if (failure.names) t.match(log, failure.names, 'and the fact')
    t.notMatch(`${log}${JSON.stringify(answer)}`, secretsOf(service), 'and nothing secret')
  })
}

t.test('the faults are distinct', async (t) => {
  t.equal(new Set(failures.map(({ code }) => code)).size, failures.length)
})

t.test('no Intune token is asked for when discovery names a host that is not allowed', async (t) => {
  const service = await simulatedService(t, { environment: { INTUNE_ALLOWED_HOSTS: 'manage.microsoft.com' } })
  await service.ask({ deviceId: laptop.deviceId })
  const audiences = service.simulator.tenant.requests('token').map((request) => request.audience)
  t.same(audiences, ['graph'])
  t.equal(service.simulator.tenant.requestCounts().query, 0)
})

t.test('a key that does not belong to the certificate is refused at the start', async (t) => {
  const mine = await createSelfSignedCertificate({ commonName: 'mine' })
  const other = await createSelfSignedCertificate({ commonName: 'other' })
  const { built } = await simulatedService(t, {
    pair: { certificatePem: mine.certificatePem, privateKeyPem: other.privateKeyPem },
  })
  t.match(built, {
    ok: false,
    fault: { code: 'certificate_key_mismatch', message: /INTUNE_PRIVATE_KEY_FILE|app\.key/ },
  })
})

t.test('a clock that is wrong is named as such', async (t) => {
  const service = await simulatedService(t)
  service.simulator.tenant.setFault({ hop: 'token', kind: 'aadsts', aadsts: 700024 })
  t.match(await service.ask({ mac: laptop.mac }), { errorCode: 'entra_clock_skew' })
})

t.test('five parallel cold requests for one device cost one query and two tokens', async (t) => {
  const { ask, simulator } = await simulatedService(t)
  const answers = await Promise.all(Array.from({ length: 5 }, () => ask({ mac: '00:50:56:a4:89:5a' })))
  for (const answer of answers) t.match(answer, { decision: 'allow', reason: 'compliant', source: 'intune' })
  t.match(simulator.tenant.requestCounts(), { token: 2, discovery: 1, query: 1 })
  const assertion = simulator.tenant.requests('token')[0]?.assertion
  t.match(
    assertion?.header,
    { alg: 'PS256', 'x5t#S256': /^[\w-]{43}$/, x5c: [/^MII/] },
    'as Entra documents it',
  )
  t.match(assertion?.claims, { iss: clientId, sub: clientId })
})

function secretsOf({ pair }: Service): RegExp {
  const keyText = pair.privateKeyPem.split('\n')[3] ?? 'unreadable'
  return new RegExp(`eyJ[\\w-]{20,}|BEGIN [A-Z ]*PRIVATE KEY|${keyText.replaceAll(/[+/]/g, '\\$&')}`)
}
