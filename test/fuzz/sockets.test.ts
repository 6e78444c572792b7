import { once } from 'node:events'
import { connect } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { mutated, text } from './arbitraries.ts'
import { fuzz, fuzzed } from './fuzz.ts'
import { fuzzedService } from './fuzzed-service.ts'

const service = await fuzzedService(t)
const port = Number(new URL(await service.app.server.listen({ host: '127.0.0.1', port: 0 })).port)

/** Sends bytes, says that there is no more, and gives everything that comes back until the service closes. */
async function exchange(bytes: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' })
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  // A reply may be reset with what was not read of the request; what had come until then counts.
  socket.end(Buffer.from(bytes, 'latin1'))
  await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}

const body = '{"mac":"00:50:56:A4:89:5A"}'
const radius = '{"Calling-Station-Id":"00-50-56-A4-89-5A"}'
const requests = fc.constantFrom(
  'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /v1/decision?mac=00:50:56:A4:89:5A HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n',
  `POST /v1/decision HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  `POST /v1/radius/authorize HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${radius.length.toString(16)}\r\n${radius}\r\n0\r\n\r\n`,
  'GET /ciscoise/mdminfo/?ise_api_version=3 HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YTpi\r\n\r\n',
)
const fragments = fc.oneof(
  text,
  fc.constantFrom(
    '\r\n',
    '\n',
    ' ',
    ':',
    '\0',
    'Content-Length: 5\r\n',
    'Content-Length: -1\r\n',
    'Content-Length: 99999999999999999999\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Transfer-Encoding:\r\n chunked\r\n',
    'Transfer-Encoding : chunked\r\n',
    'Transfer-Encoding: x, chunked\r\n',
    'Expect: 100-continue\r\n',
    'Expect: x\r\n',
    'Connection: upgrade\r\nUpgrade: h2c\r\n',
    'Host: b\r\n',
    'HTTP/1.0',
    'HTTP/2.0',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'CONNECT a:1 HTTP/1.1\r\n',
    'ffffffffffffffff\r\n',
  ),
)
const one = fc.oneof(
  { weight: 1, arbitrary: requests },
  { weight: 4, arbitrary: mutated(requests, fragments) },
  { weight: 1, arbitrary: text },
)
const bytes = fc.array(one, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(''))

/** Statuses of the answers, or undefined where what came back is not a row of HTTP responses. */
function statusesOf(reply: string): number[] | undefined {
  const statuses: number[] = []
  let rest = reply
  while (rest !== '') {
    const [head, status] =
      /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n(?:[A-Za-z-]+: [^\r\n]*\r\n)*\r\n/.exec(rest) ?? []
    if (head === undefined) return undefined
    statuses.push(Number(status))
    const length = Number(/\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1] ?? 0)
    // An answer to HEAD says how long the body of GET would be.
    const next = rest.slice(head.length)
    rest = next.startsWith('HTTP/1.1 ') ? next : next.slice(length)
  }
  return statuses
}

await fuzz(
  t,
  'sockets',
  {
    'whatever bytes arrive, answers are whole, none is a defect, and the connection ends': fuzzed(
      fc.asyncProperty(bytes, async (given) => {
        const statuses = statusesOf(await exchange(given))
        // Each request has a version in its first line; an answer to less than a request is a refusal.
        const most = (given.match(/HTTP\//g)?.length ?? 0) * 2 + 1
        return (
          statuses !== undefined &&
          statuses.length <= most &&
          statuses.every((status) => (status >= 100 && status < 500) || status === 503)
        )
      }),
    ),
  },
  async (t) => {
    t.match(
      await exchange('GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
      /^HTTP\/1\.1 200 OK/,
    )
    t.notMatch(service.log(), /"level":"(?:error|fatal)"/, 'nothing was logged as a defect')
  },
)
