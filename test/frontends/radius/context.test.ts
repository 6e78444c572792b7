import fc from 'fast-check'
import t from 'tap'
import { type ContextText, unreadable } from '../../../src/decision/request-context.ts'
import { compileTextPatterns } from '../../../src/decision/text-pattern.ts'
import type { CalledStationForm } from '../../../src/frontends/radius/called-station.ts'
import { parseRadiusRequest } from '../../../src/frontends/radius/parse-request.ts'
import { parseRequestContext } from '../../../src/frontends/radius/request-context.ts'
import { createRadiusApp, mabBody } from './radius-app.ts'

type Attributes = Readonly<Record<string, string | readonly string[]>>

/** The body as rlm_rest of FreeRADIUS 3.2.1 writes it: every octet above 0x7F as \u00XX. */
function rlmRest(attributes: Attributes): Buffer {
  const typed = Object.entries(attributes).map(([name, value]) => {
    const values = [value].flat().map((text) => Buffer.from(text).toString('latin1'))
    return [name, { type: 'string', value: values }] as const
  })
  const text = JSON.stringify(Object.fromEntries(typed)).replaceAll('/', '\\/')
  return Buffer.from(
    text.replace(/[\x80-\xff]/g, (octet) => `\\u00${octet.charCodeAt(0).toString(16).toUpperCase()}`),
  )
}

function contextOf(body: Buffer, form?: CalledStationForm) {
  const parsed = parseRadiusRequest(body, '')
  if (!parsed.ok) throw new Error(parsed.fault.message)
  return parseRequestContext(parsed.value, form)
}

const ssidOf = (attributes: Attributes, form?: CalledStationForm) => contextOf(rlmRest(attributes), form).ssid

const wireless = { 'NAS-Port-Type': 'Wireless-802.11' }
const mac = '70-6D-15-AA-BB-C0'

