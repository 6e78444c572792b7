import { X509Certificate } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { RadiusReply } from '../../src/cli/lab-peers.ts'
import { enrol, ids, lab, macs, peersMissing, sanForms } from './lab.ts'

const employees = {
  'Tunnel-Type': ['VLAN'],
  'Tunnel-Medium-Type': ['IEEE-802'],
  'Tunnel-Private-Group-Id': ['10'],
  'Session-Timeout': ['28800'],
  'Termination-Action': ['RADIUS-Request'],
}
const remediation = {
  'Tunnel-Type': ['VLAN'],
  'Tunnel-Medium-Type': ['IEEE-802'],
  'Tunnel-Private-Group-Id': ['20'],
  'Session-Timeout': ['300'],
  'Cisco-AVPair': [
    'url-redirect-acl=ACL-REDIRECT',
    'url-redirect=https://portal.manage.microsoft.com/networkaccesscontrol/index',
  ],
}
const onboarding = { 'Tunnel-Private-Group-Id': ['30'], 'Session-Timeout': ['600'] }

function expectAccept(t: Test, reply: RadiusReply, wanted: Record<string, string[]>, what: string) {
  t.equal(reply.code, 'accept', what)
  const received = Object.fromEntries(Object.keys(wanted).map((name) => [name, reply.attributes.get(name)]))
  t.same(received, wanted, `${what}: the attributes of the packet`)
}

t.test('every state lands where it must, by MAB and by EAP-TLS', { skip: peersMissing }, async (t) => {
  const stage = await lab(t)
  enrol(stage)
  const rows = [
    ['compliant', employees],
    ['noncompliant', remediation],
    ['unknown', remediation],
    ['notEnrolled', onboarding],
  ] as const
  for (const [state, wanted] of rows) {
    const mac = macs[state]
    expectAccept(t, await stage.mab({ mac }), wanted, `${state} by MAB`)
    for (const form of ['endpointManager', 'intuneDeviceId'] as const) {
      const certificate = await stage.issueCertificate('laptop', sanForms[form](ids[state]))
      // The MAC is that of nobody: the certificate decides.
      const reply = await stage.eapTls({ certificate, mac: '00-50-56-00-00-99' })
      expectAccept(t, reply, wanted, `${state} by EAP-TLS, ${form}`)
    }
  }

  const mab = await stage.mab({ mac: macs.noncompliant })
  t.same(mab.attributes.get('Filter-Id'), ['remediation.in'])
  t.same(mab.attributes.get('Reply-Message'), ['Open Company Portal, fix what it lists, then try again.'])
  const certificate = await stage.issueCertificate('laptop', sanForms.intuneDeviceId(ids.noncompliant))
  const eap = await stage.eapTls({ certificate, mac: macs.noncompliant })
  t.notOk(eap.attributes.has('Reply-Message'), 'no text beside EAP (RFC 3579 section 2.6.5)')

  stage.simulator.tenant.patchDevice(ids.noncompliant, { complianceState: 'compliant' })
  await sleep(1200)
  expectAccept(t, await stage.mab({ mac: macs.noncompliant }), employees, 'repaired, by MAB')
  const repaired = await stage.eapTls({ certificate, mac: macs.noncompliant })
  expectAccept(t, repaired, employees, 'repaired, by EAP-TLS')
})

t.test('the common name of the certificate will do', { skip: peersMissing }, async (t) => {
  const stage = await lab(t)
  enrol(stage)
  const certificate = await stage.issueCertificate(ids.noncompliant, [])
  expectAccept(t, await stage.eapTls({ certificate, mac: macs.compliant }), remediation, 'by the common name')
  t.match(stage.serviceLog(), /"event":"decision".*"matchedBy":"deviceId"/)
})

t.test('a resumed TLS session is decided anew, by the same device id', { skip: peersMissing }, async (t) => {
  const stage = await lab(t)
  enrol(stage)
  const certificate = await stage.issueCertificate('laptop', sanForms.endpointManager(ids.compliant))
  const reply = await stage.eapTls({ certificate, mac: macs.noncompliant, again: 1 })
  t.match(stage.radius.log(), /EAP-Session-Resumed := (?:1|yes)/i, 'the second time was a resumption')
  expectAccept(t, reply, employees, 'resumed')
  const decisions = stage
    .serviceLog()
    .split('\n')
    .filter((line) => line.includes('"event":"decision"'))
    .map((line) => JSON.parse(line) as { matchedBy: string; device: string; certificateExpiresAt: string })
  t.same(
    decisions.map(({ matchedBy, device }) => `${matchedBy} ${device}`),
    [`deviceId ${ids.compliant}`, `deviceId ${ids.compliant}`],
    'both times by the certificate, not by the MAC',
  )
  const expiresAt = new X509Certificate(certificate.certificatePem).validToDate.toISOString()
  t.same(
    decisions.map(({ certificateExpiresAt }) => certificateExpiresAt),
    [expiresAt, expiresAt],
    'and with its expiry, as FreeRADIUS tells it',
  )
})

t.test('a denial is an Access-Reject', { skip: peersMissing }, async (t) => {
  const policy = 'rules:\n  - name: nobody\n    decision: deny\n    remediation: { message: "Ring 555" }\n'
  const stage = await lab(t, { policy })
  enrol(stage)
  const mab = await stage.mab({ mac: macs.compliant })
  t.equal(mab.code, 'reject')
  t.same(mab.attributes.get('Reply-Message'), ['Ring 555'], 'with what the user has to do')
  t.notOk(mab.attributes.has('Tunnel-Private-Group-Id'))
  const certificate = await stage.issueCertificate('laptop', sanForms.intuneDeviceId(ids.compliant))
  const eap = await stage.eapTls({ certificate, mac: macs.compliant })
  t.equal(eap.code, 'reject')
  t.match(eap.output.slice(eap.output.lastIndexOf('code=3')), /EAP Failure/, 'the supplicant is told')
  t.notMatch(eap.output, /from RADIUS server: EAP Success/, 'and nothing else before')
  t.notOk(eap.attributes.has('Vendor-Specific'), 'and gets no keys')
})

t.test(
  'a certificate of another authority does not get as far as the service',
  { skip: peersMissing },
  async (t) => {
    const stage = await lab(t)
    const stranger = await lab(t)
    const certificate = await stranger.issueCertificate('laptop', sanForms.intuneDeviceId(ids.compliant))
    t.equal((await stage.eapTls({ certificate, mac: macs.compliant })).code, 'reject')
    t.notMatch(stage.serviceLog(), /"event":"decision"/)
  },
)
