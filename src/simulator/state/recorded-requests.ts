import type { SimulatorHop } from './faults.ts'

/** The resource that a token was asked for. */
export type TokenAudience = 'graph' | 'intune' | 'aad_graph' | 'other'

/** What a request was about, as far as it could be read. Never a signature or a token. */
export interface RequestSubject {
  readonly audience?: TokenAudience
  /** The v2 `scope` as sent. */
  readonly scope?: string
  /** The v1 `resource` as sent. */
  readonly resource?: string
  readonly assertion?: {
    readonly header: Readonly<Record<string, unknown>>
    readonly claims: Readonly<Record<string, unknown>>
  }
  /** The criteria and value of a query as sent, the path or filter of details. */
  readonly identifier?: { readonly kind: string; readonly value: string }
}

/** One request that reached the simulator, control calls left out. */
export interface RecordedRequest extends RequestSubject {
  /** Counts up from 1, in order of arrival. */
  readonly sequence: number
  /** When it arrived, by the injected clock. */
  readonly atMs: number
  readonly hop: SimulatorHop
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly clientRequestId?: string
  /** Status of the answer; null while there is none, or for ever after a reset or a hang. */
  readonly status: number | null
}

/** Requests since the last clearing, by hop. */
export type RequestCounts = Readonly<Record<SimulatorHop, number>>
