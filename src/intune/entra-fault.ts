import { z } from 'zod'
import type { FaultCode } from '../errors/catalogue.ts'
import { type Fault, failure } from '../errors/fault.ts'
import type { HttpReply } from './outbound.ts'
import { findRetryAfter, isRequestId } from './reply-headers.ts'

/**
 * AADSTS numbers (Microsoft Entra "Authentication and authorization error codes") that tell the operator what to do.
 * They choose a remedy and nothing else: Microsoft reserves the right to change them.
 */
const FAULT_BY_AADSTS: Readonly<Record<number, FaultCode>> = {
  700016: 'entra_app_not_found',
  700024: 'entra_clock_skew',
  700021: 'entra_assertion_rejected',
  700023: 'entra_assertion_rejected',
  50013: 'entra_assertion_rejected',
  50027: 'entra_assertion_rejected',
  7000112: 'entra_app_disabled',
  7000215: 'entra_credential_missing',
  7000216: 'entra_credential_missing',
  7000218: 'entra_credential_missing',
  7000222: 'entra_credential_missing',
  7000229: 'entra_service_principal_missing',
  7000217: 'entra_service_principal_missing',
  90002: 'entra_tenant_not_found',
  900023: 'entra_tenant_not_found',
  90038: 'entra_wrong_cloud',
  900382: 'entra_wrong_cloud',
  500011: 'entra_resource_not_found',
  70011: 'entra_scope_invalid',
  1002012: 'entra_scope_invalid',
  53003: 'entra_blocked_by_policy',
  90033: 'entra_unavailable',
  90055: 'entra_throttled',
}

const KEY_REFUSED = 700027

/** The error document of RFC 6749 section 5.2 with Entra's additions; only what is used. */
const EntraError = z.object({
  error: z.string(),
  error_description: z.string().optional().catch(undefined),
  error_codes: z.array(z.number().int().positive()).optional().catch(undefined),
  trace_id: z.string().optional().catch(undefined),
})
type EntraError = z.infer<typeof EntraError>

/**
 * What a reply of the token endpoint (or of the openid-configuration) that gave no token means. The text of Entra
 * never gets into the fault: `error_description` can echo the assertion.
 */
export function describeTokenReply(reply: HttpReply, host: string, nowMs: number): Fault {
  const error = parseError(reply.body)
  const aadsts = error?.error_codes?.[0]
  const code = classify(reply.status, error)
  const number = aadsts === undefined ? '' : ` (AADSTS${aadsts})`
  const message =
    code === 'entra_reply_malformed'
      ? `${host} answered ${reply.status} with something that is no token reply of Entra ID`
      : `${host} answered ${reply.status}${number}`
  return failure(code, message, {
    hop: 'token',
    host,
    status: reply.status,
    retryAfterMs: findRetryAfter(reply.headers, nowMs),
    requestId: [error?.trace_id, reply.headers['x-ms-request-id']].find(isRequestId),
  }).fault
}

function classify(status: number, error: EntraError | undefined): FaultCode {
  for (const aadsts of error?.error_codes ?? []) {
    if (aadsts === KEY_REFUSED) return whyKeyRefused(error?.error_description ?? '')
    const code = FAULT_BY_AADSTS[aadsts]
    if (code) return code
  }
  if (status === 429) return 'entra_throttled'
  if (status >= 500) return 'entra_unavailable'
  if (status >= 400 && error) return 'entra_rejected'
  return 'entra_reply_malformed'
}

/**
 * AADSTS700027 has one number for three causes and tells them apart in prose alone. The prose picks the remedy;
 * without a known phrase it is the cause met most: the certificate was never uploaded.
 */
function whyKeyRefused(description: string): FaultCode {
  if (/key was not found|is not registered/i.test(description)) return 'entra_certificate_not_registered'
  if (/expired/i.test(description)) return 'entra_certificate_expired'
  if (/verify the signature failed/i.test(description)) return 'entra_assertion_rejected'
  return 'entra_certificate_not_registered'
}

function parseError(body: string): EntraError | undefined {
  try {
    return EntraError.safeParse(JSON.parse(body)).data
  } catch {
    return undefined
  }
}
