import type { Overheard, Spoilt } from './wire-tap.ts'

const json = { 'content-type': 'application/json' }
const xml = { 'content-type': 'application/xml' }

/** Whatever in a request must not be said back, the longest first: the assertion of a token request, the bearer token. */
function secretOf({ headers, body }: Overheard): string {
  const assertion = new URLSearchParams(body).get('client_assertion')
  return assertion ?? headers.authorization?.replace(/^Bearer /, '') ?? 'none'
}

function hopOf({ path }: Overheard): 'token' | 'discovery' | 'details' | 'query' | 'other' {
  if (/\/token$/.test(path)) return 'token'
  if (/\/endpoints/i.test(path)) return 'discovery'
  if (/\/managedDevices/i.test(path)) return 'details'
  return /devices/i.test(path) ? 'query' : 'other'
}

/** Ways to say back what was sent, by the hop that does it. */
type Echo = (secret: string) => Spoilt

const problem = (secret: string) =>
  JSON.stringify({
    error: { code: 'InvalidAuthenticationToken', message: `Bad token ${secret}`, innerError: secret },
  })

const anywhere: Readonly<Record<string, Echo>> = {
  'a 401 that quotes it': (secret) => ({
    status: 401,
    headers: { ...json, 'www-authenticate': `Bearer error="invalid_token", error_description="${secret}"` },
    body: problem(secret),
  }),
  'a 500 with it in the page of a proxy': (secret) => ({
    status: 500,
    headers: { 'content-type': 'text/html' },
    body: `<html><title>${secret}</title><pre>authorization: Bearer ${secret}</pre></html>`,
  }),
  'a redirect with it in the address': (secret) => ({
    status: 302,
    headers: { location: `https://127.0.0.1/login?access_token=${secret}#${secret}` },
    body: '',
  }),
  'header fields that carry it': (secret) => ({
    status: 503,
    headers: {
      ...json,
      'request-id': secret,
      'retry-after': secret,
      'x-ms-diagnostics': secret,
      server: secret,
    },
    body: '{}',
  }),
  'a body that is no JSON and no XML': (secret) => ({ status: 200, headers: json, body: `{"${secret}` }),
}

const ofToken: Readonly<Record<string, Echo>> = {
  "Entra's own error with it in the description": (secret) => ({
    status: 401,
    headers: json,
    body: JSON.stringify({
      error: 'invalid_client',
      error_description: `AADSTS700027: Client assertion contains an invalid signature. ${secret} Trace ID: ${secret}`,
      error_codes: [700027],
      trace_id: secret,
      correlation_id: secret,
      error_uri: `https://login.microsoftonline.com/error?code=700027&assertion=${secret}`,
      claims: secret,
    }),
  }),
  'a success without a token': (secret) => ({
    status: 200,
    headers: json,
    body: JSON.stringify({ token_type: 'Bearer', expires_in: secret, refresh_token: secret }),
  }),
}

const ofDiscovery: Readonly<Record<string, Echo>> = {
  'a list of services whose addresses carry it': (secret) => ({
    status: 200,
    headers: json,
    body: JSON.stringify({
      value: [
        { providerName: 'ComplianceRetrievalService', uri: `https://user:${secret}@evil.example/${secret}` },
        { providerName: 'NACAPIService', uri: `https://127.0.0.1:1/${secret}?token=${secret}` },
      ],
    }),
  }),
}

const ofQuery: Readonly<Record<string, Echo>> = {
  'a device whose every field is it': (secret) => ({
    status: 200,
    headers: xml,
    body: `<ise_api><deviceList><device><guid>${secret}</guid><macaddress>${secret}</macaddress><Attributes><register_status>${secret}</register_status><Compliance><status>${secret}</status></Compliance><other>${secret}</other></Attributes></device></deviceList></ise_api>`,
  }),
  'XML that breaks off behind it': (secret) => ({
    status: 200,
    headers: xml,
    body: `<ise_api a="${secret}"><${secret}`,
  }),
}

/** Every way and hop: a title, and what the cloud then answers. */
export const spoilt = (
  [
    ['token', { ...anywhere, ...ofToken }],
    ['discovery', { ...anywhere, ...ofDiscovery }],
    ['query', { ...anywhere, ...ofQuery }],
    ['details', anywhere],
  ] as const
).flatMap(([hop, echoes]) =>
  Object.entries(echoes).map(([title, echo]) => ({
    title: `${hop}: ${title}`,
    spoil: (request: Overheard) => (hopOf(request) === hop ? echo(secretOf(request)) : undefined),
  })),
)
