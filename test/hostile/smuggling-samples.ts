/** Bytes in which a careless parser finds another number of requests than were sent. */
export interface SmugglingSample {
  readonly name: string
  readonly bytes: string
  /** Absent: one refusal from 400 to 499 at most, and then the connection is closed. */
  readonly statuses?: readonly number[]
}

/** What would be answered with 200 if it were taken for a request of its own. */
const smuggled = 'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n'
const json = '{"mac":"005056A4895A"}'

/** PortSwigger's and others' collections of request smuggling, and the targets of RFC 9112 section 3.2. */
export function samples(authorization: string): readonly SmugglingSample[] {
  const post = (framing: string, body: string) =>
    `POST /v1/decision HTTP/1.1\r\nHost: a\r\n${authorization}Content-Type: application/json\r\n${framing}\r\n${body}`
  const chunked = (field: string) => post(field, `0\r\n\r\n${smuggled}`)
  return [
    {
      name: 'length and chunks (CL.TE)',
      bytes: post(
        `Content-Length: ${5 + smuggled.length}\r\nTransfer-Encoding: chunked\r\n`,
        `0\r\n\r\n${smuggled}`,
      ),
    },
    {
      name: 'chunks and length (TE.CL)',
      bytes: post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `5c\r\n${smuggled}\r\n0\r\n\r\n`),
    },
    {
      name: 'two different lengths',
      bytes: post(`Content-Length: 0\r\nContent-Length: ${smuggled.length}\r\n`, smuggled),
    },
    {
      name: 'the same length twice',
      bytes: post(`Content-Length: ${json.length}\r\nContent-Length: ${json.length}\r\n`, json),
    },
    { name: 'a list of lengths', bytes: post(`Content-Length: 0, ${smuggled.length}\r\n`, smuggled) },
    { name: 'a length with a sign', bytes: post(`Content-Length: +${smuggled.length}\r\n`, smuggled) },
    { name: 'a negative length', bytes: post('Content-Length: -1\r\n', smuggled) },
    { name: 'a length in hex', bytes: post('Content-Length: 0x10\r\n', smuggled) },
    { name: 'a length that overflows', bytes: post('Content-Length: 18446744073709551616\r\n', smuggled) },
    { name: 'a folded Transfer-Encoding', bytes: chunked('Transfer-Encoding:\r\n chunked\r\n') },
    { name: 'a folded header field', bytes: chunked('X: a\r\n Transfer-Encoding: chunked\r\n') },
    { name: 'a space before the colon', bytes: chunked('Transfer-Encoding : chunked\r\n') },
    { name: 'a tab before the colon', bytes: chunked('Transfer-Encoding\t: chunked\r\n') },
    { name: 'x-chunked', bytes: chunked('Transfer-Encoding: x-chunked\r\n') },
    { name: 'xchunked', bytes: chunked('Transfer-Encoding: xchunked\r\n') },
    { name: 'chunked with a vertical tab', bytes: chunked('Transfer-Encoding: \x0bchunked\r\n') },
    { name: 'chunked in quotes', bytes: chunked('Transfer-Encoding: "chunked"\r\n') },
    { name: 'chunked and then another coding', bytes: chunked('Transfer-Encoding: chunked, identity\r\n') },
    {
      name: 'chunked twice',
      bytes: chunked('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n'),
    },
    { name: 'a chunk size with a sign', bytes: post('Transfer-Encoding: chunked\r\n', `-1\r\n${smuggled}`) },
    {
      name: 'a chunk size with 0x',
      bytes: post('Transfer-Encoding: chunked\r\n', `0x5\r\nabcde\r\n0\r\n\r\n`),
    },
    {
      name: 'a chunk size that overflows',
      bytes: post('Transfer-Encoding: chunked\r\n', `ffffffffffffffff1\r\n${smuggled}`),
    },
    {
      name: 'a chunk without its line end',
      bytes: post('Transfer-Encoding: chunked\r\n', `1\r\n{X0\r\n\r\n${smuggled}`),
    },
    {
      name: 'a chunk size ended by a line feed',
      bytes: post('Transfer-Encoding: chunked\r\n', `0\n\n${smuggled}`),
    },
    {
      name: 'lines ended by a line feed',
      bytes: `GET /livez HTTP/1.1\nHost: a\nContent-Length: 5\n\n${smuggled}`,
    },
    { name: 'lines ended by a carriage return', bytes: `GET /livez HTTP/1.1\rHost: a\r\r${smuggled}` },
    { name: 'a field without a colon', bytes: `GET /livez HTTP/1.1\r\nHost: a\r\nX\r\n\r\n${smuggled}` },
    { name: 'a field without a name', bytes: `GET /livez HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n${smuggled}` },
    { name: 'a NUL in a name', bytes: `GET /livez HTTP/1.1\r\nHost: a\r\nX\0: 1\r\n\r\n${smuggled}` },
    { name: 'a NUL in a value', bytes: `GET /livez HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n${smuggled}` },
    { name: 'a NUL in the address', bytes: `GET /live\0z HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}` },
    { name: 'a space before the first field', bytes: `GET /livez HTTP/1.1\r\n Host: a\r\n\r\n${smuggled}` },
    { name: 'no Host', bytes: `GET /livez HTTP/1.1\r\n\r\n${smuggled}` },
    { name: 'a version that is none', bytes: `GET /livez HTTP/1.10\r\nHost: a\r\n\r\n${smuggled}` },
    // One request without a version is answered, and ends the connection.
    { name: 'HTTP/0.9', bytes: `GET /livez\r\n\r\n${smuggled}`, statuses: [200] },
    { name: 'HTTP/2 without asking', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0' },
    { name: 'a method that is none', bytes: `GOT /livez HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}` },
    { name: 'an address with spaces', bytes: `GET /livez /x HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}` },
    { name: 'CONNECT', bytes: `CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n${smuggled}` },
    {
      name: 'an authority as the target of GET',
      bytes: `GET a:443 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    },
    {
      name: 'an asterisk as the target',
      bytes: 'OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    },
    {
      name: 'an Expect that is unknown',
      bytes: `GET /livez HTTP/1.1\r\nHost: a\r\nExpect: x\r\nConnection: close\r\n\r\n`,
    },
    // RFC 9112 section 3.2.2: a server must take a whole URL.
    {
      name: 'a whole URL of another host',
      bytes: 'GET http://evil.example/livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      statuses: [200],
    },
    {
      name: 'an Upgrade to HTTP/2',
      bytes:
        'GET /livez HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n\r\n',
      statuses: [200],
    },
    {
      name: 'a body of GET is not the next request',
      bytes: `GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
      statuses: [200],
    },
    { name: 'a body that is cut off', bytes: post('Content-Length: 100\r\n', json) },
    { name: 'a right one', bytes: post(`Content-Length: ${json.length}\r\n`, json), statuses: [200] },
    {
      name: 'a right one in chunks',
      bytes: post(
        'Transfer-Encoding: chunked\r\n',
        `${json.length.toString(16)};x=y\r\n${json}\r\n0\r\nX: y\r\n\r\n`,
      ),
      statuses: [200],
    },
    { name: 'two right ones', bytes: smuggled + smuggled, statuses: [200, 200] },
  ]
}
