import { inBackground, noteBackgroundFailure } from '../background.ts'
import type { Clock } from '../clock.ts'
import type { BreakerStatus } from '../compliance/circuit-breaker.ts'
import { type Fault, failure, type Outcome, success } from '../errors/fault.ts'
import { outsideTrace } from '../trace-context.ts'

/**
 * A value with the moments, on the monotonic clock, at which to fetch the next one and at which this one is worth
 * nothing any more.
 */
export interface Lease<T> {
  readonly value: T
  readonly refreshAtMs: number
  readonly expiresAtMs: number
}

export interface RefreshedValueOptions<T> {
  readonly clock: Clock
  readonly fetch: () => Promise<Outcome<Lease<T>>>
  /** Told about failures that no caller of `get` or `renew` sees. */
  readonly onBackgroundFailure: (fault: Fault) => void
}

const FIRST_COOL_DOWN_MS = 1000
const LONGEST_COOL_DOWN_MS = 30_000

/**
 * The last good value of something that is fetched now and then (a token, an address). Owns four rules: one fetch at
 * a time however many wait; refreshed behind the callers' backs once due; a failed refresh never loses a value that
 * is still good; after a failure nothing is sent for as long as the peer asked, else 1 s doubling to 30 s, and
 * whoever has no value gets the last fault at once. All of it by the monotonic clock: a clock that is set neither makes
 * a value last for ever nor ends it.
 */
export class RefreshedValue<T> {
  readonly #options: RefreshedValueOptions<T>
  #lease: Lease<T> | undefined
  #underWay: Promise<Outcome<T>> | undefined
  #coolDown: { readonly untilMs: number; readonly nextMs: number; readonly fault: Fault } | undefined
  /** Fetches that have failed one after the other, since when, and how often that began. */
  #failing = { count: 0, sinceMs: 0, times: 0 }

  constructor(options: RefreshedValueOptions<T>) {
    this.#options = options
  }

  /** The value, fetched where there is none; never rejects. */
  async get(): Promise<Outcome<T>> {
    const lease = this.#lease
    const nowMs = this.#options.clock.monotonicMs()
    if (lease === undefined || nowMs >= lease.expiresAtMs) return this.renew()
    if (nowMs >= lease.refreshAtMs) this.#refreshBehind(nowMs)
    return success(lease.value)
  }

  /** Fetches now, unless cooling down; the value that is there stays until a better one has come. */
  renew(): Promise<Outcome<T>> {
    const nowMs = this.#options.clock.monotonicMs()
    if (this.#underWay === undefined && this.#coolDown !== undefined && nowMs < this.#coolDown.untilMs) {
      return Promise.resolve({ ok: false, fault: stillWaiting(this.#coolDown, nowMs) })
    }
    this.#underWay ??= this.#fetchOnce()
    return this.#underWay
  }

  /** The value that is there now, without fetching. */
  peek(): T | undefined {
    const lease = this.#lease
    return lease !== undefined && this.#options.clock.monotonicMs() < lease.expiresAtMs
      ? lease.value
      : undefined
  }

  /** For how long the value that is there is still good, negative where it is not; undefined where there is none. */
  get remainingMs(): number | undefined {
    return this.#lease && this.#lease.expiresAtMs - this.#options.clock.monotonicMs()
  }

  /** What callers meet: open is "no value, and the last fault at once", which ends with the next good fetch. */
  get status(): BreakerStatus {
    const { count, sinceMs, times } = this.#failing
    const counts = { consecutiveFailures: count, openings: times }
    if (count === 0 || this.peek() !== undefined) return { state: 'closed', ...counts }
    return {
      state: this.#underWay === undefined ? 'open' : 'half_open',
      cause: this.#coolDown?.fault.retryAfterMs === undefined ? 'failures' : 'retry_after',
      openSinceMs: sinceMs,
      ...counts,
    }
  }

  #refreshBehind(nowMs: number): void {
    if (this.#underWay !== undefined) return
    if (this.#coolDown !== undefined && nowMs < this.#coolDown.untilMs) return
    outsideTrace(() => {
      inBackground('refresh', async () => {
        const outcome = await this.renew()
        if (!outcome.ok) this.#options.onBackgroundFailure(outcome.fault)
      })
    })
  }

  async #fetchOnce(): Promise<Outcome<T>> {
    const outcome = await this.#options.fetch().catch((error: unknown) => {
      noteBackgroundFailure('refresh', error)
      return failure('internal', 'a fetch ended in an exception')
    })
    this.#underWay = undefined
    if (outcome.ok) {
      this.#lease = outcome.value
      this.#coolDown = undefined
      this.#failing = { ...this.#failing, count: 0 }
      return success(outcome.value.value)
    }
    const { count, sinceMs, times } = this.#failing
    this.#failing =
      count > 0
        ? { count: count + 1, sinceMs, times }
        : { count: 1, sinceMs: this.#options.clock.nowMs(), times: times + 1 }
    const backOffMs = this.#coolDown?.nextMs ?? FIRST_COOL_DOWN_MS
    this.#coolDown = {
      untilMs:
        this.#options.clock.monotonicMs() +
        Math.max(outcome.fault.retryAfterMs ?? backOffMs, FIRST_COOL_DOWN_MS),
      nextMs: Math.min(backOffMs * 2, LONGEST_COOL_DOWN_MS),
      fault: outcome.fault,
    }
    return outcome
  }
}

/** The last fault again; what is left of the time that the peer asked for counts from now. */
function stillWaiting({ fault, untilMs }: { fault: Fault; untilMs: number }, nowMs: number): Fault {
  return fault.retryAfterMs === undefined ? fault : { ...fault, retryAfterMs: untilMs - nowMs }
}
