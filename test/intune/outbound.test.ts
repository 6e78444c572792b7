import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server as NetServer,
  type Socket,
} from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  createCertificateAuthority,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import type { ProxySettings } from '../../src/config/settings.ts'
import { createOutbound, type HttpRequest } from '../../src/intune/outbound.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { byDeviceId, compliantId, simulateIntune, waitUntil } from './simulated-intune.ts'

const authority = await createCertificateAuthority({ commonName: 'Contoso <TLS> inspection\nroot' })
const server = await issueServerCertificate(authority, { commonName: 'loopback', ipAddresses: ['127.0.0.1'] })
const stranger = await issueServerCertificate(authority, { commonName: 'x', dnsNames: ['elsewhere.example'] })

let openConnections = 0

async function listen(t: Test, listening: NetServer): Promise<number> {
  const sockets = new Set<Socket>()
  listening.on('connection', (socket: Socket) => {
    openConnections += 1
    sockets.add(socket)
    socket.on('close', () => {
      openConnections -= 1
    })
  })
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    listening.close()
  })
  return (listening.address() as AddressInfo).port
}

/** An HTTPS server on loopback. */
async function serve(t: Test, answer: RequestListener, options: ServerOptions = {}) {
  const https = createServer({ key: server.privateKeyPem, cert: server.certificatePem, ...options })
  https.on('request', answer)
  return `https://127.0.0.1:${await listen(t, https)}`
}

function outboundFor(
  t: Test,
  {
    trusted = true,
    proxy,
    clock = new FakeClock(),
  }: { trusted?: boolean; proxy?: ProxySettings; clock?: FakeClock } = {},
) {
  const directory = t.testdir({ 'ca.pem': `# our root\n${authority.certificatePem}` })
  const created = createOutbound(
    { ...(trusted && { caFile: join(directory, 'ca.pem') }), ...(proxy && { proxy }) },
    clock,
  )
  if (!created.ok) throw new Error(created.fault.message)
  t.teardown(() => created.value.close())
  return created.value
}

function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { hop: 'query', method: 'GET', url, headers: {}, timeoutMs: 5000, maxBytes: 1000, ...more }
}

t.test('a reply of any status comes back whole', async (t) => {
  const seen: IncomingMessage[] = []
  const origin = await serve(t, (request, response) => {
    seen.push(request)
    response.writeHead(503, {
      'Content-Type': 'Application/XML; charset=utf-8',
      'Set-Cookie': ['a=1', 'b=2'],
    })
    request.pipe(response)
  })
  const clock = new FakeClock()
  const outcome = await outboundFor(t, { clock }).send(
    get(`${origin}/a?b=c`, { method: 'POST', headers: { 'x-test': 'yes' }, body: 'grüße' }),
  )
  t.match(outcome, {
    ok: true,
    value: {
      status: 503,
      body: 'grüße',
      contentType: 'application/xml',
      headers: { 'set-cookie': 'a=1, b=2' },
    },
  })
  t.equal(clock.pendingTimers, 0, 'no timer is left behind')
  t.match(seen[0], {
    url: '/a?b=c',
    method: 'POST',
    headers: { 'x-test': 'yes', 'accept-encoding': 'identity' },
  })
})

t.test('a redirect is refused and its host is named', async (t) => {
  let requests = 0
  const origin = await serve(t, (_, response) => {
    requests += 1
    response.writeHead(302, { location: 'https://login.hotel.example/portal?session=secret' }).end('<html>')
  })
  const outcome = await outboundFor(t).send(get(origin))
  t.match(outcome, {
    ok: false,
    fault: { code: 'redirect_refused', status: 302, hop: 'query', host: new URL(origin).host },
  })
  t.match(outcome, { fault: { message: /a redirect to login\.hotel\.example$/ } })
  t.equal(requests, 1)
})

t.test('a reply over the limit is cut off, announced or not', async (t) => {
  const origin = await serve(t, (request, response) => {
    if (request.url === '/announced') response.setHeader('content-length', 5000)
    for (let i = 0; i < 5; i += 1) response.write('x'.repeat(1000))
    response.end()
  })
  const outbound = outboundFor(t)
  for (const path of ['/announced', '/chunked']) {
    const outcome = await outbound.send(get(`${origin}${path}`))
    t.match(outcome, { ok: false, fault: { code: 'reply_too_large', status: 200 } }, path)
  }
  t.match(
    await outbound.send(get(`${origin}/chunked`, { maxBytes: 5000 })),
    { ok: true },
    'the limit itself is fine',
  )
})

