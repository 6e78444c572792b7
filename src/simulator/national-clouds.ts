import type { CloudName, Variants } from './state/variants.ts'

/** The names by which one Microsoft cloud is known on the wire; none of them is an address of the simulator. */
export interface NationalCloud {
  /** Origins of the token URLs that an assertion may name as its audience. */
  readonly loginOrigins: readonly string[]
  /** Resource names, without a trailing slash. Graph's is also the host in its `@odata.context`. */
  readonly graphResource: string
  readonly aadGraphResources: readonly string[]
  /** Undefined where no public document names one. */
  readonly intuneResource?: string
  /** Origin of the `iss` of v1-format tokens. */
  readonly issuerOrigin: string
  readonly cloudInstanceName: string
  readonly portalUrl: string
  /** Origin of an Intune scale unit, as it stands in the discovery rows that the simulator does not serve. */
  readonly scaleUnitOrigin: string
}

const commercialPortal = 'https://portal.manage.microsoft.com/networkaccesscontrol/index'
const government = {
  loginOrigins: ['https://login.microsoftonline.us'],
  aadGraphResources: ['https://graph.windows.net', 'https://graph.microsoftazure.us'],
  intuneResource: 'https://api.manage.microsoft.us',
  issuerOrigin: 'https://sts.windows.net',
  cloudInstanceName: 'microsoftonline.us',
  portalUrl: 'https://portal.manage.microsoft.us/networkaccesscontrol/index',
  scaleUnitOrigin: 'https://fef.fxpasu01.manage.microsoft.us',
}

/**
 * Login and Graph: "National clouds" of the Microsoft identity platform and of Microsoft Graph. Intune resources: the
 * service principal names of the Microsoft Intune API, which hold none for the cloud operated by 21Vianet.
 */
const nationalClouds: Readonly<Record<CloudName, NationalCloud>> = {
  public: {
    loginOrigins: ['https://login.microsoftonline.com', 'https://login.windows.net'],
    graphResource: 'https://graph.microsoft.com',
    aadGraphResources: ['https://graph.windows.net'],
    intuneResource: 'https://api.manage.microsoft.com',
    issuerOrigin: 'https://sts.windows.net',
    cloudInstanceName: 'microsoftonline.com',
    portalUrl: commercialPortal,
    scaleUnitOrigin: 'https://fef.msud01.manage.microsoft.com',
  },
  usgov: { ...government, graphResource: 'https://graph.microsoft.us' },
  'usgov-dod': { ...government, graphResource: 'https://dod-graph.microsoft.us' },
  china: {
    loginOrigins: ['https://login.partner.microsoftonline.cn', 'https://login.chinacloudapi.cn'],
    graphResource: 'https://microsoftgraph.chinacloudapi.cn',
    aadGraphResources: ['https://graph.chinacloudapi.cn'],
    issuerOrigin: 'https://sts.chinacloudapi.cn',
    cloudInstanceName: 'partner.microsoftonline.cn',
    portalUrl: commercialPortal,
    scaleUnitOrigin: 'https://fef.msud01.manage.microsoft.com',
  },
}

/** The cloud that the tenant lives in; the variant `intuneResource` stands in for a name that is not known. */
export function cloudOf({
  cloud,
  intuneResource,
}: Pick<Variants, 'cloud' | 'intuneResource'>): NationalCloud {
  const known = nationalClouds[cloud]
  return intuneResource === null ? known : { ...known, intuneResource: intuneResource.replace(/\/$/, '') }
}
