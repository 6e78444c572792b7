import t, { type Test } from 'tap'
import { vlanOf } from '../../src/cli/lab-peers.ts'
import type { LabStage } from '../../src/cli/lab-stage.ts'
import { ids, macs, peersMissing } from '../radius-lab/lab.ts'
import { netscapeComment } from './freeradius-model.ts'
import {
  type ChosenNames,
  commonName,
  createLenientAuthority,
  organization,
  type SanName,
} from './lenient-authority.ts'
import { type Adapt, patientLab, untilAnswered } from './patient-lab.ts'

const alice = { id: ids.compliant, mac: macs.compliant }
const bob = { id: ids.noncompliant, mac: macs.noncompliant }
/** Of a phone that nobody enrolled: VLAN 30 by its MAC. */
const strangerMac = macs.notEnrolled
const aliceUri = `IntuneDeviceId://${alice.id}`
const bobUri = `IntuneDeviceId://${bob.id}`
const sidUri = 'tag:microsoft.com,2022-09-14:sid:S-1-5-21-1004336348-1177238915-682003330-1001'
const bobsPhone = [commonName('Bobs phone')]

/** The whole way with an authority that lets users choose names: Alice's device in VLAN 10, Bob's in 20, others in 30. */
async function campus(t: Test, adapt?: Adapt) {
  const stage = await patientLab(t, adapt)
  for (const [state, { id, mac }] of [
    ['compliant', alice],
    ['noncompliant', bob],
  ] as const) {
    stage.simulator.tenant.putDevice({
      deviceId: id,
      macs: [mac.replaceAll('-', '')],
      complianceState: state,
    })
  }
  const issue = createLenientAuthority(stage.deviceAuthority)
  const connect = (names: ChosenNames, mac: string = strangerMac, again = 0) =>
    untilAnswered(async () => {
      const reply = await stage.eapTls({ certificate: issue(names), mac, again })
      return reply.code === 'accept' ? (vlanOf(reply) ?? 'no VLAN') : reply.code
    })
  return { stage, connect }
}

/** The last decision line of the service. */
function lastDecision(stage: LabStage): Record<string, unknown> {
  const lines = stage
    .serviceLog()
    .split('\n')
    .filter((line) => line.includes('"event":"decision"'))
  return JSON.parse(lines.at(-1) ?? '{}')
}

function orders<T>(things: readonly T[]): T[][] {
  if (things.length < 2) return [[...things]]
  return things.flatMap((thing, index) => orders(things.toSpliced(index, 1)).map((rest) => [thing, ...rest]))
}

// Real programs on a machine that may be busy.
t.setTimeout(0)

