import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { managementOpenApiDocument } from '../../scripts/generate-management-openapi.ts'
import { canaryMarker } from '../../scripts/secret-scan.ts'
import { productVersion } from '../../src/product-version.ts'
import { registerManagementRoutes } from '../../src/server/management.ts'
import { hashSecret } from '../../src/server/secret-hash.ts'
import { createManagementServer } from '../../src/server/server.ts'
import { simulatedService } from '../app/simulated-service.ts'
import { expectDocumented, managementApi, schemaErrors } from './validate-reply.ts'

t.test('openapi-management.yaml is what the schemas generate', async (t) => {
  const committed = readFileSync(new URL('../../openapi-management.yaml', import.meta.url), 'utf8')
  t.equal(committed, managementOpenApiDocument(), 'run: npm run generate')
})

/** Every route of the listener, as the document names it. */
async function routes(): Promise<{ method: string; path: string }[]> {
  const found: { method: string; path: string }[] = []
  const app = createManagementServer({
    logger: pino({ level: 'silent' }),
    readiness: () => ({ ready: true, checks: {} }),
  })
  // Those of health are there before anybody can look.
  for (const path of ['/livez', '/readyz'])
    if (app.hasRoute({ method: 'GET', url: path })) found.push({ method: 'GET', path })
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat())
      if (one !== 'HEAD') found.push({ method: one, path: url.replaceAll(/:(\w+)/g, '{$1}') })
  })
  registerManagementRoutes(app, {
    exposeMetrics: async () => ({ contentType: 'text/plain', text: '' }),
    status: () => ({}),
    acceptHeld: async () => ({ records: 0 }),
    rejectHeld: () => ({ records: 0 }),
    purge: () => true,
    purgeAll: () => 0,
    traces: { find: async () => undefined, search: async () => ({ traces: [], isComplete: true }) },
    listDevices: async () => ({ devices: [], next: null }),
  })
  await app.ready()
  await app.close()
  return found
}

t.test('every route is documented, and every documented route is there', async (t) => {
  const registered = (await routes()).map(({ method, path }) => `${method} ${path}`)
  const documented = Object.entries(managementApi.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  t.same(registered.sort(), documented.sort())
})

t.test('every example in the document fits its schema', async (t) => {
  let examples = 0
  const visit = (keys: readonly string[], value: unknown) => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, child] of Object.entries(value)) {
      if (key === 'examples' && Array.isArray(child)) {
        for (const example of child) {
          examples += 1
          t.same(schemaErrors(keys, example, managementApi), [], `${keys.join('/')}: ${example}`)
        }
      } else visit([...keys, key], child)
    }
  }
  visit([], managementApi)
  t.ok(examples > 10, `${examples} examples were found`)
})

t.test('every reply of the running service is as the document says', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'management-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const secret = `${canaryMarker} documented`
  const entry = (name: string, frontends: string, hash: string) =>
    `  - { name: ${name}, frontends: [${frontends}], basic: { username: ${name}, passwordHash: "${hash}" } }\n`
  const hash = await hashSecret(secret)
  const clients = `clients:\n${entry('op', 'management, json', hash)}${entry('web', 'json', hash)}`
  writeFileSync(join(directory, 'clients.yaml'), clients)
  const { app } = await simulatedService(t, {
    environment: {
      CLIENTS_FILE: join(directory, 'clients.yaml'),
      SERVICE_HOST: '127.0.0.1',
      STATE_DIR: directory,
      TRACE_STORE: 'on',
    },
  })
  if (!app) return t.fail('the service was not built')
  await app.listen()
  const basic = (name: string, password = secret) =>
    `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
  for (const mac of ['005056A4895A', '005056A4895B', 'not a mac'])
    await app.server.inject({
      url: '/v1/decision',
      query: { mac },
      headers: { authorization: basic('op') },
    })
  const check = async (
    method: string,
    url: string,
    expected: number,
    {
      remoteAddress = '127.0.0.1',
      headers = {},
      body,
    }: { remoteAddress?: string; headers?: Record<string, string>; body?: string } = {},
  ) => {
    const reply = await app.management.inject({
      method: method as 'GET',
      url,
      remoteAddress,
      headers,
      ...(body !== undefined && { body }),
    })
    t.equal(
      reply.statusCode,
      expected,
      `${method} ${url} ${JSON.stringify(headers).slice(0, 40)}: ${expected}`,
    )
    const path = (url.split('?')[0] ?? '')
      .replace(/^\/decisions\/.+/, '/decisions/{decisionId}')
      .replace(/^\/devices\/.+/, '/devices/{kind}/{value}')
    expectDocumented(t, { method, path, reply }, managementApi)
    return reply
  }
  const { decisions } = (await check('GET', '/decisions', 200)).json()
  t.equal(decisions.length, 2)
  await check('GET', `/decisions/${decisions[0].decisionId}`, 200)
  await check('GET', '/decisions/nobody', 404)
  t.equal((await check('GET', '/devices', 200)).json().devices.length, 2)
  const status = (await check('GET', '/status', 200)).json()
  t.equal(status.version, productVersion())
  for (const path of ['/livez', '/readyz', '/metrics']) await check('GET', path, 200)
  await check('HEAD', '/status', 200)
  await check('GET', '/nowhere', 404)
  await check('GET', '/decisions?device=%3F', 400)
  await check('DELETE', '/devices/mac/nonsense', 400)
  const all = await routes()
  for (const { method, path } of all) {
    const url = path.replace('{decisionId}', 'x').replace('{kind}/{value}', 'mac/005056A4895A')
    await check(method, `${url}?descision=deny`, 400)
    await check(method, url, 421, { headers: { host: 'evil.example' } })
    if (/livez|readyz|metrics|status/.test(path)) continue
    const remoteAddress = '192.0.2.7'
    await check(method, url, 401, { remoteAddress })
    await check(method, url, 401, { remoteAddress, headers: { authorization: basic('op', 'no') } })
    await check(method, url, 403, { remoteAddress, headers: { authorization: basic('web') } })
    if (method === 'GET') continue
    await check(method, url, 403, { headers: { origin: 'http://evil.example' } })
    await check(method, url, 415, { headers: { 'content-type': 'text/xml' }, body: '<a/>' })
    await check(method, url, 413, {
      headers: { 'content-type': 'application/json' },
      body: `"${'x'.repeat(70_000)}"`,
    })
  }
  for (let guess = 0; guess < 12; guess += 1) {
    await app.management.inject({
      url: '/decisions',
      remoteAddress: '203.0.113.66',
      headers: { authorization: basic('op', `guess ${guess}`) },
    })
  }
  const guessing = { remoteAddress: '203.0.113.66', headers: { authorization: basic('op', 'one more') } }
  await check('GET', '/decisions', 429, guessing)
  await check('POST', '/guard/accept', 200)
  await check('POST', '/guard/reject', 200)
  await check('DELETE', '/devices/mac/005056A4895A', 200)
  await check('DELETE', '/devices', 200)
})
