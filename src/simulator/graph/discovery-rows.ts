import type { SimulatedCloud } from '../exchange.ts'
import { cloudOf } from '../national-clouds.ts'
import { stableGuid } from '../stable-guid.ts'
import type { ProviderName } from '../state/variants.ts'

/** The Microsoft Intune service principal, which owns the endpoints list. */
export const intuneAppId = '0000000a-0000-0000-c000-000000000000'

/** Rows that a real list also holds; a few uris are no URLs, two are plain http. */
function otherRows(scaleUnit: string): readonly (readonly [name: string, uri: string])[] {
  const plainScaleUnit = scaleUnit.replace('https:', 'http:')
  return [
    ['ASUName', 'AMSUD0101'],
    ['ScepRequestValidationFEService', `${scaleUnit}/ScepRequestValidationFEService`],
    ['MSUName', 'MSUD01'],
    ['IWService', `${scaleUnit}/TrafficGateway/TrafficRoutingService/IWService/StatelessIWService`],
    ['Region', 'OC'],
    ['DownloadService', `${plainScaleUnit}/DownloadService`],
    ['DeviceCheckinService', `${scaleUnit}/DeviceGatewayProxy`],
    ['TotalNumberOfEndpoints', '187'],
    ['CertificateRevocationList', `${plainScaleUnit}/CertificateRevocationList`],
    ['PfxImportService', `${scaleUnit}/PfxImportService`],
  ]
}

/** An endpoint of the tenant, before Graph or AAD Graph give it their names. */
export interface DiscoveryRow {
  readonly id: string
  readonly name: string
  readonly uri: string
  readonly resourceId: string
}

/** The endpoints list of the Intune service principal, in no useful order; no uri ends in a slash. */
export function discoveryRows({ origin, tenantId, state }: SimulatedCloud): readonly DiscoveryRow[] {
  const variants = state.tenant.variants()
  const nacOrigin = variants.discoveredOrigin?.replace(/\/$/, '') ?? origin
  const uris: Readonly<Record<ProviderName, string>> = {
    NACAPIService: `${nacOrigin}${variants.nacPath}`,
    NACAPIServiceBackup: `${nacOrigin}${variants.nacPath}`,
    ComplianceRetrievalService: `${nacOrigin}${variants.complianceRetrievalPath}`,
  }
  const nacRows = variants.discoveryRows.map(
    (name) => [name, variants.discoveredUris[name] ?? uris[name]] as const,
  )
  return [...nacRows, ...otherRows(cloudOf(variants).scaleUnitOrigin)]
    .map(([name, uri]) => ({
      id: stableGuid(`endpoint ${name} of ${tenantId}`),
      name,
      uri,
      resourceId: stableGuid(`resource ${name} of ${tenantId}`),
    }))
    .sort((one, other) => one.id.localeCompare(other.id))
}
