import { type Fault, failure } from '../errors/fault.ts'
import {
  fetchServiceList,
  type ListedServices,
  type ServiceListOptions,
  type ServiceName,
  serviceNames,
} from '../intune/service-list.ts'
import type { Finding } from './step-runner.ts'

/** What discovery gave: the services that a NAC product can use, or why the list is of no use. */
export type Discovered =
  | { readonly listed: ListedServices }
  | { readonly listed?: undefined; readonly objection: Fault }

/** Graph answered with a list; it is the list that is wrong. Everything else is a failure of the exchange. */
const OBJECTIONS = ['discovery_endpoint_missing', 'discovery_host_refused']

/** Asks Graph for the tenant's services. Faults: those of the token for Graph, of the network, `discovery_*`. */
export async function checkDiscovery(options: ServiceListOptions): Promise<Finding<Discovered>> {
  const services = await fetchServiceList(serviceNames, options)
  const detail = `${new URL(options.graphUrl).host} sent the list of services`
  if (services.ok) return { result: 'ok', detail, value: { listed: services.value } }
  if (!OBJECTIONS.includes(services.fault.code)) return { result: 'fail', fault: services.fault }
  return { result: 'ok', detail, value: { objection: services.fault } }
}

/**
 * Whether the list has a row that INTUNE_API can use and whose host is allowed; gives the origins of those, best first.
 * Faults: `discovery_endpoint_missing`, `discovery_host_refused`.
 */
export function checkProviders(
  discovered: Discovered,
  wanted: readonly ServiceName[],
): Finding<readonly string[]> {
  if (!discovered.listed) return { result: 'fail', fault: discovered.objection }
  const { listed } = discovered
  const detail = serviceNames.flatMap((name) => describeRow(name, listed[name]) ?? []).join(', ')
  const usable = wanted.flatMap((name) => (listed[name]?.ok ? [new URL(listed[name].value).origin] : []))
  if (usable.length === 0) {
    const refused = wanted.flatMap((name) => listed[name] ?? []).find((service) => !service.ok)
    const message = `the tenant lists no ${wanted.join(' or ')}; it lists ${detail}`
    const missing = failure('discovery_endpoint_missing', message, { hop: 'discovery' })
    return { result: 'fail', fault: (refused ?? missing).fault }
  }
  const value = [...new Set(usable)]
  if (listed.ComplianceRetrievalService?.ok) return { result: 'ok', detail, value }
  const remedy =
    'Microsoft stopped supporting NAC 1.x in March 2024: ask Intune support why the tenant lists no usable ComplianceRetrievalService.'
  return { result: 'warn', detail, remedy, value }
}

function describeRow(name: ServiceName, row: ListedServices[ServiceName]): string | undefined {
  if (!row) return undefined
  return row.ok ? `${name} at ${new URL(row.value).host}` : `${name} (${row.fault.code})`
}
