import fc from 'fast-check'
import t from 'tap'
import {
  findDeviceIdsInCommonName,
  findDeviceIdsInSan,
  parseDeviceId,
} from '../../src/identity/intune-device-id.ts'

const id = '3eeb9e62-cec9-4dd8-9dd6-74903695a62b'
const other = '1759c0fd-c8da-49e8-b14f-19d85acfacea'
const nil = '00000000-0000-0000-0000-000000000000'
const sidUri = 'tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-1001'

t.test('every accepted spelling of a device id gives the lower-case GUID', async (t) => {
  const spellings = [
    { case: 'bare', text: id },
    { case: 'upper case', text: id.toUpperCase() },
    { case: 'braces', text: `{${id}}` },
    { case: 'braces, upper case', text: `{${id.toUpperCase()}}` },
    { case: 'without hyphens', text: id.replaceAll('-', '') },
    { case: 'white space around', text: `  ${id}\n` },
    { case: "Microsoft's URI", text: `IntuneDeviceId://${id}` },
    { case: "SCEPman's spelling of it", text: `IntuneDeviceID://${id.toUpperCase()}` },
    { case: "Cisco's URI", text: `ID:Microsoft Endpoint Manager:GUID:${id}` },
    { case: 'the short vendor name', text: `ID:Intune:GUID:${id}` },
    { case: 'no colon after GUID', text: `ID:Microsoft Endpoint Manager:GUID${id}` },
    { case: 'with the label that OpenSSL prints', text: `URI:ID:Intune:GUID:${id}` },
  ]
  for (const { case: title, text } of spellings) {
    t.strictSame(parseDeviceId(text), { ok: true, value: id }, title)
  }
})

t.test('what is not a device id is refused with the reason', async (t) => {
  const misspellings = [
    { case: 'empty', text: '', says: /Accepted are a GUID/ },
    { case: 'one digit short', text: id.slice(1), says: /Accepted are a GUID/ },
    { case: 'one digit long', text: `${id}0`, says: /Accepted are a GUID/ },
    { case: 'a hyphen in the wrong place', text: '3eeb9e6-2cec9-4dd8-9dd6-74903695a62b', says: /Accepted/ },
    { case: 'a letter that is no hex digit', text: id.replace('3', 'g'), says: /Accepted/ },
    { case: 'one brace', text: `{${id}`, says: /Accepted/ },
    { case: 'another scheme', text: `https://${id}`, says: /Accepted/ },
    { case: 'a MAC address', text: '00:50:56:A4:89:5A', says: /Accepted/ },
    {
      case: 'the template that was never filled in',
      text: 'IntuneDeviceId://{{DeviceId}}',
      says: /Accepted/,
    },
    { case: 'two ids', text: `${id},${other}`, says: /Accepted/ },
    { case: 'all zeros', text: nil, says: /all-zero GUID/ },
    { case: 'all zeros without hyphens', text: nil.replaceAll('-', ''), says: /all-zero GUID/ },
    { case: 'all zeros in a URI', text: `IntuneDeviceId://${nil}`, says: /all-zero GUID/ },
  ]
  for (const { case: title, text, says } of misspellings) {
    const fault = { code: 'identifier_malformed', field: 'deviceId', message: says }
    t.match(parseDeviceId(text), { ok: false, fault }, title)
  }
})

t.test('the device id is found in a SAN of every known form', async (t) => {
  const texts = [
    { case: "Microsoft's URI", text: `IntuneDeviceId://${id}` },
    { case: 'in any case', text: `INTUNEDEVICEID://${id.toUpperCase()}` },
    { case: "Cisco's URI", text: `ID:Microsoft Endpoint Manager:GUID:${id}` },
    { case: 'lower case', text: `id:intune:guid:${id}` },
    { case: 'an encoded vendor name', text: `ID:Microsoft%20Endpoint%20Manager:GUID:${id}` },
    { case: 'no colon after GUID', text: `ID:Microsoft Endpoint Manager:GUID${id}` },
    { case: 'no vendor', text: `GUID:${id}` },
    { case: 'a bare GUID', text: id },
    { case: 'a bare GUID with the label', text: `URI:${id}` },
    { case: "certutil's label", text: `URL=IntuneDeviceId://${id}` },
    { case: "keytool's label", text: `URIName: IntuneDeviceId://${id}` },
    {
      case: 'as FreeRADIUS sends it',
      text: `URI:ID:Microsoft Endpoint Manager:GUID:${id}, URI:${sidUri}, DNS:laptop-01.corp.example, othername: UPN::alice@corp.example`,
    },
    { case: 'after the SID URI', text: `URI:${sidUri}, URI:IntuneDeviceId://${id}` },
    { case: 'as ClearPass sends it', text: `${sidUri},ID:Intune:GUID:${id}` },
    { case: 'a bare GUID between names', text: `DNS:laptop, URI:${id}, URI:${sidUri}` },
    { case: 'one name a line', text: `DNS Name=laptop\r\n     URL=IntuneDeviceId://${id}\r\n` },
    { case: 'twice', text: `URI:IntuneDeviceId://${id}, URI:ID:Intune:GUID:${id.toUpperCase()}` },
    { case: 'beside a bare GUID of another product', text: `URI:${other}, URI:IntuneDeviceId://${id}` },
    { case: 'beside an all-zero id', text: `URI:IntuneDeviceId://${nil}, URI:ID:Intune:GUID:${id}` },
  ]
  for (const { case: title, text } of texts) t.strictSame(findDeviceIdsInSan(text), [id], title)
})

