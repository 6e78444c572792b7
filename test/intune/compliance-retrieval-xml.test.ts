import fc from 'fast-check'
import t from 'tap'
import { parseComplianceReply } from '../../src/intune/compliance-retrieval-xml.ts'
import { parseXml } from '../../src/xml/xml-tree.ts'

const id = 'ee9d3792-6859-4b71-93aa-56aba42581c5'
const otherId = '3eeb9e62-0000-4000-8000-000000000001'
const mac = '005056A4895A'
const byId = { kind: 'deviceId', value: id } as const
const byMac = { kind: 'mac', value: mac } as const

/** The reply to a query by guid as captured from Intune through Cisco's tooling, around the given devices. */
function reply(devices: string): string {
  return `<?xml version="1.0" encoding="utf-8"?>
<ise_api xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns="http://schemas.datacontract.org/2004/07/Microsoft.Intune.ResourceAccess.ComplianceRetrievalService.Model">
<name>attributes</name><api_version>3</api_version><deviceList>${devices}</deviceList></ise_api>`
}

function device(register: string, status: string, ids = `<guid>${id}</guid>`): string {
  return `<device>${ids}<Attributes>${ids}<register_status>${register}</register_status><Compliance><status>${status}</status></Compliance></Attributes></device>`
}

t.test('the two flags give the enrolment and the compliance state', async (t) => {
  const cases: [string, string, boolean, string][] = [
    ['true', 'true', true, 'compliant'],
    ['true', 'false', true, 'noncompliant'],
    ['True', 'TRUE', true, 'compliant'],
    ['1', '0', true, 'noncompliant'],
    [' true\n', '\t1 ', true, 'compliant'],
    ['false', 'false', false, 'unknown'],
    ['0', '', false, 'unknown'],
    ['false', 'true', false, 'unknown'],
    ['true', '', true, 'unknown'],
    ['true', 'unknown', true, 'unknown'],
    ['true', 'yes', true, 'unknown'],
    ['true', 'truefalse', true, 'unknown'],
    ['true', '2', true, 'unknown'],
    ['true', '<b>true</b>', true, 'unknown'],
    ['true', '<![CDATA[true]]>', true, 'compliant'],
  ]
  for (const [register, status, enrolled, complianceState] of cases) {
    const outcome = parseComplianceReply(reply(device(register, status)), byId)
    t.same(
      outcome,
      { ok: true, value: { enrolled, complianceState, deviceId: id } },
      `register_status ${JSON.stringify(register)}, status ${JSON.stringify(status)}`,
    )
  }
})

t.test('case, prefixes, nil and self-closed elements make no difference', async (t) => {
  const variants = [
    `<ISE_API><DEVICELIST><Device><GUID>${id.toUpperCase()}</GUID><attributes><Register_Status>true</Register_Status><compliance><Status>true</Status></compliance></attributes></Device></DEVICELIST></ISE_API>`,
    `<a:ise_api xmlns:a="urn:x"><a:deviceList><a:device><a:guid>${id}</a:guid><a:register_status>true</a:register_status><a:Compliance><a:status>true</a:status></a:Compliance></a:device></a:deviceList></a:ise_api>`,
    reply(
      `<device><guid i:nil="true"/><Attributes><guid>${id}</guid><register_status>true</register_status><Compliance><status>true</status></Compliance><extra/></Attributes></device>`,
    ),
    reply(device('true', 'true', `<guid>00000000-0000-0000-0000-000000000000</guid><guid>${id}</guid>`)),
    reply(device('true', 'true', `<guid>{${id}}</guid>`)),
  ]
  for (const xml of variants) {
    const outcome = parseComplianceReply(xml, byId)
    t.match(outcome, { ok: true, value: { enrolled: true, complianceState: 'compliant' } }, xml)
  }
  for (const status of ['<status/>', '<status i:nil="true"/>', '<status></status>', '']) {
    const xml = reply(
      `<device><guid>${id}</guid><Attributes><register_status>true</register_status><Compliance>${status}</Compliance></Attributes></device>`,
    )
    const outcome = parseComplianceReply(xml, byId)
    t.match(
      outcome,
      { ok: true, value: { enrolled: true, complianceState: 'unknown' } },
      `no status: ${status}`,
    )
  }
})

