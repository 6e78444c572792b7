import { createHash, createPrivateKey, randomUUID, X509Certificate } from 'node:crypto'
import { CompactSign } from 'jose'
import type { Test } from 'tap'
import { Agent } from 'undici'
import type { CertificateAndKey } from '../../src/certificates/certificate.ts'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import type { Clock } from '../../src/clock.ts'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.ts'

export const clientId = '5f0a3c5e-7a55-4d0c-9b65-0a4c3f1d2e01'
export const graphScope = 'https://graph.microsoft.com/.default'
export const intuneScope = 'https://api.manage.microsoft.com//.default'

/** A clock that stands still until it is moved. */
export interface MovableClock extends Clock {
  advance(ms: number): void
}

export function createMovableClock(startMs = Date.now()): MovableClock {
  let now = startMs
  return {
    nowMs: () => now,
    monotonicMs: () => now,
    after: () => () => {},
    advance(ms) {
      now += ms
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  json(): Readonly<Record<string, unknown>>
}

export interface CallOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly form?: Record<string, string>
  readonly json?: unknown
}

/** How an assertion differs from a good one. */
export interface AssertionOptions {
  readonly algorithm?: 'RS256' | 'PS256'
  readonly keyId?: 'x5t' | 'x5t standard base64' | 'x5t#S256' | 'none'
  readonly claims?: Record<string, unknown>
  readonly namedCertificatePem?: string
}

/** A running simulator with one registered app, and a client that trusts it. */
export interface Rig {
  readonly simulator: Simulator
  readonly clock: MovableClock
  readonly app: CertificateAndKey
  call(path: string, options?: CallOptions): Promise<Answer>
  control(method: NonNullable<CallOptions['method']>, path: string, json?: unknown): Promise<Answer>
  assertion(options?: AssertionOptions): Promise<string>
  /** A v2 token request; `overrides` replaces fields, an empty one is left out. */
  requestToken(overrides?: Record<string, string>, path?: string): Promise<Answer>
  token(scope: string): Promise<string>
  query(criteria: string, value: string, token: string): Promise<Answer>
}

const certificates = new Map<string, Promise<CertificateAndKey>>()

/** One certificate per name and test file: making keys is what costs time. */
export function certificateFor(name: string): Promise<CertificateAndKey> {
  const known = certificates.get(name) ?? createSelfSignedCertificate({ commonName: name })
  certificates.set(name, known)
  return known
}

export async function startRig(t: Test, options: SimulatorOptions = {}): Promise<Rig> {
  const clock = createMovableClock()
  const simulator = await startSimulator({ clock, ...options })
  const agent = new Agent({ connect: { ca: simulator.caCertificatePem } })
  t.teardown(async () => {
    await agent.destroy()
    await simulator.close()
  })
  const app = await certificateFor('app')
  simulator.tenant.registerApp({ clientId, certificatesPem: [app.certificatePem] })

  async function call(path: string, { form, json, ...call }: CallOptions = {}): Promise<Answer> {
    const content = form
      ? { type: 'application/x-www-form-urlencoded', body: new URLSearchParams(form).toString() }
      : json !== undefined
        ? { type: 'application/json', body: JSON.stringify(json) }
        : undefined
    // Not joined by new URL(): a path that starts with two slashes must stay as it is.
    const { origin } = simulator
    const response = await agent.request({
      origin,
      path,
      method: call.method ?? (content ? 'POST' : 'GET'),
      headers: { ...(content && { 'content-type': content.type }), ...call.headers },
      body: content?.body ?? call.body ?? null,
    })
    const text = await response.body.text()
    return { status: response.statusCode, headers: response.headers, text, json: () => JSON.parse(text) }
  }

  async function assertion(options: AssertionOptions = {}): Promise<string> {
    const { algorithm = 'PS256', keyId = 'x5t#S256', claims = {}, namedCertificatePem } = options
    const nowSeconds = Math.floor(clock.nowMs() / 1000)
    const payload = {
      aud: `${simulator.origin}/${simulator.tenantId}/oauth2/v2.0/token`,
      iss: clientId,
      sub: clientId,
      jti: randomUUID(),
      nbf: nowSeconds,
      exp: nowSeconds + 600,
      ...claims,
    }
    const der = new X509Certificate(namedCertificatePem ?? app.certificatePem).raw
    const named = {
      x5t: { x5t: createHash('sha1').update(der).digest('base64url') },
      'x5t standard base64': { x5t: createHash('sha1').update(der).digest('base64') },
      'x5t#S256': { 'x5t#S256': createHash('sha256').update(der).digest('base64url') },
      none: {},
    }[keyId]
    return new CompactSign(Buffer.from(JSON.stringify(payload)))
      .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...named })
      .sign(createPrivateKey(app.privateKeyPem))
  }

  async function requestToken(overrides: Record<string, string> = {}, path?: string): Promise<Answer> {
    const fields = {
      client_id: clientId,
      scope: intuneScope,
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: overrides.client_assertion ?? (await assertion()),
      ...overrides,
    }
    const form = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''))
    return call(path ?? `/${simulator.tenantId}/oauth2/v2.0/token`, { form })
  }

  return {
    simulator,
    clock,
    app,
    call,
    control: (method, path, json) => call(`/control${path}`, { method, json }),
    assertion,
    requestToken,
    token: async (scope) => String((await requestToken({ scope })).json().access_token),
    query: (criteria, value, token) =>
      call(
        `${simulator.tenant.variants().complianceRetrievalPath}/cisco/devices/?paging=0&querycriteria=${criteria}&value=${value}&filter=all`,
        { headers: { authorization: `Bearer ${token}`, accept: 'application/xml' } },
      ),
  }
}
