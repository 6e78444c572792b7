import type { ChainHead } from './log-chain.ts'

/** Version of the line's schema (docs/decision-log.md). Keys may be added to it; another meaning is another version. */
export const decisionLogVersion = 1

/** What a line about the log itself, or of an operator's action, says. */
export interface LogLine {
  /** ISO 8601. */
  readonly time: string
  readonly event: 'log_started' | 'log_continued' | 'log_stopped' | 'operator_action'
  readonly segment: string
  /** Absent where the line is no part of the chain. */
  readonly seq?: number
  readonly fields: object
  readonly msg: string
}

/** A line that is no decision, with the keys of a pino line, as JSON. */
export function presentLogLine({ time, event, segment, seq, fields, msg }: LogLine): string {
  return JSON.stringify({
    level: 'info',
    time,
    service: 'intune-nac',
    component: 'decision',
    event,
    v: decisionLogVersion,
    segment,
    ...(seq !== undefined && { seq }),
    ...fields,
    msg,
  })
}

/**
 * The first line of a file that was begun because the one before was deleted, moved or replaced: which line comes next.
 * Lines behind it were sealed before anybody knew, so it cannot be one of the chain; the hash of the next one proves it.
 */
export function presentLink(previous: ChainHead, time: string): Buffer {
  const { segment, seq, chain } = previous
  const fields = { previous: { segment, seq, chain } }
  const msg = 'decision log continued in a new file: the one before was deleted, moved or replaced'
  return Buffer.from(`${presentLogLine({ time, event: 'log_continued', segment, fields, msg })}\n`)
}
