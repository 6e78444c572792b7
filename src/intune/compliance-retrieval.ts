import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Observation, UpstreamTrace } from '../compliance/compliance-record.ts'
import { type Fault, type Outcome, success } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'
import { parseComplianceReply } from './compliance-retrieval-xml.ts'
import type { TokenSource } from './entra-token.ts'
import { describeIntuneReply } from './intune-fault.ts'
import type { Outbound } from './outbound.ts'
import { findRequestId } from './reply-headers.ts'
import { sendWithToken } from './send-with-token.ts'

/** A RADIUS session is waiting; an answer that takes longer is asked for again, and this one would be in the way. */
const QUERY_LIMIT_MS = 5000
/** A reply about one device is under 1 KiB. */
const MAX_REPLY_BYTES = 256 * 1024

/** The kinds that Compliance Retrieval takes as `querycriteria` (Cisco ISE and Intune integration guide). */
const CRITERIA = { deviceId: 'guid', mac: 'macaddress' } as const

/** An identifier that Compliance Retrieval can be asked by. */
export type QueryableIdentifier = DeviceIdentifier & { readonly kind: keyof typeof CRITERIA }

/** Whether the API has a query for this kind of identifier. */
export function isQueryable(identifier: DeviceIdentifier): identifier is QueryableIdentifier {
  return Object.hasOwn(CRITERIA, identifier.kind)
}

export interface ComplianceQueryOptions {
  readonly intuneTokens: TokenSource
  readonly outbound: Outbound
  readonly clock: Clock
}

/** Asks the service at `endpoint` about one device. */
export type ComplianceQuery = (
  endpoint: string,
  identifier: QueryableIdentifier,
) => Promise<Outcome<Observation>>

/**
 * The one request of the Compliance Retrieval service (NAC 2.0) in its Cisco dialect, the only one whose form is
 * public. The query never rejects. Faults: those of the token and the network, `intune_*`; a 404 or 410 is
 * `intune_endpoint_gone` with its status, because only discovery can tell what it means.
 */
export function createComplianceQuery({
  intuneTokens,
  outbound,
  clock,
}: ComplianceQueryOptions): ComplianceQuery {
  return async (endpoint, identifier) => {
    const { host } = new URL(endpoint)
    const sentRequestId = randomUUID()
    const startedAtMs = clock.nowMs()
    const value = encodeURIComponent(identifier.value)
    const search = `paging=0&querycriteria=${CRITERIA[identifier.kind]}&value=${value}&filter=all`
    const reply = await sendWithToken(intuneTokens, (token) =>
      outbound.send({
        hop: 'query',
        method: 'GET',
        url: `${endpoint}/cisco/devices/?${search}`,
        headers: {
          accept: 'application/xml',
          authorization: `Bearer ${token}`,
          'client-request-id': sentRequestId,
        },
        timeoutMs: QUERY_LIMIT_MS,
        maxBytes: MAX_REPLY_BYTES,
      }),
    )
    if (!reply.ok) return reply
    const { status, headers, body } = reply.value
    const nowMs = clock.nowMs()
    if (status !== 200) {
      return { ok: false, fault: describeIntuneReply(reply.value, host, sentRequestId, nowMs) }
    }

    const requestId = findRequestId(headers) ?? sentRequestId
    const facts = parseComplianceReply(body, identifier)
    if (!facts.ok) {
      const fault: Fault = { ...facts.fault, hop: 'query', host, status, requestId }
      return { ok: false, fault }
    }
    const trace: UpstreamTrace = {
      api: 'compliance-retrieval',
      status,
      requestId,
      durationMs: nowMs - startedAtMs,
    }
    return success({ record: { ...facts.value, observedAtMs: nowMs }, trace })
  }
}
