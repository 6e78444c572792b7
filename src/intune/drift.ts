import type { Clock } from '../clock.ts'
import type { UpstreamTrace } from '../compliance/compliance-record.ts'

/**
 * In what way a reply differs from every form that was seen before: an unknown field, an unreadable or unusual value,
 * a known name in other case, a date in another form, another container around the data, or an unknown service.
 */
export type DriftKind = 'field' | 'value' | 'casing' | 'date' | 'shape' | 'service'

/** Which wire changed: one of the dialects of the query, or the list of services. */
export type DriftDialect = UpstreamTrace['api'] | 'discovery'

/** One kind of change. `name` is the field or the service, at most 40 harmless characters. */
export interface Drift {
  readonly dialect: DriftDialect
  readonly kind: DriftKind
  readonly name: string
}

/** How often one kind of change was seen since the start. */
export interface DriftCount extends Drift {
  readonly count: number
}

/** What a parser calls when it meets something new. The parser goes on and decides by its own rules. */
export type NoteDrift = (kind: DriftKind, name: string, value?: string) => void

/** For whoever parses without watching. */
export const ignoreDrift: NoteDrift = () => {}

export interface DriftSentinelOptions {
  readonly clock: Clock
  /** Called for every change that is met. */
  readonly onDrift?: ((drift: Drift) => void) | undefined
  /** Called with one masked sample of each kind and dialect, at most once an hour. */
  readonly onSample: (drift: Drift, maskedSample: string) => void
}

/** Watches the wire for changes, so that Microsoft's next one is seen before it matters. */
export interface DriftSentinel {
  /** The counter to hand to the parser of one dialect. */
  noteFor(dialect: DriftDialect): NoteDrift
  /** A copy of all counts, in the order in which the changes were first met. */
  counts(): readonly DriftCount[]
}

const SAMPLE_INTERVAL_MS = 60 * 60 * 1000

/** The names come from the peer, and end up as labels of a metric: what is above this is counted as `other`. */
const MAX_NAMES = 50

/** Counts changes of the wire. Nothing here can fail or change a decision. */
export function createDriftSentinel({ clock, onDrift, onSample }: DriftSentinelOptions): DriftSentinel {
  const counts = new Map<string, DriftCount>()
  const sampledAtMs = new Map<string, number>()

  function note(drift: Drift, value: string): void {
    const known = counts.get(keyOf(drift))
    const counted = known || counts.size < MAX_NAMES ? drift : { ...drift, name: 'other' }
    const before = counts.get(keyOf(counted))
    counts.set(keyOf(counted), { ...counted, count: (before?.count ?? 0) + 1 })
    onDrift?.(counted)

    const sampled = `${drift.dialect} ${drift.kind}`
    const nowMs = clock.monotonicMs()
    if (nowMs - (sampledAtMs.get(sampled) ?? Number.NEGATIVE_INFINITY) < SAMPLE_INTERVAL_MS) return
    sampledAtMs.set(sampled, nowMs)
    onSample(counted, mask(value))
  }

  return {
    noteFor:
      (dialect) =>
      (kind, name, value = '') =>
        note({ dialect, kind, name: printableName(name) }, value),
    counts: () => [...counts.values()],
  }
}

function keyOf({ dialect, kind, name }: Drift): string {
  return `${dialect} ${kind} ${name}`
}

function printableName(name: string): string {
  const printable = name.replace(/[^\w.@-]/g, '').slice(0, 40)
  return printable === '' ? 'unnamed' : printable
}

/** The form of a value without its content: letters and digits are replaced, whatever language they are of. */
function mask(value: string): string {
  return value
    .slice(0, 60)
    .replace(/\p{Lu}/gu, 'A')
    .replace(/\p{L}/gu, (letter) => (letter === 'A' ? 'A' : 'a'))
    .replace(/\p{N}/gu, '9')
    .replace(/[^\p{L}\p{N} .,:;/@{}()+_-]/gu, '?')
}
