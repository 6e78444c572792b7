import t from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import type { Fault } from '../../src/errors/fault.ts'
import { ClientCertificate } from '../../src/intune/client-certificate.ts'
import { createTokenSource, type TokenSourceOptions } from '../../src/intune/entra-token.ts'
import { findMissingRole } from '../../src/intune/token-role.ts'
import { type SimulatedIntune, simulateIntune, waitUntil } from './simulated-intune.ts'

/** Tokens for Intune from a simulated Entra ID. */
function tokensOf(intune: SimulatedIntune, difference: Partial<TokenSourceOptions> = {}) {
  const failures: Fault[] = []
  const { settings, certificate, outbound, clock } = intune
  const source = createTokenSource({
    authorityUrl: settings.authorityUrl,
    clientId: settings.clientId,
    audience: settings.audience,
    certificate,
    outbound,
    clock,
    onBackgroundFailure: (fault) => failures.push(fault),
    ...difference,
  })
  return { source, failures }
}

function tokenRequests({ simulator }: SimulatedIntune): number {
  return simulator.tenant.requestCounts().token
}

t.test('MSAL signs with PS256 and the certificate, and asks with the double slash', async (t) => {
  const intune = await simulateIntune(t)
  const { source } = tokensOf(intune)
  const token = await source.get()
  t.match(token, { ok: true, value: /^[\w-]+\.[\w-]+\.[\w-]+$/ })
  const [request] = intune.simulator.tenant.requests('token')
  t.match(request, { scope: 'https://api.manage.microsoft.com//.default', status: 200 })
  const header = request?.assertion?.header ?? {}
  const thumbprint = Buffer.from(intune.certificate.thumbprintSha256, 'hex').toString('base64url')
  t.match(header, { alg: 'PS256', 'x5t#S256': thumbprint }, 'PS256 and the SHA-256 thumbprint')
  const [leaf] = header.x5c as string[]
  t.ok(intune.certificate.x5cPem.replaceAll('\n', '').includes(leaf ?? 'none'), 'and the certificate itself')
  t.match(request?.assertion?.claims, { iss: intune.settings.clientId, sub: intune.settings.clientId })
  await source.get()
  t.equal(tokenRequests(intune), 1, 'the token is kept')
})

t.test('the region of the environment does not move the token request', async (t) => {
  const intune = await simulateIntune(t)
  process.env.MSAL_FORCE_REGION = 'westeurope'
  t.teardown(() => delete process.env.MSAL_FORCE_REGION)
  t.match(await tokensOf(intune).source.get(), { ok: true })
})

t.test('every refusal of Entra has its fault, with status, number and trace id', async (t) => {
  const codes: Record<number, string> = {
    700016: 'entra_app_not_found',
    700024: 'entra_clock_skew',
    700021: 'entra_assertion_rejected',
    700023: 'entra_assertion_rejected',
    50013: 'entra_assertion_rejected',
    50027: 'entra_assertion_rejected',
    700027: 'entra_certificate_not_registered',
    7000112: 'entra_app_disabled',
    7000229: 'entra_service_principal_missing',
    7000217: 'entra_service_principal_missing',
    90002: 'entra_tenant_not_found',
    900023: 'entra_tenant_not_found',
    90038: 'entra_wrong_cloud',
    900382: 'entra_wrong_cloud',
    500011: 'entra_resource_not_found',
    70011: 'entra_scope_invalid',
    1002012: 'entra_scope_invalid',
    53003: 'entra_blocked_by_policy',
    90033: 'entra_unavailable',
    90055: 'entra_throttled',
    7000215: 'entra_credential_missing',
    7000216: 'entra_credential_missing',
    7000218: 'entra_credential_missing',
    7000222: 'entra_credential_missing',
    999999: 'entra_rejected',
  }
  const intune = await simulateIntune(t)
  const { host } = new URL(intune.simulator.origin)
  for (const [aadsts, code] of Object.entries(codes)) {
    intune.simulator.tenant.setFault({ hop: 'token', kind: 'aadsts', aadsts: Number(aadsts), times: 1 })
    const { source } = tokensOf(intune)
    const outcome = await source.get()
    if (outcome.ok) return t.fail(`${aadsts} was not refused`)
    t.match(outcome.fault, { code, hop: 'token', host, status: Number, requestId: /^[0-9a-f-]{36}$/ }, aadsts)
    t.match(
      outcome.fault.message,
      new RegExp(`^${host} answered \\d{3} \\(AADSTS${aadsts}\\)$`),
      'nothing of Entra’s text',
    )
    await intune.clock.advance(1000)
    t.match(await source.get(), { ok: true }, `after ${aadsts} the next attempt goes to the network`)
  }
})

