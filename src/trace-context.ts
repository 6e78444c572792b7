import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'

/** The distributed trace that a request belongs to (W3C Trace Context). */
export interface TraceContext {
  /** 32 lower-case hex digits. */
  readonly traceId: string
  /** Whether the caller records the trace; passed on as it came. */
  readonly sampled: boolean
}

// W3C Trace Context Recommendation, section 3.2.2: version, trace-id, parent-id, trace-flags, all in lower case; ff is no
// version, and neither id is all zeros. A later version may have more behind another dash.
const traceparent = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/
const lengthOfVersion00 = 55

/**
 * Reads a `traceparent` field. Undefined where there is none or it is invalid, which is then as good as none; two
 * fields, which Node joins with a comma, are invalid too. A later version is read by what it has in common with version
 * 00 (section "Versioning of traceparent").
 */
export function parseTraceparent(field: string | readonly string[] | undefined): TraceContext | undefined {
  if (typeof field !== 'string' || !traceparent.test(field)) return undefined
  if (field.startsWith('00') && field.length !== lengthOfVersion00) return undefined
  const flags = Number.parseInt(field.slice(53, 55), 16)
  return { traceId: field.slice(3, 35), sampled: (flags & 1) === 1 }
}

/**
 * The trace of the look-up that is under way. Only a look-up of a traced request runs inside it, so that an answer from
 * memory pays nothing; Node 24 and later keep it without async hooks.
 */
const underWay = new AsyncLocalStorage<TraceContext>()

/** Runs a look-up as part of a trace: what it sends carries the trace, and so do its log lines. */
export function withinTrace<T>(context: TraceContext | undefined, run: () => T): T {
  return context === undefined ? run() : underWay.run(context, run)
}

/** Runs what merely happens at the same time and is nobody's work in particular, a refresh ahead of time for example. */
export function outsideTrace<T>(run: () => T): T {
  return underWay.exit(run)
}

/** The trace of the look-up that this is a part of, or undefined. */
export function currentTrace(): TraceContext | undefined {
  return underWay.getStore()
}

/**
 * The field for a request of its own below the trace: the same trace, a new span. Of the flags only `sampled` is passed
 * on, and no `tracestate`: it is other people's data, and the next hop is Microsoft.
 */
export function childTraceparent({ traceId, sampled }: TraceContext): string {
  return `00-${traceId}-${newSpanId()}-0${sampled ? 1 : 0}`
}

function newSpanId(): string {
  const id = randomBytes(8).toString('hex')
  return id === '0000000000000000' ? newSpanId() : id
}