t.test('the SSID is read wherever vendors put it', async (t) => {
  const rows: readonly (readonly [Attributes, ContextText])[] = [
    [{ 'Called-Station-Id': `${mac}:Vault` }, 'Vault'],
    [{ 'Called-Station-Id': `${mac.toLowerCase()}:Vault` }, 'Vault'],
    [{ 'Called-Station-Id': '70:6D:15:AA:BB:C0:Vault' }, 'Vault'],
    [{ 'Called-Station-Id': '706d15aabbc0:Vault' }, 'Vault'],
    [{ 'Called-Station-Id': '706d.15aa.bbc0:Vault' }, 'Vault'],
    [{ 'Called-Station-Id': `${mac}-Vault` }, 'Vault'],
    [{ 'Called-Station-Id': `${mac};Vault` }, 'Vault'],
    [{ 'Called-Station-Id': `${mac} Vault` }, 'Vault'],
    [{ 'Called-Station-Id': `${mac}: Vault` }, ' Vault'],
    [{ 'Called-Station-Id': `${mac}:AB` }, 'AB'],
    [{ 'Called-Station-Id': [mac, `${mac}:Vault`] }, 'Vault'],
    [{ 'Called-Station-SSID': 'Vault' }, 'Vault'],
    [{ 'Aruba-Essid-Name': 'Vault' }, 'Vault'],
    [{ 'Ruckus-SSID': 'Vault', 'Called-Station-Id': mac }, 'Vault'],
    [{ 'Fortinet-SSID': 'Vault' }, 'Vault'],
    [{ 'Siemens-SSID': 'Vault' }, 'Vault'],
    [{ 'Symbol-Current-ESSID': 'Vault' }, 'Vault'],
    [{ 'Trapeze-SSID': 'Vault' }, 'Vault'],
    [{ '3Com-SSID': 'Vault' }, 'Vault'],
    [{ 'Adtran-SSID': 'Vault' }, 'Vault'],
    [{ 'TP-CAPWAP-SSID': 'Vault' }, 'Vault'],
    [{ 'Acme-Wifi-SSID': 'Vault' }, 'Vault'],
    [{ 'acme-essid': 'Vault' }, 'Vault'],
    [{ 'Cisco-AVPair': 'cisco-wlan-ssid=Vault' }, 'Vault'],
    [{ 'Cisco-AVPair': ['service-type=Call Check', 'method=mab', 'cisco-wlan-ssid=Vault'] }, 'Vault'],
    [{ 'Cisco-AVPair': 'ssid=Vault' }, 'Vault'],
    [{ 'Cisco-AVPair': 'SSID*Vault' }, 'Vault'],
    [{ 'Cisco-AVPair': 'wlan-ssid = Vault' }, ' Vault'],
    [{ 'Cisco-AVPair': 'ssid=a=b' }, 'a=b'],
    [{ 'Colubris-AVPair': 'ssid=Vault' }, 'Vault'],
    [{ 'H3C-Av-Pair': 'ssid=Vault' }, 'Vault'],
    [{ 'Extreme-AVPair': 'ssid=Vault' }, 'Vault'],
    [{ 'Cisco-AVPair': 'cisco-wlan-ssid=Büro', 'Called-Station-Id': `${mac}:Büro` }, 'Büro'],
    // Between the name of an access point and the SSID there is a colon, and there may be one in the SSID.
    [
      { 'Called-Station-Id': 'AP-Floor2:Vault' },
      { text: 'Vault', alternatives: ['AP-Floor2:Vault', 'Floor2:Vault'], isOpen: false },
    ],
    [
      { 'Called-Station-Id': '10.0.0.1:Vault' },
      {
        text: 'Vault',
        alternatives: ['10.0.0.1:Vault', '0.0.1:Vault', '0.1:Vault', '1:Vault'],
        isOpen: false,
      },
    ],
    [{ 'Called-Station-Id': `${mac}:My:Net` }, { text: 'My:Net', alternatives: ['My'], isOpen: false }],
    [{ 'Cisco-AVPair': 'cisco-wlan-ssid=Vault', 'Called-Station-Id': 'AP-7' }, 'Vault'],
    [{ 'Cisco-AVPair': 'cisco-wlan-ssid=Vault', 'Called-Station-Id': 'Vault-AP:Vault' }, 'Vault'],
    [{ 'Aruba-Essid-Name': 'Vault', 'Called-Station-Id': `${mac}:Vault:profile-a` }, 'Vault'],
  ]
  for (const [attributes, ssid] of rows) t.same(ssidOf(attributes), ssid, JSON.stringify(attributes))
})

t.test('what names no SSID is not taken for one', async (t) => {
  for (const attributes of [
    {},
    { 'Called-Station-Id': mac },
    { 'Called-Station-Id': `${mac}:` },
    { 'Called-Station-Id': '10.1.2.3' },
    { 'Called-Station-Id': '2001:db8::1' },
    { 'Called-Station-Id': 'switch-7', 'NAS-Port-Type': 'Ethernet' },
    { 'Called-Station-Id': 'switch-7', 'NAS-Port-Type': '15' },
    { 'Symbol-Allowed-ESSID': 'Vault' },
    { 'Ruckus-BSSID': '0x706d15aabbc0' },
    { 'Connect-Info': 'CONNECT Ethernet 1000Mbps Full duplex' },
  ] as Attributes[]) {
    t.equal(ssidOf(attributes), undefined, JSON.stringify(attributes))
  }
})

