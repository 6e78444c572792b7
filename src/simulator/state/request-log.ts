import { hops, type SimulatorHop } from './faults.ts'
import type { RecordedRequest, RequestCounts } from './recorded-requests.ts'

/** What is known when a request arrives. */
export type Arrival = Omit<RecordedRequest, 'sequence' | 'status'>

/** Requests as they arrived: the latest ones whole, all of them counted. */
export interface RequestLog {
  /** Records an arrival; call the returned function with the status once the answer is sent. */
  record(arrival: Arrival): (status: number) => void
  list(hop?: SimulatorHop): readonly RecordedRequest[]
  counts(): RequestCounts
  clear(): void
}

const keptRequests = 20_000

/** Makes an empty log. */
export function createRequestLog(): RequestLog {
  let kept: { status: number | null; readonly arrival: Arrival; readonly sequence: number }[] = []
  let counts = new Map<SimulatorHop, number>()
  let lastSequence = 0

  return {
    record(arrival) {
      lastSequence += 1
      const entry = { arrival, sequence: lastSequence, status: null as number | null }
      counts.set(arrival.hop, (counts.get(arrival.hop) ?? 0) + 1)
      kept.push(entry)
      // Dropping half at a time keeps the cost per request constant.
      if (kept.length >= keptRequests * 2) kept = kept.slice(-keptRequests)
      return (status) => {
        entry.status = status
      }
    },
    list(hop) {
      return kept
        .slice(-keptRequests)
        .filter(({ arrival }) => hop === undefined || arrival.hop === hop)
        .map(({ arrival, sequence, status }) => ({ sequence, ...arrival, status }))
    },
    counts() {
      return Object.fromEntries(hops.map((hop) => [hop, counts.get(hop) ?? 0])) as Record<
        SimulatorHop,
        number
      >
    },
    clear() {
      kept = []
      counts = new Map()
      lastSequence = 0
    },
  }
}
