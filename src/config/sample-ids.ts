/** The app registration of the samples; it exists in the simulator alone. */
export const sampleClientId = '6f1c7a52-3c1e-4f0a-9f0d-2a6f5a1b9c01'

/** The tenant of the samples; it exists in the simulator alone. */
export const sampleTenantId = '47f09275-5bc0-4807-8aae-f35cb0341329'

/** Domains of Microsoft's clouds that somebody can log in at; those of the national clouds are among them. */
const loginDomains = [
  'microsoftonline.com',
  'microsoftonline.us',
  'microsoftonline.cn',
  'microsoftonline.de',
  'microsoftonline-p.com',
  'windows.net',
  'microsoft.com',
  'microsoft.us',
  'chinacloudapi.cn',
]

/** Whether a login address is Microsoft's own, where no sample exists. */
export function isMicrosoftLogin(loginUrl: string): boolean {
  const host = new URL(loginUrl).hostname.toLowerCase().replace(/\.$/, '')
  return loginDomains.some((domain) => host === domain || host.endsWith(`.${domain}`))
}
