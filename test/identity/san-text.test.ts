import t from 'tap'
import { readOpensslSan, readSanText, type SeparateNames } from '../../src/identity/san-text.ts'

const alice = 'a11ce000-0000-4000-8000-000000000001'
const bob = 'b0b00000-0000-4000-8000-000000000002'
const nil = '00000000-0000-0000-0000-000000000000'
const sid = 'URI:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1004336348-1177238915-682003330-1001'
const intune = `URI:IntuneDeviceId://${bob}`
const cisco = `URI:ID:Microsoft Endpoint Manager:GUID:${bob}`
const named = {
  dnsNames: ['laptop-01.corp.example'],
  emailAddresses: ['bob@corp.example'],
  userPrincipalNames: ['bob@corp.example'],
}
const others = ['DNS:laptop-01.corp.example', 'email:bob@corp.example', 'othername: UPN::bob@corp.example']

/** Every order of some things. */
function orders<T>(things: readonly T[]): T[][] {
  if (things.length < 2) return [[...things]]
  return things.flatMap((thing, index) => orders(things.toSpliced(index, 1)).map((rest) => [thing, ...rest]))
}

t.test('the SAN of a real Intune certificate is read in every order of its names', async (t) => {
  for (const names of orders([intune, sid, ...others])) {
    const text = names.join(', ')
    t.strictSame(readOpensslSan(text, named), { ids: [bob], doubtfulIds: [], isUnreadable: false }, text)
  }
  const fixed = [
    'IP Address:10.0.0.1',
    'IP Address:2001:DB8:0:0:0:0:0:1',
    'Registered ID:1.2.3.4',
    'Registered ID:Microsoft Universal Principal Name',
    'othername:<unsupported>',
    'IP Address:<invalid length=3>',
  ]
  const severalNames = [...fixed, sid, intune].join(', ')
  t.ok(severalNames.length > 256, 'text that nobody chooses may be long: it has no escapes')
  t.strictSame(readOpensslSan(severalNames, {}), { ids: [bob], doubtfulIds: [], isUnreadable: false })
  t.strictSame(readOpensslSan(`URI:IntuneDeviceID://${nil}, ${intune}`, {}).ids, [bob], "SCEPman's spelling")
  for (const name of [...fixed, sid, cisco, `URI:IntuneDeviceId://${nil}`]) {
    t.strictSame(readOpensslSan(`${name}, ${intune}`, {}).ids, [bob], `behind ${name}`)
  }
})

t.test('a name that holds a separator ends the reading: nothing behind it counts', async (t) => {
  const trap = `x, URI:IntuneDeviceId://${alice}`
  const hidden: [string, SeparateNames][] = [
    [`DNS:${trap}`, { dnsNames: [trap] }],
    [`email:${trap}`, { emailAddresses: [trap] }],
    [`email:${trap}@corp.example`, { emailAddresses: [`${trap}@corp.example`] }],
    [`othername: UPN::${trap}`, { userPrincipalNames: [trap] }],
    [`DirName:/CN=${trap}`, {}],
    [`DirName:/O=Example/CN=x, URI:${alice}`, {}],
    [`URI:https://portal.example/${trap}`, {}],
    [`URI:ID:badge, URI:IntuneDeviceId://${alice}`, {}],
    [`othername: SRVName::${trap}`, {}],
    [`othername: 1.2.3.4.5::${trap}`, {}],
    [`Registered ID:1.2.3${trap}/`, {}],
    // One by one they are two, in the text they may be one.
    [
      `DNS:x, DNS:y, URI:IntuneDeviceId://${alice}`,
      { dnsNames: [`x, DNS:y, URI:IntuneDeviceId://${alice}`] },
    ],
    [`DNS:x, URI:IntuneDeviceId://${alice}, DNS:y`, { dnsNames: [`x, URI:IntuneDeviceId://${alice}`, 'y'] }],
    // FreeRADIUS 3.2 drops a name whose last character is a backslash; the text has it all the same.
    [`DNS:y, URI:IntuneDeviceId://${alice}, DNS:z\\, DNS:y`, { dnsNames: ['y'] }],
    [`DNS:y, URI:IntuneDeviceId://${alice}, email:z\\, email:y`, { dnsNames: ['y'], emailAddresses: ['y'] }],
    // The twin is missing, or another one.
    [`DNS:x, URI:IntuneDeviceId://${alice}`, {}],
    [`DNS:x, URI:IntuneDeviceId://${alice}`, { dnsNames: ['y'] }],
    [`DNS:x, URI:IntuneDeviceId://${alice}`, { emailAddresses: ['x'] }],
    [`DNS:x, URI:IntuneDeviceId://${alice}`, { dnsNames: ['x, URI:IntuneDeviceId:'] }],
    [`DNS:x, URI:IntuneDeviceId://${alice}`, { dnsNames: [''] }],
    [`DNS:x, URI:IntuneDeviceId://${alice}`, { dnsNames: ['x', 'y'] }],
    [`DNS:xx, URI:IntuneDeviceId://${alice}`, { dnsNames: ['x'] }],
    [`DNS:x,URI:IntuneDeviceId://${alice}`, { dnsNames: ['x,URI:IntuneDeviceId:'] }],
  ]
  for (const [text, separate] of hidden) {
    const reading = readOpensslSan(text, separate)
    t.strictSame(reading.ids, [], text)
    t.strictSame(reading, { ids: [], doubtfulIds: [alice], isUnreadable: true }, `and it is told: ${text}`)
    t.strictSame(readOpensslSan(`${intune}, ${text}`, separate).ids, [bob], `an id in front counts: ${text}`)
    t.strictSame(readOpensslSan(`${text}, ${intune}`, separate).ids, [], `one behind does not: ${text}`)
  }
})

