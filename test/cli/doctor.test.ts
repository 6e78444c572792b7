import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { canaryMarker } from '../../scripts/secret-scan.ts'
import {
  createCertificateAuthority,
  createSelfSignedCertificate,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { type FaultCode, faultCatalogue } from '../../src/errors/catalogue.ts'
import {
  clientId,
  closedPort,
  laptopId,
  type Report,
  runCaptured,
  setRoles,
  startProxy,
  workingSetup,
} from './doctor-rig.ts'

type Setup = Awaited<ReturnType<typeof workingSetup>>

const secrets = new RegExp(`eyJ[\\w-]{20,}|BEGIN [A-Z ]*PRIVATE KEY|${canaryMarker}`)

async function doctor(environment: Record<string, string>, ...args: string[]) {
  const run = await runCaptured(['doctor', '--json', ...args], environment)
  return { ...run, report: JSON.parse(run.out) as Report }
}

function stepOf({ steps }: Report, name: string) {
  return steps.find(({ step }) => step === name)
}

t.test('a working set-up is green from the first step to the last', async (t) => {
  const { environment, simulator } = await workingSetup(t)
  const { exitCode, report } = await doctor(environment)
  t.equal(exitCode, 0)
  t.match(report, { ok: true, firstFailure: null })
  t.same(
    report.steps.map(({ step, result }) => `${step}: ${result}`),
    [
      'configuration: ok',
      'certificate: ok',
      'service_files: ok',
      'login_host: ok',
      'clock: ok',
      'graph_host: ok',
      'graph_token: ok',
      'discovery: ok',
      'providers: ok',
      'intune_host: ok',
      'intune_token: ok',
      'query: ok',
    ],
  )
  t.match(stepOf(report, 'login_host')?.detail, /TLSv1\.\d, issued by "Intune simulator root"/)
  t.match(stepOf(report, 'intune_token')?.detail, /roles: get_device_compliance/)
  t.match(stepOf(report, 'providers')?.detail, /ComplianceRetrievalService at 127\.0\.0\.1/)
  t.match(stepOf(report, 'query')?.detail, /made-up device id is not enrolled/)
  t.equal(simulator.tenant.requestCounts().query, 1, 'one harmless query')
})

t.test('a given identifier is what the query asks about', async (t) => {
  const { environment } = await workingSetup(t)
  for (const identifier of [laptopId, '00-50-56-a4-89-5a', `deviceId=${laptopId}`]) {
    const { report } = await doctor(environment, identifier)
    t.match(stepOf(report, 'query'), { result: 'ok', detail: /the device is enrolled, noncompliant/ })
  }
  const wrong = await runCaptured(['doctor', '00:50'], environment)
  t.equal(wrong.exitCode, 2, 'a misspelt one is wrong use')
})

/** One thing that is wrong, the step that has to say so, and what it has to say. */
interface Misconfiguration {
  readonly case: string
  /** Breaks a working set-up; gives the variables that change. */
  readonly set: (setup: Setup, t: Test) => Promise<Record<string, string>> | Record<string, string>
  readonly step: string
  readonly code: FaultCode
  /** A phrase of the remedy that the operator can act on. */
  readonly remedy: RegExp
  readonly exitCode?: number
}

const misconfigurations: readonly Misconfiguration[] = [
  {
    case: 'wrong tenant',
    set: ({ simulator }) => ({
      INTUNE_TOKEN_ISSUING_URL: `${simulator.origin}/11111111-2222-4333-8444-555555555555`,
    }),
    step: 'graph_token',
    code: 'entra_tenant_not_found',
    remedy: /INTUNE_TENANT_ID/,
  },
  {
    case: 'wrong client id',
    set: () => ({ INTUNE_CLIENT_ID: '00000000-1111-4222-8333-444444444444' }),
    step: 'graph_token',
    code: 'entra_app_not_found',
    remedy: /INTUNE_CLIENT_ID .*not the object id/,
  },
  {
    case: 'certificate not registered on the app',
    set: ({ simulator }) => {
      simulator.tenant.registerApp({ clientId, certificatesPem: [] })
      return {}
    },
    step: 'graph_token',
    code: 'entra_certificate_not_registered',
    remedy: /Certificates & secrets/,
  },
  {
    case: 'expired certificate',
    set: async ({ directory }) => {
      const dates = { notBefore: new Date('2024-01-01'), notAfter: new Date('2025-01-01') }
      const old = await createSelfSignedCertificate({ commonName: 'old', ...dates })
      writeFileSync(join(directory, 'app.pem'), old.certificatePem)
      writeFileSync(join(directory, 'app.key'), old.privateKeyPem)
      return {}
    },
    step: 'certificate',
    code: 'certificate_expired',
    remedy: /Make a new certificate/,
    exitCode: 78,
  },
  {
    case: 'key of another certificate',
    set: async ({ directory }) => {
      const other = await createSelfSignedCertificate({ commonName: 'other' })
      writeFileSync(join(directory, 'app.key'), other.privateKeyPem)
      return {}
    },
    step: 'certificate',
    code: 'certificate_key_mismatch',
    remedy: /key that the certificate was made with/,
    exitCode: 78,
  },
  {
    case: 'no permission on Graph',
    set: ({ simulator }) => {
      setRoles(simulator, { graph: [] })
      return {}
    },
    step: 'discovery',
    code: 'discovery_forbidden',
    remedy: /Application\.Read\.All, then Grant admin consent/,
  },
  {
    case: 'no permission on Intune',
    set: ({ simulator }) => {
      setRoles(simulator, { intune: [] })
      return {}
    },
    step: 'intune_token',
    code: 'token_role_missing',
    remedy: /get_device_compliance, then Grant admin consent/,
  },
  {
    case: 'tenant without an Intune licence',
    set: ({ simulator }) => {
      simulator.tenant.setVariants({ intuneProvisioned: false })
      return {}
    },
    step: 'discovery',
    code: 'discovery_service_missing',
    remedy: /Intune licence/,
  },
  {
    case: 'audience of another cloud',
    set: () => ({ INTUNE_TOKEN_AUDIENCE: 'https://api.manage.microsoft.us/' }),
    step: 'intune_token',
    code: 'entra_resource_not_found',
    remedy: /INTUNE_TOKEN_AUDIENCE/,
  },
  {
    case: 'tenant of another cloud',
    set: ({ simulator }) => {
      simulator.tenant.setFault({ hop: 'token', kind: 'aadsts', aadsts: 90038 })
      return {}
    },
    step: 'graph_token',
    code: 'entra_wrong_cloud',
    remedy: /Set INTUNE_CLOUD/,
  },
  {
    case: 'discovered host that is not on the allow-list',
    set: () => ({ INTUNE_ALLOWED_HOSTS: 'manage.microsoft.com' }),
    step: 'providers',
    code: 'discovery_host_refused',
    remedy: /INTUNE_ALLOWED_HOSTS/,
  },
  {
    case: 'untrusted TLS',
    set: () => ({ INTUNE_CA_FILE: '' }),
    step: 'login_host',
    code: 'tls_untrusted',
    remedy: /INTUNE_CA_FILE/,
  },
  {
    case: 'clock ten minutes ahead',
    set: ({ simulator }) => {
      const date = new Date(Date.now() - 10 * 60_000).toUTCString()
      simulator.tenant.setFault({ hop: 'openid', kind: 'body', body: '{}', headers: { date } })
      return {}
    },
    step: 'clock',
    code: 'entra_clock_skew',
    remedy: /Synchronise the clock/,
  },
  {
    case: 'a login host that DNS does not know',
    set: ({ simulator }) => ({
      INTUNE_TOKEN_ISSUING_URL: `https://login.nowhere.invalid/${simulator.tenantId}`,
    }),
    step: 'login_host',
    code: 'name_not_resolved',
    remedy: /DNS/,
  },
  {
    case: 'a Graph host that nobody listens on',
    set: async () => ({ INTUNE_AUTO_DISCOVERY_URL: `https://127.0.0.1:${await closedPort()}` }),
    step: 'graph_host',
    code: 'connection_refused',
    remedy: /firewall/,
  },
  {
    case: 'a discovered host that nobody listens on',
    set: async ({ simulator }) => {
      simulator.tenant.setVariants({ discoveredOrigin: `https://127.0.0.1:${await closedPort()}` })
      return {}
    },
    step: 'intune_host',
    code: 'connection_refused',
    remedy: /firewall/,
  },
  {
    case: 'a proxy that refuses',
    set: async (_setup, t) => ({ HTTPS_PROXY: `http://nac:${canaryMarker}@${await startProxy(t, 407)}` }),
    step: 'login_host',
    code: 'proxy_refused',
    remedy: /HTTPS_PROXY/,
  },
  {
    case: 'a proxy that is not a URL',
    set: () => ({ HTTPS_PROXY: `socks5://nac:${canaryMarker}@proxy` }),
    step: 'configuration',
    code: 'configuration_invalid',
    remedy: /Correct every variable/,
    exitCode: 78,
  },
  {
    case: 'no usable row in the discovery list',
    set: ({ simulator }) => {
      simulator.tenant.setVariants({ discoveryRows: [] })
      return {}
    },
    step: 'providers',
    code: 'discovery_endpoint_missing',
    remedy: /ComplianceRetrievalService/,
  },
  {
    case: 'Intune that refuses the app',
    set: ({ simulator }) => {
      simulator.tenant.setFault({ hop: 'query', kind: 'status', status: 403 })
      return {}
    },
    step: 'query',
    code: 'intune_forbidden',
    remedy: /get_device_compliance/,
  },
]

for (const wrong of misconfigurations) {
  t.test(`doctor: ${wrong.case} is said at ${wrong.step} with its remedy`, async (t) => {
    const setup = await workingSetup(t)
    const environment = { ...setup.environment, ...(await wrong.set(setup, t)) }
    const { exitCode, report, out, err } = await doctor(environment)
    t.equal(exitCode, wrong.exitCode ?? 1)
    t.equal(report.firstFailure, wrong.step)
    const failed = stepOf(report, wrong.step)
    t.match(failed, { result: 'fail', code: wrong.code, remedy: wrong.remedy })
    t.equal(failed?.remedy, faultCatalogue[wrong.code].remedy, 'the remedy is that of the catalogue')
    t.match(stepOf(report, 'query'), wrong.step === 'query' ? {} : { result: 'skipped', detail: /^needs "/ })
    const before = report.steps.slice(
      0,
      report.steps.findIndex(({ step }) => step === wrong.step),
    )
    t.notOk(
      before.some(({ result }) => result === 'fail'),
      'nothing before it failed',
    )
    t.notMatch(out + err, secrets, 'nothing secret is printed')
  })
}

t.test('a certificate that is not valid by this clock is said to be a matter of the clock', async (t) => {
  const authority = await createCertificateAuthority({ commonName: 'Simulator root' })
  const server = await issueServerCertificate(authority, {
    commonName: 'simulator',
    ipAddresses: ['127.0.0.1'],
    notBefore: new Date(Date.now() + 86_400_000),
  })
  const { environment } = await workingSetup(t, {
    tls: { ...server, caCertificatePem: authority.certificatePem },
  })
  const { report } = await doctor(environment)
  t.equal(report.firstFailure, 'login_host')
  t.match(stepOf(report, 'login_host'), { code: 'tls_certificate_date', remedy: /^Compare the clock/ })
  t.match(stepOf(report, 'clock'), {
    result: 'fail',
    code: 'entra_clock_skew',
    detail: /this machine says that it is 2\d{3}-.*CERT_NOT_YET_VALID/,
  })
})

t.test('the table says the same to a person', async (t) => {
  const { environment, simulator } = await workingSetup(t)
  setRoles(simulator, { graph: [], intune: [] })
  const { exitCode, out } = await runCaptured(['doctor'], environment)
  t.equal(exitCode, 1)
  t.match(out, /^service discovery +FAIL +.*403/m)
  t.match(out, /^device query +skipped +needs "service discovery", which failed/m)
  t.match(out, /First failure: service discovery\n {2}seen: .*\n {2}code: {4}discovery_forbidden\n/)
  t.match(out, /remedy: {2}App registrations > your app > API permissions > Microsoft Graph/)
  t.match(out, /Also: token for Intune, its role[\s\S]*token_role_missing/, 'a second cause is told as well')
  t.match(out, /support: request id [\w-]+/)
})

t.test('what still works but should be changed is a warning and exit code 0', async (t) => {
  const { environment, simulator, directory, pair } = await workingSetup(t)
  const soon = await createSelfSignedCertificate({
    commonName: 'soon',
    notAfter: new Date(Date.now() + 10.5 * 86_400_000),
  })
  writeFileSync(join(directory, 'app.pem'), soon.certificatePem)
  writeFileSync(join(directory, 'app.key'), soon.privateKeyPem)
  simulator.tenant.registerApp({ clientId, certificatesPem: [pair.certificatePem, soon.certificatePem] })
  simulator.tenant.setVariants({ notFound: 'http_404' })
  const { exitCode, report } = await doctor({
    ...environment,
    INTUNE_TOKEN_AUDIENCE: 'https://api.manage.microsoft.com',
  })
  t.equal(exitCode, 0)
  t.match(stepOf(report, 'certificate'), { result: 'warn', detail: /10 days left/, remedy: /onboard --new/ })
  t.match(stepOf(report, 'configuration'), { result: 'warn', detail: /exactly one trailing slash/ })
  t.match(stepOf(report, 'query'), { result: 'warn', detail: /HTTP 404/, remedy: /enrolled device/ })
})

t.test('a clock that is two minutes off is a warning, one that cannot be read too', async (t) => {
  const { environment, simulator } = await workingSetup(t)
  const openid = `${environment.INTUNE_TOKEN_ISSUING_URL}/v2.0/.well-known/openid-configuration`
  t.ok(openid.startsWith('https://127.0.0.1'))
  const date = new Date(Date.now() + 120_000).toUTCString()
  simulator.tenant.setFault({
    hop: 'openid',
    kind: 'status',
    status: 503,
    body: '',
    headers: { date },
    times: 1,
  })
  const behind = await doctor(environment)
  t.match(stepOf(behind.report, 'clock'), { result: 'warn', detail: /1(19|20|21) s behind/ })
  t.equal(behind.exitCode, 0)
  simulator.tenant.setFault({ hop: 'openid', kind: 'reset', times: 1 })
  const unread = await doctor(environment)
  t.match(stepOf(unread.report, 'clock'), { result: 'warn', detail: /could not be compared/ })
  t.equal(unread.exitCode, 0)
})

t.test('wrong variables are all listed, with exit code 78', async (t) => {
  const { exitCode, out } = await runCaptured(['doctor'], { INTUNE_CLIENT_ID: 'nonsense' })
  t.equal(exitCode, 78)
  t.match(out, /First failure: settings[\s\S]*INTUNE_CLIENT_ID[\s\S]*INTUNE_CERTIFICATE_FILE/)
  const asJson = await runCaptured(['doctor', '--json'], { HTTPS_PROXY: 'http://a:%@b' })
  const { ok, firstFailure, steps } = JSON.parse(asJson.out)
  t.match({ ok, firstFailure }, { ok: false, firstFailure: 'configuration' })
  t.match(steps[0], { result: 'fail', detail: /HTTPS_PROXY has a %/, code: 'configuration_invalid' })
  t.same([...new Set(steps.slice(1).map(({ result }: { result: string }) => result))], ['skipped'])
})
