import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { runCaptured } from './doctor-rig.ts'

const pair = await createSelfSignedCertificate({ commonName: 'intune-nac test' })
const policy = 'rules:\n  - { name: not here, when: { ssid: Büro }, decision: deny }\n'
const hash = `scrypt:16384:8:1:${Buffer.alloc(16, 1).toString('base64')}:${Buffer.alloc(32, 2).toString('base64')}`
const clients = `clients:\n  - { name: a, basic: { username: Jürgen, passwordHash: "${hash}" } }\n`

t.test(
  'config, doctor and serve refuse a policy or clients file that is not UTF-8, in the same words',
  async (t) => {
    const directory = t.testdir({ 'app.pem': pair.certificatePem, 'app.key': pair.privateKeyPem })
    const file = (name: string, content: Uint8Array) => {
      writeFileSync(join(directory, name), content)
      return join(directory, name)
    }
    const environment = {
      INTUNE_TOKEN_ISSUING_URL: 'https://127.0.0.1:1/contoso.example',
      INTUNE_CLIENT_ID: '0d1f6e1a-0b3c-4d5e-8f70-112233445566',
      INTUNE_CERTIFICATE_FILE: join(directory, 'app.pem'),
      INTUNE_PRIVATE_KEY_FILE: join(directory, 'app.key'),
      SERVICE_HOST: '127.0.0.1',
      SERVICE_PORT: '0',
      MANAGEMENT_PORT: '0',
    }
    const cases = [
      ['POLICY_FILE', Buffer.from(policy, 'latin1'), /policy\.yaml:2:38: byte 0xFC is not UTF-8/],
      ['POLICY_FILE', Buffer.from(`\ufeff${policy}`, 'utf16le'), /policy\.yaml:1:1: the file is UTF-16/],
      ['CLIENTS_FILE', Buffer.from(clients, 'latin1'), /clients\.yaml:2:36: byte 0xFC is not UTF-8/],
      ['CLIENTS_FILE', Buffer.from(clients, 'utf16le'), /clients\.yaml:1:1: the file is UTF-16/],
    ] as const
    for (const [variable, content, problem] of cases) {
      const path = file(variable === 'POLICY_FILE' ? 'policy.yaml' : 'clients.yaml', content)
      const lines = new Set<string>()
      for (const command of ['config', 'doctor', 'serve']) {
        const captured = await runCaptured([command], { ...environment, [variable]: path })
        // doctor tells what it found on standard output, where its report is.
        const said = captured.out + captured.err
        t.equal(captured.exitCode, 78, `${command}: ${said}`)
        t.match(said, problem, command)
        lines.add(problem.exec(said)?.[0] ?? '')
      }
      t.equal(lines.size, 1, 'in the same words')
    }
    const marked = file('policy.yaml', Buffer.from(`\ufeff${policy}`))
    t.match(
      await runCaptured(['config'], { ...environment, POLICY_FILE: marked }),
      { exitCode: 0 },
      'a mark is fine',
    )
    const wrong = file('clients.yaml', Buffer.from('clients:\n  - { name: a }\n'))
    t.match(
      await runCaptured(['config'], { ...environment, CLIENTS_FILE: wrong }),
      { exitCode: 78, err: /clients\[0\]: has no credentials/ },
      'config reads the clients file at all',
    )
  },
)
