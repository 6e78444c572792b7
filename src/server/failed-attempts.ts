import { isIPv6 } from 'node:net'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'

/** Remembers who sent wrong credentials lately. */
export interface FailedAttempts {
  note(address: string): void
  /** 0, or how long the address has to wait before its credentials are looked at again, milliseconds. */
  waitMs(address: string): number
}

/** Nobody mistypes a password that a machine sends this often, and guessing 32 random bytes gets nowhere with it. */
export const attemptsPerMinute = 10
const windowMs = 60_000
/** About 1 MiB. Whoever has more addresses than this is limited by the number of checks that run at once. */
const maxAddresses = 10_000

/** Counts failed attempts per address: more than ten within a minute and the address waits for the end of that minute. */
export function createFailedAttempts(clock: Clock): FailedAttempts {
  const failures = new LRUCache<string, { count: number; readonly sinceMs: number }>({ max: maxAddresses })
  const current = (source: string) => {
    const entry = failures.get(source)
    if (entry === undefined) return undefined
    const ageMs = clock.nowMs() - entry.sinceMs
    // Below 0: the clock of the machine was set back.
    return ageMs >= 0 && ageMs < windowMs ? entry : undefined
  }
  return {
    note(address) {
      const source = sourceOf(address)
      const entry = current(source)
      if (entry === undefined) failures.set(source, { count: 1, sinceMs: clock.nowMs() })
      else entry.count += 1
    },
    waitMs(address) {
      const entry = current(sourceOf(address))
      if (entry === undefined || entry.count < attemptsPerMinute) return 0
      return entry.sinceMs + windowMs - clock.nowMs()
    },
  }
}

/** One host is given a whole /64 (RFC 4291 section 2.5.4), so an IPv6 address alone would limit nobody. */
function sourceOf(address: string): string {
  if (!isIPv6(address) || /^::ffff:/i.test(address)) return address.slice(0, 64)
  const [head = '', tail] = (address.split('%')[0] ?? '').toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  if (tail === undefined) return left.slice(0, 4).join(':')
  const right = tail === '' ? [] : tail.split(':')
  const gap = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  return [...left, ...gap, ...right].slice(0, 4).join(':')
}
