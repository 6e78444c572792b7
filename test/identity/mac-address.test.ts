import fc from 'fast-check'
import t from 'tap'
import { parseMacAddress } from '../../src/identity/mac-address.ts'

const canonical = '005056A4895A'
const octets = ['00', '50', '56', 'a4', '89', '5a']

t.test('every accepted spelling gives 12 upper-case hex digits', async (t) => {
  const spellings = [
    { case: 'bare, upper case (ISE, Intune)', text: '005056A4895A' },
    { case: 'bare, lower case (MAB User-Name)', text: '005056a4895a' },
    { case: 'colons', text: '00:50:56:A4:89:5A' },
    { case: 'colons, lower case', text: '00:50:56:a4:89:5a' },
    { case: 'hyphens (RFC 3580)', text: '00-50-56-A4-89-5A' },
    { case: 'hyphens, mixed case', text: '00-50-56-a4-89-5A' },
    { case: 'dots between pairs', text: '00.50.56.a4.89.5a' },
    { case: 'spaces between pairs', text: '00 50 56 A4 89 5A' },
    { case: 'Cisco groups of four', text: '0050.56a4.895a' },
    { case: 'groups of four with hyphens (Huawei)', text: '0050-56a4-895a' },
    { case: 'groups of four with colons', text: '0050:56A4:895A' },
    { case: 'one hyphen in the middle (HP)', text: '005056-a4895a' },
    { case: 'white space around', text: '\t 00-50-56-A4-89-5A \r\n' },
  ]
  for (const { case: title, text } of spellings) {
    t.strictSame(parseMacAddress(text), { ok: true, value: { value: canonical, randomized: false } }, title)
  }
})

t.test('what is not the MAC address of one device is refused with the reason', async (t) => {
  const misspellings = [
    { case: 'empty', text: '', says: /is not a MAC address/ },
    { case: 'eleven digits', text: '005056A4895', says: /is not a MAC address/ },
    { case: 'thirteen digits', text: '005056A4895A0', says: /is not a MAC address/ },
    { case: 'a letter that is no hex digit', text: '00:50:56:A4:89:5G', says: /is not a MAC address/ },
    { case: 'two kinds of separator', text: '00:50-56:A4-89:5A', says: /is not a MAC address/ },
    { case: 'groups of four with two separators', text: '0050.56a4-895a', says: /is not a MAC address/ },
    { case: 'a missing separator', text: '00:50:56:A4:895A', says: /is not a MAC address/ },
    { case: 'doubled separators', text: '00::50::56::A4::89::5A', says: /is not a MAC address/ },
    { case: 'groups of three', text: '005-056-A48-95A', says: /is not a MAC address/ },
    { case: 'single-digit octets', text: '0:50:56:A4:89:5A', says: /is not a MAC address/ },
    { case: 'another separator', text: '00_50_56_A4_89_5A', says: /is not a MAC address/ },
    { case: 'a label in front', text: 'mac=005056A4895A', says: /is not a MAC address/ },
    { case: 'digits in junk', text: '00x50x56xA4x89x5A', says: /is not a MAC address/ },
    { case: 'a GUID', text: '3eeb9e62-cec9-4dd8-9dd6-74903695a62b', says: /is not a MAC address/ },
    { case: 'a EUI-64', text: '00-50-56-FF-FE-A4-89-5A', says: /is not a MAC address/ },
    { case: 'full-width digits', text: '００5056A4895A', says: /is not a MAC address/ },
    {
      case: 'a Called-Station-Id',
      text: '00-50-56-A4-89-5A:CorpWifi',
      says: /looks like a Called-Station-Id.*Calling-Station-Id/,
    },
    {
      case: 'a Called-Station-Id with colons',
      text: '00:50:56:A4:89:5A:Corp:Wifi',
      says: /looks like a Called-Station-Id/,
    },
    {
      case: 'a Called-Station-Id of a hidden network',
      text: '0050.56a4.895a:',
      says: /looks like a Called-Station-Id/,
    },
    { case: 'an IPv4 address', text: '10.20.30.40', says: /is an IP address/ },
    { case: 'an IPv6 address', text: '2001:db8::1', says: /is an IP address/ },
    { case: 'all zeros', text: '00:00:00:00:00:00', says: /all zeros/ },
    { case: 'broadcast', text: 'FF-FF-FF-FF-FF-FF', says: /multicast or broadcast/ },
    { case: 'IPv4 multicast', text: '01:00:5E:00:00:FB', says: /multicast or broadcast/ },
    {
      case: 'IPv6 multicast, locally administered',
      text: '33:33:00:00:00:01',
      says: /multicast or broadcast/,
    },
  ]
  for (const { case: title, text, says } of misspellings) {
    const fault = { code: 'identifier_malformed', field: 'mac', message: says }
    t.match(parseMacAddress(text), { ok: false, fault }, title)
  }
})

t.test('the message lists the accepted forms', async (t) => {
  const parsed = parseMacAddress('nonsense')
  const message = parsed.ok ? '' : parsed.fault.message
  for (const form of [
    'AABBCCDDEEFF',
    'AA:BB:CC:DD:EE:FF',
    'AA-BB-CC-DD-EE-FF',
    'aabb.ccdd.eeff',
    'aabbcc-ddeeff',
  ]) {
    t.ok(message.includes(form), `${form} is listed`)
  }
})

t.test('the second hex digit 2, 6, A or E marks a randomised address', async (t) => {
  for (const digit of '0123456789ABCDEF') {
    const parsed = parseMacAddress(`D${digit}A119000001`)
    if (Number.parseInt(digit, 16) % 2 === 1) {
      t.equal(parsed.ok, false, `D${digit} is a group address`)
    } else {
      t.equal(parsed.ok && parsed.value.randomized, '26AE'.includes(digit), `D${digit}`)
    }
  }
})

t.test('any address in any spelling comes back as the same 12 digits', async (t) => {
  const unicast = fc
    .uint8Array({ minLength: 6, maxLength: 6 })
    .map((bytes) => bytes.with(0, (bytes[0] ?? 0) & 0xfe))
    .filter((bytes) => bytes.some((byte) => byte !== 0))
    .map((bytes) => Buffer.from(bytes).toString('hex'))
  const grouping = fc.oneof(
    fc.record({ size: fc.constantFrom(2, 4, 6), separator: fc.constantFrom(':', '-', '.', ' ') }),
    fc.constant({ size: 12, separator: '' }),
  )
  const casing = fc.infiniteStream(fc.boolean())

  fc.assert(
    fc.property(unicast, grouping, casing, (hex, { size, separator }, upper) => {
      const groups = hex.match(new RegExp(`.{${size}}`, 'g')) ?? []
      const text = Array.from(groups.join(separator), (character) =>
        upper.next().value ? character.toUpperCase() : character,
      ).join('')
      const parsed = parseMacAddress(text)
      return parsed.ok && parsed.value.value === hex.toUpperCase()
    }),
  )
  t.pass('the round trip holds')
})

t.test('one digit more or less is never an address', async (t) => {
  for (const separator of ['', ':', '-', '.', ' ']) {
    t.notOk(parseMacAddress(octets.slice(1).join(separator)).ok, `five octets with "${separator}"`)
    t.notOk(parseMacAddress([...octets, '01'].join(separator)).ok, `seven octets with "${separator}"`)
  }
})