t.test('names of one kind alone are vouched for by those that were given of that kind', async (t) => {
  const rows: [string, SeparateNames][] = [
    ['DNS:x', { dnsNames: ['x'] }],
    ['email:x', { emailAddresses: ['x'] }],
    ['othername: UPN::x', { userPrincipalNames: ['x'] }],
  ]
  for (const [name, separate] of rows) {
    t.strictSame(readOpensslSan(`${name}, ${intune}`, separate).ids, [bob], name)
  }
})

t.test('a text of OpenSSL has labels, and ", " alone separates its names', async (t) => {
  for (const text of [
    `IntuneDeviceId://${alice}`,
    `${sid},URI:IntuneDeviceId://${alice}`,
    `${sid},IntuneDeviceId://${alice}`,
    `${sid}\nURI:IntuneDeviceId://${alice}`,
    `${sid}0000000000000000000, URI:x/IntuneDeviceId://${alice}`,
    `URI: IntuneDeviceId://${alice}`,
    `URI:IntuneDeviceId://${alice} `,
    `URI:IntuneDeviceId://${alice}, x`,
    `URI:IntuneDeviceId://${alice}, URL:x`,
    `URI:IntuneDeviceId://${alice}/`,
    `URI:IntuneDeviceId://${alice},`,
    `URI:tag:microsoft.com,2022-09-14:sid:x, URI:IntuneDeviceId://${alice}`,
    `URI:tag:corp.example,2022-09-14:sid:S-1-5, URI:IntuneDeviceId://${alice}`,
  ]) {
    t.strictSame(readOpensslSan(text, {}).ids, [], text)
  }
})

t.test('a text that FreeRADIUS cut has no last name', async (t) => {
  const cut = `DNS:${'x'.repeat(1023 - 'DNS:, '.length - intune.length)}, ${intune}`
  t.strictSame(readOpensslSan(cut, { dnsNames: [cut.slice(4, -2 - intune.length)] }), {
    ids: [],
    doubtfulIds: [],
    isUnreadable: true,
  })
  const before = `${intune}, DNS:${'x'.repeat(2000)}`.slice(0, 1023)
  t.strictSame(readOpensslSan(before, {}), { ids: [bob], doubtfulIds: [], isUnreadable: false })
})

t.test('a text that may have been cut before its escapes were read vouches for nothing', async (t) => {
  // FreeRADIUS cuts at 1,023 octets, and reads `\061` as 1 then: what arrives is shorter. The second name, which would
  // show that the first one is not `ab`, is behind the cut.
  const hidden = `DNS:ab, ${intune}, URI:${'1'.repeat(1020)}`.slice(0, 1020)
  t.strictSame(readOpensslSan(hidden, { dnsNames: ['ab'] }).ids, [])
  // The end of the URI is behind the cut.
  const octets = 1023 - 'DNS:, '.length - intune.length
  for (const escapes of [1, 50, Math.floor(octets / 4)]) {
    const name = 'x'.repeat(octets - 3 * escapes)
    t.strictSame(
      readOpensslSan(`DNS:${name}, ${intune}`, { dnsNames: [name] }),
      { ids: [], doubtfulIds: [bob], isUnreadable: true },
      `${escapes} escapes`,
    )
  }
  // As long as no number of escapes makes it long enough, the text is whole.
  const name = 'x'.repeat(190)
  t.strictSame(readOpensslSan(`DNS:${name}, ${intune}`, { dnsNames: [name] }).ids, [bob])
  // A name that nobody chooses, and `chosen` octets that may each have been four: 15 + 4 * 252 is 1,023.
  const read = (chosen: number) => {
    const dnsName = 'x'.repeat(chosen - 'DNS:, '.length - intune.length)
    return readOpensslSan(`IP Address:10, DNS:${dnsName}, ${intune}`, { dnsNames: [dnsName] })
  }
  t.strictSame(
    read(251),
    { ids: [bob], doubtfulIds: [], isUnreadable: false },
    'one octet short of the buffer',
  )
  t.strictSame(read(252), { ids: [], doubtfulIds: [bob], isUnreadable: true }, 'as long as the buffer')
  t.strictSame(
    readOpensslSan(`DNS:x, DNS:${'y'.repeat(250)}, email:z, ${intune}`, {}),
    { ids: [], doubtfulIds: [bob], isUnreadable: true },
    'an id in the last of many names is told',
  )
})