t.test('a connection that breaks is connection_failed, at every stage', async (t) => {
  const origin = await serve(t, (request, response) => {
    if (request.url === '/reset') request.socket.destroy()
    if (request.url === '/length') {
      response.setHeader('content-length', 100)
      response.write('half', () => request.socket.destroy())
    }
    if (request.url === '/chunked') response.write('half', () => request.socket.destroy())
    if (request.url === '/garbage') request.socket.end('NOT HTTP AT ALL\r\n\r\n')
  })
  const outbound = outboundFor(t)
  for (const path of ['/reset', '/length', '/chunked', '/garbage']) {
    t.match(
      await outbound.send(get(`${origin}${path}`)),
      { ok: false, fault: { code: 'connection_failed' } },
      path,
    )
  }
  await outbound.close()
  t.match(
    await outbound.send(get(`${origin}/reset`)),
    { fault: { code: 'connection_failed' } },
    'after close',
  )
})

t.test('the time limit covers headers and body', async (t) => {
  const origin = await serve(t, (request, response) => {
    if (request.url === '/body') response.write('begun')
  })
  for (const path of ['/headers', '/body']) {
    const clock = new FakeClock()
    const outbound = outboundFor(t, { clock })
    const sent = outbound.send(get(`${origin}${path}`, { timeoutMs: 2000 }))
    await new Promise((resolve) => setTimeout(resolve, 40))
    await clock.advance(2000)
    t.match(await sent, { ok: false, fault: { code: 'upstream_timeout' } }, path)
    t.equal(clock.pendingTimers, 0, 'no timer is left behind')
  }
})

t.test('a request that still waits for its connection is given up in time, and never sent', async (t) => {
  let requests = 0
  const origin = await serve(t, (_, response) => {
    requests += 1
    response.end()
  })
  const accepted: Socket[] = []
  const front = createTcpServer({ pauseOnConnect: true }, (socket) => void accepted.push(socket))
  const port = await listen(t, front)
  const clock = new FakeClock()
  const sent = outboundFor(t, { clock }).send(get(`https://127.0.0.1:${port}/`, { timeoutMs: 2000 }))
  await waitUntil(() => accepted.length === 1)
  await clock.advance(2000)
  t.match(await sent, { ok: false, fault: { code: 'upstream_timeout' } })
  t.equal(openConnections, 1, 'nobody waited for the connection to fail')
  const onward = connect(Number(new URL(origin).port), '127.0.0.1')
  onward.on('error', () => {})
  accepted[0]?.pipe(onward).pipe(accepted[0])
  await waitUntil(() => openConnections === 0)
  t.equal(requests, 0, 'the request was not sent')
})

t.test('an interim reply is not taken for the reply', async (t) => {
  const origin = await serve(t, (_, response) => {
    response.writeEarlyHints({ link: '</a>; rel=preload' })
    response.writeHead(200).end('the reply')
  })
  t.match(await outboundFor(t).send(get(origin)), { ok: true, value: { status: 200, body: 'the reply' } })
})

t.test('a host that cannot be reached says why', async (t) => {
  const outbound = outboundFor(t)
  const free = createTcpServer()
  const port = await listen(t, free)
  await new Promise((resolve) => free.close(resolve))
  t.match(await outbound.send(get(`https://127.0.0.1:${port}/`)), { fault: { code: 'connection_refused' } })
  t.match(await outbound.send(get('https://no-such-host.invalid/')), {
    fault: { code: 'name_not_resolved', host: 'no-such-host.invalid' },
  })
  const plain = await listen(
    t,
    createHttpServer((_, response) => response.end('plain')),
  )
  t.match(await outbound.send(get(`https://127.0.0.1:${plain}/`)), { fault: { code: 'tls_failed' } })
  t.match(await outbound.send(get(`https://127.0.0.1:${plain}/`, { headers: { bad: 'a\r\nb' } })), {
    fault: { code: 'internal' },
  })
})

