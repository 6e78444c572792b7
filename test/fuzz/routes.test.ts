import fc from 'fast-check'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import { json, mutated, optional, sanUri, spelledMac, text } from './arbitraries.ts'
import { writeClientsFile } from './clients-file.ts'
import { isFitReply, routes } from './fit-reply.ts'
import { fuzz, fuzzed } from './fuzz.ts'
import { devices, fuzzedService } from './fuzzed-service.ts'
import { radiusBody } from './radius-body.ts'

process.on('warning', (warning) => t.fail(`a warning of Node: ${warning.message}`))

const policyFile = new URL('../../deploy/freeradius/policy.yaml', import.meta.url).pathname
const open = await fuzzedService(t, { environment: { POLICY_FILE: policyFile } })
const { file: clientsFile, password, token } = await writeClientsFile(t)
const guarded = await fuzzedService(t, {
  environment: {
    CLIENTS_FILE: clientsFile,
    SERVICE_TRUSTED_PROXIES: '127.0.0.1',
    SERVICE_PATH_PREFIX: '/nac',
  },
})
const broken = await fuzzedService(t, { environment: { DECISION_DEADLINE_MS: '200' } })
broken.simulator.tenant.setFault({ hop: 'token', kind: 'status', status: 503 })

const known = Object.values(devices)
const encoded = (value: fc.Arbitrary<string>) =>
  value.map((given) => encodeURIComponent(given.toWellFormed()))
const identifier = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...known.flatMap(({ mac, deviceId }) => [mac, deviceId])) },
  { weight: 1, arbitrary: spelledMac.map(({ written }) => written) },
  { weight: 1, arbitrary: sanUri.map(({ uri }) => uri) },
  { weight: 4, arbitrary: mutated(fc.constantFrom(...known.map(({ mac }) => mac))) },
  { weight: 3, arbitrary: text },
)
const name = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      'mac',
      'deviceId',
      'imei',
      'meid',
      'udid',
      'serialNumber',
      'certificateSan',
      'certificateCn',
      'refresh',
    ),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'querycriteria',
      'value',
      'filter',
      'paging',
      'deviceidentifier',
      'ise_api_version',
      'dialect',
      'denial',
      'device',
      'limit',
    ),
  },
  { weight: 1, arbitrary: text },
)
const value = fc.oneof(
  { weight: 4, arbitrary: identifier },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'true',
      'false',
      '0',
      '3',
      'all',
      'macaddress',
      'guid',
      'compliance',
      'v4',
      'control',
      'compliance+macaddresses',
    ),
  },
  { weight: 1, arbitrary: text },
)
const query = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .array(
        fc.tuple(encoded(name), encoded(value)).map((pair) => pair.join('=')),
        { maxLength: 5 },
      )
      .map((pairs) => pairs.join('&')),
  },
  {
    weight: 1,
    arbitrary: encoded(text).map((given) =>
      given.replaceAll('%20', '+').replaceAll('%3D', '=').replaceAll('%26', '&').replaceAll('%25', '%'),
    ),
  },
)
const segment = encoded(
  fc.oneof(fc.constantFrom('mac', 'deviceId', '0', 'macaddress', 'all', 'compliance'), identifier),
).filter((part) => part !== '')
/** A route with its parameters filled in; now and then an address that is none, or nearly one. */
const path = fc.oneof(
  {
    weight: 10,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...routes),
        fc.array(segment, { minLength: 4, maxLength: 4 }),
        fc.constantFrom('', '', '', '/', '//'),
      )
      .map(([route, parts, end]) => route.replace(/:\w+/g, () => parts.pop() ?? 'x') + end),
  },
  {
    weight: 2,
    arbitrary: mutated(
      fc.constantFrom(...routes),
      fc.constantFrom('/', '//', '.', '..', '%2e%2e', '%2f', '%00', '%zz', '%', ';', '*', '{', '\\'),
    ).map((given) => `/${given.replaceAll(/[^\x21-\x7e]|[?#]/g, '')}`),
  },
  { weight: 1, arbitrary: segment.map((part) => `/${part}`) },
)
const xmlBody = mutated(
  fc.constantFrom(
    `<ise_api><name>batchdevices</name>${known.map(({ mac }) => `<value>${mac}</value>`).join('')}</ise_api>`,
    '<ise_api><deviceList><device><guid>b0b00000-0000-4000-8000-000000000002</guid></device></deviceList></ise_api>',
  ),
)
const jsonBody = fc
  .dictionary(name, fc.oneof(value, fc.array(value, { maxLength: 18 }), json), { maxKeys: 4 })
  .map((body) => JSON.stringify(body))
