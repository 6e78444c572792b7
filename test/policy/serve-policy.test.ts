import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { runToEnd, startCommand } from '../e2e/run-process.ts'

t.setTimeout(240_000)

const pair = await createSelfSignedCertificate({ commonName: 'intune-nac test' })

/** A randomised MAC is decided by policy alone, so no cloud is needed: nothing listens at port 1. */
const question = 'mac=DA:1B:2C:3D:4E:5F'

const ruleFor = (decision: string) =>
  `rules:\n  - name: private MAC ${decision}\n    when: { reason: randomized_mac }\n    decision: ${decision}\n`

function setUp(t: Test, policy: string) {
  const directory = t.testdir({
    'app.pem': pair.certificatePem,
    'app.key': pair.privateKeyPem,
    'policy.yaml': policy,
  })
  const policyFile = join(directory, 'policy.yaml')
  const environment = {
    INTUNE_TOKEN_ISSUING_URL: 'https://127.0.0.1:1/contoso.example',
    INTUNE_CLIENT_ID: '0d1f6e1a-0b3c-4d5e-8f70-112233445566',
    INTUNE_CERTIFICATE_FILE: join(directory, 'app.pem'),
    INTUNE_PRIVATE_KEY_FILE: join(directory, 'app.key'),
    POLICY_FILE: policyFile,
    SERVICE_PORT: '0',
    MANAGEMENT_PORT: '0',
    SHUTDOWN_GRACE_SECONDS: '0',
  }
  return { environment, policyFile }
}

t.test(
  'an edit of POLICY_FILE takes effect within 2 s, a broken one changes nothing and says where',
  async (t) => {
    const { environment, policyFile } = setUp(t, ruleFor('remediate'))
    const service = startCommand(['serve'], environment)
    t.teardown(() => service.child.kill('SIGKILL'))
    const [, url = ''] = await service.waitFor(/"serviceUrl":"([^"]+)"/)
    const [, managementUrl = ''] = await service.waitFor(/"managementUrl":"([^"]+)"/)
    const decision = async () => {
      const reply = await fetch(`${url}/v1/decision?${question}`)
      return ((await reply.json()) as { decision: string }).decision
    }
    const policyCheck = async (origin: string) => {
      const reply = await fetch(`${origin}/readyz`)
      return {
        status: reply.status,
        policy: ((await reply.json()) as { checks: { policy: unknown } }).checks.policy,
      }
    }
    const changedWithin = async (wanted: string, ms: number) => {
      const startedMs = performance.now()
      while ((await decision()) !== wanted) {
        if (performance.now() - startedMs > ms) return false
        await sleep(20)
      }
      return true
    }
    t.equal(await decision(), 'remediate')

    writeFileSync(policyFile, ruleFor('deny'))
    t.ok(await changedWithin('deny', 2000), 'written in place')
    writeFileSync(`${policyFile}.new`, ruleFor('allow'))
    renameSync(`${policyFile}.new`, policyFile)
    t.ok(await changedWithin('allow', 2000), 'put in its place by a rename')

    writeFileSync(policyFile, ruleFor('deny').replace('reason:', 'raison:'))
    await service.waitFor(
      /"event":"policy_refused".*policy\.yaml:3:13: rules\[0\]\.when\.raison is not a known key/,
    )
    await sleep(1200)
    t.equal(await decision(), 'allow', 'the old policy stays')
    t.equal(service.output().match(/policy_refused/g)?.length, 1, 'said once, not at every look')
    t.match(
      await policyCheck(managementUrl),
      { status: 200, policy: { status: 'degraded', what: /policy\.yaml:3:13/ } },
      'verbose health says where',
    )
    t.match(await policyCheck(url), { status: 200, policy: undefined }, 'but not to everybody')

    writeFileSync(policyFile, ruleFor('deny'))
    t.ok(await changedWithin('deny', 2000), 'mended')
    t.match(await policyCheck(managementUrl), { policy: { status: 'ok' } })
    const rules = service
      .output()
      .split('\n')
      .filter((line) => line.includes('"event":"decision"'))
      .map((line) => (JSON.parse(line) as { rule: string }).rule)
    t.same(
      [...new Set(rules)],
      ['private MAC remediate', 'private MAC deny', 'private MAC allow'],
      'the decision log names the rule',
    )
    service.child.kill('SIGTERM')
    t.equal(await service.exited, 0, 'nothing keeps the process alive')
  },
)

