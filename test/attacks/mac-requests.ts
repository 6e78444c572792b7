import { canaryMarker } from '../../scripts/secret-scan.ts'
import { macs } from '../radius-lab/lab.ts'

/** Of a compliant device, with letters in it. */
export const dashed = '00-50-56-AB-CD-EF'
export const bare = dashed.replaceAll('-', '').toLowerCase()
const colons = dashed.replaceAll('-', ':').toLowerCase()
const dotted = `${bare.slice(0, 4)}.${bare.slice(4, 8)}.${bare.slice(8)}`

/** One request, by attribute; of several values, each is sent. */
export type Packet = Readonly<Record<string, string | readonly string[]>>

/** What a user types, and no log may have. */
export const password = `${canaryMarker}-of-a-user`

/** What a person sends, or somebody who wants to be the device: the MAC as user name and more of it where it fits. */
export const logins: Readonly<Record<string, Packet>> = {
  'a wrong password, as Login-User': {
    'User-Name': bare,
    'User-Password': password,
    'Service-Type': 'Login-User',
  },
  'the MAC as password, as Login-User': {
    'User-Name': bare,
    'User-Password': bare,
    'Service-Type': 'Login-User',
  },
  'from the device itself, as Login-User': {
    'User-Name': bare,
    'User-Password': bare,
    'Service-Type': 'Login-User',
    'Calling-Station-Id': dashed,
    'NAS-Port-Type': 'Ethernet',
  },
  'as Framed-User': {
    'User-Name': bare,
    'User-Password': bare,
    'Service-Type': 'Framed-User',
    'Calling-Station-Id': dashed,
  },
  'as Outbound-User': { 'User-Name': bare, 'Service-Type': 'Outbound-User', 'Calling-Station-Id': dashed },
  'as Administrative-User': {
    'User-Name': bare,
    'User-Password': bare,
    'Service-Type': 'Administrative-User',
  },
  'as Authenticate-Only': {
    'User-Name': bare,
    'User-Password': bare,
    'Service-Type': 'Authenticate-Only',
    'Calling-Station-Id': dashed,
  },
  'two service types': {
    'User-Name': bare,
    'Service-Type': ['Login-User', 'Call-Check'],
    'Calling-Station-Id': dashed,
  },
  'two service types, the good one first': {
    'User-Name': bare,
    'Service-Type': ['Call-Check', 'Login-User'],
    'Calling-Station-Id': dashed,
  },
  'a wrong password': { 'User-Name': bare, 'User-Password': password, 'Calling-Station-Id': dashed },
  'a password of another spelling': {
    'User-Name': bare,
    'User-Password': dashed,
    'Calling-Station-Id': dashed,
  },
  'a password of another case': {
    'User-Name': bare,
    'User-Password': bare.toUpperCase(),
    'Calling-Station-Id': dashed,
  },
  'no Calling-Station-Id': { 'User-Name': bare, 'User-Password': bare },
  'over VPN': { 'User-Name': bare, 'User-Password': bare, 'Calling-Station-Id': '10.1.2.3' },
  'from another device': {
    'User-Name': bare,
    'User-Password': bare,
    'Calling-Station-Id': macs.noncompliant,
  },
  'another name': { 'User-Name': 'alice', 'User-Password': 'alice', 'Calling-Station-Id': dashed },
  'a MAC in a longer name': { 'User-Name': `${bare}@corp`, 'Calling-Station-Id': dashed },
  CHAP: { 'User-Name': bare, 'CHAP-Password': `0x01${'5a'.repeat(16)}`, 'Calling-Station-Id': dashed },
  'CHAP with its challenge': {
    'User-Name': bare,
    'CHAP-Password': `0x01${'5a'.repeat(16)}`,
    'CHAP-Challenge': `0x${'a5'.repeat(16)}`,
    'Calling-Station-Id': dashed,
  },
  'MS-CHAP': {
    'User-Name': bare,
    'MS-CHAP-Challenge': `0x${'a5'.repeat(8)}`,
    'MS-CHAP-Response': `0x${'5a'.repeat(50)}`,
    'Calling-Station-Id': dashed,
  },
  'MS-CHAPv2': {
    'User-Name': bare,
    'MS-CHAP-Challenge': `0x${'a5'.repeat(16)}`,
    'MS-CHAP2-Response': `0x${'5a'.repeat(50)}`,
    'Calling-Station-Id': dashed,
  },
  'a second step': { 'User-Name': bare, 'User-Password': bare, State: '0x31', 'Calling-Station-Id': dashed },
  'a virtual port': {
    'User-Name': bare,
    'User-Password': bare,
    'Calling-Station-Id': dashed,
    'NAS-Port-Type': 'Virtual',
  },
  'a modem': {
    'User-Name': bare,
    'User-Password': bare,
    'Calling-Station-Id': dashed,
    'NAS-Port-Type': 'Async',
  },
  'two names': { 'User-Name': [bare, 'alice'], 'Calling-Station-Id': dashed },
  'two passwords': { 'User-Name': bare, 'User-Password': [bare, password], 'Calling-Station-Id': dashed },
  'two addresses': { 'User-Name': bare, 'Calling-Station-Id': [dashed, macs.noncompliant] },
  nothing: { 'NAS-Identifier': 'sw-1' },
}

