import type { DeviceInput } from '../../src/simulator/simulator.ts'
import type { LoadTarget } from './load-target.ts'

/** The device that the cached scenarios ask about; it is compliant. */
export const knownDevice: DeviceInput = {
  deviceId: 'a11ce000-0000-4000-8000-000000000001',
  macs: ['005056A4895A'],
  complianceState: 'compliant',
}

/** One way to ask. */
export interface CachedRequest {
  /** For the tables. */
  readonly title: string
  /** The target at a service, or at a yardstick, whose address is given. */
  readonly at: (url: string) => LoadTarget
}

const decisionPath = '/v1/decision'

/** Where a random remembered device is asked about: its MAC address goes behind it. */
export function randomDeviceUrl(url: string): string {
  return `${url}${decisionPath}?mac=`
}

/** The ways to ask that are measured, by the name that `--only` takes. */
export function cachedRequests(authorization: string): Readonly<Record<string, CachedRequest>> {
  const json = { authorization, 'content-type': 'application/json' }
  const radius = (body: object) => (url: string) => ({
    url: `${url}/v1/radius/authorize`,
    headers: { ...json, 'user-agent': 'FreeRADIUS 3.2.1', accept: '*/*', ...radiusHeaders },
    body: asRlmRest(body),
  })
  return {
    'json-get': {
      title: 'JSON GET',
      at: (url) => ({ url: `${url}${decisionPath}?mac=00:50:56:A4:89:5A`, headers: { authorization } }),
    },
    'json-post': {
      title: 'JSON POST',
      at: (url) => ({
        url: `${url}${decisionPath}`,
        headers: json,
        body: JSON.stringify({ mac: '005056A4895A' }),
      }),
    },
    'radius-mab': { title: 'RADIUS authorize, MAB', at: radius(mabAttributes) },
    'radius-certificate': { title: 'RADIUS authorize, certificate', at: radius(certificateAttributes) },
    'ise-lookup': {
      title: 'ISE device look-up, v3',
      at: (url) => ({
        url: `${url}/ciscoise/mdmapi/v3/devices/?paging=0&querycriteria=macaddress&value=005056A4895A&filter=all`,
        headers: { authorization, accept: 'application/xml' },
      }),
    },
  }
}

const radiusHeaders = { 'x-freeradius-section': 'authorize', 'x-freeradius-server': 'nac' }

/** rlm_rest of FreeRADIUS 3.2: attributes sorted, values in arrays, slashes escaped (src/modules/rlm_rest/rest.c). */
function asRlmRest(attributes: object): string {
  const sorted = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify(Object.fromEntries(sorted)).replaceAll('/', '\\/')
}

function text(...value: string[]) {
  return { type: 'string', value }
}

const nasAttributes = {
  'NAS-IP-Address': { type: 'ipaddr', value: ['10.20.30.40'] },
  'NAS-Identifier': text('switch-3-14'),
  'NAS-Port': { type: 'integer', value: [50_114] },
  'NAS-Port-Id': text('GigabitEthernet1/0/14'),
  'NAS-Port-Type': { type: 'integer', value: ['Ethernet'] },
  'Framed-MTU': { type: 'integer', value: [1500] },
  'Called-Station-Id': text('00-11-22-33-44-55'),
  'Calling-Station-Id': text('00-50-56-A4-89-5A'),
  'Event-Timestamp': { type: 'date', value: ['Nov 23 2026 01:00:00 UTC'] },
}

const mabAttributes = {
  ...nasAttributes,
  'User-Name': text('005056a4895a'),
  'User-Password': text('005056a4895a'),
  'Service-Type': { type: 'integer', value: ['Call-Check'] },
  'Message-Authenticator': { type: 'octets', value: [`0x${'5a'.repeat(16)}`] },
  'Cisco-AVPair': text('service-type=Call Check', 'audit-session-id=0A141E28000000A1B2C3D4E5', 'method=mab'),
}

const certificateAttributes = {
  ...nasAttributes,
  'User-Name': text('host/laptop-0001.contoso.example'),
  'Service-Type': { type: 'integer', value: ['Framed-User'] },
  'EAP-Message': { type: 'octets', value: ['0x020800060d00'] },
  'EAP-Type': { type: 'integer', value: ['TLS'] },
  'Message-Authenticator': { type: 'octets', value: [`0x${'a5'.repeat(16)}`] },
  State: { type: 'octets', value: [`0x${'3c'.repeat(16)}`] },
  'Cisco-AVPair': text(
    'service-type=Framed',
    'audit-session-id=0A141E28000000A1B2C3D4E5',
    'method=dot1x',
    'client-iif-id=402653184',
  ),
  'TLS-Cert-Serial': text('4e5f6a7b8c9d0e1f2a3b4c5d6e7f8091'),
  'TLS-Cert-Expiration': text('361120120000Z'),
  'TLS-Cert-Subject': text('/DC=example/DC=contoso/CN=Contoso Device CA'),
  'TLS-Cert-Issuer': text('/DC=example/DC=contoso/CN=Contoso Root CA'),
  'TLS-Cert-Common-Name': text('Contoso Device CA'),
  'TLS-Client-Cert-Serial': text('1c000000a1b2c3d4e5f60718293a4b5c6d7e8f90'),
  'TLS-Client-Cert-Expiration': text('271120120000Z'),
  'TLS-Client-Cert-Valid-Since': text('251120120000Z'),
  'TLS-Client-Cert-Subject': text(`/CN=${knownDevice.deviceId}`),
  'TLS-Client-Cert-Issuer': text('/DC=example/DC=contoso/CN=Contoso Device CA'),
  'TLS-Client-Cert-Common-Name': text(knownDevice.deviceId),
  'TLS-Client-Cert-X509v3-Subject-Alternative-Name': text(
    `URI:ID:Microsoft Endpoint Manager:GUID:${knownDevice.deviceId}, DNS:laptop-0001.contoso.example`,
  ),
  'TLS-Client-Cert-X509v3-Extended-Key-Usage': text('TLS Web Client Authentication'),
  'TLS-Client-Cert-X509v3-Extended-Key-Usage-OID': text('1.3.6.1.5.5.7.3.2'),
  'TLS-Client-Cert-X509v3-Subject-Key-Identifier': text('8A:3B:5C:7D:9E:1F:20:41:62:83:A4:C5:E6:07:28:49'),
  'TLS-Client-Cert-X509v3-Authority-Key-Identifier': text('11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00'),
}
