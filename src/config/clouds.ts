/** The addresses of one Microsoft cloud. Absent where no public source names them: the operator has to. */
export interface Cloud {
  readonly loginUrl: string
  readonly graphUrl: string
  readonly audience?: string
  readonly allowedHosts?: readonly string[]
  readonly portalUrl: string
}

const commercialPortal = 'https://portal.manage.microsoft.com/networkaccesscontrol/index'
const governmentPortal = 'https://portal.manage.microsoft.us/networkaccesscontrol/index'

/**
 * Login and Graph hosts: Microsoft Graph "National cloud deployments". Audiences: the service principal names of the
 * Microsoft Intune API. No public document names an Intune resource for the cloud operated by 21Vianet.
 */
export const clouds = {
  public: {
    loginUrl: 'https://login.microsoftonline.com',
    graphUrl: 'https://graph.microsoft.com',
    audience: 'https://api.manage.microsoft.com/',
    allowedHosts: ['manage.microsoft.com'],
    portalUrl: commercialPortal,
  },
  usgov: {
    loginUrl: 'https://login.microsoftonline.us',
    graphUrl: 'https://graph.microsoft.us',
    audience: 'https://api.manage.microsoft.us/',
    allowedHosts: ['manage.microsoft.us'],
    portalUrl: governmentPortal,
  },
  'usgov-dod': {
    loginUrl: 'https://login.microsoftonline.us',
    graphUrl: 'https://dod-graph.microsoft.us',
    audience: 'https://api.manage.microsoft.us/',
    allowedHosts: ['manage.microsoft.us'],
    portalUrl: governmentPortal,
  },
  china: {
    loginUrl: 'https://login.partner.microsoftonline.cn',
    graphUrl: 'https://microsoftgraph.chinacloudapi.cn',
    portalUrl: commercialPortal,
  },
} as const satisfies Record<string, Cloud>

/** The values that INTUNE_CLOUD takes. */
export type CloudName = keyof typeof clouds
