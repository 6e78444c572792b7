import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Observation, UpstreamTrace } from '../compliance/compliance-record.ts'
import { type Fault, failure, type Outcome, success } from '../errors/fault.ts'
import type { DeviceIdentifier, IdentifierKind } from '../identity/device-identity.ts'
import type { ComplianceFacts } from './compliance-facts.ts'
import type { TokenSource } from './entra-token.ts'
import { describeIntuneReply } from './intune-fault.ts'
import type { Outbound } from './outbound.ts'
import { findRequestId } from './reply-headers.ts'
import { sendWithToken } from './send-with-token.ts'

/** A RADIUS session is waiting; an answer that takes longer is asked for again, and this one would be in the way. */
const QUERY_LIMIT_MS = 5000
/** A reply about one device is under 1 KiB. */
const MAX_REPLY_BYTES = 256 * 1024

/** Asks the service at `endpoint` about one device; never rejects. */
export type DeviceQuery = (endpoint: string, identifier: DeviceIdentifier) => Promise<Outcome<Observation>>

/** One question in one dialect. */
export interface DeviceQuestion {
  readonly api: UpstreamTrace['api']
  readonly url: string
  readonly accept: string
  readonly parse: (body: string) => Outcome<ComplianceFacts>
}

export interface QueryOptions {
  readonly intuneTokens: TokenSource
  readonly outbound: Outbound
  readonly clock: Clock
}

/**
 * Sends one question to Intune and reads the reply. Faults: those of the token and the network, `intune_*`; a 404 or
 * 410 is `intune_endpoint_gone` with its status, because only discovery can tell what it means.
 */
export async function askIntune(
  { api, url, accept, parse }: DeviceQuestion,
  { intuneTokens, outbound, clock }: QueryOptions,
): Promise<Outcome<Observation>> {
  const sentRequestId = randomUUID()
  const startedAtMs = clock.monotonicMs()
  const reply = await sendWithToken(intuneTokens, (token) =>
    outbound.send({
      hop: 'query',
      method: 'GET',
      url,
      headers: { accept, authorization: `Bearer ${token}`, 'client-request-id': sentRequestId },
      timeoutMs: QUERY_LIMIT_MS,
      maxBytes: MAX_REPLY_BYTES,
    }),
  )
  if (!reply.ok) return reply
  const { status, headers, body } = reply.value
  const nowMs = clock.nowMs()
  if (status !== 200) {
    const { host } = new URL(url)
    return { ok: false, fault: describeIntuneReply(reply.value, host, sentRequestId, nowMs) }
  }
  const requestId = findRequestId(headers) ?? sentRequestId
  const facts = parse(body)
  if (!facts.ok) {
    const { host } = new URL(url)
    const fault: Fault = { ...facts.fault, hop: 'query', host, status, requestId }
    return { ok: false, fault }
  }
  const trace: UpstreamTrace = { api, status, requestId, durationMs: clock.monotonicMs() - startedAtMs }
  return success({ record: { ...facts.value, observedAtMs: nowMs }, trace })
}

/** The fault for a kind that no query takes; `instead` says which kinds would work. */
export function kindNotSupported(kind: IdentifierKind, instead: string) {
  return failure('identifier_not_supported', `Intune cannot be asked by ${kind}; ${instead}`, { field: kind })
}
