import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import {
  expectUnharmed,
  readAll,
  startHostileTarget,
  startNormalClient,
  statusesIn,
} from './hostile-target.ts'
import { samples } from './smuggling-samples.ts'

const target = await startHostileTarget(t)
const authorization = `Authorization: Bearer ${target.token}\r\n`

/** Writes a body until all of it is sent or nobody takes it any more; gives how much was taken, MiB. */
async function pour(socket: Socket, mebibytes: number, frame: (chunk: Buffer) => Buffer): Promise<number> {
  const chunk = frame(Buffer.alloc(1024 * 1024, 0x61))
  let closed = false
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => {
      closed = true
      resolve()
    })
  })
  for (let sent = 0; sent < mebibytes; sent += 1) {
    if (closed || !socket.writable) return sent
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain').catch(() => {}), ended])
  }
  socket.end()
  return mebibytes
}

/** Sends bytes, gives everything that comes back; again after a while where the service was too late to look at them. */
async function exchange(bytes: string): Promise<string> {
  for (;;) {
    const socket = target.open()
    const reply = readAll(socket)
    socket.end(Buffer.from(bytes, 'latin1'))
    const text = await reply
    if (!text.includes('service_overloaded')) return text
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

t.test('a body of 1 GiB is refused and not read', async (t) => {
  const before = target.memory()
  const client = startNormalClient(target)
  const routes = ['/v1/decision', '/v1/radius/authorize', '/ciscoise/mdmapi/v3/batchdevices', '/nothing']
  for (const path of routes) {
    for (const [kind, length, frame] of [
      ['with its length', 'Content-Length: 1073741824', (chunk: Buffer) => chunk],
      [
        'in chunks',
        'Transfer-Encoding: chunked',
        (chunk: Buffer) => Buffer.concat([Buffer.from('100000\r\n'), chunk, Buffer.from('\r\n')]),
      ],
    ] as const) {
      for (const credentials of [authorization, '']) {
        const socket = target.open()
        const reply = readAll(socket)
        socket.write(
          `POST ${path} HTTP/1.1\r\nHost: a\r\n${credentials}Content-Type: application/json\r\n${length}\r\n\r\n`,
        )
        const taken = await pour(socket, 1024, frame)
        const statuses = statusesIn(await reply)
        const name = `${path} ${kind}, ${credentials === '' ? 'without' : 'with'} credentials`
        // What was on its way when the connection was closed resets it, and the answer can be lost with that.
        t.ok(
          statuses.length <= 1 && statuses.every((status) => status >= 400 && status < 500),
          `${name}: ${statuses}`,
        )
        t.ok(taken < 64, `${name}: ${taken} MiB were taken`)
      }
    }
  }
  expectUnharmed(t, '1 GiB bodies', { target, before, client: await client.stop() })
})

t.test('header bombs are refused', async (t) => {
  const before = target.memory()
  const client = startNormalClient(target)
  const bombs: Readonly<Record<string, string>> = {
    'one field of 64 kB': `X: ${'x'.repeat(65_536)}\r\n`,
    '10,000 fields': Array.from({ length: 10_000 }, (_, index) => `X-${index}: 1\r\n`).join(''),
    'a name of 64 kB': `${'X'.repeat(65_536)}: 1\r\n`,
    'credentials of 64 kB': `Authorization: Bearer ${'x'.repeat(65_536)}\r\n`,
    '10,000 cookies': 'Cookie: a=b\r\n'.repeat(10_000),
  }
  for (const [name, fields] of Object.entries(bombs)) {
    const replies = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const socket = target.open()
        const reply = readAll(socket)
        socket.write(`GET /v1/decision HTTP/1.1\r\nHost: a\r\n${fields}\r\n`)
        return statusesIn(await reply)
      }),
    )
    t.ok(
      replies.every((statuses) => statuses.length <= 1 && statuses.every((status) => status === 431)),
      `${name}: 431 or closed`,
    )
    t.ok(
      replies.some((statuses) => statuses[0] === 431),
      `${name}: 431`,
    )
  }
  expectUnharmed(t, 'header bombs', { target, before, client: await client.stop() })
})

t.test('1,000 pipelined requests are answered in their order', async (t) => {
  const before = target.memory()
  const client = startNormalClient(target)
  // Locally administered, so that each is decided here and the order shows.
  const macOf = (index: number) => `0A505600${index.toString(16).padStart(4, '0').toUpperCase()}`
  const asked = Array.from({ length: 1000 }, (_, index) => macOf(index))
  const text = await exchange(
    asked.map((mac) => `GET /v1/decision?mac=${mac} HTTP/1.1\r\nHost: a\r\n${authorization}\r\n`).join(''),
  )
  t.same(
    [...text.matchAll(/"device":"([0-9A-F]{12})"/g)].map(([, mac]) => mac),
    asked,
  )
  t.ok(statusesIn(text).every((status) => status === 200))
  expectUnharmed(t, 'pipelining', { target, before, client: await client.stop() })
})

t.test('smuggled requests are never a second one', async (t) => {
  const before = target.memory()
  const client = startNormalClient(target)
  for (const { name, bytes, statuses: expected } of samples(authorization)) {
    const statuses = statusesIn(await exchange(bytes))
    if (expected !== undefined) t.same(statuses, expected, name)
    else {
      t.ok(
        statuses.length <= 1 && statuses.every((status) => status >= 400 && status < 500),
        `${name}: ${statuses}`,
      )
    }
  }
  expectUnharmed(t, 'smuggling', { target, before, client: await client.stop() })
})

t.test('one address cannot have all connections', async (t) => {
  const before = target.memory()
  const dropped = await target.metric('nac_connections_dropped_total')
  const client = startNormalClient(target)
  const sockets: Socket[] = []
  let closed = 0
  for (let opened = 0; opened < 4300; opened += 1) {
    const socket = target.open('127.0.0.9')
    socket.once('close', () => {
      closed += 1
    })
    sockets.push(socket)
    if (opened % 100 === 99) await once(socket, 'connect').catch(() => {})
  }
  while (closed < 204) await new Promise((resolve) => setTimeout(resolve, 20))
  t.ok(
    (await target.metric('nac_connections_dropped_total')) - dropped >= 204,
    'what is above 4096 is counted',
  )
  const other = target.open('127.0.0.8')
  const reply = readAll(other)
  other.write('GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  t.match(await reply, /^HTTP\/1\.1 200 /, 'another address is served')
  for (const socket of sockets) socket.destroy()
  expectUnharmed(t, '4,300 connections of one address', { target, before, client: await client.stop() })
})

t.test('somebody who asks without end and never reads costs no memory', async (t) => {
  const before = target.memory()
  const client = startNormalClient(target)
  const request = Buffer.from('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2000))
  const sockets = Array.from({ length: 20 }, () => target.open().pause())
  const stuck = await Promise.all(
    sockets.map(async (socket) => {
      for (let sent = 0; sent < 400; sent += 1) {
        if (socket.write(request)) continue
        const drained = once(socket, 'drain').then(
          () => true,
          () => false,
        )
        const waited = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 500))
        if (!(await Promise.race([drained, waited]))) return true
      }
      return false
    }),
  )
  t.ok(stuck.every(Boolean), 'the service stops reading from whoever does not read')
  await client.untilServed()
  for (const socket of sockets) socket.destroy()
  expectUnharmed(t, 'never reading', { target, before, client: await client.stop() })
})
