import fc from 'fast-check'
import t from 'tap'
import type { DeviceIdentity, IdentityAttributes } from '../../src/identity/device-identity.ts'
import { parseIdentity } from '../../src/identity/parse-identity.ts'

const id = '3eeb9e62-cec9-4dd8-9dd6-74903695a62b'
const other = '1759c0fd-c8da-49e8-b14f-19d85acfacea'
const third = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'
const mac = '00:50:56:A4:89:5A'
const randomMac = 'DA:A1:19:00:00:01'
const fields = [
  'deviceId',
  'certificateSan',
  'certificateCn',
  'serialNumber',
  'imei',
  'meid',
  'udid',
  'mac',
] as const

/** `kind/value from origin, rank` of every identifier, in order. */
function summary(identity: DeviceIdentity): readonly string[] {
  return identity.identifiers.map(
    ({ kind, value, origin, rank }) => `${kind}/${value} from ${origin}, rank ${rank}`,
  )
}

function identityOf(parsed: ReturnType<typeof parseIdentity>): DeviceIdentity {
  if (!parsed.ok) throw new Error(parsed.fault.message)
  return parsed.value
}

t.test('identifiers come out best rank first', async (t) => {
  const parsed = parseIdentity({
    mac,
    udid: '00008020-0015784c218a402e',
    meid: 'AF0123450ABCDE',
    imei: '490154203237518',
    serialNumber: 'F9GDX3RQQ1GC',
    certificateCn: other,
    certificateSan: `URI:IntuneDeviceId://${id}`,
  })
  t.ok(parsed.ok, 'everything is accepted')
  if (!parsed.ok) return
  t.strictSame(
    summary(parsed.value),
    [
      `deviceId/${id} from certificateSan, rank 1`,
      `deviceId/${other} from certificateCn, rank 2`,
      'serialNumber/F9GDX3RQQ1GC from serialNumber, rank 3',
      'imei/490154203237518 from imei, rank 3',
      'meid/AF0123450ABCDE from meid, rank 3',
      'udid/00008020-0015784C218A402E from udid, rank 3',
      'mac/005056A4895A from mac, rank 4',
    ],
    'in the order of the ranks',
  )
  t.notOk('conflict' in parsed.value, 'a common name with another GUID is no conflict')
})

t.test('what is said several times is one identifier', async (t) => {
  const repeated: { case: string; attributes: IdentityAttributes; identifiers: readonly string[] }[] = [
    {
      case: 'the device id given, in the SAN and in the common name',
      attributes: {
        deviceId: `{${id}}`,
        certificateSan: `IntuneDeviceId://${id.toUpperCase()}`,
        certificateCn: ` ${id.toUpperCase()} `,
      },
      identifiers: [`deviceId/${id} from deviceId, rank 1`],
    },
    {
      case: 'the SAN as several URIs',
      attributes: {
        certificateSan: [
          `ID:Intune:GUID:${id}`,
          'tag:microsoft.com,2022-09-14:sid:S-1-5',
          `IntuneDeviceId://${id}`,
        ],
      },
      identifiers: [`deviceId/${id} from certificateSan, rank 1`],
    },
    {
      case: 'a MAC in two spellings',
      attributes: { mac: [mac, '0050.56a4.895a'] },
      identifiers: ['mac/005056A4895A from mac, rank 4'],
    },
    {
      case: 'an IMEI with and without check digit, and a blank one',
      attributes: { imei: ['490154203237518', '49015420323751', ' '] },
      identifiers: ['imei/490154203237518 from imei, rank 3'],
    },
  ]
  for (const { case: title, attributes, identifiers } of repeated) {
    const parsed = parseIdentity(attributes)
    t.strictSame(parsed.ok && summary(parsed.value), identifiers, title)
    t.notOk(parsed.ok && parsed.value.conflict, `${title}: no conflict`)
  }
})

t.test('two different device ids of rank 1 are a conflict', async (t) => {
  const given = { kind: 'deviceId', value: id, origin: 'deviceId', rank: 1 } as const
  const inSan = { kind: 'deviceId', value: other, origin: 'certificateSan', rank: 1 } as const
  const conflicts = [
    {
      case: 'given and in the SAN',
      attributes: { deviceId: id, certificateSan: `IntuneDeviceId://${other}` },
      conflict: [given, inSan],
    },
    {
      case: 'given twice',
      attributes: { deviceId: [id, other] },
      conflict: [given, { ...inSan, origin: 'deviceId' }],
    },
    {
      case: 'in two URIs of the SAN',
      attributes: { certificateSan: [`IntuneDeviceId://${id}`, `ID:Intune:GUID:${other}`] },
      conflict: [{ ...given, origin: 'certificateSan' }, inSan],
    },
    {
      case: 'the given one stands first, even where the SAN repeats it later',
      attributes: {
        deviceId: id,
        certificateSan: `IntuneDeviceId://${other}, IntuneDeviceId://${id}`,
        certificateCn: third,
      },
      conflict: [given, inSan],
    },
  ]
  for (const { case: title, attributes, conflict } of conflicts) {
    const parsed = parseIdentity(attributes)
    t.strictSame(parsed.ok && parsed.value.conflict, conflict, title)
    t.strictSame(parsed.ok && parsed.value.identifiers.slice(0, 2), conflict, `${title}: both are listed`)
  }
})

