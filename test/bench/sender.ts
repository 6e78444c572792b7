/**
 * Our own sender, for what wrk and autocannon cannot do: `node sender.ts <SenderTask as JSON>`. With a rate it is an open
 * loop: every request has its time, and its latency counts from then, whether or not a connection was free
 * (no coordinated omission). Without one every connection sends again as soon as it has its answer.
 */
import { connect, type Socket } from 'node:net'
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { type LoadResult, type LoadTarget, requestSource } from './load-target.ts'

export interface SenderTask {
  readonly target: LoadTarget
  readonly connections: number
  readonly seconds: number
  readonly ratePerSecond?: number
  /** Before the measured part, at the same rate. */
  readonly warmUpSeconds?: number
}

interface Connection {
  readonly socket: Socket
  /** When the request under way should have been sent. */
  dueMs: number
  received: Buffer
}

const {
  target,
  connections,
  seconds,
  ratePerSecond,
  warmUpSeconds = 0,
}: SenderTask = JSON.parse(process.argv[2] ?? '')
const { hostname, port } = new URL(target.url)
const nextRequest = requestSource(target)
const whatIsCounted = { lowest: 1000, highest: 60_000_000_000, figures: 3 } as const
const latencies = createHistogram(whatIsCounted)
const latenciesOfSecond = createHistogram(whatIsCounted)
const idle: Connection[] = []
/** Due times that found no free connection. */
const late: number[] = []
let requests = 0
let requestsWithWarmUp = 0
let failed = 0
let measuring = false
let running = true

function send(connection: Connection, dueMs: number): void {
  connection.dueMs = dueMs
  connection.socket.write(nextRequest())
}

function take(connection: Connection, data: Buffer): void {
  const bytes = connection.received.length === 0 ? data : Buffer.concat([connection.received, data])
  const headEnd = bytes.indexOf('\r\n\r\n')
  const head = headEnd < 0 ? '' : bytes.toString('latin1', 0, headEnd)
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
  if (headEnd < 0 || bytes.length < headEnd + 4 + length) {
    connection.received = bytes
    return
  }
  connection.received = Buffer.alloc(0)
  const nowMs = performance.now()
  requestsWithWarmUp += 1
  if (measuring) {
    requests += 1
    if (!head.startsWith('HTTP/1.1 2')) failed += 1
    const latencyNs = Math.max(1000, Math.round((nowMs - connection.dueMs) * 1e6))
    latencies.record(latencyNs)
    latenciesOfSecond.record(latencyNs)
  }
  if (!running) return
  const dueMs = ratePerSecond === undefined ? nowMs : late.shift()
  if (dueMs === undefined) idle.push(connection)
  else send(connection, dueMs)
}

function open(): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true }, () => {
      const connection: Connection = { socket, dueMs: 0, received: Buffer.alloc(0) }
      socket.on('data', (data: Buffer) => take(connection, data))
      resolve(connection)
    })
    socket.once('error', reject)
    socket.on('close', () => {
      if (running) failed += 1
    })
  })
}

/** Looks at the clock in every turn of the event loop: timers of a millisecond would send in bursts. */
async function keepRate(perSecond: number): Promise<void> {
  const startMs = performance.now()
  let sent = 0
  while (running) {
    const nowMs = performance.now()
    for (let dueMs = dueAt(sent); dueMs <= nowMs; dueMs = dueAt(sent)) {
      sent += 1
      const connection = idle.pop()
      if (connection === undefined) late.push(dueMs)
      else send(connection, dueMs)
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  function dueAt(index: number): number {
    return startMs + (index * 1000) / perSecond
  }
}

function percentile(histogram: RecordableHistogram, share: number): number {
  return histogram.count === 0 ? 0 : histogram.percentile(share) / 1e6
}

const wait = (waitSeconds: number) => new Promise((resolve) => setTimeout(resolve, waitSeconds * 1000))

const opened = await Promise.all(Array.from({ length: connections }, open))
if (ratePerSecond === undefined) for (const connection of opened) send(connection, performance.now())
else {
  idle.push(...opened)
  void keepRate(ratePerSecond)
}
await wait(warmUpSeconds)
measuring = true
const measuredSinceMs = performance.now()
const p99EachSecondMs: number[] = []
for (let left = seconds; left > 0; left -= 1) {
  await wait(Math.min(1, left))
  p99EachSecondMs.push(percentile(latenciesOfSecond, 99))
  latenciesOfSecond.reset()
}
measuring = false
const measuredSeconds = (performance.now() - measuredSinceMs) / 1000
running = false
for (const { socket } of opened) socket.destroy()
const result: LoadResult = {
  requests,
  requestsWithWarmUp,
  requestsPerSecond: requests / measuredSeconds,
  p50Ms: percentile(latencies, 50),
  p99Ms: percentile(latencies, 99),
  p999Ms: percentile(latencies, 99.9),
  p99EachSecondMs,
  failed,
}
process.stdout.write(`${JSON.stringify(result)}\n`)
