import { rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect as connectPlainly } from 'node:net'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import {
  createCertificateAuthority,
  issueClientCertificate,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { createAuthenticator } from '../../src/server/authentication.ts'
import { createHttpsServers } from '../../src/server/https-server.ts'
import { createServer } from '../../src/server/server.ts'
import { loadTls, type TlsReload, watchTls } from '../../src/server/tls.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { replaceByUnusual, type UnusualKind, unusualKinds } from '../fakes/unusual-file.ts'

const authority = await createCertificateAuthority({ commonName: 'Network root' })
const names = { dnsNames: ['nac.example'], ipAddresses: ['127.0.0.1'] }
const [first, second] = await Promise.all([
  issueServerCertificate(authority, { commonName: 'first', ...names }),
  issueServerCertificate(authority, { commonName: 'second', ...names }),
])

/** The service over TLS, from files that a test may change. */
async function serveTls(t: Test, clientCa?: string) {
  const directory = t.testdir({
    'tls.pem': first.certificatePem,
    'tls.key': first.privateKeyPem,
    ...(clientCa !== undefined && { 'client-ca.pem': clientCa }),
  })
  const files = {
    certificateFile: join(directory, 'tls.pem'),
    privateKeyFile: join(directory, 'tls.key'),
    ...(clientCa !== undefined && { clientCaFile: join(directory, 'client-ca.pem') }),
  }
  const loaded = loadTls(files)
  if (!loaded.ok) throw new Error(loaded.fault.message)
  const https = createHttpsServers(loaded.value)
  const app = createServer({
    logger: pino({ level: 'silent' }),
    decide: async () => {
      throw new Error('not asked')
    },
    authenticate: createAuthenticator({ clients: undefined }),
    frontends: [],
    readiness: () => ({ ready: true, checks: {} }),
    https,
  })
  const clock = new FakeClock()
  const reloads: TlsReload[] = []
  const stop = watchTls({
    files,
    loaded: loaded.value,
    clock,
    setSecureContext: (context) => https.setSecureContext(context),
    onReload: (reload) => void reloads.push(reload),
  })
  t.teardown(() => {
    stop()
    return app.close()
  })
  const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  /** Waits until the files have been read once more. */
  const tick = async () => {
    await clock.advance(10_000)
    const until = Date.now() + 2000
    while (clock.pendingTimers === 0 && Date.now() < until) await new Promise((go) => setTimeout(go, 5))
  }
  return { loaded: loaded.value, port: Number(url.port), files, reloads, tick, clock, stop }
}

/** Who the server says it is, or why there was no handshake. */
function shakeHands(port: number, options: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket: TLSSocket = connect(
      { port, host: '127.0.0.1', servername: 'nac.example', ca: authority.certificatePem, ...options },
      () => {
        resolve(String(socket.getPeerCertificate().subject.CN))
        socket.end()
      },
    )
    socket.once('error', (error) => resolve(`code ${'code' in error ? error.code : 'unknown'}`))
  })
}

/** The status of GET /livez, or the code of the error. */
function getLivez(port: number, options: ConnectionOptions = {}): Promise<number | string> {
  return new Promise((resolve) => {
    const asked = request(
      { port, host: '127.0.0.1', path: '/livez', ca: authority.certificatePem, agent: false, ...options },
      (reply) => {
        reply.resume()
        resolve(reply.statusCode ?? 0)
      },
    )
    asked.once('error', (error) => resolve('code' in error ? String(error.code) : 'unknown'))
    asked.end()
  })
}

t.test('HTTPS from TLS 1.2 on', async (t) => {
  const { port, loaded } = await serveTls(t)
  // OpenSSL refuses TLS 1.1 by itself today, so the handshake below would not notice a lower bound of ours.
  t.equal(loaded.context.minVersion, 'TLSv1.2')
  t.equal(await getLivez(port), 200)
  t.equal(await shakeHands(port, { minVersion: 'TLSv1.3' }), 'first')
  t.equal(await shakeHands(port, { maxVersion: 'TLSv1.2' }), 'first')
  t.match(
    await shakeHands(port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
    /^code /,
    'TLS 1.1 is refused',
  )
})

t.test('somebody who speaks plain HTTP, or nothing sensible, is cut off and hurts nobody', async (t) => {
  const { port } = await serveTls(t)
  for (const text of ['GET /livez HTTP/1.1\r\nHost: a\r\n\r\n', '\u0000'.repeat(600)]) {
    const ended = await new Promise<string>((resolve) => {
      const socket = connectPlainly(port, '127.0.0.1', () => socket.write(text))
      let answer = ''
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1')
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(answer))
    })
    t.notMatch(ended, /HTTP/, 'no HTTP comes back')
  }
  t.equal(await getLivez(port), 200)
})