t.test('a wireless request without a readable SSID says so', async (t) => {
  for (const attributes of [
    wireless,
    { ...wireless, 'Called-Station-Id': mac },
    { ...wireless, 'Called-Station-Id': '10.1.2.3' },
    { 'NAS-Port-Type': '19' },
    { 'NAS-Port-Type': 'Wireless-Other' },
    { 'NAS-Port-Type': ['Ethernet', 'Wireless-802.11'] },
    { 'Connect-Info': 'CONNECT 54Mbps 802.11a' },
    { 'Airespace-Wlan-Id': '7', 'Called-Station-Id': mac },
    { 'Ruckus-Wlan-Id': '7' },
    { 'WLAN-AKM-Suite': '1027073' },
    { 'Meraki-Ap-Name': 'lobby' },
    { 'Cisco-AVPair': 'wlan-profile-name=Vault' },
    { 'Cisco-AVPair': 'cisco-wlan-ssid=' },
    { 'Cisco-AVPair': ['bssid=70-6D-15-AA-BB-C0', 'service-type=Framed'] },
    { 'Called-Station-SSID': ' ' },
    { 'Aruba-Essid-Name': '\u0000' },
  ] as Attributes[]) {
    t.same(ssidOf(attributes), unreadable, JSON.stringify(attributes))
  }
  const guess = (...alternatives: string[]) => ({ alternatives, isOpen: true, isGuessed: true })
  t.same(
    ssidOf({ ...wireless, 'Called-Station-Id': 'AP-7' }),
    guess('AP-7', '7'),
    'a name alone, or an SSID alone',
  )
  t.same(ssidOf({ ...wireless, 'Called-Station-Id': 'AP 7 Vault' }), guess('AP 7 Vault', '7 Vault', 'Vault'))
  t.same(ssidOf({ 'Called-Station-Id': 'AP-7' }), { ...guess('AP-7', '7'), isOpen: false }, 'wireless or not')
})

t.test('SSIDs that contradict are all possible, and none is certain', async (t) => {
  const either = (...alternatives: string[]) => ({ alternatives, isOpen: false })
  t.same(
    ssidOf({ 'Called-Station-Id': `${mac}:Corp`, 'Cisco-AVPair': 'cisco-wlan-ssid=Vault' }),
    either('Vault', 'Corp'),
  )
  t.same(ssidOf({ 'Aruba-Essid-Name': ['Corp', 'Vault'] }), either('Corp', 'Vault'))
  t.match(ssidOf({ 'Called-Station-Id': [`${mac}:Corp`, `${mac}:Vault`] }), either('Corp', 'Vault'))
  t.match(ssidOf({ 'Called-Station-Id': [`${mac}:Corp`, 'Vault'] }), either('Corp', 'Vault'))
})

t.test('a site can say what its NAS write into Called-Station-Id', async (t) => {
  t.equal(ssidOf({ ...wireless, 'Called-Station-Id': 'Vault' }, 'ssid'), 'Vault')
  t.equal(ssidOf({ ...wireless, 'Called-Station-Id': 'Floor 2: Vault' }, 'ssid'), 'Floor 2: Vault')
  t.equal(ssidOf({ ...wireless, 'Called-Station-Id': 'AP-7:My:Net' }, 'name-ssid'), 'My:Net')
  t.same(ssidOf({ ...wireless, 'Called-Station-Id': 'AP-7' }, 'name-ssid'), unreadable)
  const app = createRadiusApp(t)
  const body = { ...mabBody(), 'Called-Station-Id': { type: 'string', value: ['Vault'] } }
  await app.ask(body, 'authorize?called-station=ssid')
  t.equal(app.requests[0]?.context?.ssid, 'Vault')
  for (const option of ['called-station=what', 'dialect=v5', 'denial=contol']) {
    const reply = await app.ask(body, `authorize?${option}`)
    t.match(reply, { status: 400 }, `${option} is nothing that the service knows`)
  }
  t.equal(app.requests.length, 1, 'and nothing is decided')
})