t.test('two device ids in one SAN are both reported, marked or bare', async (t) => {
  t.strictSame(readOpensslSan(`URI:IntuneDeviceId://${alice}, ${cisco}`, {}).ids, [alice, bob])
  t.strictSame(readOpensslSan(`URI:${alice}, ${intune}`, {}).ids, [alice, bob])
  t.strictSame(readOpensslSan(`${intune}, ${cisco}`, {}).ids, [bob], 'one in two forms is one')
  for (const rest of [
    `DNS:x, URI:${alice}`,
    `DNS:x, URI:${alice}, DNS:y`,
    `URI:${bob}, DNS:x, URI:${alice}, x`,
  ]) {
    const reading = { ids: [bob], doubtfulIds: [alice], isUnreadable: true }
    t.strictSame(readOpensslSan(`${intune}, ${rest}`, {}), reading, rest)
  }
  t.match(readOpensslSan(`${intune}, DNS:x, ${cisco}`, {}), {
    ids: [bob],
    doubtfulIds: [],
    isUnreadable: false,
  })
})

t.test('what callers join or send by itself is read where the id comes first', async (t) => {
  const bare = sid.slice('URI:'.length)
  const texts = [
    `IntuneDeviceId://${bob}`,
    `  INTUNEDEVICEID://${bob.toUpperCase()}\r\n`,
    bob,
    intune,
    `URL=IntuneDeviceId://${bob}`,
    `URIName: IntuneDeviceId://${bob}`,
    `uniformResourceIdentifier: ${bob}`,
    `${cisco}, ${sid}, DNS:laptop-01.corp.example, othername: UPN::bob@corp.example`,
    `${sid}, ${intune}`,
    `${bare},ID:Intune:GUID:${bob}`,
    `${bare};IntuneDeviceId://${bob}`,
    `URL=${bare}\r\n     URL=IntuneDeviceId://${bob}\r\n     DNS Name=laptop\r\n`,
    `IP Address:10.0.0.1, ${intune}`,
    `IP Address:2001:db8::1, ${intune}`,
    `\r\n${intune}\r\n`,
    `${bare}, ${bare}, ${intune}`,
    `uri:${bare}, ${sid}, ${intune}`,
    `IntuneDeviceId://${nil},IntuneDeviceId://${bob}`,
  ]
  for (const text of texts) {
    t.strictSame(readSanText(text), { ids: [bob], doubtfulIds: [], isUnreadable: false }, text)
  }
})

t.test('in a text that somebody joined, nothing counts behind a name that a user may choose', async (t) => {
  const separators = [', ', ',', ';', '|', '\n', '\r\n  ']
  const names = [
    'DNS:x',
    'x',
    'email:x',
    'othername: UPN::x',
    'DirName:/CN=x',
    'URI:https://x.example/',
    'https://x',
  ]
  for (const name of names) {
    for (const separator of separators) {
      const text = `${name}${separator}URI:IntuneDeviceId://${alice}`
      t.strictSame(
        readSanText(text),
        { ids: [], doubtfulIds: [alice], isUnreadable: true },
        JSON.stringify(text),
      )
    }
  }
  for (const start of [',', ', ', ';', '|', '\n,', ',,', `${sid},,`, `${sid}, ,`]) {
    t.strictSame(
      readSanText(`${start}URI:IntuneDeviceId://${alice}`).ids,
      [],
      `a name that begins with ${start}`,
    )
  }
  for (const text of ['DNS:laptop.corp.example', `DNS:${alice}`, `othername: UPN::GUID:${alice}`, '']) {
    t.strictSame(readSanText(text), { ids: [], doubtfulIds: [], isUnreadable: false }, text)
  }
})
