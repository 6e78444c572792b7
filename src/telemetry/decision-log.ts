import { createHmac } from 'node:crypto'
import type { Logger } from 'pino'
import type { LogSettings } from '../config/settings.ts'
import type { DecisionRecord } from '../decision/decision-service.ts'

/**
 * Writes the one structured line per decision. `hashKey` keys the hash of device identifiers, so that a line can be
 * matched with another line of the same deployment but not with a list of all MAC addresses.
 */
export function createDecisionLog(
  logger: Logger,
  deviceIds: LogSettings['deviceIds'],
  hashKey: Buffer,
): (record: DecisionRecord) => void {
  const shown = deviceForLog(deviceIds, hashKey)
  return ({ decision, request, totalMs, skippedKinds, rankConflict, answer, trace }) => {
    logger.info(
      {
        event: 'decision',
        decisionId: decision.decisionId,
        frontend: request.frontend,
        client: request.client,
        matchedBy: decision.matchedBy,
        device: shown(decision.device),
        decision: decision.outcome,
        reason: decision.reason,
        rule: decision.rule ?? null,
        profile: decision.profile?.name ?? null,
        complianceState: decision.complianceState,
        enrolled: decision.enrolled,
        source: decision.source,
        cache: answer?.verdict ?? 'none',
        ageSeconds: Math.round(decision.ageMs / 1000),
        stale: decision.stale,
        errorCode: answer?.fault?.code ?? null,
        upstreamMs: trace ? Math.round(trace.durationMs) : null,
        upstreamRequestId: trace?.requestId ?? answer?.fault?.requestId ?? null,
        skippedKinds,
        rankConflict,
        totalMs: Math.round(totalMs),
      },
      'decision',
    )
  }
}

function deviceForLog(deviceIds: LogSettings['deviceIds'], hashKey: Buffer): (device: string) => string {
  if (deviceIds === 'full') return (device) => device
  if (deviceIds === 'none') return () => ''
  return (device) =>
    device === '' ? '' : createHmac('sha256', hashKey).update(device).digest('hex').slice(0, 32)
}
