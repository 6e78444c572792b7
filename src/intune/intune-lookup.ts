import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { ComplianceLookup, Observation } from '../compliance/compliance-record.ts'
import type { IntuneSettings } from '../config/settings.ts'
import { type FaultCode, faultCatalogue } from '../errors/catalogue.ts'
import { type Fault, failure, type Outcome, success } from '../errors/fault.ts'
import type { ClientCertificate } from './client-certificate.ts'
import { createComplianceQuery, isQueryable, type QueryableIdentifier } from './compliance-retrieval.ts'
import { createDiscovery } from './discovery.ts'
import { createTokenSource } from './entra-token.ts'
import type { Outbound } from './outbound.ts'
import { findMissingRole } from './token-role.ts'

export interface IntuneLookupOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly outbound: Outbound
}

/** Intune as the rest of the service sees it. */
export interface IntuneLookup {
  /** Asks Intune about one device, by Intune device id or MAC. */
  readonly lookup: ComplianceLookup
  /** Gets the tokens and the address before the first device asks; a failure is logged and can be ignored. */
  warmUp(): Promise<Outcome<void>>
  /** Nothing is held open here; connections belong to the outbound that was given. */
  close(): Promise<void>
}

/** With these the host itself is in question, so discovery is asked whether the tenant has moved. */
const HOST_IN_QUESTION: readonly FaultCode[] = [
  'intune_endpoint_gone',
  'name_not_resolved',
  'connection_refused',
  'connection_failed',
]

/**
 * What enters: one canonical identifier. What leaves: what Intune says about that device now, or a fault that names the
 * exchange it happened in. The way there: token for Graph, address of the service, token for Intune, query; the first
 * three are remembered. Nothing here waits for a caller's deadline: a late answer is still worth remembering.
 */
export function createIntuneLookup(
  settings: IntuneSettings,
  certificate: ClientCertificate,
  { clock, logger, outbound }: IntuneLookupOptions,
): IntuneLookup {
  const { authorityUrl, clientId, graphUrl, allowedHosts } = settings
  const shared = { authorityUrl, clientId, certificate, outbound, clock }
  const graphTokens = createTokenSource({
    ...shared,
    audience: graphUrl,
    onBackgroundFailure: (fault) => logFault('token refresh failed', fault),
  })
  const intuneTokens = createTokenSource({
    ...shared,
    audience: settings.audience,
    inspect: findMissingRole,
    onBackgroundFailure: (fault) => logFault('token refresh failed', fault),
  })
  const discovery = createDiscovery('ComplianceRetrievalService', {
    graphUrl,
    allowedHosts,
    graphTokens,
    outbound,
    clock,
    onBackgroundFailure: (fault) => logFault('service discovery failed', fault),
  })
  const query = createComplianceQuery({ intuneTokens, outbound, clock })

  async function ask(identifier: QueryableIdentifier): Promise<Outcome<Observation>> {
    const endpoint = await discovery.endpoint()
    if (!endpoint.ok) return endpoint
    const askedAtMs = clock.nowMs()
    const answer = await query(endpoint.value, identifier)
    if (answer.ok || !isHostInQuestion(answer.fault)) return answer
    const now = await discovery.rediscover(endpoint.value)
    if (now.endpoint === endpoint.value) return now.verified ? readNotFound(answer.fault, askedAtMs) : answer
    const second = await query(now.endpoint, identifier)
    return second.ok ? second : readNotFound(second.fault, askedAtMs)
  }

  /**
   * A 404 from the very address that discovery confirms is how some of Intune's front ends say "no such device". It
   * is logged, because a wrong address looks the same.
   */
  function readNotFound(fault: Fault, askedAtMs: number): Outcome<Observation> {
    if (fault.code !== 'intune_endpoint_gone' || fault.status !== 404) return { ok: false, fault }
    const { host, requestId = '' } = fault
    logger.warn({ hop: 'query', host, status: 404, requestId }, 'intune answered 404, read as not enrolled')
    const observedAtMs = clock.nowMs()
    return success({
      record: { enrolled: false, complianceState: 'unknown', observedAtMs },
      trace: { api: 'compliance-retrieval', status: 404, requestId, durationMs: observedAtMs - askedAtMs },
    })
  }

  function logFault(message: string, fault: Fault): void {
    const { code, hop, host, status, requestId, retryAfterMs, message: detail } = fault
    const { remedy } = faultCatalogue[code]
    logger.warn({ code, hop, host, status, requestId, retryAfterMs, detail, remedy }, message)
  }

  return {
    async lookup(identifier) {
      if (!isQueryable(identifier)) {
        const message = `Intune cannot be asked by ${identifier.kind}; deviceId and mac work`
        return failure('identifier_not_supported', message, { field: identifier.kind })
      }
      const answer = await ask(identifier)
      if (!answer.ok) logFault('intune look-up failed', answer.fault)
      return answer
    },
    async warmUp() {
      const endpoint = await discovery.endpoint()
      const ready = endpoint.ok ? await intuneTokens.get() : endpoint
      if (ready.ok) return success(undefined)
      logFault('intune warm-up failed', ready.fault)
      return ready
    },
    async close() {},
  }
}

function isHostInQuestion(fault: Fault): boolean {
  return fault.hop === 'query' && HOST_IN_QUESTION.includes(fault.code)
}
