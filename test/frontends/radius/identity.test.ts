import t from 'tap'
import { createRadiusApp, eapBody, mabBody } from './radius-app.ts'

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
        `DNS:laptop-01.corp.example, URI:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-1001, othername: UPN::alice@corp.example, email:alice@corp.example, URI:ID:Microsoft Endpoint Manager:GUID:${id}`,
      ),
      'TLS-Client-Cert-Subject-Alt-Name-Dns': values('laptop-01.corp.example'),
      'TLS-Client-Cert-Subject-Alt-Name-Upn': values('alice@corp.example'),
      'TLS-Client-Cert-Subject-Alt-Name-Email': values('alice@corp.example'),
    },
    { [san]: values(`URI:IntuneDeviceId://${id.toUpperCase()}`) },
    {
      'TLS-Client-Cert-Subject-Alt-Name-Uri': values(
        'tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-1001',
        `IntuneDeviceId://${id}`,
      ),
    },
    {
      [san]: values(`URI:https://portal.example/, URI:IntuneDeviceId://${id}`),
      'TLS-Client-Cert-Subject-Alt-Name-Uri': values('https://portal.example/', `IntuneDeviceId://${id}`),
    },
    { 'Intune-Device-Id': values(id) },
    { 'Intune-Device-Id': values(id), [san]: values(`URI:IntuneDeviceId://${id}`) },
  ]
  for (const certificate of certificates) {
    const { identity } = await ask(t, eapBody('00-50-56-A4-89-5A', certificate))
    t.match(identity?.identifiers, [
      { kind: 'deviceId', value: id, rank: 1 },
      { kind: 'mac', value: '005056A4895A', rank: 4 },
    ])
    t.notOk(identity?.unreadable)
  }
})

t.test('a name of the certificate that holds the id of another device is not that device', async (t) => {
  const trap = `x, URI:IntuneDeviceId://${id}`
  const certificates: Record<string, Record<string, unknown>> = {
    'a DNS name': { [san]: values(`DNS:${trap}`), 'TLS-Client-Cert-Subject-Alt-Name-Dns': values(trap) },
    'a DNS name that is not given by itself': { [san]: values(`DNS:${trap}`) },
    'a UPN': {
      [san]: values(`othername: UPN::${trap}`),
      'TLS-Client-Cert-Subject-Alt-Name-Upn': values(trap),
    },
    'a URI in the list of FreeRADIUS 3.2.7': {
      [san]: values(`URI:${trap}`),
      'TLS-Client-Cert-Subject-Alt-Name-Uri': values(trap),
    },
    'a common name': { 'TLS-Client-Cert-Common-Name': values(`Bobs phone/CN=${id}`) },
    'a second common name': {
      'TLS-Client-Cert-Common-Name': values(id),
      'TLS-Client-Cert-Subject': values(`/CN=${id}/CN=Bob`),
    },
    'a common name that FreeRADIUS made up': {
      'TLS-Client-Cert-Common-Name': values(id),
      'TLS-Client-Cert-Subject': values('/O=Example'),
    },
    'a common name without its subject': {
      'TLS-Client-Cert-Common-Name': values(id),
      'TLS-Client-Cert-Expiration': values('271120120000Z'),
    },
    'a SAN that runs over its buffer': { [san]: values('DNS:x', `URI:IntuneDeviceId://${id}, DNS:x`) },
  }
  for (const [what, certificate] of Object.entries(certificates)) {
    const { identity } = await ask(t, eapBody('00-50-56-A4-89-5A', certificate))
    t.match(identity?.identifiers, [{ kind: 'mac', value: '005056A4895A', rank: 4 }], what)
    t.equal(identity?.identifiers.length, 1, what)
  }
})

t.test('the common name counts where it is a GUID, below the SAN', async (t) => {
  const byName = await ask(t, eapBody('00-50-56-A4-89-5A', { 'TLS-Client-Cert-Common-Name': values(id) }))
  t.match(byName.identity?.identifiers, [
    { kind: 'deviceId', value: id, rank: 2 },
    { kind: 'mac', rank: 4 },
  ])
  const laptop = await ask(
    t,
    eapBody('00-50-56-A4-89-5A', { 'TLS-Client-Cert-Common-Name': values('laptop-01') }),
  )
  t.match(laptop.identity?.identifiers, [{ kind: 'mac', rank: 4 }])
})

t.test('two device ids in one certificate are a conflict, marked or bare', async (t) => {
  for (const text of [
    `URI:IntuneDeviceId://${id}, URI:ID:Intune:GUID:${other}`,
    `URI:${id}, URI:GUID:${other}`,
  ]) {
    const { identity } = await ask(t, eapBody('00-50-56-A4-89-5A', { [san]: values(text) }))
    t.match(identity?.conflict, [{ value: id }, { value: other }])
  }
})

t.test('in EAP, a Calling-Station-Id that is no MAC is left out', async (t) => {
  for (const calling of ['10.1.2.3', '2001:db8::1', 'alice', '', 'ff-ff-ff-ff-ff-ff']) {
    const { status, identity } = await ask(
      t,
      eapBody(calling, { [san]: values(`URI:IntuneDeviceId://${id}`) }),
    )
    t.equal(status, 200, calling)
    t.match(identity?.identifiers, [{ kind: 'deviceId', value: id }])
    t.equal(identity?.identifiers.length, 1)
  }
})

