import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { dirname, join } from 'node:path'
import t from 'tap'
import { Agent, fetch } from 'undici'
import {
  createCertificateAuthority,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { laptop, simulatedService } from '../app/simulated-service.ts'
import { runToEnd, startCommand } from './run-process.ts'

t.setTimeout(240_000)

/** A port that nobody has at this moment. */
async function freePort(): Promise<string> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return String(port)
}

t.test('health finds the service by its settings, through TLS, and says in one line how it is', async (t) => {
  const { simulator, environment } = await simulatedService(t)
  const directory = dirname(environment.INTUNE_CA_FILE)
  const authority = await createCertificateAuthority({ commonName: 'Network root' })
  const issue = () => issueServerCertificate(authority, { commonName: 'nac', dnsNames: ['nac.example'] })
  const [own, other] = await Promise.all([issue(), issue()])
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  const variables = {
    ...environment,
    SERVICE_PORT: await freePort(),
    MANAGEMENT_PORT: await freePort(),
    SERVICE_TLS_CERTIFICATE_FILE: file('tls.pem', own.certificatePem),
    SERVICE_TLS_PRIVATE_KEY_FILE: file('tls.key', own.privateKeyPem),
    SHUTDOWN_GRACE_SECONDS: '300',
  }
  const health = (more: Record<string, string> = {}, ...args: string[]) =>
    runToEnd(['health', ...args], { ...variables, ...more })
  const before = await health()
  t.match(before, { exitCode: 1, output: /^no answer from https:\/\/127\.0\.0\.1:\d+: ECONNREFUSED\n$/ })

  const missing = await health({ SERVICE_TLS_CERTIFICATE_FILE: join(directory, 'missing.pem') })
  t.match(
    missing,
    { exitCode: 1, output: /missing\.pem, which does not exist\n$/ },
    'one line, whatever is wrong',
  )

  const service = startCommand(['serve'], variables)
  t.teardown(() => service.child.kill('SIGKILL'))
  await service.waitFor(/"event":"listening"/)
  t.same(await health(), { exitCode: 0, output: 'ready\n' })
  const listeners = Object.fromEntries(
    Object.entries(variables).filter(([name]) => /^(SERVICE|MANAGEMENT)_/.test(name)),
  )
  t.same(
    await runToEnd(['health'], listeners),
    { exitCode: 0, output: 'ready\n' },
    'the listeners are enough',
  )
  const { MANAGEMENT_PORT } = variables
  t.match(
    await runToEnd(['health', '--verbose'], { MANAGEMENT_PORT, INTUNE_CLIENT_ID: 'not looked at' }),
    { exitCode: 0, output: /^certificate +ok/m },
    'and what asks the management listener needs that one alone',
  )
  for (const [name, value] of [
    ['MANAGEMENT_PORT', 'x'],
    ['MANAGEMENT_PROT', '1'],
  ] as const) {
    t.match(await runToEnd(['health', '--verbose'], { [name]: value }), {
      exitCode: 78,
      output: /MANAGEMENT_/,
    })
  }
  const stranger = await health({ SERVICE_TLS_CERTIFICATE_FILE: file('other.pem', other.certificatePem) })
  t.match(
    stranger,
    { exitCode: 1, output: /^no answer from https.*: [A-Z_]*CERT[A-Z_]*\n$/ },
    'not any other certificate',
  )

  simulator.tenant.setFault({ hop: 'query', kind: 'status', status: 503 })
  const trust = { ca: authority.certificatePem, checkServerIdentity: () => undefined }
  const dispatcher = new Agent({ connect: trust })
  t.teardown(() => dispatcher.destroy())
  for (let question = 0; question < 6; question += 1) {
    const mac = `${laptop.mac.slice(0, -1)}${question}`
    await (
      await fetch(`https://127.0.0.1:${variables.SERVICE_PORT}/v1/decision?mac=${mac}`, { dispatcher })
    ).text()
  }
  const verbose = await health({}, '--verbose')
  t.equal(verbose.exitCode, 0, 'ready, though Intune is away')
  t.match(
    verbose.output,
    /upstream +degraded +\d{4}-.*\n +Intune \(Compliance Retrieval\) is not asked.*\n +Run intune-nac doctor/,
  )
  t.match(verbose.output, /shutdown +ok/)
  t.same(await health(), { exitCode: 0, output: 'ready\n' }, 'which the short form does not tell')

  service.child.kill('SIGTERM')
  await service.waitFor(/"event":"stopping"/)
  t.same(await health(), { exitCode: 1, output: 'not ready: shutdown\n' })
  t.match(await health({}, '--verbose'), {
    exitCode: 1,
    output: /not ready: shutdown: The service is stopping/,
  })
  service.child.kill('SIGTERM')
  await service.exited
})

t.test('health believes nothing but an answer of the service', async (t) => {
  let reply = 'hello'
  const server = createServer((_request, response) => response.end(reply)).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.match(await runToEnd(['health', '--url', url]), { exitCode: 1, output: /not an answer of this service/ })
  reply = 'x'.repeat(100_000)
  t.match(await runToEnd(['health', '--url', url]), { exitCode: 1, output: /too long/ })
  for (const args of [['--url', 'nonsense'], ['extra']]) {
    t.equal((await runToEnd(['health', ...args])).exitCode, 2, args.join(' '))
  }
  const picked = await runToEnd(['health'], { SERVICE_PORT: '0' })
  t.match(picked, { exitCode: 2, output: /--url/ }, 'the system has picked the port')
})
