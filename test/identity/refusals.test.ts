import t from 'tap'
import type { Outcome } from '../../src/errors/fault.ts'
import {
  parseImei,
  parseMeid,
  parseSerialNumber,
  parseUdid,
} from '../../src/identity/hardware-identifiers.ts'
import { parseDeviceId } from '../../src/identity/intune-device-id.ts'
import { parseMacAddress } from '../../src/identity/mac-address.ts'
import { parseIdentity } from '../../src/identity/parse-identity.ts'

const longUdid = '2b6f0cc904d137be2e1730235f5664094b831186'
const shortUdid = '00008020-0015784C218A402E'

/** What an administrator reads in the log of the NAS, word by word. */
const sentences: readonly {
  readonly parse: (text: string) => Outcome<unknown>
  readonly text: string
  readonly field: string
  readonly message: string
}[] = [
  {
    parse: parseImei,
    text: '123',
    field: 'imei',
    message:
      'imei: "123" is not an IMEI. Accepted are 15 digits, 14 without the check digit or 16 with the software ' +
      'version; single spaces or hyphens between digits do not matter.',
  },
  {
    parse: parseImei,
    text: '111111111111111',
    field: 'imei',
    message: 'imei: "111111111111111" is a filler, not an IMEI.',
  },
  {
    parse: parseMeid,
    text: '123',
    field: 'meid',
    message:
      'meid: "123" is not a MEID. Accepted are 14 hex digits, 15 with the check digit, or 18 decimal digits (ten ' +
      'up to 4294967295, then eight up to 16777215).',
  },
  {
    parse: parseMeid,
    text: 'FFFFFFFFFFFFFF',
    field: 'meid',
    message: 'meid: "FFFFFFFFFFFFFF" is a filler, not a MEID.',
  },
  {
    parse: parseUdid,
    text: '123',
    field: 'udid',
    message:
      'udid: "123" is not a UDID. Accepted are 40 hex digits, or 8 and 16 hex digits with a hyphen between them.',
  },
  {
    parse: parseUdid,
    text: 'f'.repeat(40),
    field: 'udid',
    message: `udid: "${'f'.repeat(40)}" is a filler, not a UDID.`,
  },
  {
    parse: parseSerialNumber,
    text: 'ü',
    field: 'serialNumber',
    message: 'serialNumber: "?" is not a serial number. Accepted are 1 to 128 printable ASCII characters.',
  },
  {
    parse: parseSerialNumber,
    text: 'None',
    field: 'serialNumber',
    message: 'serialNumber: "None" is a filler, not a serial number.',
  },
  {
    parse: parseDeviceId,
    text: '123',
    field: 'deviceId',
    message:
      'deviceId: "123" is not an Intune device id. Accepted are a GUID (3eeb9e62-cec9-4dd8-9dd6-74903695a62b, ' +
      'braces and case do not matter), IntuneDeviceId://GUID and ID:Microsoft Endpoint Manager:GUID:GUID.',
  },
  {
    parse: parseMacAddress,
    text: '123',
    field: 'mac',
    message:
      'mac: "123" is not a MAC address. Accepted are 12 hex digits bare (AABBCCDDEEFF) or with one kind of ' +
      'separator (: - . or a space) between groups of two, four or six: AA:BB:CC:DD:EE:FF, AA-BB-CC-DD-EE-FF, ' +
      'aabb.ccdd.eeff, aabbcc-ddeeff.',
  },
  {
    parse: (text) => parseIdentity({ udid: [text, longUdid] }),
    text: shortUdid,
    field: 'udid',
    message: `udid: "${shortUdid}, ${longUdid.slice(0, 13)}"... was given more than once with different values.`,
  },
]

for (const { parse, text, field, message } of sentences) {
  t.test(`refused: ${message.slice(0, 60)}`, async (t) => {
    t.match(parse(text), { ok: false, fault: { code: 'identifier_malformed', field } })
    const parsed = parse(text)
    t.equal(parsed.ok ? '' : parsed.fault.message, message)
  })
}

t.test('a text of 40 characters is repeated whole, of a longer one the first 40 and dots', async (t) => {
  for (const [text, shown] of [
    ['', '""'],
    ['x', '"x"'],
    ['x'.repeat(40), `"${'x'.repeat(40)}"`],
    ['x'.repeat(41), `"${'x'.repeat(40)}"...`],
  ] as const) {
    const parsed = parseImei(text)
    t.ok(!parsed.ok && parsed.fault.message.startsWith(`imei: ${shown} is not`), `${text.length} characters`)
  }
})

t.test('white space around an identifier does not matter', async (t) => {
  for (const [parse, text] of [
    [parseImei, '490154203237518'],
    [parseMeid, 'AF0123450ABCDE'],
    [parseUdid, longUdid],
    [parseUdid, shortUdid],
    [parseSerialNumber, 'F9GDX3RQQ1GC'],
  ] as const) {
    t.strictSame(parse(`\t ${text} \r\n`), { ok: true, value: text }, text)
  }
})

t.test(
  'an identifier with one character before or behind it is another text, not that identifier',
  async (t) => {
    for (const [parse, text] of [
      [parseMeid, '000000000100000001'],
      [parseUdid, longUdid],
      [parseUdid, shortUdid],
      [parseDeviceId, '3eeb9e62cec94dd89dd674903695a62b'],
      [parseDeviceId, '3eeb9e62-cec9-4dd8-9dd6-74903695a62b'],
      [parseMacAddress, '005056A4895A'],
    ] as const) {
      t.ok(parse(text).ok, text)
      t.notOk(parse(`0${text}`).ok, `0${text}`)
      t.notOk(parse(`${text}0`).ok, `${text}0`)
    }
  },
)

t.test('braces around a part of a device id are not braces around it', async (t) => {
  for (const text of [
    '3eeb9e62-{cec9-4dd8-9dd6-74903695a62b}',
    '{3eeb9e62}-cec9-4dd8-9dd6-74903695a62b',
    '3eeb9e62-{cec9}-4dd8-9dd6-74903695a62b',
  ]) {
    t.notOk(parseDeviceId(text).ok, text)
  }
})

t.test('what firmware says in place of a serial number is no serial number, in any spelling', async (t) => {
  for (const text of ['Not Applicable', 'n/a', '123456789', '1234567890', '0123456789', 'NOT-SPECIFIED']) {
    t.match(parseSerialNumber(text), { ok: false, fault: { field: 'serialNumber', message: /filler/ } }, text)
  }
  for (const text of ['12345678', 'NONE1', 'UNKNOWN-7']) t.ok(parseSerialNumber(text).ok, text)
})

t.test('the ends of the ranges of a decimal MEID', async (t) => {
  t.strictSame(parseMeid('000000000116777215'), { ok: true, value: '00000001FFFFFF' })
  t.strictSame(parseMeid('429496729500000000'), { ok: true, value: 'FFFFFFFF000000' })
})