t.test('an empty list means not enrolled', async (t) => {
  const notEnrolled = { ok: true, value: { enrolled: false, complianceState: 'unknown' } }
  t.same(parseComplianceReply(reply(''), byId), notEnrolled, 'an empty list')
  t.same(parseComplianceReply('<ise_api><deviceList/></ise_api>', byId), notEnrolled, 'a self-closed list')
  t.same(parseComplianceReply(reply('\n  \n'), byId), notEnrolled, 'a list of blanks')
  const paged = '<ise_api><paging_info>0</paging_info><deviceList/></ise_api>'
  t.same(parseComplianceReply(paged, byId), notEnrolled, 'the last page')
})

t.test('a reply that names no device is no evidence: neither compliant nor not enrolled', async (t) => {
  const malformed = { ok: false, fault: { code: 'intune_reply_malformed' } }
  const nil = '<guid>00000000-0000-0000-0000-000000000000</guid>'
  const documents: Record<string, string> = {
    'no list': '<ise_api><name>attributes</name></ise_api>',
    nothing: '<ise_api/>',
    'a list that is nil': '<ise_api xmlns:i="urn:x"><deviceList i:nil="true"/></ise_api>',
    'the list inside something else': '<ise_api><result><deviceList/></result></ise_api>',
    'two lists': '<ise_api><deviceList/><deviceList/></ise_api>',
    'a list of something else': '<ise_api><deviceList><error>none</error></deviceList></ise_api>',
    'a text in place of devices': '<ise_api><deviceList>none</deviceList></ise_api>',
    'an error document': '<ise_api><name>error</name><deviceList/></ise_api>',
    'a document with two names': '<ise_api><name>attributes</name><name>error</name><deviceList/></ise_api>',
    'a page of several': '<ise_api><paging_info>7</paging_info><deviceList/></ise_api>',
    'an empty device': reply('<device/>'),
    'a nil device': reply('<device i:nil="true"/>'),
    'a compliant device without an id': reply(device('true', 'true', '')),
    'a device without an id that is not enrolled': reply(device('false', 'false', '')),
    'a device with an id of zeros': reply(device('true', 'true', nil)),
    'a device without an id beside the right one': reply(
      device('true', 'true') + device('true', 'false', ''),
    ),
  }
  for (const [name, xml] of Object.entries(documents)) {
    for (const asked of [byId, byMac]) {
      if (asked === byMac && name.endsWith('the right one')) continue
      t.match(parseComplianceReply(xml, asked), malformed, `${name}, by ${asked.kind}`)
    }
  }
  const address = device('true', 'true', `<macaddress>${mac}</macaddress>`)
  t.match(parseComplianceReply(reply(address), byId), malformed, 'an address is no answer about an id')
  const garbage = device('true', 'true', '<guid>x</guid><macaddress></macaddress>')
  t.match(parseComplianceReply(reply(garbage), byMac), malformed, 'an id that is none')
  t.match(
    parseComplianceReply(
      reply(device('true', 'true', `<macaddress>${mac}</macaddress>`) + device('true', 'false')),
      byMac,
    ),
    malformed,
    'one named by the address, another by its id',
  )
})

t.test('version 2 names no device and has a list all the same', async (t) => {
  const compliant = { ok: true, value: { enrolled: true, complianceState: 'compliant' } }
  const ask = (xml: string) => parseComplianceReply(xml, byMac, undefined, 2)
  t.match(ask(reply(device('true', 'true', ''))), compliant)
  t.match(ask(reply(device('false', 'false', ''))), { ok: true, value: { enrolled: false } })
  t.match(ask(reply(device('true', 'true', '<macaddress>005056A4895B</macaddress>'))), {
    fault: { code: 'intune_reply_mismatch' },
  })
  for (const xml of ['<ise_api><name>attributes</name></ise_api>', reply('<device/>'), '<ise_api/>']) {
    t.match(ask(xml), { fault: { code: 'intune_reply_malformed' } }, xml)
  }
})

