import { Agent, request as send } from 'node:https'
import fc from 'fast-check'
import t from 'tap'
import { decodeAssertion } from '../../src/simulator/entra/client-assertion.ts'
import type { Exchange } from '../../src/simulator/exchange.ts'
import { readListOptions, writeSkipToken } from '../../src/simulator/graph/odata.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { json, mutated, text } from './arbitraries.ts'
import { fuzz, fuzzed } from './fuzz.ts'

const simulator = await startSimulator()
// A kept connection may be closed by the simulator just when it is used again.
const agent = new Agent({ ca: simulator.caCertificatePem })
const { hostname, port } = new URL(simulator.origin)

interface Wire {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The status of one request; 0 where the connection was ended instead. */
function statusOf({ method, path, headers, body }: Wire): Promise<number> {
  return new Promise((resolve) => {
    // Node sends the body of some methods without saying how long it is.
    const framed = { ...headers, 'content-length': Buffer.byteLength(body) }
    const request = send({ agent, hostname, port, method, path, headers: framed }, (reply) => {
      reply.resume().on('end', () => resolve(reply.statusCode ?? 0))
    })
    request.on('error', () => resolve(0))
    request.end(body)
  })
}

const queryText = (options: Readonly<Record<string, string>>) => new URLSearchParams(options).toString()
const odata = fc.record(
  {
    $filter: fc.oneof(text, mutated(fc.constant("imei eq 'a''b'"))),
    $top: fc.oneof(text, fc.nat().map(String)),
    $select: text,
    $skiptoken: fc.oneof(text, fc.nat().map(writeSkipToken), mutated(fc.nat().map(writeSkipToken))),
  },
  { requiredKeys: [], noNullPrototype: true },
)
const exchangeOf = (query: string): Exchange => ({
  method: 'GET',
  path: '/v1.0/deviceManagement/managedDevices',
  query: new URLSearchParams(query),
  headers: {},
  form: new URLSearchParams(),
  clientRequestId: 'x',
})
const encoded = (value: fc.Arbitrary<unknown>) =>
  value.map((claims) => Buffer.from(JSON.stringify(claims) ?? '').toString('base64url'))
const jwt = fc.oneof(
  text,
  fc.tuple(encoded(json), encoded(json), text).map((parts) => parts.join('.')),
  mutated(fc.constant('eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOiJhIiwiYXVkIjoiYiJ9.AAAA')),
)
const pathText = fc.oneof(
  fc.constantFrom(
    `/${simulator.tenantId}/oauth2/v2.0/token`,
    `/${simulator.tenantId}/v2.0/.well-known/openid-configuration`,
    '/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints',
    '/v1.0/deviceManagement/managedDevices',
    '/control/devices',
    '/control/faults',
    '/control/scenario',
  ),
  text.map((part) => `/${encodeURIComponent(part.toWellFormed()).slice(0, 200)}`),
)
const wire: fc.Arbitrary<Wire> = fc
  .record({
    // Nothing that lasts: the control API would be told to hang, and it would.
    method: fc.constantFrom('GET', 'POST', 'OPTIONS', 'QUERY'),
    path: pathText,
    query: odata.map(queryText),
    type: fc.constantFrom('application/json', 'application/x-www-form-urlencoded', 'text/plain', 'none'),
    body: fc.oneof(
      text,
      json.map((value) => JSON.stringify(value)),
      jwt.map((assertion) =>
        queryText({
          grant_type: 'client_credentials',
          scope: 'https://graph.microsoft.com/.default',
          client_assertion: assertion.toWellFormed(),
        }),
      ),
    ),
    authorization: jwt.map((token) => `Bearer ${encodeURIComponent(token.toWellFormed())}`),
  })
  .map(({ method, path, query, type, body, authorization }) => ({
    method,
    path: `${path}?${query}`,
    headers: { 'content-type': type, authorization: authorization.slice(0, 4000) },
    body: method === 'GET' ? '' : body.toWellFormed(),
  }))

await fuzz(
  t,
  'simulator',
  {
    'query options of OData are read or called wrong': fuzzed(
      fc.property(
        fc.oneof(
          odata.map((options) => queryText(options)),
          text,
        ),
        (query) => {
          const options = readListOptions(exchangeOf(query))
          return typeof options === 'string'
            ? options !== ''
            : options.skipped >= 0 && (options.top ?? 1) >= 1
        },
      ),
    ),
    'a page is found again by its token': fuzzed(
      fc.property(fc.nat(999_999_999), (skipped) => {
        const options = readListOptions(exchangeOf(queryText({ $skiptoken: writeSkipToken(skipped) })))
        return typeof options === 'object' && options.skipped === skipped
      }),
    ),
    'a client assertion is taken apart or none': fuzzed(
      fc.property(jwt, (given) => {
        const assertion = decodeAssertion(given)
        return (
          assertion === undefined ||
          (typeof assertion.header === 'object' && typeof assertion.claims === 'object')
        )
      }),
    ),
    'every request gets an answer that Microsoft could give': fuzzed(
      fc.asyncProperty(wire, async (given) => {
        const status = await statusOf(given)
        return status >= 200 && status < 500
      }),
    ),
  },
  async () => {
    agent.destroy()
    await simulator.close()
  },
)
