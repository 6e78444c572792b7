import type { FaultCode } from '../errors/catalogue.ts'
import type { Fault, Hop } from '../errors/fault.ts'

/**
 * Faults that stay until somebody acts: permissions, hosts that may not be asked, certificates. A time-out or an error of
 * Microsoft says nothing of the kind, and neither does what concerns one device.
 */
const standing: ReadonlySet<FaultCode> = new Set([
  'certificate_unreadable',
  'private_key_unreadable',
  'certificate_key_mismatch',
  'certificate_expired',
  'certificate_not_yet_valid',
  'entra_app_not_found',
  'entra_certificate_not_registered',
  'entra_certificate_expired',
  'entra_assertion_rejected',
  'entra_clock_skew',
  'entra_credential_missing',
  'entra_tenant_not_found',
  'entra_wrong_cloud',
  'entra_app_disabled',
  'entra_service_principal_missing',
  'entra_resource_not_found',
  'entra_scope_invalid',
  'entra_blocked_by_policy',
  'entra_rejected',
  'token_role_missing',
  'discovery_unauthorized',
  'discovery_forbidden',
  'discovery_service_missing',
  'discovery_endpoint_missing',
  'discovery_host_refused',
  'intune_unauthorized',
  'intune_forbidden',
  'details_unauthorized',
  'details_forbidden',
  'proxy_refused',
  'redirect_refused',
  'tls_untrusted',
] satisfies FaultCode[])

/** An exchange with Microsoft, or the role that the token for Intune has to carry. */
type Subject = Hop | 'role'

/** The last word about each hop to Microsoft, where it is one that stays. A good exchange of that hop takes it back. */
export class StandingFaults {
  readonly #bySubject = new Map<Subject, Fault>()

  noteFault(fault: Fault): void {
    if (standing.has(fault.code)) this.#bySubject.set(subjectOf(fault), fault)
  }

  /** An exchange went well. */
  noteExchange(hop: Hop): void {
    this.#bySubject.delete(hop)
    if (hop === 'query') this.noteReady()
  }

  /** Intune can be asked: the token is there, with its role, and the list needs no more than a question about a device. */
  noteReady(): void {
    this.#bySubject.delete('role')
    this.#bySubject.delete('bulk')
  }

  /** The first of these, in their order, that something stands in the way of. */
  find(subjects: readonly Subject[]): Fault | undefined {
    return subjects.map((subject) => this.#bySubject.get(subject)).find((fault) => fault !== undefined)
  }
}

/** A token that lacks the role comes from an exchange that went well, and a certificate is looked at before there is one. */
function subjectOf({ hop, code }: Fault): Subject {
  if (code === 'token_role_missing') return 'role'
  if (hop !== undefined) return hop
  return code.startsWith('intune_') ? 'query' : code.startsWith('discovery_') ? 'discovery' : 'token'
}
