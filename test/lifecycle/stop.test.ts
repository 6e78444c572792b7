import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import {
  createCertificateAuthority,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { openStateDatabase } from '../../src/state/state-database.ts'
import { laptop, simulatedService } from '../app/simulated-service.ts'
import { startCommand } from '../e2e/run-process.ts'

t.setTimeout(240_000)

async function startService(
  t: Test,
  more: Record<string, string> = {},
  tls?: Readonly<Record<'tls.pem' | 'tls.key', string>>,
) {
  const { simulator, environment } = await simulatedService(t)
  const directory = dirname(environment.INTUNE_CA_FILE)
  const stateDirectory = join(directory, 'state')
  for (const [name, text] of Object.entries(tls ?? {})) writeFileSync(join(directory, name), text)
  const command = startCommand(['serve'], {
    ...environment,
    STATE_DIR: stateDirectory,
    ...(tls && {
      SERVICE_TLS_CERTIFICATE_FILE: join(directory, 'tls.pem'),
      SERVICE_TLS_PRIVATE_KEY_FILE: join(directory, 'tls.key'),
    }),
    ...more,
  })
  t.teardown(() => command.child.kill('SIGKILL'))
  const [, url = ''] = await command.waitFor(/"serviceUrl":"([^"]+)"/)
  /** Resolves once Intune has the question of `send`. */
  const asked = async () => {
    while (simulator.tenant.requests('query').length === 0) await new Promise(setImmediate)
  }
  return { simulator, command, url, stateDirectory, asked }
}

/** A decision, asked for over a connection that would be kept. */
function send(url: string) {
  const answer = Promise.withResolvers<{
    status?: number | undefined
    connection?: string
    failed?: string
  }>()
  get(`${url}/v1/decision?mac=${laptop.mac}`, { headers: { connection: 'keep-alive' } }, (reply) => {
    reply.resume()
    const { connection = '' } = reply.headers
    reply.once('end', () => answer.resolve({ status: reply.statusCode, connection }))
  }).once('error', (error: NodeJS.ErrnoException) => answer.resolve({ failed: error.code ?? '' }))
  return answer.promise
}

t.test('a request under way is answered, says goodbye, and what it taught is on disk', async (t) => {
  const { simulator, command, url, stateDirectory, asked } = await startService(t)
  simulator.tenant.setFault({ hop: 'query', kind: 'latency', latencyMs: 1000 })
  const silent = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {})
  t.teardown(() => silent.destroy())
  const answer = send(url)
  await asked()
  command.child.kill('SIGINT')
  t.same(await answer, { status: 200, connection: 'close' })
  t.equal(await command.exited, 0, `a connection that says nothing holds nothing up: ${command.output()}`)
  t.match(command.output(), /"event":"stopping","signal":"SIGINT"[\s\S]*"event":"stopped"/)
  const state = openStateDatabase(join(stateDirectory, `compliance-${simulator.tenantId}.sqlite`))
  t.teardown(() => state.database?.close())
  t.equal([...(state.database?.rows() ?? [])].length, 1, 'the record is in the state file')
})

t.test('what never ends is cut off, and the service stops as it should', async (t) => {
  const authority = await createCertificateAuthority({ commonName: 'Network root' })
  const tls = await issueServerCertificate(authority, { commonName: 'nac', ipAddresses: ['127.0.0.1'] })
  const { command, url } = await startService(
    t,
    {},
    { 'tls.pem': tls.certificatePem, 'tls.key': tls.privateKeyPem },
  )
  const port = Number(new URL(url).port)
  const halfShaken = connect(port, '127.0.0.1').on('error', () => {})
  const caller = connectTls({ port, host: '127.0.0.1', ca: authority.certificatePem }).on('error', () => {})
  t.teardown(() => {
    caller.destroy()
    halfShaken.destroy()
  })
  caller.write(
    'POST /v1/decision HTTP/1.1\r\nhost: nac\r\ncontent-type: application/json\r\ncontent-length: 99\r\nexpect: 100-continue\r\n\r\n',
  )
  const [reply] = (await once(caller, 'data')) as [Buffer]
  t.match(reply.toString(), /^HTTP\/1.1 100 /, 'the service waits for the body')
  const ended = once(caller, 'close')
  command.child.kill('SIGINT')
  t.equal(await command.exited, 0)
  t.match(command.output(), /"event":"connections_cut","connections":2[\s\S]*"event":"stopped"/)
  await ended
})

t.test('SIGTERM is announced and everything is answered; a second signal ends at once', async (t) => {
  const { command, url } = await startService(t, { SHUTDOWN_GRACE_SECONDS: '300' })
  t.equal((await fetch(`${url}/readyz`)).status, 200)
  command.child.kill('SIGTERM')
  await command.waitFor(/"event":"stopping","signal":"SIGTERM"/)
  const ready = await fetch(`${url}/readyz`)
  t.equal(ready.status, 503, 'load balancers are told')
  t.equal((await fetch(`${url}/livez`)).status, 200, 'nobody is told to kill it')
  t.same(await send(url), { status: 200, connection: 'keep-alive' }, 'callers notice nothing yet')
  command.child.kill('SIGTERM')
  t.equal(await command.exited, 1)
  t.match(command.output(), /"event":"stopped_at_once"/)
})