t.test('the reasons behind AADSTS700027 are told apart', async (t) => {
  const reasons: Record<string, string> = {
    '[Reason - The key was not found.]': 'entra_certificate_not_registered',
    'The certificate with identifier used to sign the client assertion is not registered on application.':
      'entra_certificate_not_registered',
    "[Reason - The key used is expired., Thumbprint of key used by client: 'AB']":
      'entra_certificate_expired',
    '[Reason - Key was found, but use of the key to verify the signature failed.]':
      'entra_assertion_rejected',
    'some later wording': 'entra_certificate_not_registered',
  }
  const intune = await simulateIntune(t)
  for (const [reason, code] of Object.entries(reasons)) {
    const body = JSON.stringify({
      error: 'invalid_client',
      error_description: `AADSTS700027: Client assertion contains an invalid signature. ${reason} eyJhbGciOi.SECRET`,
      error_codes: [700027],
      trace_id: 'trace\nid',
    })
    intune.simulator.tenant.setFault({ hop: 'token', kind: 'status', status: 401, body, times: 1 })
    const outcome = await tokensOf(intune).source.get()
    t.match(outcome, { fault: { code, status: 401 } }, reason)
    t.notMatch(JSON.stringify(outcome), /SECRET|Reason|trace/, 'no text of Entra gets through')
  }
})

t.test('the real refusals of a strict Entra are recognised', async (t) => {
  const intune = await simulateIntune(t)
  const stranger = await createSelfSignedCertificate({ commonName: 'never uploaded' })
  const { certificate, settings } = intune
  const foreign = new ClientCertificate(
    { ...certificate, thumbprintSha256: 'ab'.repeat(32) },
    stranger.privateKeyPem,
  )
  const wrongKey = new ClientCertificate({ ...certificate }, stranger.privateKeyPem)
  const cases: [string, Partial<TokenSourceOptions>, string][] = [
    ['a certificate that was not uploaded', { certificate: foreign }, 'entra_certificate_not_registered'],
    ['a key of another certificate', { certificate: wrongKey }, 'entra_assertion_rejected'],
    ['an unknown application', { clientId: 'aaaaaaaa-0000-4000-8000-000000000000' }, 'entra_app_not_found'],
    ['an unknown resource', { audience: 'https://elsewhere.example' }, 'entra_resource_not_found'],
    [
      'an unknown tenant',
      { authorityUrl: `${intune.simulator.origin}/bbbbbbbb-0000-4000-8000-000000000000` },
      'entra_tenant_not_found',
    ],
  ]
  for (const [name, difference, code] of cases) {
    t.match(
      await tokensOf(intune, difference).source.get(),
      { ok: false, fault: { code, hop: 'token' } },
      name,
    )
  }
  await intune.clock.advance(3_600_000)
  const late = tokensOf(intune, { authorityUrl: settings.authorityUrl })
  t.match(
    await late.source.get(),
    { fault: { code: 'entra_clock_skew' } },
    'a clock that is wrong by an hour',
  )
})

