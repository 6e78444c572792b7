import t from 'tap'
import type { IdentityAttributes } from '../../src/identity/device-identity.ts'
import { parseIdentity } from '../../src/identity/parse-identity.ts'

const id = '3eeb9e62-cec9-4dd8-9dd6-74903695a62b'
const other = '1759c0fd-c8da-49e8-b14f-19d85acfacea'
const given = { kind: 'deviceId', value: id, origin: 'deviceId', rank: 1 } as const

t.test('an identity has no key for what the request does not show', async (t) => {
  const identities: { case: string; attributes: IdentityAttributes; identity: object }[] = [
    { case: 'one device id', attributes: { deviceId: id }, identity: { identifiers: [given] } },
    {
      case: 'a device id and a randomised MAC: no conflict',
      attributes: { deviceId: id, mac: 'DA:A1:19:00:00:01' },
      identity: { identifiers: [given], randomizedMac: 'DAA119000001' },
    },
    {
      case: 'a conflict without a MAC: no randomised one',
      attributes: { deviceId: [id, other] },
      identity: {
        identifiers: [given, { ...given, value: other }],
        conflict: [given, { ...given, value: other }],
      },
    },
  ]
  for (const { case: title, attributes, identity } of identities) {
    t.strictSame(parseIdentity(attributes), { ok: true, value: identity }, title)
  }
})

t.test('an attribute that is null in JSON is absent', async (t) => {
  const attributes: IdentityAttributes = JSON.parse(`{"deviceId":"${id}","mac":null,"certificateSan":null}`)
  t.strictSame(parseIdentity(attributes), { ok: true, value: { identifiers: [given] } })
})

t.test('a common name is read without the white space around it, and zeros are no device', async (t) => {
  t.match(parseIdentity({ certificateCn: ` ${id}\n` }), {
    value: { identifiers: [{ value: id, origin: 'certificateCn', rank: 2 }] },
  })
  t.match(parseIdentity({ certificateCn: '00000000-0000-0000-0000-000000000000' }), {
    fault: { code: 'identifier_missing' },
  })
})
