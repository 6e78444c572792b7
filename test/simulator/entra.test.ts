import { createPublicKey, X509Certificate } from 'node:crypto'
import { ConfidentialClientApplication, type NetworkRequestOptions } from '@azure/msal-node'
import { compactVerify, decodeJwt, type JWK } from 'jose'
import t from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { type AssertionOptions, certificateFor, clientId, graphScope, intuneScope, startRig } from './rig.ts'

const unknownId = '11111111-2222-3333-4444-555555555555'

t.test('a token is issued for every signature algorithm and key id that Entra accepts', async (t) => {
  const rig = await startRig(t)
  const { origin, tenantId } = rig.simulator
  const accepted: (AssertionOptions & { case: string })[] = [
    { case: 'PS256 with x5t#S256, as Microsoft documents', algorithm: 'PS256', keyId: 'x5t#S256' },
    { case: 'RS256 with x5t in base64url, as MSAL sends', algorithm: 'RS256', keyId: 'x5t' },
    {
      case: 'RS256 with x5t in standard base64, as ISE sends',
      algorithm: 'RS256',
      keyId: 'x5t standard base64',
    },
    { case: 'the v1 token URL as audience', claims: { aud: `${origin}/${tenantId}/oauth2/token` } },
    {
      case: 'the public login host as audience',
      claims: { aud: `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token` },
    },
    { case: 'no nbf', claims: { nbf: undefined } },
    { case: 'four minutes past exp', claims: { exp: Math.floor(rig.clock.nowMs() / 1000) - 240 } },
  ]
  for (const { case: name, ...options } of accepted) {
    const answer = await rig.requestToken({ client_assertion: await rig.assertion(options) })
    t.equal(answer.status, 200, `${name}: ${answer.text.slice(0, 120)}`)
  }
})

t.test('a v2 token answer has integers and a v1-format token for the resource to the letter', async (t) => {
  const rig = await startRig(t)
  const { tenantId, tenant } = rig.simulator
  tenant.setVariants({ refreshInSeconds: 1800 })
  const answer = await rig.requestToken({
    scope: `openid ${intuneScope} profile offline_access`,
    client_info: '1',
  })
  t.match(answer.json(), { token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, refresh_in: 1800 })
  t.equal(answer.headers['cache-control'], 'no-store, no-cache')

  const token = String(answer.json().access_token)
  const nowSeconds = Math.floor(rig.clock.nowMs() / 1000)
  t.match(decodeJwt(token), {
    aud: 'https://api.manage.microsoft.com/',
    iss: `https://sts.windows.net/${tenantId}/`,
    nbf: nowSeconds - 300,
    exp: nowSeconds + 3599,
    appid: clientId,
    appidacr: '2',
    idtyp: 'app',
    roles: ['get_device_compliance'],
    tid: tenantId,
    ver: '1.0',
  })
  const { keys } = (await rig.call(`/${tenantId}/discovery/v2.0/keys`)).json() as { keys: JWK[] }
  const key = createPublicKey({ key: keys[0] ?? {}, format: 'jwk' })
  t.equal(
    (await compactVerify(token, key)).protectedHeader.kid,
    keys[0]?.kid,
    'the published key verifies it',
  )
})

t.test('a v1 token answer has numbers as strings, and needs no client_id', async (t) => {
  const rig = await startRig(t)
  const fields = { client_id: '', scope: 'openid', resource: 'https://api.manage.microsoft.com/' }
  const path = `/${rig.simulator.tenantId}/oauth2/token?client-request-id=1`
  const body = (await rig.requestToken(fields, path)).json()
  const nowSeconds = Math.floor(rig.clock.nowMs() / 1000)
  t.match(body, {
    token_type: 'Bearer',
    expires_in: '3599',
    ext_expires_in: '3599',
    expires_on: String(nowSeconds + 3599),
    not_before: String(nowSeconds - 300),
    resource: 'https://api.manage.microsoft.com/',
  })
  t.equal(decodeJwt(String(body.access_token)).aud, 'https://api.manage.microsoft.com/')
  t.match((await rig.requestToken({ ...fields, client_id: unknownId }, path)).json(), {
    error_codes: [700016],
  })
  t.match((await rig.requestToken({ ...fields, resource: '' }, path)).json(), { error_codes: [900144] })
})

