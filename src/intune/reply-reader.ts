import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { type Fault, failure, type Outcome, success } from '../errors/fault.ts'
import { describeNetworkError, type Exchange } from './network-fault.ts'
import type { HttpReply, HttpRequest } from './outbound.ts'

/** Of a reply in pieces: the longest error that is worth reading. */
const beginningBytes = 64 * 1024
/** At their usual size more than the longest body has. */
const mostChunks = 1024

/**
 * Reads one reply as undici's dispatcher hands it over, and tells how the exchange ended: once, and for good. Undici's
 * own `request` puts a stream, an abort signal and an async iterator between, a third of what a look-up costs.
 */
export class ReplyReader implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange
  readonly #maxBytes: number
  readonly #inPieces: boolean
  readonly #onEnd: (outcome: Outcome<HttpReply>) => void
  #controller: Dispatcher.DispatchController | undefined
  #hasEnded = false
  #status = 0
  #headers: HttpReply['headers'] = {}
  #chunks: Buffer[] = []
  /** Chunks that came before them: of the smallest ones a long body would be millions. */
  readonly #joined: Buffer[] = []
  #size = 0

  constructor(
    exchange: Exchange,
    { maxBytes, inPieces = false }: Pick<HttpRequest, 'maxBytes' | 'inPieces'>,
    onEnd: (outcome: Outcome<HttpReply>) => void,
  ) {
    this.#exchange = exchange
    this.#maxBytes = maxBytes
    this.#inPieces = inPieces
    this.#onEnd = onEnd
  }

  /** Ends an exchange whose time is over; what was sent is given up, and what still waits is never sent. */
  timeOut(): void {
    this.#giveUp(describeNetworkError(timedOut, this.#stage))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#hasEnded) controller.abort(givenUp)
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    // An interim reply (RFC 9110 section 15.2) is overwritten by the one that follows it.
    this.#status = status
    this.#headers = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]),
    )
    if (status >= 300 && status < 400) {
      const target = redirectHost(this.#headers.location)
      this.#refuse('redirect_refused', `${this.#exchange.host} answered ${status}, a redirect${target}`)
    } else if (Number(this.#headers['content-length'] ?? 0) > this.#maxBytes) this.#refuseSize()
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#size > this.#maxBytes) this.#refuseSize()
    else this.#chunks.push(chunk)
    if (this.#chunks.length < mostChunks) return
    this.#joined.push(Buffer.concat(this.#chunks))
    this.#chunks = []
  }

  onResponseEnd(): void {
    const headers = this.#headers
    const contentType = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
    const pieces = [...this.#joined, ...this.#chunks]
    const bytes = beginningOf(pieces, this.#inPieces ? beginningBytes : this.#size)
    const reply = { status: this.#status, headers, body: bytes.toString('utf8'), contentType }
    this.#end(success(this.#inPieces ? { ...reply, pieces } : reply))
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end({ ok: false, fault: describeNetworkError(error, this.#stage) })
  }

  /** The proxy can only refuse before there is a reply: after that an abort is a broken connection. */
  get #stage(): Exchange {
    return this.#status === 0 ? this.#exchange : { ...this.#exchange, proxyHost: undefined }
  }

  #refuseSize(): void {
    const { host } = this.#exchange
    this.#refuse('reply_too_large', `the reply of ${host} is larger than ${this.#maxBytes} bytes`)
  }

  #refuse(code: Fault['code'], message: string): void {
    const { hop, host } = this.#exchange
    this.#giveUp(failure(code, message, { hop, host, status: this.#status }).fault)
  }

  #giveUp(fault: Fault): void {
    this.#end({ ok: false, fault })
    this.#controller?.abort(givenUp)
  }

  #end(outcome: Outcome<HttpReply>): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#onEnd(outcome)
  }
}

function beginningOf(pieces: readonly Buffer[], maxBytes: number): Buffer {
  const [first] = pieces
  if (first !== undefined && first.length >= maxBytes) return first.subarray(0, maxBytes)
  const taken: Buffer[] = []
  let bytes = 0
  for (const piece of pieces) {
    if (bytes >= maxBytes) break
    taken.push(piece)
    bytes += piece.length
  }
  return Buffer.concat(taken, Math.min(bytes, maxBytes))
}

/** Maps like undici's own time limits. */
const timedOut = Object.assign(new Error('time limit reached'), { code: 'ETIMEDOUT' })

/** What undici is told where nobody waits for the reply any more; it comes back to nobody. */
const givenUp = new Error('given up')

/** Where a redirect points, as far as it can be said safely: a login page's host tells a captive portal at once. */
function redirectHost(location: string | undefined): string {
  return location && URL.canParse(location) ? ` to ${new URL(location).host}` : ''
}