t.test('other answers of the token endpoint are told apart by status and form', async (t) => {
  const html = { body: '<html>Our services are down</html>', contentType: 'text/html' }
  const token = { access_token: 'x', token_type: 'Bearer' }
  const cases: [string, Parameters<SimulatedIntune['simulator']['tenant']['setFault']>[0], object][] = [
    [
      'HTTP 429 with Retry-After',
      { hop: 'token', kind: 'status', status: 429, body: '{}', headers: { 'retry-after': '17' } },
      { code: 'entra_throttled', retryAfterMs: 17_000 },
    ],
    [
      'an HTML 503',
      { hop: 'token', kind: 'status', status: 503, ...html },
      { code: 'entra_unavailable', status: 503 },
    ],
    ['an HTML 200', { hop: 'token', kind: 'body', ...html }, { code: 'entra_reply_malformed', status: 200 }],
    [
      'an HTML 403',
      { hop: 'token', kind: 'status', status: 403, ...html },
      { code: 'entra_reply_malformed' },
    ],
    [
      'no token',
      { hop: 'token', kind: 'body', body: '{"expires_in":60}' },
      { code: 'entra_reply_malformed' },
    ],
    [
      'no lifetime',
      { hop: 'token', kind: 'body', body: JSON.stringify(token) },
      { code: 'entra_reply_malformed' },
    ],
    [
      'no time to live',
      { hop: 'token', kind: 'body', body: JSON.stringify({ ...token, expires_in: 0 }) },
      { code: 'entra_reply_malformed' },
    ],
    ['null', { hop: 'token', kind: 'body', body: 'null' }, { code: 'entra_reply_malformed' }],
    ['a reset', { hop: 'token', kind: 'reset' }, { code: 'connection_failed' }],
    ['half an answer', { hop: 'token', kind: 'truncate' }, { code: 'connection_failed' }],
    ['a huge answer', { hop: 'token', kind: 'huge', bytes: 300_000 }, { code: 'reply_too_large' }],
    [
      'a redirect',
      { hop: 'token', kind: 'redirect', location: 'https://x.example/' },
      { code: 'redirect_refused' },
    ],
    ['HTML metadata', { hop: 'openid', kind: 'body', ...html }, { code: 'entra_reply_malformed' }],
    ['metadata of nobody', { hop: 'openid', kind: 'body', body: '{}' }, { code: 'entra_reply_malformed' }],
    ['metadata unavailable', { hop: 'openid', kind: 'status', status: 503 }, { code: 'entra_unavailable' }],
    ['no metadata', { hop: 'openid', kind: 'reset' }, { code: 'connection_failed' }],
  ]
  const intune = await simulateIntune(t)
  for (const [name, disturbance, fault] of cases) {
    intune.simulator.tenant.clearFaults()
    intune.simulator.tenant.setFault(disturbance)
    t.match(await tokensOf(intune).source.get(), { ok: false, fault: { hop: 'token', ...fault } }, name)
  }
  const body = JSON.stringify({ ...token, access_token: 'opaque', expires_in: '3599', refresh_in: 'soon' })
  intune.simulator.tenant.clearFaults()
  intune.simulator.tenant.setFault({ hop: 'token', kind: 'body', body })
  t.match(await tokensOf(intune).source.get(), { ok: true, value: 'opaque' }, 'numbers as strings are fine')
})

t.test('an acquisition that hangs ends after ten seconds', async (t) => {
  const intune = await simulateIntune(t)
  for (const hop of ['openid', 'token'] as const) {
    intune.simulator.tenant.clearFaults()
    intune.simulator.tenant.clearRequests()
    intune.simulator.tenant.setFault({ hop, kind: 'hang' })
    const asked = tokensOf(intune).source.get()
    await waitUntil(() => intune.simulator.tenant.requestCounts()[hop] === 1)
    await intune.clock.advance(9999)
    await intune.clock.advance(1)
    t.match(await asked, { fault: { code: 'upstream_timeout', hop: 'token' } }, hop)
  }
})

t.test('one 5xx does not silence the token endpoint for a minute', async (t) => {
  const intune = await simulateIntune(t)
  const { source } = tokensOf(intune)
  intune.simulator.tenant.setFault({ hop: 'token', kind: 'aadsts', aadsts: 90033, times: 1 })
  t.match(await source.get(), { fault: { code: 'entra_unavailable' } })
  t.match(await source.get(), { fault: { code: 'entra_unavailable' } }, 'the last fault at once')
  t.equal(tokenRequests(intune), 1, 'without a request')
  await intune.clock.advance(1000)
  t.match(await source.get(), { ok: true }, 'and a new attempt after a second')
})

t.test('a valid token outlives every failure of its refresh', async (t) => {
  const disturbances = [
    { hop: 'token', kind: 'status', status: 503, body: '{"error":"temporarily_unavailable"}' },
    { hop: 'token', kind: 'status', status: 503, body: '<html>', contentType: 'text/html' },
    { hop: 'token', kind: 'reset' },
    { hop: 'token', kind: 'aadsts', aadsts: 700027 },
  ] as const
  for (const disturbance of disturbances) {
    const intune = await simulateIntune(t)
    const { tenant } = intune.simulator
    const { source, failures } = tokensOf(intune)
    const first = await source.get()
    tenant.setFault(disturbance)
    await intune.clock.advance(3_299_000)
    t.same(await source.get(), first, 'five minutes before its end the token is still given')
    await waitUntil(() => failures.length === 1)
    t.same(await source.get(), first, 'and after the refresh has failed')
    await intune.clock.advance(299_999)
    t.same(await source.get(), first, 'to its last millisecond')
    await waitUntil(() => failures.length === 2)
    await intune.clock.advance(1)
    t.match(await source.get(), { ok: false }, 'and no longer')
  }
})

