import t from 'tap'
import { createRadiusApp, mabBody } from './radius-app.ts'

const id = '3eeb9e62-cec9-4dd8-9dd6-74903695a62b'
const other = 'b0b00000-0000-4000-8000-000000000002'
const san = 'TLS-Client-Cert-X509v3-Subject-Alternative-Name'

/** The identifiers and the context that one request comes to. */
async function ask(
  t: Parameters<typeof createRadiusApp>[0],
  body: Record<string, unknown>,
  section = 'post-auth',
) {
  const app = createRadiusApp(t)
  const reply = await app.ask(body, section)
  const { identity, context } = app.requests[0] ?? {}
  return { ...reply, identity, context }
}

const values = (...list: string[]) => ({ type: 'string', value: list })

t.test('the certificate comes before the MAC, in every form that FreeRADIUS gives it', async (t) => {
  const certificates: Record<string, unknown>[] = [
    {
      [san]: values(
        `URI:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-1001, URI:ID:Microsoft Endpoint Manager:GUID:${id}, DNS:laptop-01.corp.example, othername: UPN::alice@corp.example`,
      ),
    },
    { [san]: values(`URI:IntuneDeviceId://${id.toUpperCase()}`) },
    {
      'TLS-Client-Cert-Subject-Alt-Name-Uri': values(
        'tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-1001',
        `IntuneDeviceId://${id}`,
      ),
    },
    { 'Intune-Device-Id': values(id) },
    { 'Intune-Device-Id': values(id), [san]: values(`URI:IntuneDeviceId://${id}`) },
  ]
  for (const certificate of certificates) {
    const { identity } = await ask(t, { ...mabBody(), ...certificate })
    t.match(identity?.identifiers, [
      { kind: 'deviceId', value: id, rank: 1 },
      { kind: 'mac', value: '005056A4895A', rank: 4 },
    ])
  }
})

t.test('the common name counts where it is a GUID, below the SAN', async (t) => {
  const byName = await ask(t, { ...mabBody(), 'TLS-Client-Cert-Common-Name': values(id) })
  t.match(byName.identity?.identifiers, [
    { kind: 'deviceId', value: id, rank: 2 },
    { kind: 'mac', rank: 4 },
  ])
  const laptop = await ask(t, { ...mabBody(), 'TLS-Client-Cert-Common-Name': values('laptop-01') })
  t.match(laptop.identity?.identifiers, [{ kind: 'mac', rank: 4 }])
})

t.test('two device ids in one certificate are a conflict', async (t) => {
  const text = `URI:IntuneDeviceId://${id}, URI:ID:Intune:GUID:${other}`
  const { identity } = await ask(t, { ...mabBody(), [san]: values(text) })
  t.match(identity?.conflict, [{ value: id }, { value: other }])
})

t.test('a Calling-Station-Id that is no MAC is left out', async (t) => {
  for (const calling of ['10.1.2.3', '2001:db8::1', 'alice', '', 'ff-ff-ff-ff-ff-ff']) {
    const { status, identity } = await ask(t, {
      'User-Name': values('alice@corp.example'),
      'Calling-Station-Id': values(calling),
      [san]: values(`URI:IntuneDeviceId://${id}`),
    })
    t.equal(status, 200, calling)
    t.match(identity?.identifiers, [{ kind: 'deviceId', value: id }])
    t.equal(identity?.identifiers.length, 1)
  }
})

t.test(
  'the User-Name counts when it is a MAC, nothing better is there, and no supplicant chose it',
  async (t) => {
    const alone = { 'User-Name': values('0050.56a4.895a') }
    t.match((await ask(t, alone)).identity?.identifiers, [{ kind: 'mac', value: '005056A4895A' }])
    const both = { ...alone, 'Calling-Station-Id': values('34-08-BC-50-7C-78') }
    t.match((await ask(t, both)).identity?.identifiers, [{ kind: 'mac', value: '3408BC507C78' }])
    const eap = { ...alone, 'EAP-Message': { type: 'octets', value: ['0x0201'] } }
    t.equal((await ask(t, eap)).status, 400, 'an EAP identity is typed by the user')
  },
)

t.test('a random MAC stays a fact of its own', async (t) => {
  const { identity } = await ask(t, mabBody('DA-1B-2C-3D-4E-5F'))
  t.match(identity, { identifiers: [], randomizedMac: 'DA1B2C3D4E5F' })
})

t.test('a malformed device id of the site is refused instead of asking by the MAC', async (t) => {
  const { status, body } = await ask(t, { ...mabBody(), 'Intune-Device-Id': values('%{exec:x}') })
  t.equal(status, 400)
  t.match(body, { errorCode: 'identifier_malformed' })
})