t.test('octets that rlm_rest wrote one by one are the text that they are', async (t) => {
  const typed = (value: string) =>
    Buffer.from(`{"Called-Station-SSID":{"type":"string","value":["${value}"]}}`)
  const plain = (value: string) => Buffer.from(`{"Called-Station-SSID":"${value}"}`)
  for (const [body, ssid] of [
    [typed('B\\u00C3\\u00BCro'), 'Büro'],
    [typed('\\u00E7\\u0083\\u00AD\\u00E7\\u0082\\u00B9'), '热点'],
    [typed('\\u00F0\\u009F\\u0098\\u0080'), '😀'],
    [typed('Büro'), 'Büro'],
    [typed('B\\u00FCro'), 'B\ufffdro'],
    [plain('B\\u00C3\\u00BCro'), 'Büro'],
    [plain('B\\u00fcro'), 'Büro'],
    [plain('\\u70ed\\u70b9'), '热点'],
    [typed('Ã¼'), 'Ã¼'],
    [Buffer.from('Called-Station-SSID=B%C3%BCro'), 'Büro'],
    [Buffer.from('Called-Station-SSID=B%FCro'), 'B\ufffdro'],
    [
      Buffer.concat([Buffer.from('{"Called-Station-SSID":"B'), Buffer.of(0xfc), Buffer.from('ro"}')]),
      'B\ufffdro',
    ],
  ] as const) {
    t.equal(contextOf(body).ssid, ssid, body.toString('latin1'))
  }
  t.same(
    ssidOf({ 'Called-Station-SSID': String.raw`B\xc3\xbcro` }),
    { text: String.raw`B\xc3\xbcro`, alternatives: ['Büro'], isOpen: false },
    'as older access points escape them',
  )
  for (const text of ['"Vault"', "'Vault'", '0x5661756c74', '0x5661756C74']) {
    const other = { text, alternatives: ['Vault'], isOpen: false }
    t.same(ssidOf({ 'Acme-SSID': text }), other, text)
    t.same(ssidOf({ 'Cisco-AVPair': `ssid=${text}` }), other, text)
  }
  t.equal(contextOf(rlmRest({ 'NAS-Identifier': 'Zürich-1' })).nasIdentifier, 'Zürich-1')
})

t.test('the NAS is read in every form, and says so where it cannot be', async (t) => {
  const nas = (attributes: Attributes) => {
    const { nasIpAddress, nasIdentifier } = contextOf(rlmRest(attributes))
    return [nasIpAddress, nasIdentifier]
  }
  const either = (...alternatives: string[]) => ({ alternatives, isOpen: false })
  for (const [attributes, address, identifier] of [
    [{ 'NAS-IP-Address': '10.0.0.1' }, '10.0.0.1'],
    [{ 'NAS-IP-Address': '::ffff:10.0.0.1' }, '10.0.0.1'],
    [{ 'NAS-IPv6-Address': '0:0:0:0:0:FFFF:a00:1' }, '10.0.0.1'],
    [{ 'NAS-IPv6-Address': '2001:DB8:0::5' }, '2001:db8::5'],
    [
      { 'NAS-IP-Address': '10.0.0.1', 'NAS-IPv6-Address': '2001:db8::5' },
      { text: '10.0.0.1', alternatives: ['2001:db8::5'], isOpen: false },
    ],
    [{ 'NAS-IP-Address': ['10.0.0.1', '10.0.0.1'] }, '10.0.0.1'],
    [{ 'NAS-IP-Address': ['10.0.0.1', '10.0.0.2'] }, either('10.0.0.1', '10.0.0.2')],
    [{ 'NAS-IP-Address': ['10.0.0.1', 'x'] }, { ...either('10.0.0.1'), isOpen: true }],
    [{ 'NAS-IP-Address': 'switch-1' }, unreadable],
    [{ 'NAS-IP-Address': '0.0.0.0' }, unreadable],
    [{ 'NAS-IPv6-Address': 'fe80::1%eth0' }, unreadable],
    [{ 'NAS-IP-Address': '010.0.0.1' }, unreadable],
    [{}, unreadable],
    [{ 'NAS-IP-Address': '10.0.0.1', 'NAS-Identifier': '  ap-7\r\n' }, '10.0.0.1', '  ap-7\uFFFD\uFFFD'],
    [
      { 'NAS-IP-Address': '10.0.0.1', 'NAS-Identifier': ['ap-7', 'ap-8'] },
      '10.0.0.1',
      either('ap-7', 'ap-8'),
    ],
    [{ 'NAS-IP-Address': '10.0.0.1', 'NAS-Identifier': '\u0000' }, '10.0.0.1', unreadable],
  ] as readonly (readonly [Attributes, ContextText, ContextText?])[]) {
    t.same(nas(attributes), [address, identifier], JSON.stringify(attributes))
  }
})

t.test('texts are bounded and have no control characters', async (t) => {
  t.equal(ssidOf({ 'Called-Station-Id': `${mac}:${'x'.repeat(4096)}` }), `${'x'.repeat(234)}\uFFFD`)
  t.equal(ssidOf({ 'Called-Station-SSID': 'a\u0000\u0000' }), 'a\uFFFD\uFFFD')
})