/** How NAS ask with MAC authentication; `said` is Call-Check, `supposed` is what a site has to believe them. */
export const forms: Readonly<Record<string, { packet: Packet; how: 'said' | 'supposed' | 'refused' }>> = {
  'Cisco IOS and IOS-XE': {
    packet: {
      'User-Name': bare,
      'User-Password': bare,
      'Service-Type': 'Call-Check',
      'Cisco-AVPair': ['service-type=Call Check', 'audit-session-id=0A000001', 'method=mab'],
      'Framed-MTU': '1500',
      'Called-Station-Id': '00-11-22-33-44-55',
      'Calling-Station-Id': dashed,
      'NAS-Port-Type': 'Ethernet',
      'NAS-Port-Id': 'GigabitEthernet1/0/1',
      'NAS-IP-Address': '10.0.0.1',
    },
    how: 'said',
  },
  'Cisco WLC (AireOS)': {
    packet: {
      'User-Name': bare,
      'User-Password': bare,
      'Service-Type': 'Call-Check',
      'Called-Station-Id': '00-11-22-33-44-55:Corp',
      'Calling-Station-Id': dashed,
      'NAS-Port-Type': 'Wireless-802.11',
      'NAS-Identifier': 'wlc-1',
      'Airespace-Wlan-Id': '1',
    },
    how: 'said',
  },
  'a shared secret as password': {
    packet: {
      'User-Name': colons,
      'User-Password': 'NOPASSWORD',
      'Service-Type': 'Call-Check',
      'Calling-Station-Id': dashed,
    },
    how: 'said',
  },
  'ArubaOS-Switch and ProCurve, CHAP with Call-Check': {
    packet: {
      'User-Name': bare,
      'CHAP-Password': `0x01${'5a'.repeat(16)}`,
      'CHAP-Challenge': `0x${'a5'.repeat(16)}`,
      'Service-Type': 'Call-Check',
      'Called-Station-Id': '00-11-22-33-44-55',
      'Calling-Station-Id': dashed,
      'NAS-Port-Type': 'Ethernet',
    },
    how: 'said',
  },
  'Dell N-Series with PAP': {
    packet: {
      'User-Name': bare,
      'User-Password': bare,
      'Service-Type': '10',
      'Calling-Station-Id': colons,
      'NAS-Port-Type': 'Ethernet',
    },
    how: 'said',
  },
  'Call-Check without Calling-Station-Id': {
    packet: { 'User-Name': dotted, 'User-Password': dotted, 'Service-Type': 'Call-Check' },
    how: 'said',
  },
  'hostapd with macaddr_acl=2': {
    packet: {
      'User-Name': bare,
      'User-Password': bare,
      'Called-Station-Id': '00-11-22-33-44-55:Corp',
      'NAS-Port-Type': 'Wireless-802.11',
      'Calling-Station-Id': dashed,
      'Connect-Info': 'CONNECT 11Mbps 802.11b',
    },
    how: 'supposed',
  },
  'FortiSwitch without a service type': {
    packet: {
      'User-Name': dashed,
      'User-Password': dashed,
      'Calling-Station-Id': dashed,
      'NAS-Port-Type': 'Ethernet',
      'NAS-Identifier': 'fsw-1',
    },
    how: 'supposed',
  },
  'no Service-Type and no password': {
    packet: { 'User-Name': colons, 'Calling-Station-Id': colons, 'NAS-Port-Type': 'Ethernet' },
    how: 'supposed',
  },
  'MikroTik as a DHCP server': {
    packet: {
      'User-Name': colons.toUpperCase(),
      'User-Password': '',
      'NAS-Port-Type': 'Ethernet',
      'Calling-Station-Id': `1:${colons}`,
    },
    how: 'refused',
  },
  'Avaya NEAP: Login-User, no Calling-Station-Id': {
    packet: {
      'User-Name': bare,
      'User-Password': `.${bare}.0101`,
      'Service-Type': 'Login-User',
      'NAS-Port-Type': 'Ethernet',
    },
    how: 'refused',
  },
  'an Aruba controller with Login-User': {
    packet: {
      'User-Name': bare,
      'User-Password': bare,
      'Service-Type': 'Login-User',
      'Calling-Station-Id': bare,
      'NAS-Port-Type': 'Wireless-802.11',
    },
    how: 'refused',
  },
  'CHAP without Service-Type': {
    packet: {
      'User-Name': bare,
      'CHAP-Password': `0x01${'5a'.repeat(16)}`,
      'Calling-Station-Id': dashed,
      'NAS-Port-Type': 'Ethernet',
    },
    how: 'refused',
  },
  'Framed-User': {
    packet: {
      'User-Name': bare,
      'User-Password': bare,
      'Service-Type': 'Framed-User',
      'Calling-Station-Id': dashed,
      'NAS-Port-Type': 'Wireless-802.11',
    },
    how: 'refused',
  },
}
