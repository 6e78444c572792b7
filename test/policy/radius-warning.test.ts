import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { parsePolicy } from '../../src/policy/policy-file.ts'
import { findRadiusWarning } from '../../src/policy/radius-warning.ts'
import { runCaptured } from '../cli/doctor-rig.ts'
import { startCommand } from '../e2e/run-process.ts'

const profile = 'profiles: { fix: { vlan: 20 }, empty: {} }\n'

/** Policies, and the rules that RADIUS rejects though they remediate. */
for (const [text, named] of [
  ['rules: []', /"builtin remediate" remediates/],
  [`${profile}defaultProfiles: { remediate: fix }\nrules: []`, undefined],
  [`${profile}defaultProfiles: { remediate: empty }\nrules: []`, /"builtin remediate"/],
  [`${profile}defaultProfiles: { allow: fix }\nrules: []`, /"builtin remediate"/],
  ['rules: [{ name: all, decision: deny }]', undefined],
  ['rules: [{ name: all, decision: remediate }]', /that "all" remediates/],
  [`${profile}rules: [{ name: all, decision: remediate, profile: fix }]`, undefined],
  [
    `${profile}rules: [{ name: ise, when: { frontend: ise }, decision: remediate }, { name: all, decision: deny }]`,
    undefined,
  ],
  [
    `${profile}defaultProfiles: { remediate: fix }\nrules: [{ name: cap, when: { matchedBy: mac }, atMost: remediate, profile: empty }]`,
    /that "cap" remediates/,
  ],
  [
    `${profile}rules: [{ name: mine, when: { reason: [noncompliant, not_evaluated, not_enrolled, randomized_mac] }, decision: remediate, profile: fix }]`,
    undefined,
  ],
] as const) {
  t.test(`a remediation without attributes is found: ${text}`, async (t) => {
    const parsed = parsePolicy(text, 'f')
    if (!parsed.ok) throw new Error(parsed.fault.message)
    const warning = findRadiusWarning(parsed.value.definition)
    if (named === undefined) t.equal(warning, undefined)
    else t.match(warning, named)
  })
}

t.test('serve, config and doctor say so, with the remedy, where a client may use RADIUS', async (t) => {
  const pair = await createSelfSignedCertificate({ commonName: 'intune-nac test' })
  const hash = `scrypt:16384:8:1:${Buffer.alloc(16, 1).toString('base64')}:${Buffer.alloc(32, 2).toString('base64')}`
  const clients = (frontends: string) =>
    `clients:\n  - { name: a, frontends: [${frontends}], bearer: { tokenHash: "${hash}" } }\n`
  const directory = t.testdir({
    'app.pem': pair.certificatePem,
    'app.key': pair.privateKeyPem,
    'clients.yaml': clients('json, ise'),
    'policy.yaml': 'rules: []\n',
    'vlans.yaml': 'profiles: { fix: { vlan: 20 } }\ndefaultProfiles: { remediate: fix }\nrules: []\n',
  })
  const file = (name: string) => join(directory, name)
  const environment = {
    INTUNE_TOKEN_ISSUING_URL: 'https://127.0.0.1:1/contoso.example',
    INTUNE_CLIENT_ID: '0d1f6e1a-0b3c-4d5e-8f70-112233445566',
    INTUNE_CERTIFICATE_FILE: file('app.pem'),
    INTUNE_PRIVATE_KEY_FILE: file('app.key'),
    CLIENTS_FILE: file('clients.yaml'),
    SERVICE_HOST: '127.0.0.1',
    SERVICE_PORT: '0',
    MANAGEMENT_PORT: '0',
    SHUTDOWN_GRACE_SECONDS: '0',
  }
  const warning = /RADIUS rejects every device that "builtin remediate" remediates.*docs\/freeradius\.md/
  const config = (more: Record<string, string> = {}) => runCaptured(['config'], { ...environment, ...more })
  t.notMatch((await config()).err, warning, 'nobody may use RADIUS')

  writeFileSync(file('clients.yaml'), clients('radius'))
  t.match(await config(), { exitCode: 0, err: warning })
  t.match((await config()).err, /set POLICY_FILE to a policy that names one/)
  t.match((await config({ POLICY_FILE: file('policy.yaml') })).err, /name one in the policy file/)
  t.notMatch((await config({ POLICY_FILE: file('vlans.yaml') })).err, warning)
  const { out } = await runCaptured(['doctor', '--json'], environment)
  const { steps } = JSON.parse(out) as { steps: { step: string }[] }
  t.match(
    steps.find(({ step }) => step === 'service_files'),
    { result: 'warn', detail: warning, remedy: /POLICY_FILE/ },
  )

  writeFileSync(file('clients.yaml'), clients('json'))
  const service = startCommand(['serve'], { ...environment, POLICY_FILE: file('policy.yaml') })
  t.teardown(() => service.child.kill('SIGKILL'))
  await service.waitFor(/"event":"listening"/)
  t.notMatch(service.output(), warning)
  writeFileSync(file('clients.yaml'), clients('json, radius'))
  await service.waitFor(/"event":"policy_warning".*RADIUS rejects/)
  service.child.kill('SIGTERM')
  await service.exited

  const again = startCommand(['serve'], environment)
  t.teardown(() => again.child.kill('SIGKILL'))
  await again.waitFor(/"event":"policy_warning".*RADIUS rejects.*set POLICY_FILE/)
})
