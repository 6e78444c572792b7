import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { vlanOf } from '../../src/cli/lab-peers.ts'
import type { LabStage } from '../../src/cli/lab-stage.ts'
import { lab, peersMissing, sanForms } from './lab.ts'

const policy = `profiles:
  employees: { vlan: 10 }
  remediation: { vlan: 20 }
defaultProfiles: { allow: employees, remediate: remediation }
rules:
  - name: a MAC alone is not enough
    when: { frontend: radius, matchedBy: mac }
    atMost: remediate
`

const dock = '00-50-56-D0-CC-01'
const healthy = 'd0c00000-0000-4000-8000-000000000001'
const broken = 'd0c00000-0000-4000-8000-000000000002'

/** Two laptops that reach the network through one dock, whose MAC Intune has for both. */
function enrolDock({ simulator }: LabStage): void {
  const macs = [dock.replaceAll('-', '')]
  simulator.tenant.putDevice({ deviceId: healthy, macs, complianceState: 'compliant' })
  simulator.tenant.putDevice({ deviceId: broken, macs, complianceState: 'noncompliant' })
}

t.test(
  'two laptops at one dock get each its own answer by certificate',
  { skip: peersMissing },
  async (t) => {
    const stage = await lab(t, { policy })
    enrolDock(stage)
    for (const [id, vlan] of [
      [healthy, '10'],
      [broken, '20'],
      [healthy, '10'],
    ] as const) {
      const certificate = await stage.issueCertificate('laptop', sanForms.endpointManager(id))
      t.equal(vlanOf(await stage.eapTls({ certificate, mac: dock })), vlan, id)
    }
  },
)

t.test(
  "by MAC alone neither is let in through the other's record where policy caps it",
  { skip: peersMissing },
  async (t) => {
    for (const enrolled of [[healthy], [broken], [healthy, broken]]) {
      const stage = await lab(t, { policy })
      enrolDock(stage)
      for (const id of [healthy, broken]) {
        if (!enrolled.includes(id)) stage.simulator.tenant.removeDevice(id)
      }
      t.equal(vlanOf(await stage.mab({ mac: dock })), '20', enrolled.join(' and '))
    }
  },
)

t.test('a policy edit counts within 2 s; a broken one changes nothing', { skip: peersMissing }, async (t) => {
  const stage = await lab(t, { policy })
  enrolDock(stage)
  const login = async () => {
    const certificate = await stage.issueCertificate('laptop', sanForms.endpointManager(healthy))
    return vlanOf(await stage.eapTls({ certificate, mac: dock }))
  }
  t.equal(await login(), '10')
  writeFileSync(stage.policyFile, policy.replace('vlan: 10', 'vlan: 11'))
  await sleep(2000)
  t.equal(await login(), '11', 'the new VLAN')
  writeFileSync(stage.policyFile, policy.replace('vlan: 10', 'vlan: 5000'))
  await sleep(2000)
  t.equal(await login(), '11', 'still the last good one')
  t.match(stage.serviceLog(), /policy_refused.*policy\.yaml:2:\d+/, 'and the log says where it is broken')
})