t.test('an id that can be read in two ways does not count, and the identity says so', async (t) => {
  const hidden = `DNS:x, URI:IntuneDeviceId://${id}`
  const rows: {
    case: string
    attributes: IdentityAttributes
    decides: string
    unreadable: readonly string[]
  }[] = [
    {
      case: 'a SAN',
      attributes: { certificateSan: hidden, mac },
      decides: 'mac',
      unreadable: ['certificateSan'],
    },
    {
      case: 'a SAN and a common name',
      attributes: { certificateSan: hidden, certificateCn: `Bobs phone/CN=${id}`, mac },
      decides: 'mac',
      unreadable: ['certificateSan', 'certificateCn'],
    },
    {
      case: 'a SAN beside a common name that is an id',
      attributes: { certificateSan: hidden, certificateCn: other, mac },
      decides: 'certificateCn',
      unreadable: ['certificateSan'],
    },
    {
      case: 'a certificate of FreeRADIUS',
      attributes: {
        certificate: { sanTexts: [hidden], dnsNames: [hidden.slice(4)], commonNames: ['Bob'] },
        mac,
      },
      decides: 'mac',
      unreadable: ['certificateSan'],
    },
    {
      case: 'beside a random MAC',
      attributes: { certificateSan: hidden, mac: randomMac },
      decides: 'none',
      unreadable: ['certificateSan'],
    },
  ]
  for (const { case: title, attributes, decides, unreadable } of rows) {
    const parsed = parseIdentity(attributes)
    t.equal(parsed.ok && (parsed.value.identifiers[0]?.origin ?? 'none'), decides, title)
    t.strictSame(parsed.ok && parsed.value.unreadable, unreadable, title)
  }
  t.notOk(
    'unreadable' in
      identityOf(parseIdentity({ certificateSan: `IntuneDeviceId://${id}`, certificateCn: 'laptop' })),
  )
})

t.test('beside an id that counts, another one is a conflict even where it is in doubt', async (t) => {
  const hidden = `DNS:x, URI:IntuneDeviceId://${other}`
  const rows: IdentityAttributes[] = [
    { deviceId: id, certificateSan: hidden },
    { certificateSan: [`IntuneDeviceId://${id}`, hidden] },
    { certificateSan: `IntuneDeviceId://${id}, ${hidden}` },
    { certificateSan: [id, `IntuneDeviceId://${other}`] },
    { certificate: { sanTexts: [`URI:${id}, URI:IntuneDeviceId://${other}`] } },
    { certificate: { sanTexts: [`URI:IntuneDeviceId://${id}, ${hidden}`] } },
    { certificate: { uris: [id, `GUID:${other}`] } },
  ]
  for (const attributes of rows) {
    t.match(
      parseIdentity(attributes),
      { ok: true, value: { conflict: [{ value: id }, { value: other }] } },
      JSON.stringify(attributes),
    )
  }
  t.strictSame(
    identityOf(parseIdentity({ deviceId: id, certificateSan: hidden })).conflict,
    [
      { kind: 'deviceId', value: id, origin: 'deviceId', rank: 1 },
      { kind: 'deviceId', value: other, origin: 'certificateSan', rank: 1 },
    ],
    'both with where they came from',
  )
})

t.test('a randomised MAC is reported and never looked up', async (t) => {
  t.strictSame(
    parseIdentity({ mac: randomMac }),
    { ok: true, value: { identifiers: [], randomizedMac: 'DAA119000001' } },
    'alone it is a success without identifiers',
  )
  const parsed = parseIdentity({ mac: randomMac, deviceId: id })
  t.strictSame(
    parsed.ok && summary(parsed.value),
    [`deviceId/${id} from deviceId, rank 1`],
    'beside a device id',
  )
  t.equal(parsed.ok && parsed.value.randomizedMac, 'DAA119000001', 'and still reported')
})