t.test('what is no file is refused once, the old pair stays, and files that are back count', async (t) => {
  const { port, files, reloads, tick } = await serveTls(t)
  for (const kind of Object.keys(unusualKinds) as UnusualKind[]) {
    await replaceByUnusual(t, files.privateKeyFile, kind)
    const before = reloads.length
    await tick()
    await tick()
    t.match(reloads.slice(before), [{ reloaded: false, fault: { message: unusualKinds[kind] } }], kind)
    t.equal(await shakeHands(port), 'first', 'the old pair stays')
    rmSync(files.privateKeyFile, { recursive: true })
    writeFileSync(files.privateKeyFile, first.privateKeyPem)
    await tick()
    t.match(reloads.at(-1), { reloaded: true }, `after ${kind}`)
  }
})

t.test('new files are served within 30 seconds, and an open connection goes on', async (t) => {
  const { port, files, reloads, tick, clock, stop } = await serveTls(t)
  await tick()
  t.same(reloads, [], 'nothing has changed yet')
  writeFileSync(files.certificateFile, second.certificatePem)
  await tick()
  t.match(reloads, [{ reloaded: false, fault: { code: 'service_tls_unusable' } }], 'the key is not there yet')
  t.equal(await shakeHands(port), 'first', 'the old pair stays')
  await tick()
  t.equal(reloads.length, 1, 'the same bad pair is said once')
  writeFileSync(files.privateKeyFile, second.privateKeyPem)
  await tick()
  t.match(reloads.at(-1), { reloaded: true })
  t.equal(await shakeHands(port), 'second')
  rmSync(files.certificateFile)
  await tick()
  t.match(reloads.at(-1), { reloaded: false, fault: { message: /which does not exist/ } })
  t.equal(await shakeHands(port), 'second')
  t.equal(await getLivez(port), 200)
  stop()
  writeFileSync(files.certificateFile, first.certificatePem)
  t.equal(clock.pendingTimers, 0, 'nothing is left behind')
})

t.test('with authorities for callers, only a caller with their certificate is served', async (t) => {
  const [other, mine] = await Promise.all([
    createCertificateAuthority({ commonName: 'Other root' }),
    issueClientCertificate(authority, { commonName: 'ise-psn-1' }),
  ])
  const { port } = await serveTls(t, authority.certificatePem)
  const stranger = await issueClientCertificate(other, { commonName: 'stranger' })
  t.equal(await getLivez(port, { cert: mine.certificatePem, key: mine.privateKeyPem }), 200)
  t.type(await getLivez(port), 'string', 'no certificate, no connection')
  t.type(await getLivez(port, { cert: stranger.certificatePem, key: stranger.privateKeyPem }), 'string')
})

t.test('files that cannot be used are refused at the start, naming the variable', async (t) => {
  const directory = t.testdir({
    'tls.pem': first.certificatePem,
    'tls.key': first.privateKeyPem,
    'other.key': second.privateKeyPem,
    'broken.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    'tls-and-broken.pem': `${first.certificatePem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
    empty: '',
  })
  const at = (name: string) => join(directory, name)
  for (const [files, field, message] of [
    [{ certificateFile: 'empty' }, 'SERVICE_TLS_CERTIFICATE_FILE', /which is empty/],
    [{ certificateFile: 'broken.pem' }, 'SERVICE_TLS_CERTIFICATE_FILE', /cannot be decoded/],
    [{ privateKeyFile: 'other.key' }, 'SERVICE_TLS_PRIVATE_KEY_FILE', /not hold the key of the certificate/],
    [{ privateKeyFile: 'empty' }, 'SERVICE_TLS_PRIVATE_KEY_FILE', /which is empty/],
    [{ clientCaFile: 'empty' }, 'SERVICE_TLS_CLIENT_CA_FILE', /which is empty/],
    [{ clientCaFile: 'broken.pem' }, 'SERVICE_TLS_CLIENT_CA_FILE', /cannot be decoded/],
    [{ certificateFile: 'tls-and-broken.pem' }, 'SERVICE_TLS_CERTIFICATE_FILE', /cannot be decoded/],
    [{ certificateFile: 'missing' }, 'SERVICE_TLS_CERTIFICATE_FILE', /missing, which does not exist/],
  ] as const) {
    const names: { certificateFile: string; privateKeyFile: string; clientCaFile?: string } = {
      certificateFile: 'tls.pem',
      privateKeyFile: 'tls.key',
      ...files,
    }
    const loaded = loadTls({
      certificateFile: at(names.certificateFile),
      privateKeyFile: at(names.privateKeyFile),
      ...(names.clientCaFile !== undefined && { clientCaFile: at(names.clientCaFile) }),
    })
    if (loaded.ok) {
      t.fail(`${JSON.stringify(files)} was accepted`)
      continue
    }
    t.equal(loaded.fault.code, 'service_tls_unusable')
    t.equal(loaded.fault.field, field)
    t.match(loaded.fault.message, message)
    t.notMatch(loaded.fault.message, /PRIVATE KEY-----/)
  }
})
