import type { DeviceIdentifier } from '../identity/device-identity.ts'
import { parseComplianceReply } from './compliance-retrieval-xml.ts'
import { askIntune, type DeviceQuery, kindNotSupported, type QueryOptions } from './device-query.ts'
import { ignoreDrift, type NoteDrift } from './drift.ts'

/** The kinds that Compliance Retrieval takes as `querycriteria` (Cisco ISE and Intune integration guide). */
const CRITERIA = { deviceId: 'guid', mac: 'macaddress' } as const

/** An identifier that Compliance Retrieval can be asked by. */
export type QueryableIdentifier = DeviceIdentifier & { readonly kind: keyof typeof CRITERIA }

/** Whether the API has a query for this kind of identifier. */
export function isQueryable(identifier: DeviceIdentifier): identifier is QueryableIdentifier {
  return Object.hasOwn(CRITERIA, identifier.kind)
}

export interface ComplianceQueryOptions extends QueryOptions {
  readonly note?: NoteDrift
}

/**
 * The one request of the Compliance Retrieval service (NAC 2.0) in its Cisco dialect, the only one whose form is
 * public. Faults: those of `askIntune`; `identifier_not_supported` for any kind but the two.
 */
export function createComplianceQuery(options: ComplianceQueryOptions): DeviceQuery {
  const { note = ignoreDrift } = options
  return async (endpoint, identifier) => {
    if (!isQueryable(identifier)) return kindNotSupported(identifier.kind, 'deviceId and mac work')
    const value = encodeURIComponent(identifier.value)
    const search = `paging=0&querycriteria=${CRITERIA[identifier.kind]}&value=${value}&filter=all`
    const question = {
      api: 'compliance-retrieval',
      url: `${endpoint}/cisco/devices/?${search}`,
      accept: 'application/xml',
      parse: (body: string) => parseComplianceReply(body, identifier, note),
    } as const
    return askIntune(question, options)
  }
}
