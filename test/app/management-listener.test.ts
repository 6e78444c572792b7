import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { canaryMarker } from '../../scripts/secret-scan.ts'
import { hashSecret } from '../../src/server/secret-hash.ts'
import { simulatedService } from './simulated-service.ts'

t.test('the settings of the management listener reach it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'management-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const secret = `${canaryMarker} operator`
  const operator = `{ name: op, frontends: [management], basic: { username: op, passwordHash: "${await hashSecret(secret)}" } }`
  writeFileSync(join(directory, 'clients.yaml'), `clients:\n  - ${operator}\n`)
  const { app } = await simulatedService(t, {
    environment: {
      CLIENTS_FILE: join(directory, 'clients.yaml'),
      SERVICE_HOST: '127.0.0.1',
      MANAGEMENT_ALLOWED_HOSTS: 'nac-1.contoso.example',
      MANAGEMENT_REQUIRE_CREDENTIALS: 'on',
    },
  })
  if (!app) return t.fail('the service was not built')
  const { managementUrl } = await app.listen()
  const ask = (path: string, headers: Record<string, string> = {}) =>
    new Promise<number>((resolve, reject) => {
      const asked = request(`${managementUrl}${path}`, { headers, agent: false }, (reply) => {
        reply.resume()
        reply.once('end', () => resolve(reply.statusCode ?? 0))
      })
      asked.once('error', reject).end()
    })
  t.equal(await ask('/readyz', { host: 'evil.example' }), 421)
  t.equal(await ask('/livez', { host: 'nac-1.contoso.example:9090' }), 200)
  t.equal(await ask('/decisions'), 401)
  const authorization = `Basic ${Buffer.from(`op:${secret}`).toString('base64')}`
  t.equal(await ask('/decisions', { authorization }), 200)
  const { body } = await app.management.inject('/metrics')
  t.match(body, /nac_refused_requests_total\{frontend="management",code="host_not_served"\} 1/)
  t.match(body, /nac_refused_requests_total\{frontend="management",code="unauthenticated"\} 1/)
})
