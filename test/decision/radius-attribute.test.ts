import t from 'tap'
import {
  attributeKeyPattern,
  isAttributeName,
  maxTextOctets,
  octetsInReply,
  takesTag,
} from '../../src/decision/radius-attribute.ts'

/** Texts without a vendor that take no tag, each with the RFC that defines it. */
const untagged: Readonly<Record<string, readonly string[]>> = {
  'RFC 2865': [
    ...['User-Name', 'Filter-Id', 'Reply-Message', 'Callback-Number', 'Callback-Id', 'Framed-Route', 'Class'],
    ...['Called-Station-Id', 'Calling-Station-Id', 'NAS-Identifier', 'Login-LAT-Service', 'Login-LAT-Node'],
    ...['Login-LAT-Group', 'Framed-AppleTalk-Zone', 'Login-LAT-Port'],
  ],
  'RFC 2866': ['Acct-Session-Id', 'Acct-Multi-Session-Id'],
  'RFC 2867': ['Acct-Tunnel-Connection'],
  'RFC 2869': ['Connect-Info', 'Configuration-Token', 'NAS-Port-Id', 'Framed-Pool'],
  'RFC 3162': ['Framed-IPv6-Route', 'Framed-IPv6-Pool'],
  'RFC 4372': ['Chargeable-User-Identity'],
  'RFC 4675': ['Egress-VLAN-Name'],
  'RFC 4849': ['NAS-Filter-Rule'],
  'RFC 5580': ['Operator-Name'],
  'RFC 5607': ['Management-Policy-Id'],
  'RFC 6519': ['DS-Lite-Tunnel-Name'],
  'RFC 6572': ['Mobile-Node-Identifier', 'Service-Selection'],
  'RFC 6911': ['Delegated-IPv6-Prefix-Pool', 'Stateful-IPv6-Address-Pool'],
  'RFC 7055': [
    ...['GSS-Acceptor-Service-Name', 'GSS-Acceptor-Host-Name', 'GSS-Acceptor-Service-Specifics'],
    'GSS-Acceptor-Realm-Name',
  ],
  'RFC 7268': ['Allowed-Called-Station-Id', 'Network-Id-Name', 'WLAN-HESSID', 'WLAN-Venue-Name'],
}

for (const [rfc, names] of Object.entries(untagged)) {
  t.test(`a text of ${rfc} fills its attribute, and takes no tag`, async (t) => {
    for (const name of names) {
      t.equal(maxTextOctets(name), 253, name)
      t.equal(takesTag(name), false, name)
      t.equal(takesTag(name.toUpperCase()), false, 'however it is written')
    }
  })
}

t.test('a text of RFC 2868 takes a tag, which takes an octet of it', async (t) => {
  for (const name of [
    'Tunnel-Client-Endpoint',
    'Tunnel-Server-Endpoint',
    'Tunnel-Private-Group-Id',
    'Tunnel-Assignment-Id',
    'Tunnel-Client-Auth-Id',
    'Tunnel-Server-Auth-Id',
  ]) {
    t.equal(takesTag(name), true, name)
    t.equal(maxTextOctets(name), 253, name)
    t.equal(maxTextOctets(name, 1), 252, name)
  }
  t.equal(maxTextOctets('Tunnel-Password', 1), 239, 'the octet of the tag is taken off already')
  t.equal(maxTextOctets('tunnel-password'), 239)
})

t.test('what takes no tag is known of numbers and of vendors as well', async (t) => {
  for (const name of [
    'Session-Timeout',
    'Idle-Timeout',
    'Termination-Action',
    'Service-Type',
    'Framed-Protocol',
    'Framed-MTU',
    'Acct-Interim-Interval',
    'Egress-VLANID',
    'Cisco-AVPair',
    'Aruba-User-Role',
    'Airespace-ACL-Name',
    'Airespace-Interface-Name',
  ]) {
    t.equal(takesTag(name), false, name)
  }
  for (const name of ['Tunnel-Preference', 'ERX-Service-Activate', 'My-Own-Attribute']) {
    t.equal(takesTag(name), true, name)
  }
})

/** As `format=` of the dictionaries of FreeRADIUS says. */
for (const [octets, names] of [
  [247, ['Cisco-AVPair', 'HP-User-Role', 'My-Own-Attribute', 'My-USR-Filter', 'My-WiMAX-Release']],
  [246, ['Lucent-Vpi', 'Kineto-UMA', 'Kw-Name', 'A-ESAM-Name', 'A-AL-Name', 'WiMAX-Release', 'Telrad-Name']],
  [245, ['USR-Filter', 'CW-Version-Id', 'SN-VPN-Name']],
] as const) {
  t.test(`a text of a vendor has ${octets} octets: ${names.join(', ')}`, async (t) => {
    for (const name of names) {
      t.equal(maxTextOctets(name), octets, name)
      t.equal(maxTextOctets(name, 31), octets - 1, `${name} with a tag`)
    }
  })
}

t.test('a name is one that a dictionary can hold, with a tag of 1 to 31 where it is a key', async (t) => {
  for (const name of ['Class', '3GPP-IMSI', 'X', 'a.b_c-d', 'x'.repeat(127)]) {
    t.equal(isAttributeName(name), true, name)
    t.match(name, attributeKeyPattern)
  }
  for (const name of ['', '1', '-Class', 'Class ', ' Class', 'Class\n', 'Cl:ass', 'Clàss', 'x'.repeat(128)]) {
    t.equal(isAttributeName(name), false, JSON.stringify(name))
    t.notMatch(name, attributeKeyPattern)
  }
  for (const tag of ['1', '9', '10', '19', '29', '30', '31']) {
    t.match(`Class:${tag}`, attributeKeyPattern)
    t.equal(isAttributeName(`Class:${tag}`), false, 'the tag is no part of the name')
  }
  for (const tag of ['', '0', '01', '32', '40', '100', 'x', '1:2', '1 ']) {
    t.notMatch(`Class:${tag}`, attributeKeyPattern)
  }
})

t.test(
  'a value is counted with its header and that of a vendor, a text with placeholders at its longest',
  async (t) => {
    t.equal(octetsInReply(4_294_967_295), 12)
    t.equal(octetsInReply(''), 8)
    t.equal(octetsInReply('é'), 10)
    t.equal(octetsInReply({ maxBytes: 247 }), 255)
  },
)