const body = fc.oneof(
  radiusBody,
  jsonBody,
  xmlBody,
  json.map((given) => JSON.stringify(given)),
  text,
  fc.integer({ min: 65_000, max: 67_000 }).map((length) => `"${'x'.repeat(length)}"`),
)
const headerText = text.map((given) =>
  given
    .replace(/[^\t\x20-\x7e\x80-\xff]/g, '')
    .trim()
    .slice(0, 4000),
)
const basic = (secret: string) => `Basic ${Buffer.from(`fuzz:${secret}`).toString('base64')}`
const headers = fc.record(
  {
    authorization: fc.oneof(
      fc.constantFrom(basic(password), basic(password), `Bearer ${token}`, basic('wrong')),
      mutated(fc.constant(basic(password))),
      headerText,
    ),
    'content-type': fc.oneof(
      fc.constantFrom(
        'application/json',
        'application/json; charset=utf-8',
        'application/xml',
        'text/plain',
        'none',
        'application/x-www-form-urlencoded',
        'application/json;charset=utf-16',
        'multipart/form-data',
      ),
      headerText,
    ),
    accept: headerText,
    traceparent: fc.oneof(
      headerText,
      mutated(fc.constant('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')),
    ),
    'x-forwarded-for': fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.array(fc.ipV4(), { maxLength: 4 }).map((all) => all.join(', ')),
      headerText,
    ),
    forwarded: headerText,
    'x-request-id': headerText,
    'accept-encoding': headerText,
    'sec-fetch-site': fc.constantFrom('cross-site', 'same-origin', 'none'),
    origin: headerText,
    expect: headerText,
    range: headerText,
    'if-none-match': headerText,
    cookie: headerText,
    'x-http-method-override': fc.constantFrom('DELETE', 'PUT'),
  },
  { requiredKeys: [], noNullPrototype: true },
)
const method = fc.constantFrom(
  'GET',
  'GET',
  'POST',
  'POST',
  'HEAD',
  'PUT',
  'DELETE',
  'PATCH',
  'OPTIONS',
  'TRACE',
  'QUERY',
)

/** A request of any kind. HEAD and GET come without a body, as clients send them. */
const request: fc.Arbitrary<InjectOptions> = fc
  .record({
    method,
    path,
    query: optional(query),
    headers,
    body,
    remoteAddress: fc.constantFrom('127.0.0.1', '127.0.0.1', '::1', '::ffff:127.0.0.1', '192.0.2.7'),
  })
  .map(({ method, path, query, headers, body, remoteAddress }) => ({
    method: method as 'GET',
    // inject would take what follows for the name of a host.
    url: `${path.replace(/^[/\\]+/, '/')}${query === undefined ? '' : `?${query}`}`,
    headers: Object.fromEntries(Object.entries(headers).filter(([, given]) => given !== '')),
    remoteAddress,
    ...(method !== 'GET' && method !== 'HEAD' && { payload: Buffer.from(body) }),
  }))

async function isAnswered(
  service: typeof open,
  listener: 'server' | 'management',
  given: InjectOptions,
): Promise<boolean> {
  const reply = await service.app[listener].inject(given)
  const why = isFitReply(given, reply, listener)
  if (why !== undefined)
    throw new Error(
      `${why}: ${reply.statusCode} ${JSON.stringify(reply.headers)} ${reply.body.slice(0, 500)}`,
    )
  return true
}

await fuzz(
  t,
  'routes',
  {
    'every address answers as its front end does': fuzzed(
      fc.asyncProperty(request, (given) => isAnswered(open, 'server', given)),
    ),
    'with clients, a proxy and a prefix it does so as well': fuzzed(
      fc.asyncProperty(request, fc.boolean(), (given, prefixed) =>
        isAnswered(guarded, 'server', prefixed ? { ...given, url: `/nac${String(given.url)}` } : given),
      ),
    ),
    'while nothing can be asked it does so as well, and nobody is called compliant': fuzzed(
      fc.asyncProperty(request, async (given) => {
        const reply = await broken.app.server.inject(given)
        const why = isFitReply(given, reply, 'server')
        if (why !== undefined) throw new Error(`${why}: ${reply.statusCode} ${reply.body.slice(0, 500)}`)
        return !/"decision":"allow"|<status>true/.test(reply.body)
      }),
    ),
    'the management listener answers too': fuzzed(
      fc.asyncProperty(request, (given) => isAnswered(open, 'management', given)),
    ),
    'a device that is not compliant is never let in, however it is asked for': fuzzed(
      fc.asyncProperty(
        fc.constantFrom(devices.noncompliant, devices.unknown),
        fc.constantFrom('mac', 'deviceId'),
        query,
        async ({ mac, deviceId }, by, more) => {
          const asked = by === 'mac' ? `mac=${mac}` : `deviceId=${deviceId}`
          const reply = await open.app.server.inject(
            // Each of these may name another device by right, and outranks a MAC address.
            `/v1/decision?${asked}&${more.replaceAll(/(?:deviceId|certificateSan|certificateCn)=/g, 'imei=')}`,
          )
          return !reply.body.includes('"decision":"allow"')
        },
      ),
    ),
  },
  async (t) => {
    for (const service of [open, guarded, broken]) {
      t.equal((await service.app.server.inject('/livez')).statusCode, 200)
      t.notMatch(service.log(), /"msg":"request failed"/, 'nothing was logged as a defect')
      t.notMatch(service.log(), /s3cret-of-the-user/, 'nor a password')
    }
    const reply = await open.app.server.inject(`/v1/decision?mac=${devices.compliant.mac}`)
    t.match(reply.json(), { decision: 'allow' }, 'and it still decides')
  },
)
