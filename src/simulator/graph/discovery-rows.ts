import { stableGuid } from '../stable-guid.ts'
import type { ProviderName, Variants } from '../state/variants.ts'

/** The Microsoft Intune service principal, which owns the endpoints list. */
export const intuneAppId = '0000000a-0000-0000-c000-000000000000'

const scaleUnit = 'https://fef.msud01.manage.microsoft.com'

/** Rows that a real list also holds; a few uris are no URLs, two are plain http. */
const otherRows: readonly (readonly [name: string, uri: string])[] = [
  ['ASUName', 'AMSUD0101'],
  ['ScepRequestValidationFEService', `${scaleUnit}/ScepRequestValidationFEService`],
  ['MSUName', 'MSUD01'],
  ['IWService', `${scaleUnit}/TrafficGateway/TrafficRoutingService/IWService/StatelessIWService`],
  ['Region', 'OC'],
  ['DownloadService', 'http://fef.msud01.manage.microsoft.com/DownloadService'],
  ['DeviceCheckinService', `${scaleUnit}/DeviceGatewayProxy`],
  ['TotalNumberOfEndpoints', '187'],
  ['CertificateRevocationList', 'http://fef.msud01.manage.microsoft.com/CertificateRevocationList'],
  ['PfxImportService', `${scaleUnit}/PfxImportService`],
]

/** Path of the NAC 1.x service, for which a tenant still lists rows. */
const nacPath = '/StatelessNACService'

/** The endpoints list of the Intune service principal: seven keys a row, in no useful order, no slash at the end of a uri. */
export function discoveryRows(origin: string, tenantId: string, variants: Variants): object[] {
  const nacOrigin = variants.discoveredOrigin?.replace(/\/$/, '') ?? origin
  const uris: Readonly<Record<ProviderName, string>> = {
    NACAPIService: `${nacOrigin}${nacPath}`,
    NACAPIServiceBackup: `${nacOrigin}${nacPath}`,
    ComplianceRetrievalService: `${nacOrigin}${variants.complianceRetrievalPath}`,
  }
  const nacRows = variants.discoveryRows.map(
    (name) => [name, variants.discoveredUris[name] ?? uris[name]] as const,
  )
  return [...nacRows, ...otherRows]
    .map(([name, uri]) => ({
      id: stableGuid(`endpoint ${name} of ${tenantId}`),
      deletedDateTime: null,
      capability: name,
      providerId: intuneAppId,
      [variants.discoveryNameKey]: name,
      uri,
      providerResourceId: stableGuid(`resource ${name} of ${tenantId}`),
    }))
    .sort((one, other) => one.id.localeCompare(other.id))
}