t.test('in MAB the MAC is the one that the NAS saw', async (t) => {
  const mab = (more: Record<string, unknown>) => ask(t, { 'Service-Type': values('Call-Check'), ...more })
  const name = { 'User-Name': values('0050.56a4.895a') }
  for (const calling of [{}, { 'Calling-Station-Id': values('') }, { 'Calling-Station-Id': values(' ') }]) {
    const { identity } = await mab({ ...name, ...calling })
    t.match(
      identity?.identifiers,
      [{ kind: 'mac', value: '005056A4895A' }],
      'the User-Name where it sends no other',
    )
  }
  const both = await mab({ ...name, 'Calling-Station-Id': values('34-08-BC-50-7C-78') })
  t.match(both.identity?.identifiers, [{ kind: 'mac', value: '3408BC507C78' }])
  const vpn = await mab({ ...name, 'Calling-Station-Id': values('10.1.2.3') })
  t.match(vpn, { status: 400, body: { errorCode: 'identifier_missing' } })
  const two = await mab({ 'Calling-Station-Id': values('34-08-BC-50-7C-78', '00-50-56-A4-89-5A') })
  t.match(two, { status: 400, body: { errorCode: 'identifier_malformed' } })
})

t.test('in MAB nothing but the MAC is looked at: nobody verified the rest', async (t) => {
  const injected: Record<string, unknown>[] = [
    { 'Intune-Device-Id': values(id) },
    { 'Intune-Device-Id': values('%{exec:x}') },
    { [san]: values(`URI:IntuneDeviceId://${id}`) },
    { 'TLS-Client-Cert-Subject-Alt-Name-Uri': values(`IntuneDeviceId://${id}`) },
    { 'TLS-Client-Cert-Common-Name': values(id) },
  ]
  for (const more of injected) {
    const { identity } = await ask(t, mabBody('00-50-56-A4-89-5A', more))
    t.strictSame(
      identity?.identifiers,
      [{ kind: 'mac', value: '005056A4895A', origin: 'mac', rank: 4 }],
      JSON.stringify(more),
    )
  }
})

t.test(
  'a template may send what names the device and nothing of a log-in, and is never told to accept',
  async (t) => {
    const byCertificate = await ask(t, { [san]: values(`URI:IntuneDeviceId://${id}`) }, 'authorize')
    t.match(byCertificate.identity?.identifiers, [{ kind: 'deviceId', value: id, rank: 1 }])
    const byMac = await ask(t, { 'Calling-Station-Id': values('00-50-56-A4-89-5A') }, 'authorize')
    t.match(byMac.identity?.identifiers, [{ kind: 'mac', value: '005056A4895A', rank: 4 }])
    for (const { status, body } of [byCertificate, byMac]) {
      t.equal(status, 200)
      t.notOk('control:Auth-Type' in body)
    }
  },
)

t.test('in EAP the User-Name is never a MAC: the supplicant chose it', async (t) => {
  for (const section of ['authorize', 'post-auth']) {
    const eap = { 'User-Name': values('005056a4895a'), 'EAP-Message': { type: 'octets', value: ['0x0201'] } }
    t.match(await ask(t, eap, section), { status: 400, body: { errorCode: 'identifier_missing' } })
    const both = { ...eap, 'Service-Type': values('Call-Check') }
    t.match(await ask(t, both, section), { status: 400, body: { errorCode: 'identifier_missing' } })
  }
})

t.test('what is neither EAP nor MAB is a log-in, and refused whatever else it holds', async (t) => {
  const logins: Record<string, Record<string, unknown>> = {
    'Login-User': { 'Service-Type': values('Login-User') },
    'Framed-User': { 'Service-Type': values('Framed-User') },
    'no Service-Type': { 'Service-Type': undefined },
    'an empty one': { 'Service-Type': values('') },
    'by number': { 'Service-Type': values('1') },
    'two that contradict each other': { 'Service-Type': values('Call-Check', 'Login-User') },
    'and the other way round': { 'Service-Type': values('Login-User', 'Call-Check') },
    'with a certificate': {
      'Service-Type': values('Login-User'),
      [san]: values(`URI:IntuneDeviceId://${id}`),
    },
    'with a device id': { 'Service-Type': undefined, 'Intune-Device-Id': values(id) },
    'with its MAC as password': { 'Service-Type': undefined, 'User-Password': values('005056a4895a') },
  }
  for (const [what, more] of Object.entries(logins)) {
    for (const section of ['authorize', 'post-auth', 'authorize?denial=control']) {
      const { status, body, identity } = await ask(t, mabBody('00-50-56-A4-89-5A', more), section)
      t.match(
        { status, body },
        { status: 400, body: { errorCode: 'login_not_supported' } },
        `${what}, ${section}`,
      )
      t.notOk('control:Auth-Type' in body)
      t.equal(identity, undefined, 'nobody was asked')
    }
  }
})

t.test('a random MAC stays a fact of its own', async (t) => {
  const { identity } = await ask(t, mabBody('DA-1B-2C-3D-4E-5F'))
  t.match(identity, { identifiers: [], randomizedMac: 'DA1B2C3D4E5F' })
})

t.test('a malformed device id of the site is refused instead of asking by the MAC', async (t) => {
  const { status, body } = await ask(
    t,
    eapBody('00-50-56-A4-89-5A', { 'Intune-Device-Id': values('%{exec:x}') }),
  )
  t.equal(status, 400)
  t.match(body, { errorCode: 'identifier_malformed' })
})
