import t from 'tap'
import {
  bareDeviceId,
  deviceIdOfUri,
  deviceIdsAnywhere,
  deviceIdsInSubject,
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

t.test('a URI is a device id as a whole, in every known form', async (t) => {
  const forms = [
    { case: "Microsoft's", uri: `IntuneDeviceId://${id}` },
    { case: 'in any case', uri: `INTUNEDEVICEID://${id.toUpperCase()}` },
    { case: "Cisco's", uri: `ID:Microsoft Endpoint Manager:GUID:${id}` },
    { case: 'lower case', uri: `id:intune:guid:${id}` },
    { case: 'an encoded vendor name', uri: `ID:Microsoft%20Endpoint%20Manager:GUID:${id}` },
    { case: 'no colon after GUID', uri: `ID:Microsoft Endpoint Manager:GUID${id}` },
    { case: 'no vendor', uri: `GUID:${id}` },
    { case: 'a bare GUID', uri: id },
  ]
  for (const { case: title, uri } of forms) t.equal(deviceIdOfUri(uri), id, title)
})

t.test('a URI that only holds a device id is none', async (t) => {
  const uris = [
    ` IntuneDeviceId://${id}`,
    `IntuneDeviceId://${id} `,
    `IntuneDeviceId://${id}\n`,
    `IntuneDeviceId://${id}0`,
    `IntuneDeviceId://${id}/x`,
    `IntuneDeviceId://${id}, DNS:x`,
    `IntuneDeviceId://${id},${other}`,
    `IntuneDeviceId://${id}\0`,
    `IntuneDeviceId://${id.slice(0, -1)}`,
    `IntuneDeviceId://{${id}}`,
    `IntuneDeviceId://${nil}`,
    `NotIntuneDeviceId://${id}`,
    `URI:IntuneDeviceId://${id}`,
    `x, URI:IntuneDeviceId://${id}`,
    `https://mdm.example/IntuneDeviceId://${id}`,
    `urn:uuid:${id}`,
    `ID:a, URI:ID:b:GUID:${id}`,
    sidUri,
    '',
  ]
  for (const uri of uris) t.equal(deviceIdOfUri(uri), undefined, JSON.stringify(uri))
})

t.test('a bare device id has nothing around it', async (t) => {
  t.equal(bareDeviceId(id.toUpperCase()), id)
  for (const text of [
    ` ${id}`,
    `${id}\n`,
    `CN=${id}`,
    `{${id}}`,
    id.replaceAll('-', ''),
    nil,
    '',
    `${id},${id}`,
  ]) {
    t.equal(bareDeviceId(text), undefined, JSON.stringify(text))
  }
})

t.test('device ids that may stand at the start of a name are found for the story', async (t) => {
  const text = `DNS:x, URI:IntuneDeviceId://${id}@corp.example, email:a,${other}`
  t.strictSame(deviceIdsAnywhere(text), [id, other])
  const left = [
    `DNS:${id}.corp.example`,
    `URI:urn:uuid:${id}`,
    `URI:tag:corp.example,${id}:x`,
    `URI:GUID:${nil}`,
  ]
  t.strictSame(deviceIdsAnywhere(left.join(', ')), [], 'and no others')
  t.strictSame(deviceIdsInSubject(`CN = Bobs phone/CN=${id}, CN = ${other}`), [id, other])
  t.strictSame(deviceIdsInSubject(`OU=${id},CN=laptop ${id}`), [])
})
