import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { canaryMarker } from '../../scripts/secret-scan.ts'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { runCommand } from '../../src/cli/run-command.ts'
import { hashSecret } from '../../src/server/secret-hash.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { simulatedService } from './simulated-service.ts'

const secret = `${canaryMarker} operator`
const basic = (name: string, password = secret) =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`

/** The service with a decision log, clients and a policy, all in one directory. */
async function start(t: Test, environment: Record<string, string> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'actions-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = (name: string) => join(directory, name)
  const hash = await hashSecret(secret)
  const entry = (name: string, frontends: string) =>
    `  - { name: ${name}, frontends: [${frontends}], basic: { username: ${name}, passwordHash: "${hash}" } }\n`
  const clients = `clients:\n${entry('op', 'management')}${entry('web', 'json')}`
  writeFileSync(path('clients.yaml'), clients)
  writeFileSync(path('policy.yaml'), 'rules: []\n')
  const clock = new FakeClock(Date.now())
  const service = await simulatedService(t, {
    simulator: { clock },
    overrides: { clock },
    environment: {
      SERVICE_HOST: '127.0.0.1',
      CLIENTS_FILE: path('clients.yaml'),
      POLICY_FILE: path('policy.yaml'),
      DECISION_LOG_FILE: path('decisions.log'),
      ...environment,
    },
  })
  const { app } = service
  if (!app) throw new Error(JSON.stringify(service.built))
  await app.listen()
  const replace = (file: string, text: string) => {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
  const actions = () =>
    service
      .log()
      .split('\n')
      .filter((line) => line.includes('"event":"operator_action"'))
      .map((line) => JSON.parse(line))
  return { ...service, app, clock, path, clients, replace, actions }
}

t.test('every action through HTTP says who, from where, what, and what came of it', async (t) => {
  const { app, actions, path } = await start(t)
  const ask = (
    listener: 'server' | 'management',
    [method, url]: [string, string],
    from: string,
    header?: string,
    more: Record<string, string> = {},
  ) =>
    app[listener].inject({
      method: method as 'GET',
      url,
      remoteAddress: from,
      headers: { ...more, ...(header !== undefined && { authorization: header }) },
    })
  const recheck = (mac: string): [string, string] => ['POST', `/v1/devices/mac/${mac}/recheck`]
  await ask('server', recheck('00:50:56:a4:89:5a'), '10.1.0.1', basic('web'))
  await ask('server', recheck('00:50:56:a4:89:5a'), '10.1.0.1', basic('web'))
  await ask('server', recheck('00:50:56:a4:89:5a'), '10.1.0.2', basic('op'))
  await ask('server', recheck('00:50:56:a4:89:5a'), '10.1.0.3')
  await ask('management', ['DELETE', '/devices/mac/00-50-56-A4-89-5A'], '127.0.0.1')
  await ask('management', ['DELETE', '/devices/mac/nonsense'], '127.0.0.1')
  await ask('management', ['DELETE', '/devices'], '10.9.0.1', basic('op'))
  await ask('management', ['POST', '/guard/accept'], '10.9.0.1', basic('op'))
  await ask('management', ['POST', '/guard/reject'], '10.9.0.1', basic('op'))
  await ask('management', ['DELETE', '/devices'], '10.9.0.2', basic('web'))
  await ask('management', ['DELETE', '/devices'], '10.9.0.3', basic('op', 'wrong'))
  await ask('management', ['DELETE', '/devices'], '127.0.0.1', undefined, { origin: 'http://evil.example' })
  await ask('management', ['DELETE', '/devices'], '127.0.0.1', undefined, { host: 'evil.example' })
  await ask('management', ['GET', '/decisions'], '10.9.0.4')
  await ask('management', ['GET', '/decisions'], '10.9.0.1', basic('op'))
  await ask('server', ['GET', '/v1/decision?mac=005056A4895A'], '10.1.0.4')

  const short = actions().map(
    ({ action, result, client, remoteAddress, errorCode, records, device }) =>
      `${action} ${result} by ${client} from ${remoteAddress}: ${errorCode ?? records} ${device}`,
  )
  t.same(short, [
    'recheck done by web from 10.1.0.1: null 005056A4895A',
    'recheck refused by web from 10.1.0.1: recheck_too_soon 005056A4895A',
    'recheck refused by op from 10.1.0.2: client_forbidden 005056A4895A',
    'recheck refused by null from 10.1.0.3: unauthenticated 005056A4895A',
    'purge_device done by local from 127.0.0.1: 1 005056A4895A',
    'purge_device refused by local from 127.0.0.1: identifier_malformed null',
    'purge_all done by op from 10.9.0.1: 0 null',
    'guard_accept done by op from 10.9.0.1: 0 null',
    'guard_reject done by op from 10.9.0.1: 0 null',
    'purge_all refused by web from 10.9.0.2: client_forbidden null',
    'purge_all refused by null from 10.9.0.3: unauthenticated null',
    'purge_all refused by local from 127.0.0.1: client_forbidden null',
    'purge_all refused by null from 127.0.0.1: host_not_served null',
    'read refused by null from 10.9.0.4: unauthenticated null',
  ])
  const [rechecked] = actions()
  t.match(rechecked.decisionId, /^[0-9a-f-]{36}$/, 'a recheck names its decision')
  await app.close()
  const print: string[] = []
  const out = (text: string) => void print.push(text)
  const code = await runCommand(['log', 'verify', path('decisions.log')], { environment: {}, out, err: out })
  t.equal(code, 0, print.join('\n'))
  t.match(readFileSync(path('decisions.log'), 'utf8'), '"action":"purge_all"', 'it is in the file as well')
})

t.test('every reload is an action, accepted or refused', async (t) => {
  const tls = await createSelfSignedCertificate({ commonName: '127.0.0.1' })
  const tlsDirectory = mkdtempSync(join(tmpdir(), 'actions-tls-'))
  t.teardown(() => rmSync(tlsDirectory, { recursive: true }))
  writeFileSync(join(tlsDirectory, 'tls.pem'), tls.certificatePem)
  writeFileSync(join(tlsDirectory, 'tls.key'), tls.privateKeyPem)
  const { actions, clock, path, clients, replace, environment } = await start(t, {
    SERVICE_TLS_CERTIFICATE_FILE: join(tlsDirectory, 'tls.pem'),
    SERVICE_TLS_PRIVATE_KEY_FILE: join(tlsDirectory, 'tls.key'),
  })
  const next = await createSelfSignedCertificate({ commonName: 'another' })
  const until = async (count: number) => {
    for (let second = 0; second < 300 && actions().length < count; second += 1) {
      await clock.advance(1000)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  t.same(actions(), [], 'the start is none')
  replace(path('policy.yaml'), 'rules: [{}]\n')
  await until(1)
  replace(path('policy.yaml'), 'rules: []\n# now it is right\n')
  await until(2)
  replace(path('clients.yaml'), 'clients: nobody\n')
  await until(3)
  replace(path('clients.yaml'), `${clients}# now it is right\n`)
  await until(4)
  replace(join(tlsDirectory, 'tls.pem'), 'no certificate')
  await until(5)
  replace(join(tlsDirectory, 'tls.key'), next.privateKeyPem)
  replace(join(tlsDirectory, 'tls.pem'), next.certificatePem)
  await until(6)
  replace(environment.INTUNE_CERTIFICATE_FILE, 'no certificate')
  await until(7)
  replace(environment.INTUNE_PRIVATE_KEY_FILE, next.privateKeyPem)
  replace(environment.INTUNE_CERTIFICATE_FILE, next.certificatePem)
  await until(8)
  replace(path('blocked.txt'), '')
  replace(
    path('policy.yaml'),
    `rules: [{ name: b, when: { mac: { file: ./blocked.txt } }, decision: deny }]\n`,
  )
  await until(9)
  replace(path('blocked.txt'), 'nobody\n')
  await until(10)
  replace(path('blocked.txt'), '005056A4895A\n')
  await until(11)
  await clock.advance(180_000)
  const short = actions().map(
    ({ action, result, client, remoteAddress, file, errorCode }) =>
      `${action} ${result} ${client} ${remoteAddress} ${file} ${errorCode}`,
  )
  t.same(short, [
    'policy_reload refused local null POLICY_FILE configuration_invalid',
    'policy_reload done local null POLICY_FILE null',
    'clients_reload refused local null CLIENTS_FILE configuration_invalid',
    'clients_reload done local null CLIENTS_FILE null',
    'service_certificate_reload refused local null SERVICE_TLS_CERTIFICATE_FILE service_tls_unusable',
    'service_certificate_reload done local null SERVICE_TLS_CERTIFICATE_FILE null',
    'client_certificate_reload refused local null INTUNE_CERTIFICATE_FILE certificate_unreadable',
    'client_certificate_reload refused local null INTUNE_CERTIFICATE_FILE entra_certificate_not_registered',
    'policy_reload done local null POLICY_FILE null',
    'policy_list_reload refused local null ./blocked.txt configuration_invalid',
    'policy_list_reload done local null ./blocked.txt null',
  ])
})