t.test('an untrusted certificate is refused and its issuer named, without a byte being sent', async (t) => {
  let requests = 0
  const count = () => {
    requests += 1
  }
  const origin = await serve(t, count)
  const outcome = await outboundFor(t, { trusted: false }).send(
    get(origin, { headers: { authorization: 'Bearer x' } }),
  )
  t.match(outcome, {
    fault: {
      code: 'tls_untrusted',
      message: /is not trusted \(\w+\); its issuer is "Contoso TLS inspection/,
    },
  })
  t.notMatch(outcome, { fault: { message: /[<>\n]/ } }, 'control characters of the peer stay out')
  const wrongName = await serve(t, count, { key: stranger.privateKeyPem, cert: stranger.certificatePem })
  t.match(await outboundFor(t).send(get(wrongName)), {
    fault: { code: 'tls_untrusted', message: /ERR_TLS_CERT_ALTNAME_INVALID/ },
  })
  const dayMs = 86_400_000
  for (const [notBefore, notAfter, errorCode] of [
    [-2 * dayMs, -dayMs, 'CERT_HAS_EXPIRED'],
    [dayMs, 2 * dayMs, 'CERT_NOT_YET_VALID'],
  ] as const) {
    const dated = await issueServerCertificate(authority, {
      commonName: 'localhost',
      ipAddresses: ['127.0.0.1'],
      notBefore: new Date(Date.now() + notBefore),
      notAfter: new Date(Date.now() + notAfter),
    })
    const origin = await serve(t, count, { key: dated.privateKeyPem, cert: dated.certificatePem })
    t.match(
      await outboundFor(t).send(get(origin)),
      { fault: { code: 'tls_certificate_date', message: new RegExp(`${errorCode}\\); its issuer is`) } },
      'of which the clock may be the cause',
    )
  }
  t.equal(requests, 0, 'no request reached a server')
  await waitUntil(() => openConnections === 0)
  t.pass('and no connection stays open')
})

t.test('TLS older than 1.2 is refused', async (t) => {
  const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  const origin = await serve(t, () => {}, old)
  t.match(await outboundFor(t).send(get(origin)), { fault: { code: 'tls_failed' } })
})

