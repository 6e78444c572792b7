import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { runCaptured } from './doctor-rig.ts'

const pair = await createSelfSignedCertificate({ commonName: 'intune-nac test' })

t.test(
  'check --explain plays a request that cannot be read, and says which rule that makes apply',
  async (t) => {
    const directory = t.testdir({ 'app.pem': pair.certificatePem, 'app.key': pair.privateKeyPem })
    const policyFile = join(directory, 'policy.yaml')
    writeFileSync(
      policyFile,
      'rules:\n  - { name: vault, when: { ssid: "Vault*" }, decision: deny }\n  - { name: rest, decision: allow }\n',
    )
    const environment = {
      INTUNE_TOKEN_ISSUING_URL: 'https://127.0.0.1:1/contoso.example',
      INTUNE_CLIENT_ID: '0d1f6e1a-0b3c-4d5e-8f70-112233445566',
      INTUNE_CERTIFICATE_FILE: join(directory, 'app.pem'),
      INTUNE_PRIVATE_KEY_FILE: join(directory, 'app.key'),
      POLICY_FILE: policyFile,
    }
    // A random MAC is decided by policy alone.
    const check = (...options: string[]) =>
      runCaptured(
        ['check', 'mac=DA:1B:2C:3D:4E:5F', '--explain', '--frontend', 'radius', ...options],
        environment,
      )
    const unread = await check('--ssid', 'unknown')
    t.equal(unread.exitCode, 1)
    t.match(
      unread.out,
      /vault: applies and decides, because nobody can say that it does not: ssid is not readable, the rule wants Vault\*/,
    )
    t.equal((await check('--ssid', 'Corp')).exitCode, 0)
    t.equal((await check()).exitCode, 0, 'without the option there is no SSID')
  },
)
