import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { runCommand } from '../../src/cli/run-command.ts'
import { laptop, simulatedService } from '../app/simulated-service.ts'

const policy = `profiles:
  quarantine: { vlan: 20, replyMessage: '{message} [{decisionId}]' }
  closed: { replyMessage: 'Your helpdesk needs {decisionId}' }
rules:
  - { name: mend it, when: { reason: noncompliant }, decision: remediate, profile: quarantine }
  - { name: strangers, when: { reason: not_enrolled }, decision: deny, profile: closed }
`

t.test('the decision id that a RADIUS reply shows the user is the one that why explains', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'reply-message-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'policy.yaml')
  writeFileSync(file, policy)
  const { app, simulator } = await simulatedService(t, { environment: { POLICY_FILE: file } })
  if (!app) throw new Error('the service was not built')
  simulator.tenant.patchDevice(laptop.deviceId, { complianceState: 'noncompliant' })
  const { managementUrl } = await app.listen()
  for (const { section, mac, status, story, text } of [
    {
      section: 'authorize',
      mac: laptop.mac,
      status: 200,
      story: 'remediate: noncompliant',
      text: /\S+ \[(\S+)\]$/,
    },
    {
      section: 'post-auth',
      mac: laptop.mac,
      status: 200,
      story: 'remediate: noncompliant',
      text: /\S+ \[(\S+)\]$/,
    },
    {
      section: 'authorize',
      mac: '005056000001',
      status: 401,
      story: 'deny: not_enrolled',
      text: /^Your helpdesk needs (\S+)$/,
    },
  ]) {
    const reply = await app.server.inject({
      method: 'POST',
      url: `/v1/radius/${section}`,
      payload: JSON.stringify({ 'Calling-Station-Id': { type: 'string', value: [mac] } }),
      remoteAddress: '127.0.0.1',
    })
    t.equal(reply.statusCode, status)
    const message: { value: readonly string[] } = reply.json()['reply:Reply-Message']
    const [, decisionId = ''] = text.exec(message.value.join('')) ?? []
    t.equal(decisionId, reply.headers['x-decision-id'], message.value.join(''))
    const out: string[] = []
    const say = (line: string) => void out.push(line)
    const context = { environment: {}, out: say, err: say }
    t.equal(await runCommand(['why', decisionId, '--url', managementUrl], context), 0)
    t.match(out.join('\n'), new RegExp(`^${story} [^]*decision ${decisionId}`))
  }
})
