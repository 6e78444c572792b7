import { X509Certificate } from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Agent, fetch } from 'undici'
import {
  createCertificateAuthority,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { laptop, simulatedService } from '../app/simulated-service.ts'
import { runToEnd, startCommand } from '../e2e/run-process.ts'
import { type CallerKind, startCallers } from './steady-callers.ts'

t.setTimeout(240_000)

t.test('certificate and clients are exchanged under load, and no request fails', async (t) => {
  const { environment } = await simulatedService(t)
  const directory = dirname(environment.INTUNE_CA_FILE)
  const authority = await createCertificateAuthority({ commonName: 'Network root' })
  const issue = (commonName: string) =>
    issueServerCertificate(authority, { commonName, ipAddresses: ['127.0.0.1'] })
  const [first, second] = await Promise.all([issue('first'), issue('second')])
  const file = (name: string) => join(directory, name)
  const write = (name: string, text: string) => {
    writeFileSync(file(`${name}.new`), text)
    renameSync(file(`${name}.new`), file(name))
  }
  write('tls.pem', first.certificatePem)
  write('tls.key', first.privateKeyPem)
  const client = async (...args: string[]) => {
    const { exitCode, output } = await runToEnd(['client', ...args, '--file', file('clients.yaml')])
    t.equal(exitCode, 0, `client ${args[0]}`)
    return { authorization: `Bearer ${/token: (\S+)/.exec(output)?.[1]}` }
  }
  const staying = await client('add', 'staying')
  const leaving = await client('add', 'leaving')
  const service = startCommand(['serve'], {
    ...environment,
    CLIENTS_FILE: file('clients.yaml'),
    SERVICE_HOST: '127.0.0.1',
    SERVICE_TLS_CERTIFICATE_FILE: file('tls.pem'),
    SERVICE_TLS_PRIVATE_KEY_FILE: file('tls.key'),
  })
  t.teardown(() => service.child.kill('SIGKILL'))
  const [, url = ''] = await service.waitFor(/"serviceUrl":"([^"]+)"/)
  const path = `/v1/decision?mac=${laptop.mac}`
  const dispatcher = new Agent({ connect: { ca: authority.certificatePem } })
  t.teardown(() => dispatcher.destroy())
  const statusOf = async (headers: Record<string, string>) =>
    (await fetch(url + path, { headers, dispatcher })).status
  t.same([await statusOf(staying), await statusOf(leaving)], [200, 200])

  const kind = (keepsConnection: boolean): CallerKind => ({
    keepsConnection,
    target: () => url,
    headers: staying,
    tls: { ca: authority.certificatePem },
  })
  // Most keep their connection, as ISE and RADIUS servers do; new ones show which certificate is served.
  const kinds = Array.from({ length: 40 }, (_, index) => kind(index % 20 !== 0))
  const startedMs = performance.now()
  const callers = startCallers(kinds, { perSecond: 500, path })
  await sleep(500)
  write('tls.key', second.privateKeyPem)
  write('tls.pem', second.certificatePem)
  const added = await client('add', 'added')
  await client('remove', 'leaving')
  await service.waitFor(/"event":"clients_loaded","clients":2/)
  t.equal(await statusOf(added), 200, 'a client that was added is served')
  t.equal(await statusOf(leaving), 401, 'one that was removed is refused, though it was proven before')
  await service.waitFor(/"event":"tls_loaded"/)
  const servedBefore = callers.answers()
  while (callers.seen.certificates.size < 2) await sleep(20)
  await sleep(500)
  const seconds = (performance.now() - startedMs) / 1000
  await callers.stop()
  t.comment(`${Math.round(callers.answers() / seconds)} answers a second over ${seconds.toFixed(1)} s`)
  t.same(callers.seen.failed, [], `none of ${callers.answers()} requests failed`)
  t.ok(callers.answers() > servedBefore, 'connections that were open go on')
  t.same(
    [...callers.seen.certificates],
    [first, second].map(({ certificatePem }) => new X509Certificate(certificatePem).fingerprint256),
    'new connections meet the new certificate',
  )
  service.child.kill('SIGINT')
  t.equal(await service.exited, 0)
})

t.test('a clients file with a mistake is refused, said so, and the clients in force stay', async (t) => {
  const { environment } = await simulatedService(t)
  const clientsFile = join(dirname(environment.INTUNE_CA_FILE), 'clients.yaml')
  const { output } = await runToEnd(['client', 'add', 'curl', '--file', clientsFile])
  const headers = { authorization: `Bearer ${/token: (\S+)/.exec(output)?.[1]}` }
  const service = startCommand(['serve'], {
    ...environment,
    CLIENTS_FILE: clientsFile,
    SERVICE_HOST: '127.0.0.1',
  })
  t.teardown(() => service.child.kill('SIGKILL'))
  const [, url = ''] = await service.waitFor(/"serviceUrl":"([^"]+)"/)
  const ask = async () => (await fetch(`${url}/v1/decision?mac=${laptop.mac}`, { headers })).status
  t.equal(await ask(), 200)
  writeFileSync(clientsFile, 'clients: [{ name: curl }]\n')
  await service.waitFor(/"event":"clients_refused","problems":\["[^"]*clients.yaml:1:\d+: /)
  t.equal(await ask(), 200, 'the clients in force stay')
  writeFileSync(clientsFile, 'clients: []\n')
  await service.waitFor(/"event":"clients_loaded","clients":0/)
  t.equal(await ask(), 401, 'and an empty list is nobody')
  service.child.kill('SIGINT')
  t.equal(await service.exited, 0)
})
