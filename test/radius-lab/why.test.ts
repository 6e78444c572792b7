import t from 'tap'
import { runCommand } from '../../src/cli/run-command.ts'
import { enrol, ids, lab, macs, peersMissing, sanForms } from './lab.ts'

const policy = `profiles:
  employees: { vlan: 10, replyMessage: 'Welcome [{decisionId}]' }
  remediation: { vlan: 20, replyMessage: '{message} [{decisionId}]' }
  closed: { replyMessage: 'Your helpdesk needs {decisionId}' }
defaultProfiles: { allow: employees, remediate: remediation }
rules:
  - { name: only with a certificate, when: { reason: not_enrolled }, decision: deny, profile: closed }
`

const decisionId = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/

t.test(
  'from the Reply-Message that a device gets, why tells how it was decided',
  { skip: peersMissing },
  async (t) => {
    const stage = await lab(t, { policy })
    enrol(stage)
    const why = async (asked: string) => {
      const out: string[] = []
      const say = (text: string) => void out.push(text)
      const context = { environment: {}, out: say, err: say }
      t.equal(await runCommand(['why', asked, '--url', stage.managementUrl()], context), 0)
      return out.join('\n')
    }
    for (const [story, expected, mac] of [
      ['allow: compliant', 'accept', macs.compliant],
      ['remediate: noncompliant', 'accept', macs.noncompliant],
      ['deny: not_enrolled', 'reject', macs.notEnrolled],
    ] as const) {
      const { code, attributes } = await stage.mab({ mac })
      t.equal(code, expected, story)
      const message = attributes.get('Reply-Message')?.join('') ?? ''
      const [id = ''] = decisionId.exec(message) ?? []
      const told = await why(id)
      t.match(told, new RegExp(`^${story} `), message)
      t.match(told, `decision ${id}`)
      t.match(told, 'through the radius front end')
    }

    const certificate = await stage.issueCertificate('laptop', sanForms.endpointManager(ids.compliant))
    const { code, attributes } = await stage.eapTls({ certificate, mac: macs.compliant })
    t.equal(code, 'accept')
    t.notOk(attributes.has('Reply-Message'), 'with EAP there is none: RFC 3579 section 2.6.5')
    t.match(await why(ids.compliant), /^allow: compliant /, 'the device is what can be asked about')
  },
)
