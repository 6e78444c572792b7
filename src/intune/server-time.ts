import type { Clock, ClockWitness } from '../clock.ts'
import type { HttpReply, Outbound } from './outbound.ts'
import { parseHttpDate } from './reply-headers.ts'

/** What a reply says about the time, in terms of the monotonic clock of this process. */
export interface TimeReading {
  /** Add it to the monotonic clock and get the server's time of day. */
  readonly offsetMs: number
  /** How far off that may be: half of the round trip, and half of the second that a Date header counts in. */
  readonly uncertaintyMs: number
}

/** The Date header counts whole seconds: half a second is missing from it on average. */
const resolutionMs = 1000

/**
 * Reads the time that a server tells with a reply (Date and Age, RFC 9110 section 6.6.1 and RFC 9111 section 5.1).
 * `sentAtMs` and `receivedAtMs` are monotonic. Undefined where it does not tell.
 */
export function readServerTime(
  { headers }: Pick<HttpReply, 'headers'>,
  { sentAtMs, receivedAtMs }: { readonly sentAtMs: number; readonly receivedAtMs: number },
): TimeReading | undefined {
  const dateMs = parseHttpDate(headers.date)
  if (dateMs === undefined) return undefined
  const ageMs = /^\d{1,9}$/.test(headers.age ?? '') ? Number(headers.age) * 1000 : 0
  return {
    offsetMs: dateMs + ageMs + resolutionMs / 2 - (sentAtMs + receivedAtMs) / 2,
    uncertaintyMs: (receivedAtMs - sentAtMs + resolutionMs) / 2,
  }
}

/** What is wrong with the clock is said above this; NTP keeps it within a fraction of a second. */
export const wrongAboveMs = 60_000
/** One server that is wrong among three is outvoted. */
const readingsKept = 3
/** A reply that took longer, a page of a long list, tells too little. */
const uncertainAboveMs = 5000

export interface ServerTimeParts {
  readonly clock: Clock
  /** Told when the clock turns out to be wrong, and when it is right again. */
  readonly onChange?: (isWrong: boolean, aheadMs: number) => void
  /** Told of every reply, and of every certificate, that contradicts the clock. */
  readonly onContradiction?: () => void
}

/**
 * The time of day as Microsoft's servers tell it, out of replies whose sender TLS has verified: the median of the last
 * three. They are kept relative to the monotonic clock, so a clock that is set is noticed without another reply.
 */
export class ServerTime implements ClockWitness {
  readonly #parts: ServerTimeParts
  #readings: readonly TimeReading[] = []
  #dateFault: string | undefined
  #wasWrong = false

  constructor(parts: ServerTimeParts) {
    this.#parts = parts
  }

  /** Takes in what a reply says; one that says nothing, or too little, changes nothing. */
  note(reading: TimeReading | undefined): void {
    this.#dateFault = undefined
    if (reading === undefined || reading.uncertaintyMs > uncertainAboveMs) return
    if (Math.abs(this.#aheadOf(reading)) > wrongAboveMs + reading.uncertaintyMs)
      this.#parts.onContradiction?.()
    this.#readings = [reading, ...this.#readings].slice(0, readingsKept)
    const aheadMs = this.measuredMs() ?? 0
    const isWrong = Math.abs(aheadMs) > wrongAboveMs
    if (isWrong !== this.#wasWrong) this.#parts.onChange?.(isWrong, aheadMs)
    this.#wasWrong = isWrong
  }

  /** The certificate of a server is not valid at the time that this machine believes it is. */
  noteDateFault(message: string): void {
    this.#dateFault = message
    this.#parts.onContradiction?.()
  }

  /** How far the clock of this machine is ahead, however little; undefined where nobody has told the time yet. */
  measuredMs(): number | undefined {
    const [latest] = this.#readings
    if (latest === undefined) return undefined
    if (this.#readings.length < readingsKept) return this.#aheadOf(latest)
    const [, median = latest] = this.#readings.toSorted((a, b) => a.offsetMs - b.offsetMs)
    return this.#aheadOf(median)
  }

  aheadMs(): number {
    const aheadMs = this.measuredMs() ?? 0
    return Math.abs(aheadMs) > wrongAboveMs ? aheadMs : 0
  }

  isConfirmed(): boolean {
    return this.measuredMs() !== undefined && this.aheadMs() === 0
  }

  /** What is wrong with the clock, in a sentence; undefined where nothing is known to be. */
  problem(): string | undefined {
    const aheadMs = this.aheadMs()
    if (aheadMs === 0) return this.#dateFault
    const seconds = Math.round(Math.abs(aheadMs) / 1000)
    return `The clock of this machine is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} that of Microsoft's servers.`
  }

  #aheadOf({ offsetMs }: TimeReading): number {
    const { clock } = this.#parts
    return clock.nowMs() - (clock.monotonicMs() + offsetMs)
  }
}

/** The same way out; what its replies say about the time is taken in. */
export function withServerTime(outbound: Outbound, serverTime: ServerTime, clock: Clock): Outbound {
  return {
    ...outbound,
    async send(request) {
      const sentAtMs = clock.monotonicMs()
      const outcome = await outbound.send(request)
      if (outcome.ok)
        serverTime.note(readServerTime(outcome.value, { sentAtMs, receivedAtMs: clock.monotonicMs() }))
      else if (outcome.fault.code === 'tls_certificate_date') serverTime.noteDateFault(outcome.fault.message)
      return outcome
    },
  }
}