t.test('Graph may be named with or without its last slash, and the token keeps that spelling', async (t) => {
  const rig = await startRig(t)
  t.equal(decodeJwt(await rig.token(graphScope)).aud, 'https://graph.microsoft.com')
  t.equal(
    decodeJwt(await rig.token('https://graph.microsoft.com//.default')).aud,
    'https://graph.microsoft.com/',
  )
  t.same(decodeJwt(await rig.token(graphScope)).roles, ['Application.Read.All'])
})

t.test(
  'a single slash in the scope loses the slash of the audience, or is refused by the variant',
  async (t) => {
    const rig = await startRig(t)
    const scope = 'https://api.manage.microsoft.com/.default'
    t.equal(decodeJwt(await rig.token(scope)).aud, 'https://api.manage.microsoft.com')
    rig.simulator.tenant.setVariants({ singleSlashScope: 'invalid_resource' })
    t.match((await rig.requestToken({ scope })).json(), { error: 'invalid_resource', error_codes: [500011] })
  },
)

t.test('a token is issued without the role, and then has no roles claim', async (t) => {
  const rig = await startRig(t)
  const certificatesPem = [rig.app.certificatePem]
  rig.simulator.tenant.registerApp({ clientId, certificatesPem, roles: { graph: [], intune: [] } })
  t.notOk('roles' in decodeJwt(await rig.token(intuneScope)))
})