/** An HTTP proxy that answers CONNECT with the given status, and tunnels when it is 200. */
async function proxyWith(t: Test, status: number) {
  const asked: { target: string; authorization: string | undefined }[] = []
  const proxy = createHttpServer()
  proxy.on('connect', (request, socket) => {
    asked.push({ target: request.url ?? '', authorization: request.headers['proxy-authorization'] })
    if (status !== 200) return void socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`)
    const [host = '', port] = (request.url ?? '').split(':')
    const target = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      target.pipe(socket).pipe(target)
    })
    target.on('error', () => socket.destroy())
    socket.on('error', () => target.destroy())
  })
  return { asked, host: `127.0.0.1:${await listen(t, proxy)}` }
}

t.test('a proxy is used with its credentials, except for the hosts of NO_PROXY', async (t) => {
  const origin = await serve(t, (_, response) => void response.end('through'))
  const { asked, host } = await proxyWith(t, 200)
  const httpsProxy = `http://nac:s%40cret@${host}`
  const proxied = await outboundFor(t, { proxy: { httpsProxy } }).send(get(origin))
  t.match(proxied, { ok: true, value: { body: 'through' } })
  const authorization = `Basic ${Buffer.from('nac:s@cret').toString('base64')}`
  t.same(asked, [{ target: new URL(origin).host, authorization }])
  const direct = await outboundFor(t, { proxy: { httpsProxy, noProxy: 'example.com, 127.0.0.1' } }).send(
    get(origin),
  )
  t.match(direct, { ok: true, value: { body: 'through' } })
  t.equal(asked.length, 1, 'the second request went directly')
})

t.test('what goes wrong at a proxy is told apart, and its password is not told', async (t) => {
  const origin = await serve(t, () => {})
  for (const status of [403, 407, 502]) {
    const { host } = await proxyWith(t, status)
    const outcome = await outboundFor(t, { proxy: { httpsProxy: `http://nac:secret@${host}` } }).send(
      get(origin),
    )
    t.match(
      outcome,
      { fault: { code: 'proxy_refused', message: new RegExp(`a proxy is configured: ${host}`) } },
      `${status}`,
    )
    t.notMatch(outcome, { fault: { message: /secret/ } })
  }
  const { host } = await proxyWith(t, 200)
  const untrusted = await outboundFor(t, { trusted: false, proxy: { httpsProxy: `http://${host}` } }).send(
    get(origin),
  )
  t.match(
    untrusted,
    { fault: { code: 'tls_untrusted', message: /its issuer is "Contoso/ } },
    'seen through the tunnel',
  )
  const gone = createTcpServer()
  const port = await listen(t, gone)
  await new Promise((resolve) => gone.close(resolve))
  const refused = await outboundFor(t, { proxy: { httpsProxy: `http://127.0.0.1:${port}` } }).send(
    get(origin),
  )
  t.match(refused, { fault: { code: 'connection_refused', message: /a proxy is configured/ } })
})

t.test('the environment of the process has no say', async (t) => {
  const origin = await serve(t, (_, response) => void response.end('direct'))
  const before = process.env.HTTPS_PROXY
  process.env.HTTPS_PROXY = 'http://127.0.0.1:1'
  t.teardown(() => {
    if (before === undefined) delete process.env.HTTPS_PROXY
    else process.env.HTTPS_PROXY = before
  })
  t.match(await outboundFor(t).send(get(origin)), { ok: true, value: { body: 'direct' } })
})

t.test('trust roots and a proxy that cannot be used are said before anything is sent', async (t) => {
  const directory = t.testdir({
    'none.pem': 'nothing',
    'broken.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  })
  const cases = {
    'gone.pem': /which does not exist/,
    'none.pem': /holds no/,
    'broken.pem': /cannot be decoded/,
  }
  for (const [file, message] of Object.entries(cases)) {
    const created = createOutbound({ caFile: join(directory, file) })
    t.match(created, { fault: { code: 'configuration_invalid', field: 'INTUNE_CA_FILE', message } })
  }
  for (const httpsProxy of ['proxy:secret', 'socks5://user:secret@host']) {
    const created = createOutbound({ proxy: { httpsProxy } })
    t.match(created, { fault: { code: 'configuration_invalid', field: 'HTTPS_PROXY' } })
    t.notMatch(created, { fault: { message: /secret/ } })
  }
})

t.test(
  'an issuer that is no authority of Microsoft is called TLS inspection, a known one is not',
  async (t) => {
    const origin = await serve(t, () => {})
    const intercepted = await outboundFor(t, { trusted: false }).send(get(origin))
    t.match(intercepted, {
      fault: { message: /Contoso TLS inspection.*no public authority.*TLS inspection$/ },
    })
    const known = await createCertificateAuthority({ commonName: 'DigiCert Global Root G2' })
    const { privateKeyPem, certificatePem } = await issueServerCertificate(known, {
      commonName: 'loopback',
      ipAddresses: ['127.0.0.1'],
    })
    const outdated = await serve(t, () => {}, { key: privateKeyPem, cert: certificatePem })
    const outcome = await outboundFor(t, { trusted: false }).send(get(outdated))
    t.match(outcome, {
      fault: { code: 'tls_untrusted', message: /its issuer is "DigiCert Global Root G2"$/ },
    })
  },
)

t.test(
  'a whole look-up goes through a proxy that asks for a password, and names what it cannot reach',
  async (t) => {
    const intune = await simulateIntune(t)
    const { host } = new URL(intune.simulator.origin)
    const caFile = join(t.testdir({ 'ca.pem': intune.simulator.caCertificatePem }), 'ca.pem')
    const through = async (status: number, credentials: string) => {
      const { asked, host: proxyHost } = await proxyWith(t, status)
      const httpsProxy = `http://${credentials}${proxyHost}`
      const created = createOutbound({ caFile, proxy: { httpsProxy } }, intune.clock)
      if (!created.ok) throw new Error(created.fault.message)
      t.teardown(() => created.value.close())
      const answer = await intune.again({ outbound: created.value }).lookup(byDeviceId(compliantId))
      return { asked, answer }
    }
    const open = await through(200, '')
    t.match(open.answer, { ok: true, value: { record: { complianceState: 'compliant' } } })
    t.same(new Set(open.asked.map(({ target }) => target)), new Set([host]), 'every request had a tunnel')
    t.ok(open.asked.every(({ authorization }) => authorization === undefined))
    const authenticated = await through(200, 'nac:p%40ss@')
    t.match(authenticated.answer, { ok: true })
    const basic = `Basic ${Buffer.from('nac:p@ss').toString('base64')}`
    t.ok(authenticated.asked.every(({ authorization }) => authorization === basic))
    const refused = await through(407, 'nac:wrong@')
    t.match(refused.answer, { fault: { code: 'proxy_refused', hop: 'token', host } })
    t.notMatch(JSON.stringify(refused.answer) + intune.logged.join(''), /wrong/, 'the password is not told')
  },
)
