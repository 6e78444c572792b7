import t from 'tap'
import { runToEnd, startCommand } from '../e2e/run-process.ts'
import { peersMissing } from './lab.ts'

t.test('lab --once puts everyone where they must be and exits 0', { skip: peersMissing }, async (t) => {
  const { exitCode, output } = await runToEnd(['lab', '--once'])
  t.equal(exitCode, 0, output)
  t.match(output, /Alice's laptop +EAP-TLS +compliant +VLAN 10 employees/)
  t.match(output, /Bob's laptop +EAP-TLS +noncompliant +VLAN 20 remediation/)
  t.match(output, /Bob's laptop, repaired +EAP-TLS +compliant +VLAN 10 employees/)
  t.match(output, /Alice's laptop, the service down .* VLAN 999 critical/)
})

t.test('lab stays up with the commands to try, and stops cleanly', { skip: peersMissing }, async (t) => {
  const lab = startCommand(['lab'])
  t.teardown(() => lab.child.kill('SIGTERM'))
  await lab.waitFor(/eapol_test -c \S+eap\.conf/)
  const [, , port = '', secret = ''] = await lab.waitFor(
    /echo (".*") \| radclient -x 127\.0\.0\.1:(\d+) auth (\S+)/,
  )
  t.match([port, secret], [/^\d+$/, 'lab-secret'])
  lab.child.kill('SIGTERM')
  t.equal(await lab.exited, 0)
})

t.test('lab takes options only', async (t) => {
  const { exitCode, output } = await runToEnd(['lab', 'extra'])
  t.equal(exitCode, 2)
  t.match(output, /takes options only/)
})