t.test('every mistake gets the AADSTS code, OAuth error and HTTP status that Entra gives', async (t) => {
  const rig = await startRig(t)
  const { tenant, tenantId } = rig.simulator
  const nowSeconds = Math.floor(rig.clock.nowMs() / 1000)
  const stranger = await certificateFor('stranger')
  const signed = (options: AssertionOptions) => rig.assertion(options)
  const v2 = (tenantName: string) => `/${tenantName}/oauth2/v2.0/token`
  const refusals: {
    case: string
    code: number
    error: string
    status?: number
    text?: RegExp
    fields?: Record<string, string>
    path?: string
  }[] = [
    { case: 'unknown tenant', code: 90002, error: 'invalid_request', path: v2(unknownId), text: /not found/ },
    { case: 'unknown domain', code: 90002, error: 'invalid_request', path: v2('fabrikam.example') },
    { case: 'no tenant name at all', code: 900023, error: 'invalid_request', path: v2('common') },
    {
      case: 'no grant_type',
      code: 900144,
      error: 'invalid_request',
      fields: { grant_type: '' },
      text: /'grant_type'/,
    },
    {
      case: 'another grant',
      code: 70003,
      error: 'unsupported_grant_type',
      fields: { grant_type: 'password' },
    },
    { case: 'no scope', code: 900144, error: 'invalid_request', fields: { scope: '' }, text: /'scope'/ },
    {
      case: 'scope without .default',
      code: 1002012,
      error: 'invalid_scope',
      fields: { scope: 'https://graph.microsoft.com/User.Read' },
    },
    { case: 'OIDC scopes alone', code: 1002012, error: 'invalid_scope', fields: { scope: 'openid profile' } },
    {
      case: 'two resources',
      code: 70011,
      error: 'invalid_scope',
      fields: { scope: `${graphScope} ${intuneScope}` },
    },
    {
      case: 'unknown resource',
      code: 500011,
      error: 'invalid_resource',
      fields: { scope: 'https://graph.microsoft.us/.default' },
    },
    {
      case: 'no client_id on v2',
      code: 900144,
      error: 'invalid_request',
      fields: { client_id: '' },
      text: /'client_id'/,
    },
    { case: 'unknown app', code: 700016, error: 'unauthorized_client', fields: { client_id: unknownId } },
    {
      case: 'nothing to prove it',
      code: 7000216,
      error: 'invalid_client',
      status: 401,
      fields: { client_assertion: '', client_assertion_type: '' },
    },
    {
      case: 'a type without an assertion',
      code: 7000218,
      error: 'invalid_client',
      status: 401,
      fields: { client_assertion: '' },
    },
    {
      case: 'a secret',
      code: 7000215,
      error: 'invalid_client',
      status: 401,
      fields: { client_assertion: '', client_secret: 's' },
    },
    {
      case: 'an assertion without its type',
      code: 900144,
      error: 'invalid_request',
      fields: { client_assertion_type: '' },
      text: /'client_assertion_type'/,
    },
    { case: 'no JWT', code: 50027, error: 'invalid_request', fields: { client_assertion: 'abc' } },
    {
      case: 'another app signs',
      code: 700021,
      error: 'invalid_client',
      status: 401,
      fields: { client_assertion: await signed({ claims: { iss: unknownId, sub: unknownId } }) },
    },
    {
      case: 'sub differs from iss',
      code: 700021,
      error: 'invalid_client',
      status: 401,
      fields: { client_assertion: await signed({ claims: { sub: unknownId } }) },
    },
    {
      case: 'no key id',
      code: 700027,
      error: 'invalid_client',
      status: 401,
      text: /The key was not found/,
      fields: { client_assertion: await signed({ keyId: 'none' }) },
    },
    {
      case: 'certificate not registered',
      code: 700027,
      error: 'invalid_client',
      status: 401,
      text: /The key was not found/,
      fields: { client_assertion: await signed({ namedCertificatePem: stranger.certificatePem }) },
    },
    {
      case: 'expired assertion',
      code: 700024,
      error: 'invalid_client',
      status: 401,
      text: /not within its valid time range/,
      fields: { client_assertion: await signed({ claims: { exp: nowSeconds - 301 } }) },
    },
    {
      case: 'assertion of the future',
      code: 700024,
      error: 'invalid_client',
      status: 401,
      fields: { client_assertion: await signed({ claims: { nbf: nowSeconds + 301 } }) },
    },
    {
      case: 'assertion without end',
      code: 50027,
      error: 'invalid_request',
      fields: { client_assertion: await signed({ claims: { exp: undefined } }) },
    },
    {
      case: 'wrong audience',
      code: 700023,
      error: 'invalid_client',
      status: 401,
      fields: { client_assertion: await signed({ claims: { aud: 'https://login.example/t/oauth2/token' } }) },
    },
    {
      case: 'audience of another tenant',
      code: 700023,
      error: 'invalid_client',
      status: 401,
      fields: {
        client_assertion: await signed({
          claims: { aud: `https://login.microsoftonline.com/${unknownId}/oauth2/token` },
        }),
      },
    },
  ]
  for (const { case: name, code, error, status = 400, text = /./, fields = {}, path } of refusals) {
    const answer = await rig.requestToken(fields, path)
    t.equal(answer.status, status, `${name}: HTTP ${status}`)
    t.match(answer.json(), { error, error_codes: [code], error_description: text }, `${name}: AADSTS${code}`)
  }

  const hs256 = [
    { alg: 'HS256', typ: 'JWT' },
    { iss: clientId, sub: clientId },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .concat('AAAA')
    .join('.')
  t.match(
    (await rig.requestToken({ client_assertion: hs256 })).json(),
    { error_codes: [50027] },
    'HS256 is refused',
  )

  tenant.registerApp({ clientId, certificatesPem: [stranger.certificatePem] })
  const wrongKey = await signed({ namedCertificatePem: stranger.certificatePem })
  t.match((await rig.requestToken({ client_assertion: wrongKey })).json(), {
    error_codes: [700027],
    error_description: /Key was found, but use of the key to verify the signature failed/,
  })
  tenant.registerApp({ clientId, certificatesPem: [rig.app.certificatePem], disabled: true })
  t.match((await rig.requestToken()).json(), { error: 'unauthorized_client', error_codes: [7000112] })
  t.ok(tenant.removeApp(clientId))
  t.match((await rig.requestToken()).json(), { error_codes: [700016] })
  const spelledOtherwise = await rig.requestToken({}, `//${tenantId.toUpperCase()}/OAuth2/v2.0/Token/`)
  t.match(
    spelledOtherwise.json(),
    { error_codes: [700016] },
    'a path in another case, with doubled slashes, is served',
  )
})

t.test('the error JSON has every member of Entra, and the correlation id of the request', async (t) => {
  const rig = await startRig(t)
  const correlationId = 'e1b8ff50-35b7-4b8c-9b53-4fd1c1c1c1c1'
  const answer = await rig.requestToken({ client_id: unknownId, 'client-request-id': correlationId })
  const body = answer.json()
  t.strictSame(Object.keys(body), [
    'error',
    'error_description',
    'error_codes',
    'timestamp',
    'trace_id',
    'correlation_id',
    'error_uri',
  ])
  t.equal(body.correlation_id, correlationId)
  t.equal(body.error_uri, 'https://login.microsoftonline.com/error?code=700016')
  t.match(body.timestamp, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/)
  const lines = String(body.error_description).split('\r\n')
  t.match(lines[0], /^AADSTS700016: Application with identifier/)
  t.strictSame(lines.slice(1), [
    `Trace ID: ${body.trace_id}`,
    `Correlation ID: ${correlationId}`,
    `Timestamp: ${body.timestamp}`,
  ])
})

t.test('an expired certificate is named as the reason', async (t) => {
  const rig = await startRig(t)
  const expired = await createSelfSignedCertificate({
    commonName: 'expired',
    notBefore: new Date(rig.clock.nowMs() - 2 * 86_400_000),
    notAfter: new Date(rig.clock.nowMs() - 86_400_000),
  })
  rig.simulator.tenant.registerApp({
    clientId,
    certificatesPem: [expired.certificatePem, rig.app.certificatePem],
  })
  const client_assertion = await rig.assertion({ namedCertificatePem: expired.certificatePem })
  t.match((await rig.requestToken({ client_assertion })).json(), {
    error_codes: [700027],
    error_description: /The key used is expired.*Thumbprint.*Found key 'Start=.*End=/,
  })
  t.equal((await rig.requestToken()).status, 200, 'the other certificate of the app still works')
})

t.test('the OpenID metadata is of this origin, for the id and the domain of the tenant', async (t) => {
  const rig = await startRig(t, { tenantDomain: 'contoso.example' })
  const { origin, tenantId } = rig.simulator
  for (const name of [tenantId, 'contoso.example']) {
    t.match((await rig.call(`/${name}/v2.0/.well-known/openid-configuration`)).json(), {
      issuer: `${origin}/${tenantId}/v2.0`,
      token_endpoint: `${origin}/${name}/oauth2/v2.0/token`,
      authorization_endpoint: `${origin}/${name}/oauth2/v2.0/authorize`,
      jwks_uri: `${origin}/${name}/discovery/v2.0/keys`,
    })
  }
  const unknown = await rig.call(`/${unknownId}/v2.0/.well-known/openid-configuration`)
  t.equal(unknown.status, 400)
  t.match(unknown.json(), { error: 'invalid_tenant', error_codes: [90002] })
  t.equal((await rig.call(`/${unknownId}/discovery/v2.0/keys`)).status, 400)
})

t.test('MSAL gets its token here', async (t) => {
  const rig = await startRig(t)
  const { origin, tenantId, tenant } = rig.simulator
  const send = async (url: string, options?: NetworkRequestOptions) => {
    const { pathname, search } = new URL(url)
    const method = options?.body === undefined ? 'GET' : 'POST'
    const answer = await rig.call(`${pathname}${search}`, {
      method,
      headers: { ...options?.headers },
      ...(options?.body !== undefined && { body: options.body }),
    })
    return { headers: {}, status: answer.status, body: JSON.parse(answer.text) }
  }
  const client = new ConfidentialClientApplication({
    auth: {
      clientId,
      authority: `${origin}/${tenantId}`,
      knownAuthorities: [new URL(origin).host],
      clientCertificate: {
        thumbprintSha256: new X509Certificate(rig.app.certificatePem).fingerprint256.replaceAll(':', ''),
        privateKey: rig.app.privateKeyPem,
      },
    },
    system: { networkClient: { sendGetRequestAsync: send, sendPostRequestAsync: send } },
  })
  const result = await client.acquireTokenByClientCredential({ scopes: [intuneScope] })
  t.equal(decodeJwt(result?.accessToken ?? '').aud, 'https://api.manage.microsoft.com/')
  t.match(tenant.requestCounts(), { openid: 1, token: 1 })
  t.match(tenant.requests('token'), [{ scope: intuneScope, assertion: { header: { alg: 'PS256' } } }])
})
