import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyReply } from 'fastify'
import type { WireReply } from './exchange.ts'
import type { Disturbance } from './state/fault-table.ts'

/** Sends an answer whole. */
export async function sendReply(reply: FastifyReply, wire: WireReply): Promise<void> {
  await reply
    .code(wire.status)
    .headers(headersOf(wire))
    // A string would be given a content type.
    .send(wire.contentType === undefined ? undefined : wire.body)
}

function headersOf({ headers, contentType }: WireReply): Record<string, string> {
  return { ...headers, ...(contentType !== undefined && { 'content-type': contentType }) }
}

/** Sends `bytes` octets of filler as fast as the client reads them. */
export async function sendFiller(reply: FastifyReply, bytes: number, contentType: string): Promise<void> {
  await reply
    .code(200)
    .header('content-type', contentType)
    .send(Readable.from(filler(bytes)))
}

function* filler(bytes: number): Generator<Buffer> {
  const chunk = Buffer.alloc(65_536, ' ')
  for (let left = bytes; left > 0; left -= chunk.length)
    yield left < chunk.length ? chunk.subarray(0, left) : chunk
}

/** Leaves the request without an answer: on an open connection, or on one that is cut. */
export function withholdReply(reply: FastifyReply, kind: 'reset' | 'hang'): void {
  reply.hijack()
  if (kind === 'reset') reply.raw.socket?.destroy()
}

/** Announces the whole answer, sends half of it and cuts the connection. */
export function truncateReply(reply: FastifyReply, wire: WireReply): void {
  const body = startRawReply(reply, wire)
  reply.raw.write(body.subarray(0, body.length >> 1), () => reply.raw.socket?.destroy())
}

const slowPieces = 20

/** Sends the answer piece by piece over `durationMs`; stops when the client leaves or `signal` fires. */
export async function trickleReply(
  reply: FastifyReply,
  wire: WireReply,
  { durationMs }: Extract<Disturbance, { kind: 'slow_body' }>,
  signal: AbortSignal,
): Promise<void> {
  const body = startRawReply(reply, wire)
  const pieceLength = Math.ceil(body.length / slowPieces)
  for (let start = 0; start < body.length; start += pieceLength) {
    if (reply.raw.destroyed || !(await waitedMs(durationMs / slowPieces, signal))) return
    reply.raw.write(body.subarray(start, start + pieceLength))
  }
  reply.raw.end()
}

/** Waits on the real clock; false when `signal` fired first. */
export async function waitedMs(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await delay(ms, undefined, { signal })
    return true
  } catch {
    return false
  }
}

/** Takes the reply out of fastify's hands and sends its head; gives the body that it announced. */
function startRawReply(reply: FastifyReply, wire: WireReply): Buffer {
  const octets = Buffer.from(wire.body)
  reply.hijack()
  reply.raw.writeHead(wire.status, { ...headersOf(wire), 'content-length': String(octets.length) })
  return octets
}
