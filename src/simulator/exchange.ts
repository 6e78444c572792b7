import type { IncomingHttpHeaders } from 'node:http'
import type { Clock } from '../clock.ts'
import type { TokenIssuer } from './entra/access-token.ts'
import type { SimulatorHop } from './state/faults.ts'
import type { RequestSubject } from './state/recorded-requests.ts'
import type { TenantState } from './state/tenant.ts'

/** The simulated cloud as its services see it. */
export interface SimulatedCloud {
  readonly origin: string
  readonly tenantId: string
  readonly tenantDomain: string
  readonly clock: Clock
  readonly state: TenantState
  readonly tokens: TokenIssuer
}

/** One request, read from the wire and not yet judged. */
export interface Exchange {
  readonly method: string
  /** As sent, percent-decoding and case untouched, repeated slashes folded, no trailing slash. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** The urlencoded body; empty for any other content type. */
  readonly form: URLSearchParams
  /** What the caller wants to find in logs, or a GUID made up here. */
  readonly clientRequestId: string
}

/** One answer, before any fault spoils it. */
export interface WireReply {
  readonly status: number
  /** None for an answer without a body. */
  readonly contentType?: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What is recorded of a request, and the names under which a fault may match it, found only where one is set. */
export interface Description {
  readonly subject: RequestSubject
  readonly names: () => readonly string[]
}

/** One of the simulated services: says what a request is about, and answers it as Microsoft would. */
export interface SimulatedService {
  hopOf(exchange: Exchange): SimulatorHop
  describe(exchange: Exchange): Description
  /** `reset`: the connection is dropped, as by a host that is gone. */
  answer(exchange: Exchange): Promise<WireReply | 'reset'> | WireReply | 'reset'
}

/** The value of a query parameter, whose name is matched in any case, as ASP.NET does. */
export function parameter({ query }: Pick<Exchange, 'query'>, name: string): string | undefined {
  for (const [key, value] of query) if (key.toLowerCase() === name) return value
  return undefined
}

/** A JSON answer. */
export function jsonReply(
  status: number,
  body: unknown,
  headers?: Readonly<Record<string, string>>,
): WireReply {
  return {
    status,
    contentType: 'application/json; charset=utf-8',
    body: JSON.stringify(body),
    ...(headers && { headers }),
  }
}
