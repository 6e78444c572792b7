import { isIPv6 } from 'node:net'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'

/** Remembers from where wrong credentials came lately. */
export interface FailedAttempts {
  note(source: string): void
  /** 0, or how long the source is still answered slowly, milliseconds. */
  waitMs(source: string): number
}

/** Nobody mistypes a password that a machine sends this often, and guessing 32 random bytes gets nowhere with it. */
export const attemptsPerMinute = 10
const windowMs = 60_000
/** About 1 MiB. Whoever has more addresses than this is limited by the number of checks that run at once. */
const maxSources = 10_000

/** Counts failed attempts by source: more than ten within a minute, and the source is slow until that minute is over. */
export function createFailedAttempts(clock: Clock): FailedAttempts {
  const failures = new LRUCache<string, { count: number; readonly sinceMs: number }>({ max: maxSources })
  const current = (source: string) => {
    const entry = failures.get(source)
    return entry !== undefined && clock.monotonicMs() - entry.sinceMs < windowMs ? entry : undefined
  }
  return {
    note(source) {
      const entry = current(source)
      if (entry === undefined) failures.set(source, { count: 1, sinceMs: clock.monotonicMs() })
      else entry.count += 1
    },
    waitMs(source) {
      const entry = current(source)
      if (entry === undefined || entry.count <= attemptsPerMinute) return 0
      return Math.ceil(entry.sinceMs + windowMs - clock.monotonicMs())
    },
  }
}

/**
 * Where an attempt comes from: the network of the address, and the certificate that the connection was opened with, which
 * a stranger behind the same address does not have.
 */
export function sourceOf(address: string, certificate?: { readonly subject: string }): string {
  const network = networkOf(address)
  return certificate === undefined ? network : `${network} ${certificate.subject.slice(0, 256)}`
}

/** One host is given a whole /64 (RFC 4291 section 2.5.4), so an IPv6 address alone would limit nobody. */
function networkOf(address: string): string {
  if (!isIPv6(address) || /^::ffff:/i.test(address)) return address.slice(0, 64)
  const [head = '', tail] = (address.split('%')[0] ?? '').toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  if (tail === undefined) return left.slice(0, 4).join(':')
  const right = tail === '' ? [] : tail.split(':')
  const gap = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  return [...left, ...gap, ...right].slice(0, 4).join(':')
}
