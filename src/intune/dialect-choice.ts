import type { IntuneSettings } from '../config/settings.ts'
import type { IdentifierKind } from '../identity/device-identity.ts'
import type { ListedServices, ServiceName } from './service-list.ts'

/** A value of INTUNE_API: which of Intune's two services is asked. */
export type IntuneApi = NonNullable<IntuneSettings['api']>

/** A way to ask about a device: one of the two services of Intune, or Graph's inventory. */
export type Way = 'compliance-retrieval' | 'nac' | 'graph'

/** Which kinds each way has a query for. */
const KINDS: Readonly<Record<Way, readonly IdentifierKind[]>> = {
  'compliance-retrieval': ['deviceId', 'mac'],
  nac: ['mac', 'imei', 'meid', 'udid'],
  graph: ['deviceId', 'serialNumber', 'imei'],
}

/** The rows of discovery that stand for a way, best first. */
export const servicesOf: Readonly<Record<Exclude<Way, 'graph'>, readonly ServiceName[]>> = {
  'compliance-retrieval': ['ComplianceRetrievalService'],
  nac: ['NACAPIService', 'NACAPIServiceBackup'],
}

/** The rows of discovery that are of use with this INTUNE_API, best first. */
export function servicesFor(api: IntuneApi): readonly ServiceName[] {
  return waysOf(api).flatMap((way) => servicesOf[way])
}

/** The ways that are configured and have a query for this kind, best first; none is decided without the network. */
export function waysFor(kind: IdentifierKind, api: IntuneApi, graphDetails: boolean): readonly Way[] {
  const configured: Way[] = graphDetails ? [...waysOf(api), 'graph'] : [...waysOf(api)]
  return configured.filter((way) => KINDS[way].includes(kind))
}

/**
 * The first way that the tenant has. A service that is listed counts even where its row cannot be used: the fault of
 * the row is then the answer, because another service saying less is no stand-in for one that is out of order.
 */
export function firstListed(ways: readonly Way[], listed: ListedServices): Way | undefined {
  return ways.find((way) => way === 'graph' || servicesOf[way].some((service) => listed[service]))
}

function waysOf(api: IntuneApi): readonly Exclude<Way, 'graph'>[] {
  return api === 'auto' ? ['compliance-retrieval', 'nac'] : [api]
}
