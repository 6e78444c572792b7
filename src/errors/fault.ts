import type { FaultCode } from './catalogue.ts'

/** The exchange with Microsoft in which something failed. */
export type Hop = 'token' | 'discovery' | 'query' | 'details' | 'bulk'

/**
 * One failure, as a value. `message` is a plain sentence for an operator's log and holds no secret and no upstream
 * text; the remedy belongs to the code and is read from the catalogue.
 */
export interface Fault {
  readonly code: FaultCode
  readonly message: string
  /** The exchange it happened in; absent for faults of the caller or of the configuration. */
  readonly hop?: Hop
  /** The peer, `host` or `host:port`. */
  readonly host?: string
  /** HTTP status of the reply, where there was one. */
  readonly status?: number
  /** How long the peer asked us to stay away, in milliseconds. */
  readonly retryAfterMs?: number
  /** What the vendor's support asks for: request id, trace id or activity id. */
  readonly requestId?: string
  /** The input field or variable that is wrong, for faults of the caller or of the configuration. */
  readonly field?: string
  /** Set where a reply speaks about the device and contradicts itself: what was known before does not vouch for it. */
  readonly isContradiction?: true
  /** Set where nothing was sent: the service, or the device there, is left alone for the reason that the fault gives. */
  readonly wasNotSent?: true
}

/** A result that either holds a value or says why there is none. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: Fault }

/** Wraps a value as a successful outcome. */
export function success<T>(value: T): Outcome<T> {
  return { ok: true, value }
}

/** Builds a failed outcome; undefined details are left out so that a fault prints only what is known. */
export function failure(
  code: FaultCode,
  message: string,
  details: { readonly [K in Exclude<keyof Fault, 'code' | 'message'>]?: Fault[K] | undefined } = {},
): { readonly ok: false; readonly fault: Fault } {
  const known = Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined))
  return { ok: false, fault: { code, message, ...known } }
}
