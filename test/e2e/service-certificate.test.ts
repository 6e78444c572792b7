import { chmodSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { dirname, join } from 'node:path'
import t from 'tap'
import {
  createCertificateAuthority,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { simulatedService } from '../app/simulated-service.ts'
import { runToEnd, startCommand } from './run-process.ts'

t.setTimeout(120_000)

const dayMs = 86_400_000
const authority = await createCertificateAuthority({
  commonName: 'Network root',
  notBefore: new Date(Date.now() - 400 * dayMs),
})
const issue = (notBefore: Date, notAfter: Date) =>
  issueServerCertificate(authority, { commonName: 'nac', dnsNames: ['nac.example'], notBefore, notAfter })
const inDays = (days: number) => new Date(Date.now() + days * dayMs)

/** A port that nobody has at this moment. */
async function freePort(): Promise<string> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return String(port)
}

const certificates = [
  ['service_tls_expired', inDays(-30), inDays(-1), /It expired at/, 'error'],
  ['service_tls_not_yet_valid', inDays(1), inDays(30), /It becomes valid at/, 'error'],
  ['service_tls_expires_soon', inDays(-30), inDays(3), /It expires at/, 'warn'],
] as const

t.test(
  'a certificate that callers refuse is said in the log and on /readyz, and health is ready',
  async (t) => {
    const { environment } = await simulatedService(t)
    const directory = dirname(environment.INTUNE_CA_FILE)
    const file = (name: string, text: string) => {
      writeFileSync(join(directory, name), text, { mode: 0o600 })
      return join(directory, name)
    }
    chmodSync(environment.INTUNE_PRIVATE_KEY_FILE, 0o600)
    for (const [code, notBefore, notAfter, what, level] of certificates) {
      const own = await issue(notBefore, notAfter)
      const stranger = await issue(notBefore, notAfter)
      const variables = {
        ...environment,
        SERVICE_PORT: await freePort(),
        MANAGEMENT_PORT: await freePort(),
        SERVICE_TLS_CERTIFICATE_FILE: file('tls.pem', own.certificatePem),
        SERVICE_TLS_PRIVATE_KEY_FILE: file('tls.key', own.privateKeyPem),
      }
      const service = startCommand(['serve'], variables)
      t.teardown(() => service.child.kill('SIGKILL'))
      await service.waitFor(/"event":"listening"/)
      const lines = service
        .output()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      const said = lines.filter(({ event }) => event === 'tls_validity')
      t.match(said, [{ level, code, remedy: /./, msg: what }], `${code} in the log, once`)
      t.match(said[0].msg, 'SERVICE_TLS_CERTIFICATE_FILE')
      const readyz = await (await fetch(`http://127.0.0.1:${variables.MANAGEMENT_PORT}/readyz`)).json()
      t.match(readyz, {
        status: 'ready',
        degraded: true,
        checks: { tls: { status: 'degraded', code, what, remedy: /./ } },
      })
      t.same(await runToEnd(['health'], variables), { exitCode: 0, output: 'ready\n' }, code)
      const other = { ...variables, SERVICE_TLS_CERTIFICATE_FILE: file('other.pem', stranger.certificatePem) }
      if (level === 'error')
        t.equal((await runToEnd(['health'], other)).exitCode, 1, 'not any other certificate')

      const urls = lines.filter(({ msg }) => /listening/.test(msg)).map((line) => JSON.stringify(line))
      t.equal(urls.filter((line) => line.includes(`http://127.0.0.1:${variables.SERVICE_PORT}`)).length, 0)
      t.ok(urls.some((line) => line.includes(`https://127.0.0.1:${variables.SERVICE_PORT}`)))
      t.notMatch(service.output(), 'file_permissions', 'all files are closed to others')
      service.child.kill('SIGINT')
      t.equal(await service.exited, 0)
    }
  },
)

t.test('a file of secrets that others may read is warned about, with the command that ends it', async (t) => {
  const { environment } = await simulatedService(t)
  const directory = dirname(environment.INTUNE_CA_FILE)
  const clients = join(directory, 'clients.yaml')
  writeFileSync(clients, 'clients: []\n', { mode: 0o600 })
  const key = environment.INTUNE_PRIVATE_KEY_FILE
  const variables = {
    ...environment,
    CLIENTS_FILE: clients,
    SERVICE_HOST: '127.0.0.1',
  }
  const warnings = async (command: string) => {
    const { output } = await runToEnd([command], variables)
    return output.split('\n').flatMap((line) => /(?:warning: |^)(\w+ names .*chmod.*)/.exec(line)?.[1] ?? [])
  }
  const modes: readonly [key: number, clients: number, expected: readonly string[]][] = [
    [0o600, 0o600, []],
    [0o400, 0o600, []],
    [
      0o644,
      0o640,
      [
        `INTUNE_PRIVATE_KEY_FILE names ${key}, which everybody on this machine may read (mode 0644); run: chmod 600 ${key}`,
        `CLIENTS_FILE names ${clients}, which its group may read (mode 0640); run: chmod 600 ${clients}`,
      ],
    ],
    [
      0o602,
      0o620,
      [
        `INTUNE_PRIVATE_KEY_FILE names ${key}, which everybody on this machine may change (mode 0602); run: chmod 600 ${key}`,
        `CLIENTS_FILE names ${clients}, which its group may change (mode 0620); run: chmod 600 ${clients}`,
      ],
    ],
  ]
  for (const [keyMode, clientsMode, expected] of modes) {
    chmodSync(key, keyMode)
    chmodSync(clients, clientsMode)
    t.same(await warnings('config'), expected, `${keyMode.toString(8)} ${clientsMode.toString(8)}`)
  }
  t.equal((await warnings('doctor')).length, 2, 'doctor says the same')
  const service = startCommand(['serve'], variables)
  t.teardown(() => service.child.kill('SIGKILL'))
  await service.waitFor(/"event":"listening"/)
  t.equal(service.output().match(/"event":"file_permissions"/g)?.length, 2, 'and serve logs it')
  service.child.kill('SIGINT')
  await service.exited
})