t.test('a policy file that is wrong is exit code 78 for every command that reads it', async (t) => {
  const { environment, policyFile } = setUp(t, 'rules:\n  - name: a\n    decision: maybe\n')
  for (const args of [['serve'], ['check', question], ['config'], ['config', '--policy', policyFile]]) {
    const { exitCode, output } = await runToEnd(args, environment)
    t.equal(exitCode, 78, `${args.join(' ')}: ${output}`)
    t.match(output, /policy\.yaml:3:15: rules\[0\]\.decision: must be one of allow, remediate, deny, fail/)
  }
  t.match(await runToEnd(['config', '--policy', `${policyFile}.missing`]), {
    exitCode: 78,
    output: /which does not exist/,
  })
})

t.test('config --policy prints the rules of a right file, and what is odd about it', async (t) => {
  const { policyFile } = setUp(
    t,
    `profiles: { p: { vlan: 10 } }\n${ruleFor('deny')}  - name: more\n    decision: allow\n  - name: cap\n    atMost: remediate\n`,
  )
  const { exitCode, output } = await runToEnd(['config', '--policy', policyFile])
  t.equal(exitCode, 0, output)
  t.match(output, /1 +private MAC deny +reason: randomized_mac +deny/)
  t.match(output, /2 +more +always +allow/)
  t.match(output, /3 +cap +always +at most remediate/)
  t.match(output, /3 rules and 1 profile;/)
  t.match(output, /warning: .*policy\.yaml:8:5: rule "cap" can never apply/)
  t.match(output, /warning: .*policy\.yaml:1:16: profile p is used by no rule/)
})

t.test('config --print-default-policy prints a file that config --policy finds right', async (t) => {
  const printed = await runToEnd(['config', '--print-default-policy'])
  t.equal(printed.exitCode, 0)
  const { policyFile } = setUp(t, printed.output)
  t.match(await runToEnd(['config', '--policy', policyFile]), { exitCode: 0, output: /is fine: 5 rules/ })
  t.match(await runToEnd(['config', 'policy.yaml']), { exitCode: 2, output: /takes options only/ })
})

t.test('check --explain names the rule that decided and why the earlier ones did not', async (t) => {
  const { environment } = setUp(
    t,
    `profiles: { guest: { vlan: guests } }
rules:
  - name: factory
    when: { ssid: Factory, nasAddress: 10.0.0.0/8 }
    decision: deny
  - name: never open
    when: { matchedBy: mac }
    atMost: remediate
    profile: guest
  - name: lobby
    when: { ssid: Lobby, frontend: radius }
    decision: allow
`,
  )
  const lobby = [
    'check',
    question,
    '--explain',
    '--frontend',
    'radius',
    '--ssid',
    'Lobby',
    '--nas-address',
    '192.0.2.1',
  ]
  const { exitCode, output } = await runToEnd(lobby, environment)
  t.equal(exitCode, 1, output)
  t.match(output, /^rule: never open -> remediate with the profile guest$/m)
  t.match(
    output,
    /factory: does not apply: nasAddress is "192\.0\.2\.1", the rule wants 10\.0\.0\.0\/8; ssid is "Lobby", the rule wants Factory$/m,
  )
  t.match(output, /never open: applies and limits the rules below it$/m)
  t.match(output, /lobby: applies and decides$/m)
  const json = await runToEnd(['check', question, '--explain', '--json'], environment)
  t.match(JSON.parse(json.output), {
    decision: 'remediate',
    rule: 'builtin remediate',
    rules: [
      { rule: 'factory' },
      { rule: 'never open' },
      { rule: 'lobby', unmet: [/frontend is json/, /ssid is not known/] },
      { rule: 'builtin compliant' },
      { rule: 'builtin remediate', result: 'fired' },
    ],
  })
  t.match(await runToEnd(['check', question, '--frontend', 'soap'], environment), {
    exitCode: 2,
    output: /--frontend must be one of json, radius, ise/,
  })
})
