import t from 'tap'
import { playRadclient, vlanOf } from '../../src/cli/lab-peers.ts'
import { enrol, lab, macs, peersMissing } from '../radius-lab/lab.ts'

const policy = `profiles:
  employees: { vlan: 10 }
  corp: { vlan: 11 }
defaultProfiles: { allow: employees }
rules:
  - { name: vault, when: { ssid: ["Vault*", Büro, "热点*"] }, decision: deny }
  - { name: branch, when: { nasAddress: [10.9.0.0/16, "2001:db8:9::/48"] }, decision: deny }
  - { name: zurich, when: { nasIdentifier: "Zürich-*" }, decision: deny }
  - { name: corp, when: { ssid: Corp, reason: compliant }, decision: allow, profile: corp }
`

/** Attributes in radclient's notation, octets above ASCII in octal, and the VLAN that follows; undefined is a reject. */
type Row = readonly [attributes: readonly string[], vlan: string | undefined]

const called = (text: string) => `Called-Station-Id = "${text}"`
const wireless = 'NAS-Port-Type = Wireless-802.11'
const mac = '70-6D-15-AA-BB-C0'

const refused: readonly Row[] = [
  [[called(`${mac}:Vault`)], undefined],
  [[called('AP-Floor2:Vault')], undefined],
  [[called('706d15aabbc0-Vault'), wireless], undefined],
  [[called('AP-Floor2 Vault'), wireless], undefined],
  [[called('Vault'), wireless], undefined],
  [[called(`${mac}:Vault:flex-profile`)], undefined],
  [[called(mac), `Called-Station-Id += "${mac}:Vault"`], undefined],
  [
    [called(mac), 'Cisco-AVPair = "service-type=Call Check"', 'Cisco-AVPair += "cisco-wlan-ssid=Vault"'],
    undefined,
  ],
  [['Cisco-AVPair = "ssid=Vault"'], undefined],
  [['Colubris-AVPair = "ssid=Vault"'], undefined],
  [['Aruba-Essid-Name = "Vault"'], undefined],
  [['Ruckus-SSID = "Vault"'], undefined],
  [['Fortinet-SSID = "Vault"'], undefined],
  [['Siemens-SSID = "Vault"'], undefined],
  [['Symbol-Current-ESSID = "Vault"'], undefined],
  [['Trapeze-SSID = "Vault"'], undefined],
  [['Adtran-SSID = "Vault"'], undefined],
  [[called(`${mac}:Corp`), 'Aruba-Essid-Name = "Vault"'], undefined],
  // "Büro" and "热点" as UTF-8, "Büro" as Latin-1, and composed of a letter and an accent.
  [[called(`${mac}:B\\303\\274ro`)], undefined],
  [[called(`${mac}:\\347\\203\\255\\347\\202\\271-2`)], undefined],
  [[called(`${mac}:B\\374ro`)], undefined],
  [[called(`${mac}:Bu\\314\\210ro`)], undefined],
  // A wireless request that names no SSID.
  [[called(mac), wireless], undefined],
  [[called(mac), 'Airespace-Wlan-Id = 7'], undefined],
  [[called(mac), 'Connect-Info = "CONNECT 54Mbps 802.11a"'], undefined],
  [['NAS-IP-Address = 10.9.1.1'], undefined],
  [['NAS-IPv6-Address = ::ffff:10.9.1.1'], undefined],
  [['NAS-IPv6-Address = 2001:db8:9::1'], undefined],
  [['NAS-IP-Address = 10.8.1.1', 'NAS-IP-Address += 10.9.1.1'], undefined],
  [['NAS-IP-Address = 0.0.0.0'], undefined],
  [['NAS-Identifier = "Z\\303\\274rich-1"'], undefined],
  [['NAS-Identifier = "Z\\374rich-1"'], undefined],
  [['NAS-Identifier = "London-1"', 'NAS-Identifier += "Z\\303\\274rich-1"'], undefined],
]

const admitted: readonly Row[] = [
  [[called(mac), 'NAS-Port-Type = Ethernet'], '10'],
  [[called(`${mac}:Lobby`), wireless], '10'],
  [[called(`${mac}:Corp`), wireless], '11'],
  [[called('AP-Floor2:Corp'), wireless], '11'],
  [[called('AP-Floor2'), wireless, 'Cisco-AVPair = "cisco-wlan-ssid=Corp"'], '11'],
  [[called(`${mac}:Caf\\303\\251`), wireless], '10'],
  [['NAS-IP-Address = 10.8.1.1', 'NAS-Identifier = "London-1"'], '10'],
  [[], '10'],
]

t.test(
  'no form in which a request says where it comes from opens a rule that refuses',
  { skip: peersMissing },
  async (t) => {
    const stage = await lab(t, { policy, environment: { COMPLIANT_FRESH_SECONDS: '600' } })
    enrol(stage)
    const login = (attributes: readonly string[]) =>
      playRadclient(stage.radius, 'auth', [
        `User-Name = "${macs.compliant.replaceAll('-', '').toLowerCase()}"`,
        'Service-Type = Call-Check',
        `Calling-Station-Id = "${macs.compliant}"`,
        ...attributes,
      ])
    for (const [attributes, vlan] of [...refused, ...admitted]) {
      const reply = await login(attributes)
      t.equal(
        reply.code,
        vlan === undefined ? 'reject' : 'accept',
        `${attributes.join(', ')}\n${reply.output}`,
      )
      t.equal(vlanOf(reply), vlan, attributes.join(', '))
    }
    const metrics = await (await fetch(`${stage.managementUrl()}/metrics`)).text()
    const unknown = Number(/nac_unknown_context_total\{condition="ssid"\} (\d+)/.exec(metrics)?.[1])
    t.ok(unknown >= 5, `${unknown} requests without a readable SSID are counted`)
    const logged = stage.serviceLog().match(/"event":"context_unknown","condition":"ssid"/g)
    t.equal(logged?.length, 1, 'and logged once')

    await login([called(mac), wireless])
    const { decisions } = (await (await fetch(`${stage.managementUrl()}/decisions`)).json()) as {
      decisions: { request: object; rules: object[] }[]
    }
    t.match(decisions[0], {
      request: { ssid: 'unknown', unknown: ['ssid'] },
      rules: [{ rule: 'vault', result: 'fired', unclear: [/ssid is not readable, the rule wants Vault\*/] }],
    })
  },
)

t.test('what a profile holds arrives whole', { skip: peersMissing }, async (t) => {
  const stage = await lab(t, {
    policy: JSON.stringify({
      profiles: {
        full: {
          vlan: { id: 10, tag: 3 },
          filterId: `${'f'.repeat(244)}{device}`,
          arubaUserRole: 'r'.repeat(247),
          attributes: {
            'User-Name': 'u'.repeat(253),
            'Tunnel-Assignment-Id:3': 'a'.repeat(252),
            'USR-Chassis-Call-Slot': 1,
          },
        },
      },
      defaultProfiles: { allow: 'full' },
      rules: [],
    }),
  })
  enrol(stage)
  const { attributes, output } = await stage.mab({ mac: macs.compliant })
  t.equal(attributes.get('Tunnel-Private-Group-Id:3')?.[0], '10', output)
  t.equal(attributes.get('Filter-Id')?.[0], `${'f'.repeat(244)}005056000`, 'a placeholder gets what is left')
  t.equal(attributes.get('Aruba-User-Role')?.[0], 'r'.repeat(247))
  t.equal(attributes.get('User-Name')?.[0], 'u'.repeat(253))
  t.equal(attributes.get('Tunnel-Assignment-Id:3')?.[0], 'a'.repeat(252))
})
