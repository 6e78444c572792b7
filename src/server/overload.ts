import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Clock } from '../clock.ts'

/** Whether the event loop is so late that new requests are better refused than kept waiting. */
export interface Overload {
  /** One look at a variable: this runs for every request. */
  isOverloaded(): boolean
  close(): void
}

/** Where the delay is read from; replaced in tests. */
export interface DelaySource {
  /** How late the event loop was on average since the last call, milliseconds. */
  readMs(): number
  close(): void
}

const pollMs = 250
/** A fifth of the default decision deadline: whoever is let in still gets an answer in time. */
const startMs = 200
/** Well below, so that the service does not flicker between the two. */
const endMs = 100

/** Looks at the delay of the event loop four times a second. */
export function watchOverload(
  clock: Clock,
  {
    source = measureDelay(),
    onChange,
  }: { readonly source?: DelaySource; readonly onChange?: (overloaded: boolean) => void } = {},
): Overload {
  let overloaded = false
  let cancel = () => {}
  function next(): void {
    cancel = clock.after(pollMs, () => {
      const delayMs = source.readMs()
      const now = delayMs > (overloaded ? endMs : startMs)
      if (now !== overloaded) {
        overloaded = now
        onChange?.(now)
      }
      next()
    })
  }
  next()
  return {
    isOverloaded: () => overloaded,
    close() {
      cancel()
      source.close()
    },
  }
}

const resolutionMs = 20

function measureDelay(): DelaySource {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs })
  histogram.enable()
  let [count, totalNs] = [0, 0]
  return {
    // Differences instead of a reset: that loses the measurement under way, which is the long one.
    readMs() {
      const countNow = histogram.count
      const totalNow = countNow === 0 ? 0 : histogram.mean * countNow
      const samples = countNow - count
      const meanMs = samples === 0 ? 0 : (totalNow - totalNs) / samples / 1e6
      count = countNow
      totalNs = totalNow
      // The measurement includes the timer's own interval.
      return Math.max(0, meanMs - resolutionMs)
    },
    close: () => {
      histogram.disable()
    },
  }
}