t.test('a GUID that is not the device id of the certificate is left alone', async (t) => {
  const texts = [
    { case: 'a computer name', text: `DNS:${id}.corp.example` },
    { case: 'a computer name and nothing else', text: `DNS:${id}` },
    { case: 'a computer name that starts like the field variant', text: `DNS:GUID${id}` },
    { case: 'a vendor that would run into the next name', text: `URI:ID:badge, DNS:GUID${id}` },
    { case: 'a user name', text: `othername: UPN::${id}@corp.example` },
    { case: 'a user name with a marker', text: `othername: UPN::GUID:${id}` },
    { case: 'an e-mail address', text: `email:GUID:${id}@corp.example` },
    { case: 'inside the SID URI', text: `URI:tag:microsoft.com,2022-09-14:sid:${id}` },
    { case: 'a GUID in place of the date of a tag', text: `URI:tag:corp.example,${id}:x` },
    { case: 'the path of another URI', text: `URI:https://mdm.example/devices/${id}` },
    { case: 'a URN', text: `URI:urn:uuid:${id}` },
    { case: 'too long', text: `URI:IntuneDeviceId://${id}0` },
    { case: 'too short', text: `URI:IntuneDeviceId://${id.slice(0, -1)}` },
    { case: 'a longer scheme', text: `URI:NotIntuneDeviceId://${id}` },
    { case: 'all zeros', text: `URI:IntuneDeviceId://${nil}` },
    { case: 'empty', text: '' },
  ]
  for (const { case: title, text } of texts) t.strictSame(findDeviceIdsInSan(text), [], title)
})

t.test('two device ids in one SAN are both reported', async (t) => {
  const text = `URI:IntuneDeviceId://${id}, URI:ID:Intune:GUID:${other}`
  t.strictSame(findDeviceIdsInSan(text), [id, other], 'in the order of the text')
})

t.test('a common name is a device id only where it is a GUID', async (t) => {
  const names = [
    { case: 'bare', text: id.toUpperCase(), ids: [id] },
    { case: 'with CN=', text: `CN=${id}`, ids: [id] },
    { case: 'RFC 4514 subject', text: `CN=${id},O=Example,C=DE`, ids: [id] },
    { case: 'OpenSSL subject', text: `O = Example, CN = ${id}`, ids: [id] },
    { case: 'slash subject', text: `/O=Example/CN=${id}`, ids: [id] },
    { case: 'two names with two GUIDs', text: `CN=${id},CN=${other}`, ids: [id, other] },
    { case: 'a computer name', text: 'laptop-01.corp.example', ids: [] },
    { case: 'a GUID inside the name', text: `CN=laptop ${id},O=Example`, ids: [] },
    { case: 'a GUID in another part', text: `CN=laptop,OU=${id}`, ids: [] },
    { case: 'all zeros', text: `CN=${nil}`, ids: [] },
  ]
  for (const { case: title, text, ids } of names) t.strictSame(findDeviceIdsInCommonName(text), ids, title)
})

const hexDigit = fc.constantFrom(...'0123456789abcdefABCDEF')
const guid = fc
  .tuple(
    ...[8, 4, 4, 4, 12].map((length) => fc.string({ unit: hexDigit, minLength: length, maxLength: length })),
  )
  .map((groups) => groups.join('-'))
  .filter((text) => text !== nil)
const label = fc.constantFrom('laptop', 'alice', 'a.b', 'x')
/** Names that may stand in a SAN beside the device id, with a GUID wherever people could put one. */
const noise = fc.oneof(
  fc.tuple(fc.oneof(guid, label)).map(([name]) => `DNS:${name}.corp.example`),
  fc.tuple(fc.oneof(guid, label)).map(([name]) => `othername: UPN::${name}@corp.example`),
  fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `URI:tag:microsoft.com,2022-09-14:sid:S-1-5-21-${a}-${b}`),
  fc.tuple(guid).map(([value]) => `URI:urn:uuid:${value}`),
  fc.tuple(guid).map(([value]) => `URI:https://mdm.example/${value}`),
  fc.tuple(guid).map(([value]) => `DNS:GUID${value}`),
  fc.constantFrom('IP Address:10.0.0.1', 'email:alice@corp.example', 'URI:ID:badge', 'DirName:/CN=x'),
)
const form = fc.constantFrom(
  (value: string) => `URI:IntuneDeviceId://${value}`,
  (value: string) => `URI:intunedeviceid://${value}`,
  (value: string) => `URI:ID:Microsoft Endpoint Manager:GUID:${value}`,
  (value: string) => `ID:Intune:GUID:${value}`,
  (value: string) => `URI:ID:Intune:guid${value}`,
  (value: string) => `URI:${value}`,
)

t.test('any GUID in a device-id form is found among any other names', async (t) => {
  fc.assert(
    fc.property(
      fc.array(noise),
      guid,
      form,
      fc.array(noise),
      fc.constantFrom(', ', ',', '\n'),
      (before, value, write, after, separator) => {
        const text = [...before, write(value), ...after].join(separator)
        t.strictSame(findDeviceIdsInSan(text), [value.toLowerCase()], text)
      },
    ),
    { numRuns: 100 },
  )
})

t.test('names without a device-id form never give a device id', async (t) => {
  fc.assert(
    fc.property(fc.array(noise), fc.constantFrom(', ', ',', '\n'), (names, separator) => {
      t.strictSame(findDeviceIdsInSan(names.join(separator)), [], names.join(separator))
    }),
    { numRuns: 100 },
  )
})