t.test('a request that names no device says what is missing', async (t) => {
  const missing: { case: string; attributes: IdentityAttributes; fault: object }[] = [
    { case: 'nothing', attributes: {}, fault: { message: /names no device/ } },
    {
      case: 'blank texts',
      attributes: { mac: '', deviceId: '  ', imei: ['', '\t'] },
      fault: { message: /names no device/ },
    },
    { case: 'an empty list', attributes: { mac: [] }, fault: { message: /names no device/ } },
    {
      case: 'a SAN without a device id',
      attributes: { certificateSan: 'DNS:laptop.corp.example', certificateCn: 'laptop' },
      fault: {
        field: 'certificateSan',
        message: /IntuneDeviceId:\/\/GUID, ID:Microsoft Endpoint Manager:GUID:GUID/,
      },
    },
    {
      case: 'a common name that is no GUID',
      attributes: { certificateCn: 'laptop-01' },
      fault: { field: 'certificateCn', message: /not an Intune device id/ },
    },
    {
      case: 'a whole subject as common name',
      attributes: { certificateCn: `CN=${id},O=Example` },
      fault: { field: 'certificateCn', message: /Send the common name alone, not the subject/ },
    },
    {
      case: 'two GUIDs as common name',
      attributes: { certificateCn: [id, other] },
      fault: { field: 'certificateCn', message: /as a whole/ },
    },
    {
      case: 'a SAN that can be read in two ways',
      attributes: { certificateSan: `DNS:laptop, URI:IntuneDeviceId://${id}` },
      fault: { field: 'certificateSan', message: /read in more than one way.*one by one/ },
    },
  ]
  for (const { case: title, attributes, fault } of missing) {
    t.match(parseIdentity(attributes), { ok: false, fault: { code: 'identifier_missing', ...fault } }, title)
  }
  t.ok(
    parseIdentity({ certificateSan: 'DNS:laptop', certificateCn: 'laptop', mac }).ok,
    'a MAC beside them is enough',
  )
})

t.test('a malformed attribute is named, even beside a good one', async (t) => {
  const different = /given more than once with different values/
  const malformed: { case: string; attributes: IdentityAttributes; field: string; says: RegExp }[] = [
    { case: 'MAC', attributes: { deviceId: id, mac: 'x' }, field: 'mac', says: /not a MAC/ },
    { case: 'second MAC', attributes: { mac: [mac, 'x'] }, field: 'mac', says: /not a MAC/ },
    {
      case: 'device id',
      attributes: { deviceId: 'x', mac },
      field: 'deviceId',
      says: /not an Intune device id/,
    },
    { case: 'IMEI', attributes: { imei: 'x', mac }, field: 'imei', says: /not an IMEI/ },
    { case: 'two MACs', attributes: { mac: [mac, '00:50:56:A4:89:5B'] }, field: 'mac', says: different },
    { case: 'a MAC and a random one', attributes: { mac: [randomMac, mac] }, field: 'mac', says: different },
    {
      case: 'two IMEIs',
      attributes: { imei: ['490154203237518', '490154203237510'] },
      field: 'imei',
      says: different,
    },
  ]
  for (const { case: title, attributes, field, says } of malformed) {
    const fault = { code: 'identifier_malformed', field, message: says }
    t.match(parseIdentity(attributes), { ok: false, fault }, title)
  }
})

t.test('a text longer than 4096 characters is malformed under every name', async (t) => {
  for (const field of fields) {
    const parsed = parseIdentity({ [field]: 'a'.repeat(4097) })
    const fault = { code: 'identifier_malformed', field, message: /longer than 4096 characters/ }
    t.match(parsed, { ok: false, fault }, field)
  }
  t.ok(parseIdentity({ certificateSan: `IntuneDeviceId://${id}`.padEnd(4096) }).ok, '4096 are accepted')
})

t.test('a value that is no text is malformed and does not throw', async (t) => {
  for (const value of [1, {}, [null], true]) {
    const attributes: IdentityAttributes = JSON.parse(JSON.stringify({ mac: value }))
    const fault = { code: 'identifier_malformed', field: 'mac', message: /must be a text/ }
    t.match(parseIdentity(attributes), { ok: false, fault }, JSON.stringify(value))
  }
})