t.test(
  'a reply that contradicts itself gives no verdict, and says that nothing older may stand in',
  async (t) => {
    const contradiction = { ok: false, fault: { code: 'intune_reply_malformed', isContradiction: true } }
    const replies: Record<string, string> = {
      'two statuses': device('true', 'true</status><status>false'),
      'two statuses, one of them unreadable': device('true', 'true</status><status>maybe'),
      'two register statuses': device('true</register_status><register_status>false', 'true'),
      'one device compliant and noncompliant': device('true', 'true') + device('true', 'false'),
      'one device enrolled and not enrolled': device('true', 'true') + device('false', 'false'),
    }
    for (const [name, devices] of Object.entries(replies)) {
      t.match(parseComplianceReply(reply(devices), byId), contradiction, name)
    }
    t.match(
      parseComplianceReply(reply(device('true', 'true</status><status>true')), byId),
      { ok: true, value: { complianceState: 'compliant' } },
      'the same said twice is no contradiction',
    )
    const unreadable = parseComplianceReply(reply(device('maybe', 'true')), byId)
    t.notOk(!unreadable.ok && unreadable.fault.isContradiction, 'what is only unreadable is none')
  },
)

t.test('an answer about another device is not used', async (t) => {
  const mismatch = { ok: false, fault: { code: 'intune_reply_mismatch' } }
  const other = `<guid>${otherId}</guid>`
  const [same, mixed] = [`<guid>${id}</guid>`, `<guid>${id}</guid><guid>${otherId}</guid>`]
  t.match(parseComplianceReply(reply(device('true', 'true', other)), byId), mismatch, 'another guid')
  t.match(
    parseComplianceReply(reply(device('false', 'false', other)), byId),
    mismatch,
    'even when not enrolled',
  )
  t.match(parseComplianceReply(reply(device('true', 'true', mixed)), byId), mismatch, 'two guids')
  const inside = `<device>${same}<Attributes>${other}<register_status>true</register_status></Attributes></device>`
  t.match(parseComplianceReply(reply(inside), byId), mismatch, 'another guid inside')
  const macs = '<macaddress>005056A4895B</macaddress>'
  t.match(parseComplianceReply(reply(device('true', 'true', macs)), byMac), mismatch, 'another MAC')
  const garbage = '<macaddress>none</macaddress>'
  t.match(parseComplianceReply(reply(device('true', 'true', garbage)), byMac), mismatch, 'a MAC that is none')
  const both = reply(device('true', 'true', other) + device('true', 'true', ''))
  t.match(parseComplianceReply(both, byId), mismatch, 'another device beside a silent one')
})

t.test('the asked device is found among others and in every spelling', async (t) => {
  const spelled = '<macaddress>00:50:56:a4:89:5a</macaddress>'
  t.same(
    parseComplianceReply(reply(device('true', 'true', `<guid>${id}</guid>${spelled}`)), byMac),
    { ok: true, value: { enrolled: true, complianceState: 'compliant', deviceId: id, macs: [mac] } },
    'the ids of the reply are kept in canonical form',
  )
  t.match(
    parseComplianceReply(reply(device('true', 'true', `<guid>${otherId}</guid>`)), byMac),
    { ok: true, value: { complianceState: 'compliant', deviceId: otherId } },
    'a reply that does not echo the asked kind is accepted',
  )
  t.match(
    parseComplianceReply(
      reply(device('true', 'false', `<guid>${otherId}</guid>`) + device('true', 'true')),
      byId,
    ),
    { ok: true, value: { complianceState: 'compliant', deviceId: id } },
    'the other device has no say',
  )
  const odd = parseComplianceReply(
    reply(device('true', 'true', `<guid>x</guid><macaddress>${mac}</macaddress>`)),
    byMac,
  )
  t.same(
    odd,
    { ok: true, value: { enrolled: true, complianceState: 'compliant', macs: [mac] } },
    'odd ids are not kept',
  )
})

t.test('of several devices the worse enrolled one counts', async (t) => {
  const echo = `<macaddress>${mac}</macaddress>`
  const states: Record<string, string> = {
    compliant: device('true', 'true', echo),
    noncompliant: device('true', 'false', echo),
    unknown: device('true', '', echo),
    gone: device('false', 'true', echo),
  }
  const cases: [string[], string, boolean][] = [
    [['compliant', 'noncompliant'], 'noncompliant', true],
    [['noncompliant', 'unknown'], 'noncompliant', true],
    [['compliant', 'unknown'], 'unknown', true],
    [['gone', 'compliant'], 'compliant', true],
    [['compliant', 'gone', 'noncompliant'], 'noncompliant', true],
    [['gone', 'gone'], 'unknown', false],
  ]
  for (const [names, complianceState, enrolled] of cases) {
    const outcome = parseComplianceReply(reply(names.map((name) => states[name]).join('')), byMac)
    t.match(outcome, { ok: true, value: { enrolled, complianceState } }, names.join(' and '))
  }
})

