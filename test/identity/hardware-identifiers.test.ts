import t from 'tap'
import {
  parseImei,
  parseMeid,
  parseSerialNumber,
  parseUdid,
} from '../../src/identity/hardware-identifiers.ts'

const longUdid = '2b6f0cc904d137be2e1730235f5664094b831186'

t.test('accepted identifiers come out in canonical form', async (t) => {
  const accepted = [
    { case: 'an IMEI of 15 digits', parse: parseImei, text: '490154203237518', value: '490154203237518' },
    { case: 'an IMEI with spaces', parse: parseImei, text: '49 015420 323751 8', value: '490154203237518' },
    { case: 'an IMEI with hyphens', parse: parseImei, text: '49-015420-323751-8', value: '490154203237518' },
    {
      case: 'an IMEI whose check digit is wrong stands',
      parse: parseImei,
      text: '490154203237510',
      value: '490154203237510',
    },
    {
      case: 'an IMEI without check digit gets it',
      parse: parseImei,
      text: '49015420323751',
      value: '490154203237518',
    },
    { case: 'a check digit of zero', parse: parseImei, text: '35209900176144', value: '352099001761440' },
    {
      case: 'an IMEISV loses its version',
      parse: parseImei,
      text: '4901542032375101',
      value: '490154203237518',
    },
    { case: 'a MEID of 14 hex digits', parse: parseMeid, text: 'af0123450abcde', value: 'AF0123450ABCDE' },
    {
      case: 'a MEID with its check digit',
      parse: parseMeid,
      text: 'AF0123450ABCDEC',
      value: 'AF0123450ABCDE',
    },
    { case: 'a MEID with separators', parse: parseMeid, text: 'AF 012345 0ABCDE', value: 'AF0123450ABCDE' },
    { case: 'a decimal MEID', parse: parseMeid, text: '293608736500703710', value: 'AF0123450ABCDE' },
    {
      case: 'the largest decimal MEID but one',
      parse: parseMeid,
      text: '429496729516777214',
      value: 'FFFFFFFFFFFFFE',
    },
    {
      case: 'a decimal MEID with leading zeros',
      parse: parseMeid,
      text: '000000001000000001',
      value: '0000000A000001',
    },
    { case: 'a UDID of 40 digits', parse: parseUdid, text: longUdid.toUpperCase(), value: longUdid },
    {
      case: 'a UDID with a hyphen',
      parse: parseUdid,
      text: '00008020-0015784c218a402e',
      value: '00008020-0015784C218A402E',
    },
    { case: 'a serial number', parse: parseSerialNumber, text: ' f9gdx3rqq1gc ', value: 'F9GDX3RQQ1GC' },
    {
      case: 'a VMware serial number',
      parse: parseSerialNumber,
      text: 'VMware-42 24 a5',
      value: 'VMWARE-42 24 A5',
    },
    {
      case: 'a serial number of 128 characters',
      parse: parseSerialNumber,
      text: 'a1'.repeat(64),
      value: 'A1'.repeat(64),
    },
  ]
  for (const { case: title, parse, text, value } of accepted) {
    t.strictSame(parse(text), { ok: true, value }, title)
  }
})

t.test('what is not an identifier is refused under its own field', async (t) => {
  const notImei = /^imei: .* is not an IMEI/
  const notMeid = /^meid: .* is not a MEID/
  const notUdid = /^udid: .* is not a UDID/
  const notSerial = /^serialNumber: .* is not a serial number/
  const filler = /is a filler, not a/
  const refused = [
    { case: 'an IMEI of 13 digits', parse: parseImei, text: '4901542032375', says: notImei },
    { case: 'an IMEI of 17 digits', parse: parseImei, text: '49015420323751801', says: notImei },
    { case: 'an IMEI with a letter', parse: parseImei, text: '49015420323751A', says: notImei },
    { case: 'an IMEI with doubled separators', parse: parseImei, text: '49--0154203237518', says: notImei },
    { case: 'an IMEI of zeros', parse: parseImei, text: '000000000000000', says: filler },
    { case: 'a MEID of 13 digits', parse: parseMeid, text: 'AF0123450ABCD', says: notMeid },
    { case: 'a MEID of 16 digits', parse: parseMeid, text: 'AF0123450ABCDE01', says: notMeid },
    {
      case: 'a MEID with a letter that is no hex digit',
      parse: parseMeid,
      text: 'AG0123450ABCDE',
      says: notMeid,
    },
    { case: 'a decimal MEID above 32 bits', parse: parseMeid, text: '429496729600000001', says: notMeid },
    { case: 'a decimal MEID above 24 bits', parse: parseMeid, text: '000000001016777216', says: notMeid },
    { case: 'a MEID that ends in a separator', parse: parseMeid, text: 'AF0123450ABCD-E-', says: notMeid },
    { case: 'a MEID of zeros', parse: parseMeid, text: '00000000000000', says: filler },
    { case: 'a UDID of 39 digits', parse: parseUdid, text: longUdid.slice(1), says: notUdid },
    {
      case: 'a UDID that is a GUID',
      parse: parseUdid,
      text: '3eeb9e62-cec9-4dd8-9dd6-74903695a62b',
      says: notUdid,
    },
    { case: 'a UDID of zeros', parse: parseUdid, text: '00000000-0000000000000000', says: filler },
    {
      case: 'a serial number of 129 characters',
      parse: parseSerialNumber,
      text: 'ab'.repeat(64).concat('c'),
      says: notSerial,
    },
    {
      case: 'a serial number with a line break',
      parse: parseSerialNumber,
      text: 'F9GDX\n3RQQ',
      says: notSerial,
    },
    { case: 'a serial number with an umlaut', parse: parseSerialNumber, text: 'Gerät-1', says: notSerial },
    ...[
      '0',
      '00000000',
      'XXXXXXX',
      '---',
      '00-00-00',
      'SystemSerialNumber',
      'System Serial Number',
      'Default string',
      'DEFAULT STRING',
      'To be filled by O.E.M.',
      'To Be Filled By OEM',
      'None',
      'N/A',
      'Unknown',
      'Not Specified',
      '0123456789',
    ].map((text) => ({
      case: text,
      parse: parseSerialNumber,
      text,
      says: /is a filler, not a serial number/,
    })),
  ]
  for (const { case: title, parse, text, says } of refused) {
    t.match(parse(text), { ok: false, fault: { code: 'identifier_malformed', message: says } }, title)
  }
})