t.test('a message repeats at most 40 harmless characters of the input', async (t) => {
  const parsed = parseIdentity({ mac: `"\\<\n\u001b[31mé\u202e${'z'.repeat(60)}` })
  t.match(
    !parsed.ok && parsed.fault.message,
    /^mac: "\?\?<\?\?\[31m\?\?z{29}"\.\.\. is not a MAC address/,
    'quotes, control characters and other scripts are replaced',
  )
})

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary-ascii' }),
  fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF:-. {}'), maxLength: 50 }),
  fc.constantFrom(id, other, mac, randomMac, `IntuneDeviceId://${id}`, '490154203237518', '', ' '),
)
const anyAttributes = fc.record(
  Object.fromEntries(fields.map((field) => [field, fc.oneof(anyText, fc.array(anyText, { maxLength: 3 }))])),
  { requiredKeys: [] },
)
const canonicalForms = {
  deviceId: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  serialNumber: /^[\x20-`{-~]{1,128}$/,
  imei: /^\d{15}$/,
  meid: /^[0-9A-F]{14}$/,
  udid: /^([0-9a-f]{40}|[0-9A-F]{8}-[0-9A-F]{16})$/,
  mac: /^[0-9A-F]{12}$/,
}

t.test('any input gives canonical identifiers in rank order or a fault of the caller', async (t) => {
  fc.assert(
    fc.property(anyAttributes, (attributes: IdentityAttributes) => {
      const parsed = parseIdentity(attributes)
      if (!parsed.ok) {
        return (
          ['identifier_missing', 'identifier_malformed'].includes(parsed.fault.code) &&
          /^[\x20-\x7e]+$/.test(parsed.fault.message)
        )
      }
      const { identifiers, randomizedMac } = parsed.value
      const ranks = identifiers.map((identifier) => identifier.rank)
      return (
        identifiers.every(({ kind, value }) => canonicalForms[kind].test(value)) &&
        ranks.every((rank, position) => position === 0 || (ranks[position - 1] ?? 0) <= rank) &&
        (identifiers.length > 0 || randomizedMac !== undefined)
      )
    }),
    { numRuns: 1000 },
  )
  t.pass('holds for arbitrary texts')
})

/** The best of up to 20 runs, so that a busy machine does not make a fast one look slow. */
function bestTimeMs(run: () => unknown): number {
  let bestMs = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 20 && bestMs > 1; attempt++) {
    const startedMs = performance.now()
    run()
    bestMs = Math.min(bestMs, performance.now() - startedMs)
  }
  return bestMs
}

t.test('texts made to slow a pattern down are read in linear time', async (t) => {
  const pieces = [
    ' ',
    ',',
    ', ',
    ',ID:',
    'ID:',
    ',ID:a',
    'GUID:',
    ',URI:',
    ',URI ',
    ',URI: ',
    '0',
    '00:',
    '0 ',
    '0-',
    `${id}`,
    `,${id} `,
    `,ID:x:GUID:${id}`,
    'CN=',
    ',CN ',
    `/CN=${id} `,
    '{',
    'a',
    'URI:tag:microsoft.com,2022-09-14:sid:S-1-5-21, ',
    'URI:tag:microsoft.com,2022-09-14:sid:S-1-1',
    '-1',
    'Registered ID:a ',
    'IP Address:1.1, ',
    'IP Address:1',
    'DNS:a, ',
    'email:a',
  ]
  const texts = pieces.flatMap((piece) => {
    const text = piece.repeat(4096).slice(0, 4095)
    return [`x${text}`, `${text}x`, `,URI${text}`.slice(0, 4096), `,ID:${text}`.slice(0, 4096)]
  })
  const names = ['uris', 'sanTexts', 'dnsNames', 'commonNames', 'subjects']
  const asked: [string, (text: string) => IdentityAttributes][] = [
    ...fields.map((field): [string, (text: string) => IdentityAttributes] => [
      field,
      (text) => ({ [field]: text }),
    ]),
    ['certificate', (text) => ({ certificate: Object.fromEntries(names.map((name) => [name, [text]])) })],
  ]
  for (const [field, attributes] of asked) {
    const slowestMs = Math.max(...texts.map((text) => bestTimeMs(() => parseIdentity(attributes(text)))))
    // Linear is under 0.2 ms; the mildest quadratic pattern takes over 5 ms for 4096 characters.
    t.ok(slowestMs < 2, `${field}: the slowest of ${texts.length} texts took ${slowestMs.toFixed(3)} ms`)
  }
})

t.test('of a thousand device ids two are a contradiction, and a handful is kept', async (t) => {
  const guid = (index: number) => `${index.toString(16).padStart(8, '0')}-1111-4111-8111-111111111111`
  const guids = Array.from({ length: 1000 }, (_, index) => guid(index + 1))
  const forms: readonly IdentityAttributes[] = [
    { deviceId: guids },
    { certificateSan: guids },
    { certificate: { uris: guids } },
    { certificate: { sanTexts: [guids.map((text) => `URI:${text}`).join(', ')] } },
    { deviceId: guid(1), certificateSan: `DNS:x,${guids.join(',').slice(0, 4000)}` },
  ]
  for (const form of forms) {
    const { identifiers, conflict } = identityOf(parseIdentity({ ...form, mac }))
    t.match(conflict, [{ value: guid(1) }, { value: guid(2) }])
    t.equal(identifiers.length, 16 + 1)
    t.match(identifiers.at(-1), { kind: 'mac', rank: 4 })
  }
})
