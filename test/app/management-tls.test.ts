import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Agent, fetch } from 'undici'
import { canaryMarker } from '../../scripts/secret-scan.ts'
import {
  createCertificateAuthority,
  issueClientCertificate,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { hashSecret } from '../../src/server/secret-hash.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { simulatedService } from './simulated-service.ts'

const authority = await createCertificateAuthority({ commonName: 'Operators root' })
const other = await createCertificateAuthority({ commonName: 'Other root' })
const issue = (commonName: string) =>
  issueServerCertificate(authority, { commonName, dnsNames: ['localhost'] })

t.test(
  'the management listener serves HTTPS, asks callers for certificates, and takes new files',
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'management-tls-'))
    t.teardown(() => rmSync(directory, { recursive: true }))
    const path = (name: string) => join(directory, name)
    const replace = (name: string, text: string) => {
      writeFileSync(path(`${name}.new`), text)
      renameSync(path(`${name}.new`), path(name))
    }
    const [own, next, operator, stranger] = await Promise.all([
      issue('nac'),
      issue('nac'),
      issueClientCertificate(authority, { commonName: 'operator' }),
      issueClientCertificate(other, { commonName: 'operator' }),
    ])
    replace('m.pem', own.certificatePem)
    replace('m.key', own.privateKeyPem)
    replace('ca.pem', authority.certificatePem)
    const secret = `${canaryMarker} of the operator`
    const hash = await hashSecret(secret)
    writeFileSync(
      path('clients.yaml'),
      `clients:
  - { name: op, frontends: [management], scopes: [read], certificate: { subject: CN=operator } }
  - { name: both, frontends: [management], basic: { username: both, passwordHash: "${hash}" }, certificate: { subject: CN=nobody } }
`,
    )
    const clock = new FakeClock(Date.now())
    const { app, log } = await simulatedService(t, {
      simulator: { clock },
      overrides: { clock },
      environment: {
        CLIENTS_FILE: path('clients.yaml'),
        MANAGEMENT_TLS_CERTIFICATE_FILE: path('m.pem'),
        MANAGEMENT_TLS_PRIVATE_KEY_FILE: path('m.key'),
        MANAGEMENT_TLS_CLIENT_CA_FILE: path('ca.pem'),
        MANAGEMENT_REQUIRE_CREDENTIALS: 'on',
      },
    })
    if (!app) return t.fail('the service was not built')
    const { managementUrl, serviceUrl } = await app.listen()
    t.match(managementUrl, /^https:/)
    t.match(serviceUrl, /^http:/)
    t.match(log(), `listening at ${managementUrl}`)
    const ask = async (
      route: string,
      shown: { certificatePem: string; privateKeyPem: string } | undefined,
      authorization?: string,
    ) => {
      const [method = '', url = ''] = route.split(' ')
      const connect = {
        ca: authority.certificatePem,
        servername: 'localhost',
        ...(shown && { cert: shown.certificatePem, key: shown.privateKeyPem }),
      }
      const dispatcher = new Agent({ connect })
      try {
        const headers = authorization === undefined ? {} : { authorization }
        const reply = await fetch(`${managementUrl}${url}`, { method, dispatcher, headers })
        await reply.text()
        return reply.status
      } catch {
        return 'refused'
      } finally {
        await dispatcher.destroy()
      }
    }
    t.equal(await ask('GET /livez', undefined), 'refused', 'nobody without a certificate')
    t.equal(await ask('GET /livez', stranger), 'refused', 'or with one of another authority')
    t.equal(await ask('GET /livez', operator), 200)
    t.equal(await ask('GET /decisions', operator), 200, 'a client is known by its certificate')
    t.equal(await ask('DELETE /devices', operator), 403, 'and may do what its scopes say')
    const basic = `Basic ${Buffer.from(`both:${secret}`).toString('base64')}`
    t.equal(await ask('GET /decisions', operator, basic), 403, 'a password without its certificate')
    const plain = managementUrl.replace('https:', 'http:')
    await t.rejects(fetch(`${plain}/livez`), 'it speaks no HTTP')

    replace('m.pem', 'no certificate')
    for (let second = 0; second < 60 && !log().includes('tls_refused'); second += 1) {
      await clock.advance(1000)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const tls = async () => (await app.management.inject('/readyz')).json().checks.managementTls
    t.match(await tls(), {
      status: 'degraded',
      what: /MANAGEMENT_TLS_CERTIFICATE_FILE/,
      code: 'service_tls_unusable',
    })
    t.equal(await ask('GET /livez', operator), 200, 'the one in use stays')
    replace('m.key', next.privateKeyPem)
    replace('m.pem', next.certificatePem)
    for (let second = 0; second < 60 && !log().includes('tls_loaded'); second += 1) {
      await clock.advance(1000)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    t.match(await tls(), { status: 'ok' })
    t.equal(await ask('GET /livez', operator), 200)
    const actions = log().match(/"action":"management_certificate_reload","result":"\w+"/g)
    t.same(
      actions?.map((text) => text.split('"').at(-2)),
      ['refused', 'done'],
    )
    t.notMatch(readFileSync(path('clients.yaml'), 'utf8'), secret)
  },
)

t.test('what is wrong names the variable', async (t) => {
  const { built } = await simulatedService(t, {
    environment: { MANAGEMENT_TLS_CERTIFICATE_FILE: '/no.pem', MANAGEMENT_TLS_PRIVATE_KEY_FILE: '/no.key' },
  })
  t.match(built, {
    ok: false,
    fault: { code: 'service_tls_unusable', message: /MANAGEMENT_TLS_CERTIFICATE_FILE names/ },
  })
})
