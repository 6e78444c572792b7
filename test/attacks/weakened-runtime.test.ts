import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  createCertificateAuthority,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { runCommand } from '../../src/cli/run-command.ts'
import { systemClock } from '../../src/clock.ts'
import { probeHost } from '../../src/connection/probe-host.ts'
import { createOutbound } from '../../src/intune/outbound.ts'
import { loadTrust } from '../../src/intune/trust-roots.ts'
import { createIseClient } from '../../src/ise-client/ise-client.ts'
import { runToEnd } from '../e2e/run-process.ts'

const authority = await createCertificateAuthority({ commonName: 'Nobody knows me' })
const stranger = await issueServerCertificate(authority, { commonName: 'x', ipAddresses: ['127.0.0.1'] })

const request = (url: string) => ({
  hop: 'token' as const,
  method: 'POST' as const,
  url,
  headers: { authorization: 'secret' },
  timeoutMs: 5000,
  maxBytes: 1000,
})

/** An HTTPS server that nobody trusts; counts the requests that reach it. */
async function untrusted(t: Test, tunnels = false) {
  let requests = 0
  const server = createServer(
    { cert: stranger.certificatePem, key: stranger.privateKeyPem },
    (_request, reply) => {
      requests += 1
      reply.end('{}')
    },
  )
  if (tunnels) {
    server.on('connect', (asked, socket) => {
      requests += 1
      const [, port = ''] = (asked.url ?? '').split(':')
      const upstream = connect(Number(port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        upstream.pipe(socket).pipe(upstream)
      })
    })
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, requests: () => requests }
}

t.test(
  'with NODE_TLS_REJECT_UNAUTHORIZED=0 in the process every connection is verified all the same',
  async (t) => {
    // Node warns once about it, which is right.
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    t.teardown(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED)
    const server = await untrusted(t)
    const naive = await fetch(server.url)
    t.equal(naive.status, 200, 'whoever leaves it unsaid believes the server')

    const outbound = createOutbound({})
    if (!outbound.ok) return t.fail(outbound.fault.message)
    t.teardown(() => outbound.value.close())
    t.match(
      await outbound.value.send(request(server.url)),
      { fault: { code: 'tls_untrusted' } },
      'what goes to Microsoft',
    )

    const proxied = createOutbound({ proxy: { httpsProxy: (await untrusted(t, true)).url } })
    if (!proxied.ok) return t.fail(proxied.fault.message)
    t.teardown(() => proxied.value.close())
    t.match(await proxied.value.send(request(server.url)), { ok: false }, 'a proxy that nobody trusts')

    const trust = loadTrust()
    if (!trust.ok) return t.fail(trust.fault.message)
    const route = { trust: trust.value, httpsProxy: '', noProxy: '' }
    const probed = await probeHost(server.url, 'token', route, { clock: systemClock, limitMs: 5000 })
    t.match(probed, { fault: { code: 'tls_untrusted' } }, 'the probe of doctor')

    const ise = createIseClient({ url: server.url, username: 'ise', password: 'secret' })
    t.teardown(() => ise.close())
    t.match(await ise.testConnection(), { ok: false }, 'check --as-ise')

    for (const args of [
      ['why', '00:50:56:A4:89:5A', '--url', server.url],
      ['health', '--url', server.url],
    ]) {
      const printed: string[] = []
      const print = (text: string) => void printed.push(text)
      t.equal(await runCommand(args, { environment: {}, out: print, err: print }), 1, args[0] ?? '')
    }
    t.equal(server.requests(), 1, 'nobody but the naive one sent anything')
  },
)

