import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import t from 'tap'
import {
  expectUnharmed,
  type HostileTarget,
  readAll,
  startHostileTarget,
  startNormalClient,
  statusesIn,
} from './hostile-target.ts'

const { values } = parseArgs({ options: { idle: { type: 'string', default: '10000' } }, strict: false })
const wanted = Number(values.idle)
/** Besides the connections a process has files of its own open. */
const spare = 500
/** A late connection is found within 5 seconds of its limit of 10; the rest is for a machine that has other work. */
const patienceMs = 60_000
t.setTimeout(3 * patienceMs)
// Most of the time is waiting.
t.jobs = 2

/** Node raises its limit of open files to the hard one by itself, and so does the service. */
function openFilesLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1024)
}

/** Opens connections, not all at once: what is tested is that they stay, not how fast they come. */
async function openMany(count: number, open: (index: number) => Socket): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let index = 0; index < count; index += 1) {
    const socket = open(index)
    sockets.push(socket)
    if (index % 100 === 99) await Promise.race([once(socket, 'connect').catch(() => {}), closedOf(socket)])
  }
  return sockets
}

function closedOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })
}

/** Says something every half second for as long as anybody listens, and gives all that came back. */
function drip(socket: Socket, first: string, drop: string): Promise<string> {
  const reply = readAll(socket)
  socket.write(first)
  const timer = setInterval(() => socket.writable && socket.write(drop), 500)
  socket.once('close', () => clearInterval(timer))
  return reply
}

async function withNormalClient(target: HostileTarget, run: () => Promise<void>) {
  const before = target.memory()
  const client = startNormalClient(target)
  await run()
  return { target, before, client: await client.stop() }
}

t.test(
  'connections that say nothing, and some that say little, are ended; others are served meanwhile',
  { buffered: true },
  async (t) => {
    const target = await startHostileTarget(t)
    const possible = Math.min(wanted, openFilesLimit() - spare)
    if (possible < wanted) {
      t.comment(
        `ONLY ${possible} OF ${wanted} IDLE CONNECTIONS: the hard limit of open files (ulimit -Hn) allows no more`,
      )
    }
    const atOnce = { most: 0 }
    const harm = await withNormalClient(target, async () => {
      // From several addresses, as one may not have this many.
      const silent = await openMany(possible, (index) => target.open(`127.0.0.${2 + (index % 4)}`))
      const ends = silent.map(readAll)
      atOnce.most = silent.filter((socket) => !socket.closed).length
      const field = 'POST /v1/decision HTTP/1.1\r\nHost: a\r\n'
      const slow = [
        ...(await openMany(100, () => target.open('127.0.0.6'))).map((socket) =>
          drip(socket, field, 'X: y\r\n'),
        ),
        ...(await openMany(100, () => target.open('127.0.0.6'))).map((socket) => {
          const authorization = `Authorization: Bearer ${target.token}\r\n`
          return drip(
            socket,
            `${field}${authorization}Content-Type: application/json\r\nContent-Length: 9999\r\n\r\n`,
            ' ',
          )
        }),
        ...(await openMany(100, () => target.open('127.0.0.6'))).map((socket) => drip(socket, 'G', 'E')),
      ]
      const replies = await Promise.all(slow)
      t.ok(
        replies.every((reply) => statusesIn(reply).length <= 1),
        'never two answers',
      )
      t.ok(
        replies.every((reply) => statusesIn(reply).every((status) => status === 408 || status === 400)),
        'too late',
      )
      t.ok(
        replies.some((reply) => statusesIn(reply)[0] === 408),
        'and told so',
      )
      const silentReplies = await Promise.all(ends)
      t.ok(
        silentReplies.every((reply) => statusesIn(reply).every((status) => status === 408)),
        'so is who says nothing',
      )
    })
    t.ok(atOnce.most >= possible * 0.99, `${atOnce.most} idle connections at once`)
    expectUnharmed(t, `${atOnce.most} idle and 300 slow connections`, harm)
  },
)

t.test(
  'handshakes that are never finished are ended, with others served meanwhile',
  { buffered: true },
  async (t) => {
    const target = await startHostileTarget(t, { tls: true })
    const harm = await withNormalClient(target, async () => {
      const open = () =>
        connect({ port: target.port, host: '127.0.0.1', localAddress: '127.0.0.7' }).on('error', () => {})
      // The beginning of a ClientHello that says it has 512 bytes.
      const hello = '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'
      const stuck = await openMany(500, open)
      for (const [index, socket] of stuck.entries()) {
        socket.resume()
        if (index % 2 === 0) socket.write(Buffer.from(hello, 'latin1'))
      }
      await Promise.all(stuck.map(closedOf))
    })
    t.pass('500 connections were ended')
    expectUnharmed(t, '500 unfinished handshakes', harm)
  },
)
