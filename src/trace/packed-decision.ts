import type { DecisionRecord } from '../decision/decision-service.ts'
import type { FoundInLists } from '../decision/device-conditions.ts'

/** A decision record as it is written down: without the facts that policy judged, which all stand elsewhere in it. */
type Packed = Omit<DecisionRecord, 'facts'> & {
  readonly judgedAtMs?: number
  /** What list files said then: they are other files by now. */
  readonly listed?: FoundInLists
}

/**
 * A decision record as one text, for the memory of this process alone. Twenty objects that live until 20,000 decisions
 * later cost the garbage collector more than twice what it costs to write the text.
 */
export function packDecision(record: DecisionRecord): string {
  const { decision, request, sent, totalMs, skippedKinds, rankConflict, facts, answer, trace } = record
  const judgedAtMs = facts?.nowMs
  return JSON.stringify({
    decision,
    // No story tells who was at which port: what nobody reads is not kept.
    request: { ...request, origin: undefined },
    sent,
    totalMs,
    skippedKinds,
    rankConflict,
    answer,
    trace,
    judgedAtMs,
    listed: facts?.listed,
  })
}

/** Reads what `packDecision` wrote. */
export function unpackDecision(text: string): DecisionRecord {
  const { judgedAtMs, listed, ...record }: Packed = JSON.parse(text)
  if (judgedAtMs === undefined) return record
  const { decision, request, rankConflict, answer } = record
  const { reason, matchedBy, stale, ageMs } = decision
  const by = request.identity.identifiers.find(({ value }) => value === decision.device)
  return {
    ...record,
    facts: {
      reason,
      request,
      matchedBy,
      rank: by?.rank ?? 4,
      rankConflict,
      stale,
      ageMs,
      nowMs: judgedAtMs,
      ...(answer?.known && { record: answer.record }),
      ...(listed && { listed }),
    },
  }
}
