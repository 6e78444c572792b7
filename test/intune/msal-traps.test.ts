import { X509Certificate } from 'node:crypto'
import { ConfidentialClientApplication } from '@azure/msal-node'
import t from 'tap'
import type { Fault } from '../../src/errors/fault.ts'
import { createTokenSource } from '../../src/intune/entra-token.ts'
import { createMsalWire } from '../../src/intune/msal-network.ts'
import type { FaultInput } from '../../src/simulator/simulator.ts'
import { type SimulatedIntune, simulateIntune, waitUntil } from './simulated-intune.ts'

/** The token source of the service against a simulated Entra ID. */
function tokensOf({ settings, certificate, outbound, clock }: SimulatedIntune) {
  const { authorityUrl, clientId, audience } = settings
  const failures: Fault[] = []
  const onBackgroundFailure = (fault: Fault) => failures.push(fault)
  const { get } = createTokenSource({
    authorityUrl,
    clientId,
    audience,
    certificate,
    outbound,
    clock,
    onBackgroundFailure,
  })
  return { get, failures }
}

/** MSAL as it comes, one application with its own cache, on the same wire. */
function plainMsal({ settings, certificate, outbound, clock }: SimulatedIntune) {
  const application = new ConfidentialClientApplication({
    auth: {
      clientId: settings.clientId,
      authority: settings.authorityUrl,
      knownAuthorities: [new URL(settings.authorityUrl).host],
      clientCertificate: {
        thumbprintSha256: certificate.thumbprintSha256,
        privateKey: certificate.privateKeyPem,
      },
    },
    system: { networkClient: createMsalWire(outbound, clock, 60_000).network },
  })
  return () =>
    application.acquireTokenByClientCredential({ scopes: [`${settings.audience}/.default`] }).then(
      () => 'token' as const,
      () => 'error' as const,
    )
}

const posts = ({ simulator }: SimulatedIntune) => simulator.tenant.requestCounts().token
const unavailable: FaultInput = { hop: 'token', kind: 'aadsts', aadsts: 90033, times: 1 }

t.test(
  'trap: after one 5xx MSAL throttles itself for 60 seconds; the service asks again after one',
  async (t) => {
    const intune = await simulateIntune(t)
    const msal = plainMsal(intune)
    intune.simulator.tenant.setFault(unavailable)
    t.equal(await msal(), 'error')
    const before = posts(intune)
    t.equal(await msal(), 'error', 'MSAL refuses by itself, although Entra ID is well again')
    t.equal(posts(intune), before, 'without a request')

    const { get } = tokensOf(intune)
    intune.simulator.tenant.setFault(unavailable)
    t.match(await get(), { fault: { code: 'entra_unavailable' } })
    await intune.clock.advance(1000)
    t.match(await get(), { ok: true })
  },
)

t.test('trap: MSAL has no single flight; the service sends one request for all who wait', async (t) => {
  const intune = await simulateIntune(t)
  const msal = plainMsal(intune)
  await Promise.all([msal(), msal(), msal()])
  t.equal(posts(intune), 3, 'MSAL sends one each')
  const { get } = tokensOf(intune)
  const tokens = await Promise.all(Array.from({ length: 20 }, get))
  t.equal(posts(intune), 4)
  t.ok(tokens.every((token) => token.ok))
})

t.test('trap: MSAL loses a still valid token during proactive refresh; the service keeps it', async (t) => {
  const disturbances: FaultInput[] = [
    { hop: 'token', kind: 'status', status: 503, body: '{"error":"temporarily_unavailable"}' },
    { hop: 'token', kind: 'html' },
    { hop: 'token', kind: 'reset' },
    { hop: 'token', kind: 'aadsts', aadsts: 700027 },
  ]
  for (const disturbance of disturbances) {
    const intune = await simulateIntune(t)
    intune.simulator.tenant.setVariants({ refreshInSeconds: 1800 })
    const { get, failures } = tokensOf(intune)
    const first = await get()
    intune.simulator.tenant.setFault(disturbance)
    for (const [passedMs, failed] of [
      [1_800_000, 1],
      [60_000, 2],
      [60_000, 3],
    ] as const) {
      await intune.clock.advance(passedMs)
      t.same(await get(), first, `${disturbance.kind}: the same token after ${failed} failed refreshes`)
      await waitUntil(() => failures.length === failed)
    }
  }
})

t.test(
  'trap: MSAL takes a token for expired 300 seconds early; the service uses it to its end',
  async (t) => {
    const intune = await simulateIntune(t)
    intune.simulator.tenant.setVariants({ accessTokenLifetimeSeconds: 200 })
    const { get } = tokensOf(intune)
    await get()
    await get()
    await intune.clock.advance(99_000)
    await get()
    t.equal(posts(intune), 1)
  },
)

t.test('trap: MSAL has no time limit on a POST; the service gives up after ten seconds', async (t) => {
  const intune = await simulateIntune(t)
  intune.simulator.tenant.setFault({ hop: 'token', kind: 'hang' })
  const asked = tokensOf(intune).get()
  await waitUntil(() => posts(intune) === 1)
  await intune.clock.advance(10_000)
  t.match(await asked, { fault: { code: 'upstream_timeout', hop: 'token' } })
})

t.test('trap: MSAL truncates a thumbprint with colons; the service gives it one without', async (t) => {
  const intune = await simulateIntune(t)
  await tokensOf(intune).get()
  const sent = intune.simulator.tenant.requests('token')[0]?.assertion?.header['x5t#S256']
  const { fingerprint256 } = new X509Certificate(intune.certificate.x5cPem)
  t.match(fingerprint256, /:/, 'Node writes colons')
  t.equal(sent, Buffer.from(fingerprint256.replaceAll(':', ''), 'hex').toString('base64url'))
})

t.test(
  'trap: MSAL asks the public cloud about a host that it does not know; the service never does',
  async (t) => {
    const intune = await simulateIntune(t)
    process.env.MSAL_FORCE_REGION = 'westeurope'
    t.teardown(() => delete process.env.MSAL_FORCE_REGION)
    t.match(await tokensOf(intune).get(), { ok: true })
    const hosts = new Set(intune.sent.map(({ url }) => new URL(url).host))
    t.same([...hosts], [new URL(intune.settings.authorityUrl).host], 'nor with a forced region')
  },
)

t.test(
  'trap: to MSAL untrusted roots, resets and refusals look alike; the service tells them apart',
  async (t) => {
    const untrusted = await simulateIntune(t, { trusted: false })
    t.match(await tokensOf(untrusted).get(), { fault: { code: 'tls_untrusted' } })
    const intune = await simulateIntune(t)
    const cases: [FaultInput, string][] = [
      [{ hop: 'openid', kind: 'reset' }, 'connection_failed'],
      [{ hop: 'openid', kind: 'html' }, 'entra_unavailable'],
      [{ hop: 'openid', kind: 'status', status: 404, body: '' }, 'entra_reply_malformed'],
      [{ hop: 'token', kind: 'status', status: 403, body: '{}' }, 'entra_reply_malformed'],
      [{ hop: 'token', kind: 'redirect', location: 'https://portal.example/' }, 'redirect_refused'],
    ]
    for (const [fault, code] of cases) {
      intune.simulator.tenant.clearFaults()
      intune.simulator.tenant.setFault(fault)
      t.match(await tokensOf(intune).get(), { fault: { code, hop: 'token' } }, code)
    }
  },
)
