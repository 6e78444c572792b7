import { keptPrefix } from './addresses.ts'

/** One request that is sent again and again. */
export interface LoadTarget {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** Makes it a POST. */
  readonly body?: string
  /** Each request asks about one of so many remembered devices, at random: its MAC address is put behind the url. */
  readonly macs?: number
}

/** What one run of load saw. Latencies in milliseconds. */
export interface LoadResult {
  /** Answers that arrived. */
  readonly requests: number
  /** With those of a warm-up; absent where there was none. */
  readonly requestsWithWarmUp?: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  /** The 99th percentile of each second; absent where the tool does not tell. */
  readonly p99EachSecondMs?: readonly number[]
  /** Answers other than 2xx, and connections that failed. */
  readonly failed: number
}

/** The request as it goes over the wire, in two parts: a MAC address fits between them. */
export function wireParts({ url, headers = {}, body }: LoadTarget): readonly [string, string] {
  const { pathname, search, host } = new URL(url)
  const lines = [`host: ${host}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
  if (body !== undefined) lines.push(`content-length: ${Buffer.byteLength(body)}`)
  const method = body === undefined ? 'GET' : 'POST'
  return [`${method} ${pathname}${search}`, ` HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body ?? ''}`]
}

/** Makes the requests one by one. */
export function requestSource(target: LoadTarget): () => string {
  const [before, after] = wireParts(target)
  const { macs } = target
  const whole = before + after
  if (macs === undefined) return () => whole
  return () => {
    const index = Math.floor(Math.random() * macs)
    return before + keptPrefix + index.toString(16).toUpperCase().padStart(8, '0') + after
  }
}
