import { createHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Dispatcher, request } from 'undici'

/** What asking about each device once saw. Latencies in milliseconds. */
export interface ColdLoadResult {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failed: number
}

/**
 * Sends one request per MAC address, so many at once, from this process. An answer that `isRight` refuses has failed.
 * Callers that begin at the same moment stay together for good where every answer takes the same time: `spreadMs` lets
 * them begin one after the other over that time.
 */
export async function askEach(
  macs: readonly string[],
  {
    urlOf,
    headers,
    dispatcher,
    inFlight,
    spreadMs = 0,
    isRight = () => true,
    onAnswer = () => {},
  }: {
    readonly urlOf: (mac: string) => string
    readonly headers: Readonly<Record<string, string>>
    readonly dispatcher: Dispatcher
    readonly inFlight: number
    readonly spreadMs?: number
    readonly isRight?: (body: string) => boolean
    readonly onAnswer?: (mac: string, tookMs: number) => void
  },
): Promise<ColdLoadResult> {
  const latencies = createHistogram({ lowest: 1000, highest: 60_000_000_000, figures: 3 })
  let failed = 0
  const waiting = macs.values()
  const startedAt = performance.now()
  const ask = async (mac: string) => {
    const askedAt = performance.now()
    let { statusCode, body } = await request(urlOf(mac), { headers, dispatcher })
    let text = await body.text()
    // Starved of its core, a service refuses for a moment: that must not change what is counted.
    for (let again = 0; statusCode === 503 && text.includes('service_overloaded') && again < 40; again += 1) {
      await sleep(250)
      ;({ statusCode, body } = await request(urlOf(mac), { headers, dispatcher }))
      text = await body.text()
    }
    const tookMs = performance.now() - askedAt
    latencies.record(Math.max(1000, Math.round(tookMs * 1e6)))
    onAnswer(mac, tookMs)
    if (statusCode !== 200 || !isRight(text)) failed += 1
  }
  await Promise.all(
    Array.from({ length: inFlight }, async (_, caller) => {
      if (spreadMs > 0) await sleep((caller * spreadMs) / inFlight)
      for (const mac of waiting) await ask(mac)
    }),
  )
  const seconds = (performance.now() - startedAt) / 1000
  return {
    requestsPerSecond: macs.length / seconds,
    p50Ms: latencies.percentile(50) / 1e6,
    p99Ms: latencies.percentile(99) / 1e6,
    failed,
  }
}