t.test('what cannot be understood gives no verdict', async (t) => {
  const compliance = '<Compliance><status>true</status></Compliance>'
  const cases: Record<string, string> = {
    'an empty body': '',
    JSON: '{"complianceState":true}',
    HTML: '<!DOCTYPE html><html><body>Sign in</body></html>',
    'another root': '<html><deviceList/></html>',
    'an mdminfo document': '<ise_api><name>mdminfo</name><api_version>3</api_version></ise_api>',
    'a document cut off': reply(device('true', 'true')).slice(0, -20),
    'two roots': '<ise_api/><ise_api/>',
    'crossed elements': '<ise_api><a><b></a></b></ise_api>',
    'no register_status': reply(`<device><Attributes>${compliance}</Attributes></device>`),
    'an unreadable register_status': reply(device('maybe', 'true')),
    'contradicting register_status': reply(device('true</register_status><register_status>false', 'true')),
    'one unreadable device of two': reply(device('true', 'true') + device('', 'true')),
    'an undefined entity': reply(device('&yes;', 'true')),
    'a harmless DOCTYPE': `<!DOCTYPE ise_api><ise_api><deviceList/></ise_api>`,
  }
  for (const [name, xml] of Object.entries(cases)) {
    t.match(parseComplianceReply(xml, byId), { ok: false, fault: { code: 'intune_reply_malformed' } }, name)
  }
})

t.test('a bomb is refused before it costs anything', async (t) => {
  const entities = Array.from({ length: 12 }, (_, i) => `<!ENTITY e${i + 1} "${`&e${i};`.repeat(10)}">`).join(
    '',
  )
  const laughs = `<!DOCTYPE ise_api [<!ENTITY e0 "ha">${entities}]><ise_api><name>&e12;</name></ise_api>`
  const external =
    '<!DOCTYPE ise_api [<!ENTITY x SYSTEM "file:///etc/passwd">]><ise_api><name>&x;</name></ise_api>'
  const bombs: Record<string, string> = {
    'a billion laughs': laughs,
    'an external entity': external,
    'very deep': `${'<a>'.repeat(5000)}${'</a>'.repeat(5000)}`,
    'very many': `<ise_api>${'<a/>'.repeat(20_000)}</ise_api>`,
    'very long': `<ise_api>${' '.repeat(300_000)}</ise_api>`,
  }
  for (const [name, xml] of Object.entries(bombs)) {
    const startedAt = performance.now()
    t.match(parseComplianceReply(xml, byId), { ok: false, fault: { code: 'intune_reply_malformed' } }, name)
    t.ok(performance.now() - startedAt < 1000, `${name} is over at once`)
  }
})

t.test('only a readable true for the asked device is ever compliant', async (t) => {
  const text = fc.oneof(fc.constantFrom('true', 'false', '', '1', '0', 'nil', 'TRUE', ' true '), fc.string())
  const guid = fc.constantFrom(id, otherId, '')
  const printable = (value: string) => value.replace(/[^\p{L}\p{N} -]/gu, '')
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text, guid), { maxLength: 3 }), (devices) => {
      const xml = reply(
        devices.map(([r, s, g]) => device(printable(r), printable(s), g && `<guid>${g}</guid>`)).join(''),
      )
      const outcome = parseComplianceReply(xml, byId)
      if (!outcome.ok || outcome.value.complianceState !== 'compliant') return
      const isTrue = (value: string) => ['true', '1'].includes(printable(value).trim().toLowerCase())
      const vouching = devices.some(([r, s, g]) => isTrue(r) && isTrue(s) && g !== otherId)
      if (!vouching) throw new Error(`compliant without a device that says so: ${xml}`)
    }),
    { numRuns: 300 },
  )
  fc.assert(
    fc.property(fc.string(), (garbage) => {
      parseComplianceReply(garbage, byId)
      parseXml(`<a>${garbage}</a>`, { maxCharacters: 1000, maxElements: 10, maxDepth: 5 })
    }),
    { numRuns: 300 },
  )
  t.pass('for every generated reply')
})
