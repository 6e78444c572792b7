import type { Outcome } from '../errors/fault.ts'
import type { DeviceIdentity } from '../identity/device-identity.ts'
import type { TraceContext } from '../trace-context.ts'
import type { Decision } from './decision.ts'
import type { RequestContext, RequestOrigin } from './request-context.ts'
import type { SentAnswer } from './sent-answer.ts'

export type { RequestContext } from './request-context.ts'

/** The dialects in which the service can be asked; each is one folder under src/frontends. */
export type FrontendName = 'json' | 'radius' | 'ise'

/** One question, already parsed: which device, who asks, and whether remembered facts will do. */
export interface DecisionRequest {
  readonly identity: DeviceIdentity
  /** True asks Intune again even where a fresh answer is remembered, as far as the limit on that allows it. */
  readonly refresh: boolean
  /** True where an answer from memory is of no use: a refresh that is not allowed yet is then a fault. */
  readonly mustRefresh?: boolean
  /** True where it is one of many in one request: these wait in a line of their own, beside the client's others. */
  readonly isInBatch?: boolean
  readonly frontend: FrontendName
  /** Name of the client from CLIENTS_FILE, or `local`. */
  readonly client: string
  /** What else the front end knows about the request; policy rules may look at it. */
  readonly context?: RequestContext
  /** Who asks and at which port; the decision log alone has it. */
  readonly origin?: RequestOrigin
  /** The trace that the caller's request belongs to; absent where it sent none. */
  readonly traceContext?: TraceContext | undefined
  /**
   * What the front end says to the network for a decision; called once, before the decision is recorded. Undefined: nothing
   * yet, as in the middle of an EAP conversation. A promise, where that depends on other decisions too, never rejects.
   * Absent: the decision as it is.
   */
  readonly sentFor?: (decision: Decision) => SentAnswer | undefined | Promise<SentAnswer>
  /** When the certificate that the device has authenticated with expires, milliseconds since the epoch. */
  readonly certificateExpiresAtMs?: number | undefined
}

/**
 * Decides inside the deadline: at once where everything is known, with a promise that never rejects otherwise.
 * Faults: identifier_missing, identifier_not_supported, recheck_too_soon (with `mustRefresh` alone).
 */
export type Decide = (request: DecisionRequest) => Outcome<Decision> | Promise<Outcome<Decision>>
