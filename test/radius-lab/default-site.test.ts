import { join } from 'node:path'
import t, { type Test } from 'tap'
import { playMab, playRadclient, type RadiusReply } from '../../src/cli/lab-peers.ts'
import type { LabStage } from '../../src/cli/lab-stage.ts'
import { type DebianFreeradius, type DebianSite, debianFreeradius, debianSiteMissing } from './debian-site.ts'
import { enrol, ids, lab, macs, sanForms } from './lab.ts'
import { type EapMethod, playEap, type ReceivedPacket } from './supplicants.ts'

const skip = debianSiteMissing()

/** A remediation of several values, as Cisco's switches take it. */
const remediation = {
  'Tunnel-Private-Group-Id': ['20'],
  'Session-Timeout': ['300'],
  'Termination-Action': ['RADIUS-Request'],
  'Cisco-AVPair': [
    'url-redirect-acl=ACL-REDIRECT',
    'url-redirect=https://portal.manage.microsoft.com/networkaccesscontrol/index',
  ],
}

const eapAlone = new Set(['EAP-Message', 'Message-Authenticator', 'State'])

function expectPlainChallenges(t: Test, packets: readonly ReceivedPacket[], what: string) {
  const challenges = packets.filter(({ packetCode }) => packetCode === 11)
  t.ok(challenges.length > 2, `${what}: there were challenges`)
  const names = challenges.flatMap(({ attributes }) => [...attributes.keys()])
  t.same(
    [...new Set(names)].filter((name) => !eapAlone.has(name)),
    [],
    `${what}: EAP alone in a challenge`,
  )
}

function expectRemediation(t: Test, packet: RadiusReply | undefined, what: string) {
  t.equal(packet?.code, 'accept', what)
  const received = Object.keys(remediation).map((name) => [name, packet?.attributes.get(name)])
  t.same(Object.fromEntries(received), remediation, `${what}: every attribute, once`)
  t.equal(packet?.attributes.get('Filter-Id')?.length, 1, `${what}: one Filter-Id`)
}

/** Once more where the service was late, which is an outage to FreeRADIUS: what gets in is asked here, not how fast. */
async function play(t: Test, stage: LabStage, radius: DebianFreeradius, method: EapMethod, tries = 4) {
  const packets = await playEap(radius, {
    directory: join(stage.directory, `device-${method}-${tries}`),
    method,
    mac: macs.noncompliant,
    certificate: await stage.issueCertificate('laptop', sanForms.intuneDeviceId(ids.noncompliant)),
  })
  if (packets.at(-1)?.code !== 'accept' && tries > 1) return play(t, stage, radius, method, tries - 1)
  expectPlainChallenges(t, packets, method)
  return packets.at(-1)
}

/** Limits that a machine with other things to do keeps, and answers from memory. */
const patience = { DECISION_DEADLINE_MS: '8000', NONCOMPLIANT_FRESH_SECONDS: '600' }

const methods = ['TLS', 'TTLS', 'PEAP'] as const

const sites: readonly (readonly [name: string, site: DebianSite, methods: readonly EapMethod[]])[] = [
  ['authorize alone', { authorize: 'before eap' }, methods],
  ['authorize and post-auth', { authorize: 'before eap', postAuth: 'last' }, methods],
  ['authorize and post-auth, at its top', { authorize: 'before eap', postAuth: 'first' }, methods],
  ['authorize behind eap', { authorize: 'after eap' }, methods],
  ['post-auth alone', { postAuth: 'last' }, methods],
  ['authorize of the inner tunnel', { innerAuthorize: true }, ['PEAP']],
  ['authorize of the check of the certificate', { certificateCheck: true }, ['TLS']],
]

for (const [name, site, played] of sites) {
  t.test(`Debian's default site, asking in ${name}`, { skip }, async (t) => {
    const stage = await lab(t, { environment: patience })
    enrol(stage)
    const radius = await debianFreeradius(t, stage, site)
    for (const method of played) expectRemediation(t, await play(t, stage, radius, method), method)
    if (site.authorize !== undefined) {
      expectRemediation(t, await playMab(radius, { mac: macs.noncompliant }), 'MAB')
    }
  })
}

t.test('accounting is acknowledged where the example of rlm_rest tells of it', { skip }, async (t) => {
  const stage = await lab(t)
  const radius = await debianFreeradius(t, stage, { preacct: true, accounting: true })
  const about = ['User-Name = "alice"', 'Acct-Session-Id = "1"', 'NAS-IP-Address = 127.0.0.1', 'NAS-Port = 1']
  for (const type of ['Start', 'Interim-Update', 'Stop', 'Accounting-On']) {
    const reply = await playRadclient(radius, 'acct', [...about, `Acct-Status-Type = ${type}`])
    t.equal(reply.code, 'accounting', type)
  }
})

t.test('who is denied, or cannot be decided about, is refused in the first round', { skip }, async (t) => {
  const policy = 'rules:\n  - name: none\n    when: { reason: noncompliant }\n    decision: deny\n'
  const stage = await lab(t, { policy, environment: patience })
  enrol(stage)
  const radius = await debianFreeradius(t, stage, { authorize: 'before eap' })
  const refused = async (what: string) => {
    for (const method of methods) {
      const directory = join(stage.directory, `${what}-${method}`)
      const packets = await playEap(radius, { directory, method, mac: macs.noncompliant })
      t.same(
        packets.map(({ packetCode }) => packetCode),
        [3],
        `${what}: ${method}`,
      )
    }
  }
  await refused('denied')
  await stage.stopService()
  await refused('the service is down')
})