t.test('real FreeRADIUS, names that users choose', { skip: peersMissing, timeout: 0 }, async (t) => {
  const { stage, connect } = await campus(t)

  await t.test(
    'the certificate of Intune has rank 1 in every order of its names',
    { timeout: 0 },
    async (t) => {
      const names: SanName[] = [
        { uri: aliceUri },
        { uri: sidUri },
        { dns: 'laptop-01.corp.example' },
        { upn: "jürgen.o'brien@corp.example" },
      ]
      for (const san of orders(names)) {
        const order = san.map((name) => Object.keys(name)[0]).join(' ')
        t.equal(await connect({ subject: [commonName('laptop-01')], san }, bob.mac), '10', order)
      }
      t.match(lastDecision(stage), { matchedBy: 'deviceId', device: alice.id })
      const cisco = { uri: `ID:Microsoft Endpoint Manager:GUID:${alice.id}` }
      const both = [{ email: 'alice@corp.example' }, cisco, { uri: aliceUri }, { ip: [10, 0, 0, 1] }]
      t.equal(
        await connect({ subject: bobsPhone, san: both }, bob.mac),
        '10',
        'in both forms, with an e-mail address',
      )
      const full = [
        { dns: 'a' },
        { dns: 'b.corp.example' },
        { dns: 'a' },
        { email: 'alice@corp.example' },
        { uri: aliceUri },
      ]
      t.equal(
        await connect({ subject: bobsPhone, san: full }, bob.mac),
        '10',
        'behind several names of one kind',
      )
    },
  )

  await t.test(
    'a resumed session is read like the first, names one by one included',
    { timeout: 0 },
    async (t) => {
      const san: SanName[] = [
        { dns: 'a.corp.example' },
        { dns: 'b' },
        { uri: sidUri },
        { upn: 'alice@corp.example' },
        { uri: aliceUri },
      ]
      t.equal(await connect({ subject: bobsPhone, san }, bob.mac, 1), '10')
      t.match(stage.radius.log(), /EAP-Session-Resumed := (?:1|yes)/i)
      const lost = [{ uri: bobUri }, { dns: 'bobs-laptop%{x}' }]
      t.equal(await connect({ subject: bobsPhone, san: lost }, strangerMac, 1), '30')
      t.match(
        lastDecision(stage),
        { unreadable: ['certificateSan'] },
        'a text that FreeRADIUS loses is missed',
      )
      const hidden = [{ dns: `x, URI:${aliceUri}` }, { dns: 'q", TLS-Client-Cert-Common-Name := "' }]
      t.equal(
        await connect({ subject: bobsPhone, san: hidden }, strangerMac, 1),
        '30',
        'and a name that holds an id is none',
      )
    },
  )

  await t.test(
    'an id inside another name is no id: the MAC decides, and the decision says so',
    { timeout: 0 },
    async (t) => {
      const trap = `x, URI:${aliceUri}`
      const rows: Record<string, SanName[]> = {
        'a DNS name': [{ dns: trap }],
        'an e-mail address': [{ email: trap }],
        'an e-mail address with a domain': [{ email: `${trap}, x@corp.example` }],
        'a UPN': [{ upn: trap }],
        'a directory name': [{ directory: `x, URI:${alice.id}` }],
        'a name of another type': [{ other: ['1.2.3.4.5', trap] }],
        'another URI': [{ uri: `https://portal.example/${trap}` }],
        'a bare id': [{ dns: `x, URI:${alice.id}` }],
        'an octal separator': [{ dns: `x\\054 URI:${aliceUri}` }],
        'behind a good name': [{ dns: 'laptop-01' }, { dns: trap }],
        'in front of one': [{ dns: `${trap}, DNS:y` }, { dns: 'y' }],
        'a name that FreeRADIUS drops': [{ dns: `y, URI:${aliceUri}, DNS:z\\` }, { dns: 'y' }],
        'a name that looks like two': [{ dns: `x, DNS:y, URI:${aliceUri}` }, { dns: 'y' }],
      }
      for (const [what, san] of Object.entries(rows)) {
        t.equal(await connect({ subject: bobsPhone, san }), '30', what)
        t.match(lastDecision(stage), { matchedBy: 'mac', unreadable: ['certificateSan'] }, `${what}: said`)
      }
      const silent: Record<string, SanName[]> = {
        'a NUL that ends the id': [{ uri: `${aliceUri}\0x` }],
        'a DNS name of another label': [{ dns: `URI:${aliceUri}` }, { dns: aliceUri }],
        'an id in the path of a URI': [{ uri: `https://portal.example/${aliceUri}` }],
        'a comma without its label': [{ dns: `x,${aliceUri}` }],
      }
      for (const [what, san] of Object.entries(silent))
        t.equal(await connect({ subject: bobsPhone, san }), '30', what)
    },
  )

  await t.test(
    'a name that is longer than the buffer of FreeRADIUS gives nobody an id',
    { timeout: 0 },
    async (t) => {
      const fill = 1023 - 'DNS:'.length
      const overrun = (attribute: string, value: string) =>
        `${'x'.repeat(fill)}${`${attribute}:`.padEnd(1007, '0')}${value}`
      const extensionsAfter = [[netscapeComment, 'c']] as const
      const rows: Record<string, string> = {
        'an id where the text is cut': `${'x'.repeat(fill - `, URI:${aliceUri}`.length)}, URI:${aliceUri}suffix`,
        'another SAN behind the first': overrun('X509v3-Subject-Alternative-Name', `URI:${aliceUri}, DNS:x`),
        'another common name': overrun('Common-Name', `${alice.id}`),
        'other DNS names': overrun('Subject-Alt-Name-Dns', 'y'),
        'a list of URIs': overrun('Subject-Alt-Name-Uri', aliceUri),
      }
      for (const [what, dns] of Object.entries(rows)) {
        t.equal(await connect({ subject: bobsPhone, san: [{ dns }], extensionsAfter }), '30', what)
      }
      const behind = [{ dns: 'x'.repeat(1100) }, { uri: aliceUri }]
      t.equal(
        await connect({ subject: bobsPhone, san: behind }, strangerMac),
        '30',
        'an id behind that many octets is lost',
      )
      t.match(lastDecision(stage), { unreadable: ['certificateSan'] }, 'and the decision says so')
      t.equal(
        await connect({ subject: bobsPhone, san: [{ uri: aliceUri }, { dns: 'x'.repeat(1100) }] }),
        '10',
        'in front it counts',
      )
    },
  )

  await t.test(
    'escapes that FreeRADIUS reads after its cut hide nothing behind it',
    { timeout: 0 },
    async (t) => {
      const escapes = (count: number) => '\\061'.repeat(count)
      const trap = `, URI:${aliceUri}, URI:${escapes(270)}\\`
      const rows: Record<string, SanName[]> = {
        'a DNS name': [{ dns: `x${trap}` }, { dns: 'x' }],
        'one escape': [{ dns: `ab, URI:${aliceUri}, URI:\\061${'1'.repeat(1100)}\\` }, { dns: 'ab' }],
        'an e-mail address': [{ email: `x${trap}` }, { email: 'x' }],
      }
      const octal = (text: string) =>
        [...text].map((letter) => `\\${letter.charCodeAt(0).toString(8).padStart(3, '0')}`).join('')
      const longSid = `tag:microsoft.com,2022-09-14:sid:S-1${'-111111111111111'.repeat(15)}`
      for (const length of [0, 1, 2, 3]) {
        const address = `${'1'.repeat(length)}${escapes(240)}`
        rows[`what looks like an address, ${length}`] = [
          { dns: `x, URI:${aliceUri}, IP Address:${address}\\` },
          { dns: 'x' },
        ]
        const name = `x${'y'.repeat(length)}`
        rows[`what looks like a SID, ${length}`] = [
          { dns: `${name}, URI:${aliceUri}, URI:${octal(longSid)}\\` },
          { dns: name },
        ]
        const others = Array.from({ length: 5 + length }, (): SanName => ({ dns: 'y' }))
        const names = `x, URI:${aliceUri}${', DNS:y'.repeat(5 + length)}, URI:${'1'.repeat(130)}`
        rows[`separators, ${length}`] = [{ dns: `${octal(names)}\\` }, { dns: 'x' }, ...others]
      }
      for (const length of [1, 2, 3, 4]) {
        const name = 'x'.repeat(length)
        rows[`a UPN, ${length}`] = [{ upn: `${name}${trap}` }, { upn: name }]
        // The end of the URI is behind the cut.
        const room = 1023 - `DNS:, URI:${aliceUri}`.length - length
        const padding = escapes(Math.floor(room / 4)) + '1'.repeat((room % 4) + length)
        rows[`a longer URI, ${length}`] = [{ dns: padding }, { uri: `${aliceUri}.bob.example` }]
      }
      for (const [what, san] of Object.entries(rows)) {
        t.equal(await connect({ subject: bobsPhone, san }), '30', what)
        t.match(lastDecision(stage), { matchedBy: 'mac' }, what)
      }
    },
  )

  await t.test('a common name is an id only as a whole', { timeout: 0 }, async (t) => {
    const rows: Record<string, ChosenNames['subject']> = {
      'in another one': [commonName(`Bobs phone/CN=${alice.id}`)],
      'with a label': [commonName(`CN=${alice.id}`)],
      'cut at a NUL': [commonName(`${alice.id}\0.bob`)],
      'cut at a NUL, in a subject that FreeRADIUS drops': [commonName(`${alice.id}\0\\`)],
      'the first of two': [commonName(alice.id), commonName('Bobs phone')],
      'the second of two': [commonName('Bobs phone'), commonName(alice.id)],
      'in the organisation': [organization(`Org/CN=${alice.id}`)],
      'in the organisation, before a name': [organization(`Org/CN=${alice.id}`), commonName('Bobs phone')],
      'with a space': [commonName(`${alice.id} `)],
    }
    for (const [what, subject] of Object.entries(rows)) t.equal(await connect({ subject }), '30', what)
    t.equal(await connect({ subject: [organization('Org'), commonName(alice.id)] }), '10', 'a whole one is')
    t.match(lastDecision(stage), { matchedBy: 'deviceId' })
    const san = [{ uri: bobUri }]
    t.equal(await connect({ subject: [commonName(alice.id)], san }), '20', 'but the SAN comes first')
  })

  await t.test('two ids of one SAN are a contradiction, marked or bare', { timeout: 0 }, async (t) => {
    const rows: Record<string, SanName[]> = {
      'two marked': [{ uri: aliceUri }, { uri: bobUri }],
      'a bare and a marked one': [{ uri: alice.id }, { uri: bobUri }],
      'a marked and a bare one': [{ uri: bobUri }, { uri: alice.id }],
      'one of them in doubt': [{ uri: bobUri }, { dns: `x, URI:${aliceUri}` }],
    }
    for (const [what, san] of Object.entries(rows)) {
      t.equal(await connect({ subject: bobsPhone, san }), 'reject', what)
      t.match(lastDecision(stage), { reason: 'identifier_conflict' }, what)
    }
  })

  await t.test(
    'a cloned MAC does not help who has an id of its own, and is a MAC for who has none',
    { timeout: 0 },
    async (t) => {
      t.equal(await connect({ subject: bobsPhone, san: [{ uri: bobUri }] }, alice.mac), '20')
      t.equal(await connect({ subject: [commonName(bob.id)] }, alice.mac), '20')
      t.equal(await connect({ subject: bobsPhone, san: [{ dns: `x, URI:${aliceUri}` }] }, alice.mac), '10')
      t.match(lastDecision(stage), { matchedBy: 'mac' }, 'a site can ask for more than that')
    },
  )
})

t.test(
  'the URIs that FreeRADIUS 3.2.7 lists are handed over from the other lists of a resumed session',
  { skip: peersMissing, timeout: 0 },
  async (t) => {
    for (const list of ['session-state', 'reply']) {
      // 3.2.1 has no such list of its own: the site puts there what the newer one would.
      const resumed = ['tag:microsoft.com,2022-09-14:sid:S-1-5-21-1', aliceUri]
        .map((uri) => `\t\t\t&${list}:TLS-Client-Cert-Subject-Alt-Name-Uri += "${uri}"\n`)
        .join('')
      const { connect } = await campus(t, (file, text) =>
        file === 'sites-available/nac'
          ? text.replace('\t\t\tnac_eap\n', `\t\t\tupdate {\n${resumed}\t\t\t}\n\t\t\tnac_eap\n`)
          : text,
      )
      t.equal(
        await connect({ subject: bobsPhone, san: [{ uri: bobUri }] }),
        '10',
        `${list}: only those count`,
      )
    }
  },
)
