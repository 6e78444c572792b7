import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import { FairLine } from '../turns/fair-line.ts'

/** Whose turn a check is: that of a source, and there of a user. */
export interface CheckLane {
  readonly source: string
  /** The user name; the same for all names that nobody has, and for all tokens. Holds no control character. */
  readonly user: string
}

/** What became of a check: its result, or that it was not made because too many of the lane, or of all, were waiting. */
export type CheckOutcome<T> = { readonly result: T } | 'lane_full' | 'all_full'

/** Runs checks of credentials, each of which costs tens of milliseconds of processor time. */
export type RunCheck = <T>(lane: CheckLane, check: () => Promise<T>) => Promise<CheckOutcome<T>>

/** Half of libuv's thread pool: name resolution and file access keep the other half. */
const maxRunning = 2
/** Checked within four seconds at the slow pace; a caller that has given up by then is known when it comes again. */
const maxWaitingOfLane = 32
const maxWaiting = 512
/** A source that sent many wrong credentials gets one check in this time. */
const slowPaceMs = 100
const maxSources = 10_000

interface Waiting {
  readonly start: () => void
  readonly refuse: () => void
}

/**
 * At most two checks at once. The lanes take turns, so that somebody who guesses makes those wait who guess with him,
 * and others for one check; a source that is `isSlow` gets one check at a time, ten a second for all of its users.
 */
export function createCredentialChecks(parts: {
  readonly clock: Clock
  readonly isSlow: (source: string) => boolean
}): RunCheck {
  const { clock, isSlow } = parts
  const line = new FairLine<Waiting>()
  const runningOf = new Map<string, number>()
  const nextAtMs = new LRUCache<string, number>({ max: maxSources })
  let running = 0
  let cancelWake: (() => void) | undefined

  function waitMs(source: string): number {
    if (!isSlow(source)) return 0
    if ((runningOf.get(source) ?? 0) > 0) return Number.POSITIVE_INFINITY
    return Math.max(0, (nextAtMs.get(source) ?? 0) - clock.monotonicMs())
  }

  function startNext(): void {
    cancelWake?.()
    cancelWake = undefined
    let soonestMs = Number.POSITIVE_INFINITY
    while (running < maxRunning) {
      const next = line.take((lane) => {
        const ms = waitMs(sourceOfLane(lane))
        soonestMs = Math.min(soonestMs, ms)
        return ms === 0
      })
      if (next === undefined) break
      const source = sourceOfLane(next.name)
      running += 1
      runningOf.set(source, (runningOf.get(source) ?? 0) + 1)
      nextAtMs.set(source, clock.monotonicMs() + slowPaceMs)
      next.item.start()
    }
    // Nothing else would wake those who only wait for their pace.
    if (running < maxRunning && Number.isFinite(soonestMs)) cancelWake = clock.after(soonestMs, startNext)
  }

  function leave(source: string): void {
    running -= 1
    const left = (runningOf.get(source) ?? 1) - 1
    if (left === 0) runningOf.delete(source)
    else runningOf.set(source, left)
    startNext()
  }

  /** Whoever has most waiting gives its newest up. */
  function makeRoom(newcomer: string): boolean {
    const longest = line.longest
    if (longest === undefined || line.sizeOf(longest) <= line.sizeOf(newcomer) + 1) return false
    line.takeNewest(longest)?.refuse()
    return true
  }

  return async ({ source, user }, check) => {
    const lane = `${source}\n${user}`
    if (line.sizeOf(lane) >= maxWaitingOfLane) return 'lane_full'
    if (line.size >= maxWaiting && !makeRoom(lane)) return 'all_full'
    const isStarted = await new Promise<boolean>((resolve) => {
      line.add(lane, { start: () => resolve(true), refuse: () => resolve(false) })
      startNext()
    })
    if (!isStarted) return 'lane_full'
    try {
      return { result: await check() }
    } finally {
      leave(source)
    }
  }
}

function sourceOfLane(lane: string): string {
  return lane.slice(0, lane.lastIndexOf('\n'))
}