t.test('a token is refreshed ahead of its end, or when refresh_in says so', async (t) => {
  const cases: [string, object, number][] = [
    ['an ordinary token', {}, 3_299_000],
    ['a long-lived token', { accessTokenLifetimeSeconds: 86_400, refreshInSeconds: 43_200 }, 43_200_000],
    ['a token that lives four minutes', { accessTokenLifetimeSeconds: 240 }, 120_000],
  ]
  for (const [name, variants, refreshAfterMs] of cases) {
    const intune = await simulateIntune(t)
    intune.simulator.tenant.setVariants(variants)
    const { source } = tokensOf(intune)
    await source.get()
    await intune.clock.advance(refreshAfterMs - 1)
    await source.get()
    t.equal(tokenRequests(intune), 1, `${name} is kept until it is due`)
    // The simulated Entra judges assertions by this clock, MSAL signs by the real one.
    intune.simulator.tenant.setFault({ hop: 'token', kind: 'status', status: 503 })
    await intune.clock.advance(1)
    await source.get()
    await waitUntil(() => tokenRequests(intune) === 2)
    t.pass(`${name} is refreshed behind`)
  }
})

t.test('a token that was refused is replaced, at most once a minute', async (t) => {
  const intune = await simulateIntune(t)
  const { source } = tokensOf(intune)
  const first = await source.get()
  if (!first.ok) return t.fail(first.fault.message)
  t.same(await source.another('another token'), first, 'only the token in use can be refused')
  const [second, joined] = await Promise.all([source.another(first.value), source.another(first.value)])
  if (!second.ok) return t.fail(second.fault.message)
  t.not(second.value, first.value, 'a fresh one')
  t.same(joined, second, 'the same for everybody who was refused')
  t.same(await source.get(), second)
  t.same(await source.another(second.value), second, 'a storm of refusals is none of token requests')
  await intune.clock.advance(60_000)
  t.match(await source.another(second.value), { ok: true })
  t.equal(tokenRequests(intune), 3)
})

t.test('a token that was refused stays in use for the others until there is another one', async (t) => {
  const intune = await simulateIntune(t)
  const { source } = tokensOf(intune)
  const first = await source.get()
  if (!first.ok) return t.fail(first.fault.message)
  intune.simulator.tenant.setFault({ hop: 'token', kind: 'status', status: 503 })
  t.match(await source.another(first.value), { ok: false }, 'whose question was refused is told why')
  t.same(await source.get(), first, 'nobody else loses the token')
  t.match(source.status(), { state: 'closed', consecutiveFailures: 1 }, 'and nobody is held up')
  intune.simulator.tenant.clearFaults()
  await intune.clock.advance(1000)
  t.match(await source.another(first.value), { ok: true })
})

t.test('an expired certificate is not sent anywhere', async (t) => {
  const intune = await simulateIntune(t)
  const day = 86_400_000
  const nowMs = intune.clock.nowMs()
  const certificateOf = (fromMs: number, toMs: number) =>
    new ClientCertificate(
      { ...intune.certificate, notBeforeMs: fromMs, notAfterMs: toMs },
      intune.certificate.privateKeyPem,
    )
  const expired = tokensOf(intune, { certificate: certificateOf(nowMs - 2 * day, nowMs - day) })
  t.match(await expired.source.get(), { fault: { code: 'certificate_expired' } })
  const early = tokensOf(intune, { certificate: certificateOf(nowMs + day, nowMs + 2 * day) })
  t.match(await early.source.get(), { fault: { code: 'certificate_not_yet_valid' } })
  t.equal(intune.sent.length, 0, 'no request was made')
})

t.test('a key that MSAL cannot sign with is a defect here, not a fault of Entra', async (t) => {
  const intune = await simulateIntune(t)
  const unusable = new ClientCertificate({ ...intune.certificate }, 'no key')
  const outcome = await tokensOf(intune, {
    certificate: unusable,
    authorityUrl: 'https://login.microsoftonline.com/common',
  }).source.get()
  t.match(outcome, { fault: { code: 'internal', hop: 'token' } })
})

t.test('the role for compliance is looked for in the token', async (t) => {
  const jwt = (claims: unknown) =>
    `e30.${Buffer.from(typeof claims === 'string' ? claims : JSON.stringify(claims)).toString('base64url')}.c2ln`
  const missing = { code: 'token_role_missing' }
  t.match(findMissingRole(jwt({ roles: ['scep_challenge_provider'] })), missing, 'other roles')
  t.match(findMissingRole(jwt({ roles: [] })), missing, 'no role')
  t.match(findMissingRole(jwt({ aud: 'x' })), missing, 'no consent: no claim at all')
  for (const token of [
    jwt({ roles: ['x', 'get_device_compliance'] }),
    'opaque',
    jwt('not json'),
    jwt('[1]'),
    jwt({ roles: 7 }),
  ]) {
    t.equal(findMissingRole(token), undefined, `used as it is: ${token}`)
  }
})
