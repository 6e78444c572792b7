import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Observation, UpstreamTrace } from '../compliance/compliance-record.ts'
import type { FaultCode } from '../errors/catalogue.ts'
import { type Fault, type Outcome, success } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'
import { type DeviceQuery, kindNotSupported } from './device-query.ts'
import type { Discovery } from './discovery.ts'
import type { ProbeService } from './service-probe.ts'

/** Asks about one device, wherever the service lives today; never rejects. */
export type AskDevice = (identifier: DeviceIdentifier) => Promise<Outcome<Observation>>

export interface AskServiceOptions {
  readonly api: UpstreamTrace['api']
  readonly discovery: Discovery
  readonly query: DeviceQuery
  readonly clock: Clock
  readonly logger: Logger
  /** Tells a service that does not know a device from one that is not there any more. */
  readonly probe: ProbeService
}

/** With these the host itself is in question, so discovery is asked whether the tenant has moved. */
const HOST_IN_QUESTION: readonly FaultCode[] = [
  'intune_endpoint_gone',
  'name_not_resolved',
  'connection_refused',
  'connection_failed',
]

/** One service of the tenant with its query: finds it, asks it, and finds it again when it has moved. */
export function createAskService(options: AskServiceOptions): AskDevice {
  const { discovery, query, clock, logger } = options

  /**
   * A 404 from the very address that discovery confirms, of a service that is there, is how some of Intune's front ends
   * say "no such device". It is logged. Without both proofs it would turn everybody into "not enrolled" on the day that
   * the service is moved or shut down.
   */
  async function readNotFound(
    fault: Fault,
    endpoint: string,
    askedAtMs: number,
  ): Promise<Outcome<Observation>> {
    if (fault.code !== 'intune_endpoint_gone' || fault.status !== 404) return { ok: false, fault }
    if (!(await options.probe(endpoint))) return { ok: false, fault }
    const { host, requestId = '' } = fault
    logger.warn({ hop: 'query', host, status: 404, requestId }, 'intune answered 404, read as not enrolled')
    const observedAtMs = clock.nowMs()
    return success({
      record: { enrolled: false, complianceState: 'unknown', observedAtMs },
      trace: { api: options.api, status: 404, requestId, durationMs: clock.monotonicMs() - askedAtMs },
    })
  }

  return async (identifier) => {
    const endpoint = await discovery.endpoint()
    if (!endpoint.ok) return endpoint
    const askedAtMs = clock.monotonicMs()
    const answer = await query(endpoint.value, identifier)
    if (answer.ok || !isHostInQuestion(answer.fault)) return answer
    const now = await discovery.rediscover(endpoint.value)
    if (now.endpoint === endpoint.value) {
      return now.verified ? readNotFound(answer.fault, endpoint.value, askedAtMs) : answer
    }
    const second = await query(now.endpoint, identifier)
    return second.ok ? second : readNotFound(second.fault, now.endpoint, askedAtMs)
  }
}

function isHostInQuestion(fault: Fault): boolean {
  return fault.hop === 'query' && HOST_IN_QUESTION.includes(fault.code)
}

/** The faults of a service that its spare need not have. */
const OUT_OF_ORDER: readonly FaultCode[] = [
  ...HOST_IN_QUESTION,
  'upstream_timeout',
  'intune_unavailable',
  'tls_failed',
]

/** One service of the tenant: where it is and how it is asked. */
export interface Service {
  readonly discovery: Discovery
  readonly ask: AskDevice
}

/**
 * A service and its spare: the spare is asked when the service is out of order or its row cannot be used, and only at
 * another address. Where both fail, the fault of the first one is the answer, so an outage stays an outage.
 */
export function createAskWithSpare(service: Service, spare: Service): AskDevice {
  return async (identifier) => {
    const answer = await service.ask(identifier)
    if (answer.ok || !needsSpare(answer.fault)) return answer
    const [first, other] = await Promise.all([service.discovery.endpoint(), spare.discovery.endpoint()])
    if (!other.ok || (first.ok && first.value === other.value)) return answer
    const second = await spare.ask(identifier)
    return second.ok ? second : answer
  }
}

function needsSpare({ hop, code }: Fault): boolean {
  if (code === 'discovery_endpoint_missing' || code === 'discovery_host_refused') return true
  return hop === 'query' && OUT_OF_ORDER.includes(code)
}

const GONE_MS = 10 * 60 * 1000

/**
 * A service that may be listed and yet be gone (404 or 410 at an address that never answered): the kinds that only it
 * takes then count as not supported, so that a caller's other identifiers are asked in place of an error. Tried again
 * every ten minutes. An outage is passed on as what it is.
 */
export function createAskIfThere(
  clock: Clock,
): (identifier: DeviceIdentifier, ask: AskDevice) => Promise<Outcome<Observation>> {
  let goneUntilMs = Number.NEGATIVE_INFINITY
  return async (identifier, ask) => {
    const notThere = kindNotSupported(
      identifier.kind,
      'the service for it is listed, but does not exist any more',
    )
    if (clock.monotonicMs() < goneUntilMs) return notThere
    const answer = await ask(identifier)
    if (answer.ok || answer.fault.code !== 'intune_endpoint_gone') return answer
    goneUntilMs = clock.monotonicMs() + GONE_MS
    return notThere
  }
}