t.test('why sends its credentials to nobody but the listener, whatever proxy Node was told', async (t) => {
  let asked = 0
  const proxy = createHttpServer((_request, reply) => {
    asked += 1
    reply.end('{"decisions":[]}')
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  t.teardown(() => proxy.close())
  const token = join(t.testdir({ token: 'secret' }), 'token')
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const environment = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: address, http_proxy: address }
  const { exitCode, output } = await runToEnd(
    ['why', '00:50:56:A4:89:5A', '--url', 'http://127.0.0.1:9', '--token-file', token],
    environment,
  )
  t.equal(exitCode, 1, output)
  t.equal(asked, 0)
})

t.test('a process that is told to be lenient does not start', async (t) => {
  const directory = t.testdir({})
  for (const [environment, said] of [
    [{ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, /NODE_TLS_REJECT_UNAUTHORIZED is 0/],
    [{ NODE_OPTIONS: '--insecure-http-parser' }, /NODE_OPTIONS has --insecure-http-parser/],
    [{ NODE_OPTIONS: '--tls-min-v1.0' }, /NODE_OPTIONS has --tls-min-v1\.0/],
    [{ NODE_OPTIONS: '"--tls_cipher_list=ALL"' }, /NODE_OPTIONS has --tls-cipher-list/],
    [{ NODE_OPTIONS: `--tls-keylog=${join(directory, 'keys')}` }, /NODE_OPTIONS has --tls-keylog/],
  ] as const) {
    const { exitCode, output } = await runToEnd(['serve'], environment)
    t.equal(exitCode, 78, output)
    t.match(output, said)
  }
  const main = join(import.meta.dirname, '../../src/main.ts')
  const direct = spawnSync(process.execPath, ['--tls-min-v1.1', main, 'config'], { encoding: 'utf8' })
  t.match(direct, { status: 78, stderr: /the command line of node has --tls-min-v1\.1/ })
})

t.test('malformed HTTP is refused, even by a process that was told to let it in', async (t) => {
  const script = `
    import { pino } from 'pino'
    import { createManagementServer } from ${JSON.stringify(join(import.meta.dirname, '../../src/server/server.ts'))}
    import { connect } from 'node:net'
    const app = createManagementServer({ logger: pino({ level: 'silent' }), readiness: () => ({ ready: true, checks: {} }) })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const socket = connect(app.server.address().port, '127.0.0.1')
    // A request with both: the classic of request smuggling.
    socket.write('GET /livez HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 5\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n')
    socket.once('data', (bytes) => { console.log(bytes.toString().split('\\r\\n')[0]); process.exit() })
  `
  const lenient = spawnSync(
    process.execPath,
    ['--insecure-http-parser', '--input-type=module-typescript', '--eval', script],
    { encoding: 'utf8', cwd: join(import.meta.dirname, '../..') },
  )
  t.match(lenient.stdout, /^HTTP\/1\.1 400/, lenient.stderr)
})

t.test('a configuration of OpenSSL does not weaken what Microsoft has to show', async (t) => {
  const directory = t.testdir({})
  const at = (name: string) => join(directory, name)
  try {
    const subject = ['-subj', '/CN=weak', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
    const key = ['-newkey', 'rsa:1024', '-nodes', '-keyout', at('weak.key'), '-out', at('weak.pem')]
    execFileSync('openssl', ['req', '-x509', ...key, ...subject], { stdio: 'ignore' })
  } catch {
    t.comment('there is no openssl on this machine')
    return
  }
  const section = '[init]\nssl_conf = ssl\n[ssl]\nsystem_default = all\n[all]\n'
  const lenient = 'MinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n'
  writeFileSync(at('openssl.cnf'), `nodejs_conf = init\nopenssl_conf = init\n${section}${lenient}`)
  const script = `
    import { readFileSync } from 'node:fs'
    import { createServer } from 'node:https'
    import { connect } from 'node:tls'
    import { createOutbound } from ${JSON.stringify(join(import.meta.dirname, '../../src/intune/outbound.ts'))}
    const [cert, key] = ['weak.pem', 'weak.key'].map((name) => readFileSync(${JSON.stringify(directory)} + '/' + name))
    const server = createServer({ cert, key, ciphers: 'ALL:@SECLEVEL=0' }, (_request, reply) => reply.end('{}'))
    server.on('tlsClientError', () => {})
    server.listen(0, '127.0.0.1', async () => {
      const { port } = server.address()
      const naive = await new Promise((resolve) => {
        const socket = connect({ port, host: '127.0.0.1', ca: cert }, () => resolve('believed'))
        socket.once('error', ({ code }) => resolve(code))
      })
      const outbound = createOutbound({ caFile: ${JSON.stringify(at('weak.pem'))} })
      const sent = await outbound.value.send({ hop: 'token', method: 'GET', url: 'https://127.0.0.1:' + port, headers: {}, timeoutMs: 5000, maxBytes: 100 })
      console.log(naive, sent.ok ? 'believed' : 'refused')
      process.exit()
    })
  `
  const told = spawnSync(process.execPath, ['--input-type=module-typescript', '--eval', script], {
    encoding: 'utf8',
    env: { ...process.env, OPENSSL_CONF: at('openssl.cnf') },
    cwd: join(import.meta.dirname, '../..'),
  })
  t.equal(told.stdout.trim(), 'believed refused', told.stderr)
})