/** SSIDs of up to 32 octets (IEEE 802.11) that are no address and do not begin with one. */
const ssid = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 8 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 5 }),
  )
  .map((text) =>
    text
      .toWellFormed()
      .replace(/[\p{Cc}\ufffd]/gu, '')
      .trim(),
  )
  .filter((text) => text !== '' && Buffer.byteLength(text) <= 32)
  .filter((text) => !/^(?:[0-9a-f]{2}[^0-9a-f]?){6}/i.test(text) && (text.match(/:/g)?.length ?? 0) < 5)
// No letter of a hexadecimal digit alone: `a::` is an IPv6 address.
const apName = fc.constantFrom('AP-1', 'ap 2', 'Floor_2', 'x', 'AP.3')
const form = fc.constantFrom<((name: string, ssid: string) => Attributes)[]>(
  (_, text) => ({ 'Called-Station-Id': `${mac}:${text}` }),
  (_, text) => ({ 'Called-Station-Id': [mac, `706d15aabbc0:${text}`] }),
  (name, text) => ({ 'Called-Station-Id': `${name}:${text}` }),
  (name, text) => ({ 'Called-Station-Id': `${name}:${text}:tag` }),
  (_, text) => ({ 'Called-Station-Id': `${mac}:${text}:tag` }),
  (name, text) => ({ ...wireless, 'Called-Station-Id': `${name}-${text}` }),
  (_, text) => ({ ...wireless, 'Called-Station-Id': text }),
  (_, text) => ({ 'Called-Station-Id': mac, 'Cisco-AVPair': ['method=mab', `cisco-wlan-ssid=${text}`] }),
  (_, text) => ({ 'Aruba-Essid-Name': text }),
  (name, text) => ({ 'Ruckus-SSID': text, 'Called-Station-Id': name }),
  (_, text) => ({ 'Called-Station-Id': `${mac}:Other`, 'Called-Station-SSID': text }),
  (_, text) => ({ 'Called-Station-SSID': text, 'NAS-Port-Type': 'Ethernet' }),
)

t.test('a rule that refuses an SSID never fails to apply to it, in no form and no encoding', async (t) => {
  fc.assert(
    fc.property(form, apName, ssid, fc.boolean(), (write, name, text, isPlain) => {
      const attributes = write(name, text)
      const body = isPlain ? Buffer.from(JSON.stringify(attributes)) : rlmRest(attributes)
      return compileTextPatterns([text])(contextOf(body).ssid) !== false
    }),
    { numRuns: 4000 },
  )
  t.pass('4,000 requests')
})

t.test('a rule that lets an SSID in applies to no other one', async (t) => {
  fc.assert(
    fc.property(form, apName, ssid, ssid, (write, name, text, other) => {
      const given = write(name, text)
      const isPart = other.includes('*') || JSON.stringify(given).includes(JSON.stringify(other).slice(1, -1))
      return isPart || compileTextPatterns([other])(contextOf(rlmRest(given)).ssid) !== true
    }),
    { numRuns: 4000 },
  )
  t.pass('4,000 requests')
})

t.test(
  'a text that only looks like the one of a rule lets nobody in, and refuses all the same',
  async (t) => {
    const isGuest = compileTextPatterns(['Guest'])
    const odd = ['\0Guest\x01', ' Guest', 'Guest ', 'Guest\n', '\u00a0Guest', '\ufeffGuest', 'Guest\u2028']
    for (const text of [...odd, '\u0085Guest', 'Gu\0est']) {
      for (const attributes of [
        { 'Called-Station-Id': `${mac}:${text}` },
        { 'Ruckus-SSID': text },
        { 'Cisco-AVPair': `cisco-wlan-ssid=${text}` },
      ]) {
        t.equal(
          isGuest(ssidOf(attributes)),
          'unclear',
          JSON.stringify(attributes).replace(/[^\x20-\x7e]/g, '?'),
        )
      }
    }
    t.equal(isGuest(ssidOf({ 'Ruckus-SSID': 'Guest' })), true)
  },
)
