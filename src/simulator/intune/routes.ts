import type { Variants } from '../state/variants.ts'

/** The dialects: Compliance Retrieval and NAC 1.x for ISE, both XML, and NAC 1.x for everybody else. */
export type IntuneApi = 'compliance_retrieval' | 'nac_xml' | 'nac_json'

/** What a path calls. */
export interface IntuneRoute {
  readonly api: IntuneApi
  readonly operation: 'mdminfo' | 'devices'
  /** False: it ends as a call does and does not start where the tenant's service is (any more). */
  readonly current: boolean
}

/** The longer of two endings that fit comes first. */
const endings = [
  ['/ciscodeviceinfo/mdm/api/devices', 'nac_xml', 'devices'],
  ['/cisco/devices', 'compliance_retrieval', 'devices'],
  ['/ciscoise/mdminfo', 'compliance_retrieval', 'mdminfo'],
  ['/ciscoise/mdminfo', 'nac_xml', 'mdminfo'],
  ['/devices', 'nac_json', 'devices'],
] as const

/** Finds out what a path calls, in any case; undefined when it is no call at all. */
export function findRoute(path: string, variants: Variants): IntuneRoute | undefined {
  const lowerPath = path.toLowerCase()
  const fitting = endings.filter(([ending]) => lowerPath.endsWith(ending))
  const found =
    fitting.find(([ending, api]) => lowerPath === `${baseOf(api, variants)}${ending}`.toLowerCase()) ??
    fitting[0]
  if (found === undefined) return undefined
  const [ending, api, operation] = found
  const current = lowerPath === `${baseOf(api, variants)}${ending}`.toLowerCase()
  return { api, operation, current: current && (api === 'compliance_retrieval' || variants.nacServed) }
}

function baseOf(api: IntuneApi, { complianceRetrievalPath, nacPath }: Variants): string {
  return api === 'compliance_retrieval' ? complianceRetrievalPath : nacPath
}
