import type { Logger } from 'pino'
import type { DecisionRecord } from '../decision/decision-service.ts'
import type { Policy } from '../decision/policy.ts'
import { type ContextConditionName, presentContextText, unknownContext } from '../decision/request-context.ts'
import type { Metrics } from './metrics.ts'

/** What `watchContext` works with. */
export interface ContextWatch {
  readonly policy: Pick<Policy, 'conditionsInUse'>
  readonly metrics: Pick<Metrics, 'contextUnknown'>
  readonly logger: Logger
}

/**
 * Counts the decisions whose request did not say for certain what a rule of the policy looks at, and logs the first of
 * each kind with the NAS that sent it: rules that refuse then count as met, so somebody may stand in front of a closed door.
 */
export function watchContext({ policy, metrics, logger }: ContextWatch): (record: DecisionRecord) => void {
  const logged = new Set<ContextConditionName>()
  return ({ decision, request }) => {
    for (const condition of unknownContext(request.context)) {
      if (!policy.conditionsInUse.has(condition)) continue
      metrics.contextUnknown(condition)
      if (logged.has(condition)) continue
      logged.add(condition)
      logger.warn(
        {
          event: 'context_unknown',
          condition,
          client: request.client,
          decisionId: decision.decisionId,
          nasIpAddress: presentContextText(request.context?.nasIpAddress),
          nasIdentifier: presentContextText(request.context?.nasIdentifier),
        },
        `a rule looks at ${condition}, and a request does not say it for certain: rules that refuse count as met (docs/policy.md). Logged once, counted in nac_unknown_context_total`,
      )
    }
  }
}
