import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import t, { type Test } from 'tap'
import { playRadclient, vlanOf } from '../../src/cli/lab-peers.ts'
import type { LabStage } from '../../src/cli/lab-stage.ts'
import { enrol, macs, peersMissing } from '../radius-lab/lab.ts'
import { bare, dashed, forms, logins, type Packet, password } from './mac-requests.ts'
import { patientLab, untilAnswered } from './patient-lab.ts'

// Real programs on a machine that may be busy.
t.setTimeout(0)

/** VLAN of an accept, or what it was instead. */
function send(stage: LabStage, packet: Packet): Promise<string> {
  const attributes = Object.entries(packet).flatMap(([name, value]) =>
    [value].flat().map((one) => `${name} = ${one.startsWith('0x') ? one : `"${one}"`}`),
  )
  return untilAnswered(async () => {
    const reply = await playRadclient(stage.radius, 'auth', attributes)
    return reply.code === 'accept' ? `VLAN ${vlanOf(reply)}` : reply.code
  })
}

/** The same request put to the service itself, as rlm_rest would: whether that would let the device in. */
function askService(stage: LabStage, packet: Packet): Promise<boolean> {
  const body = Object.fromEntries(
    Object.entries(packet).map(([name, value]) => [name, { type: 'string', value: [value].flat() }]),
  )
  return new Promise((resolve, reject) => {
    const { serviceUrl, serviceCaPem: ca, credentials: auth } = stage
    const asked = request(
      `${serviceUrl}/v1/radius/authorize`,
      { method: 'POST', ca, auth, headers: { 'content-type': 'application/json' } },
      (reply) => {
        const chunks: Buffer[] = []
        reply.on('data', (chunk: Buffer) => chunks.push(chunk))
        reply.on('end', () => {
          const answer = JSON.parse(Buffer.concat(chunks).toString())
          resolve(reply.statusCode === 200 && answer['control:Auth-Type']?.value[0] === 'Accept')
        })
      },
    )
    asked.once('error', reject)
    asked.end(JSON.stringify(body))
  })
}

/** The lines of docs/freeradius.md for one NAS that says Framed-User, which is at another address here. */
const page = readFileSync(new URL('../../docs/freeradius.md', import.meta.url), 'utf8')
const framedUser = (
  /^if \(\(&Packet-Src-IP-Address == 10\.20\.0\.7\)[\s\S]*?^}\n/m.exec(page)?.[0] ?? ''
).replace('10.20.0.7', '127.0.0.2')
const otherNas = 'client other {\n\tipaddr = 127.0.0.2\n\tsecret = "lab-secret"\n}\n'

async function campus(t: Test, withoutCallCheck: 'yes' | 'no') {
  const setting = 'nac_mab_without_call_check = "no"'
  const stage = await patientLab(t, (file, text) => {
    if (withoutCallCheck === 'no') return text
    if (file === 'sites-available/nac') {
      return text.replace('nac_detect_mab', `${framedUser}nac_detect_mab`) + otherNas
    }
    if (file !== 'policy.d/nac') return text
    if (!text.includes(setting)) throw new Error(`policy.d/nac does not have the line ${setting}`)
    return text.replace(setting, setting.replace('no', 'yes'))
  })
  enrol(stage)
  stage.simulator.tenant.putDevice({
    deviceId: 'c0000000-0000-4000-8000-0000000000ab',
    macs: [dashed.replaceAll('-', '')],
    complianceState: 'compliant',
  })
  return stage
}

t.test(
  'a log-in is not MAC authentication, and Call-Check is',
  { skip: peersMissing, timeout: 0 },
  async (t) => {
    const stage = await campus(t, 'no')
    for (const [what, packet] of Object.entries(logins)) {
      t.equal(await send(stage, packet), 'reject', `through FreeRADIUS: ${what}`)
      t.equal(await askService(stage, packet), false, `and the service says the same: ${what}`)
    }
    for (const [what, { packet, how }] of Object.entries(forms)) {
      const isIn = how === 'said'
      t.equal(await send(stage, packet), isIn ? 'VLAN 10' : 'reject', what)
      t.equal(await askService(stage, packet), isIn, `and the service says the same: ${what}`)
    }
    t.notMatch(stage.serviceLog(), password, 'no password in its log')
    const identity = `0201${(5 + bare.length).toString(16).padStart(4, '0')}01${Buffer.from(bare).toString('hex')}`
    const byEap = { 'User-Name': bare, 'Service-Type': 'Call-Check', 'Calling-Station-Id': dashed }
    t.equal(
      await send(stage, { ...byEap, 'EAP-Message': `0x${identity}` }),
      'none',
      'MAB by EAP has to succeed by itself',
    )

    await t.test('an outage lets no log-in into the critical VLAN', { timeout: 0 }, async (t) => {
      await stage.stopService()
      for (const what of [
        'from the device itself, as Login-User',
        'as Framed-User',
        'a wrong password',
        'CHAP',
      ]) {
        t.equal(await send(stage, logins[what] ?? {}), 'reject', what)
      }
      t.equal(await send(stage, forms['Cisco IOS and IOS-XE']?.packet ?? {}), 'VLAN 999', 'but a device')
      await stage.startService()
    })
  },
)

t.test(
  'a NAS that says nothing is believed where the site says so',
  { skip: peersMissing, timeout: 0 },
  async (t) => {
    const stage = await campus(t, 'yes')
    for (const [what, { packet, how }] of Object.entries(forms)) {
      t.equal(await send(stage, packet), how === 'refused' ? 'reject' : 'VLAN 10', what)
    }
    for (const [what, packet] of Object.entries(logins)) t.equal(await send(stage, packet), 'reject', what)
    const framed = { ...forms['Framed-User']?.packet, 'Packet-Src-IP-Address': '127.0.0.2' }
    t.equal(await send(stage, framed), 'VLAN 10', 'Framed-User from the NAS that the site knows')
    t.equal(await send(stage, { ...framed, 'User-Password': password }), 'reject', 'and not with a password')
    const noncompliant = {
      ...forms['hostapd with macaddr_acl=2']?.packet,
      'Calling-Station-Id': macs.noncompliant,
    }
    const other = macs.noncompliant.replaceAll('-', '').toLowerCase()
    t.equal(
      await send(stage, { ...noncompliant, 'User-Name': other, 'User-Password': other }),
      'VLAN 20',
      'by its own MAC',
    )
  },
)
