import { execFileSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { existsSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { runCommand } from '../../src/cli/run-command.ts'
import { makeUnusual, type UnusualKind, unusualKinds } from '../fakes/unusual-file.ts'
import { encryptedWith } from '../pem/encrypted-key.ts'

const { certificatePem, privateKeyPem } = await createSelfSignedCertificate({ commonName: 'nac.example' })
const other = await createSelfSignedCertificate({ commonName: 'other.example' })
const encrypted = createPrivateKey(privateKeyPem)
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' })
  .toString()
const oneLine = privateKeyPem.replaceAll('\n', '\\n')
const utf16 = Buffer.from(`\uFEFF${privateKeyPem}`, 'utf16le')
const [oldKey = ''] = encryptedWith[0] ?? []

const files = {
  'app.pem': certificatePem,
  'app.key': privateKeyPem,
  'crlf.key': privateKeyPem.replaceAll('\n', '\r\n'),
  'other.key': other.privateKeyPem,
  'one-line.key': oneLine,
  'base64.key': Buffer.from(privateKeyPem).toString('base64'),
  'utf16.key': utf16,
  'encrypted.key': encrypted,
  'old.key': oldKey,
  'empty.pem': '',
  'wrong.yaml': 'clients: 5\n',
  'wrong-policy.yaml': 'rules: 5\n',
}

async function run(args: readonly string[], environment: Record<string, string>, execArgv: string[] = []) {
  const printed: string[] = []
  const print = (text: string) => void printed.push(text)
  const exitCode = await runCommand(args, { environment, execArgv, out: print, err: print })
  return { exitCode, text: printed.join('\n') }
}

function variablesIn(directory: string): Record<string, string> {
  return {
    INTUNE_TENANT_ID: 'contoso.example',
    SERVICE_HOST: '127.0.0.1',
    INTUNE_CLIENT_ID: '0d1f6e1a-0b3c-4d5e-8f70-112233445566',
    INTUNE_CERTIFICATE_FILE: join(directory, 'app.pem'),
    INTUNE_PRIVATE_KEY_FILE: join(directory, 'app.key'),
    // Nobody listens there: what is asked of Microsoft ends at once.
    INTUNE_TOKEN_ISSUING_URL: 'https://127.0.0.1:9/contoso.example',
    INTUNE_AUTO_DISCOVERY_URL: 'https://127.0.0.1:9',
  }
}

/** Commands that all have to say the same about the configuration. */
const commands = [['config'], ['doctor'], ['serve'], ['check', '00:50:56:A4:89:5A']] as const

async function saidByAll(t: Test, environment: Record<string, string>, cause: RegExp) {
  for (const command of commands) {
    const { exitCode, text } = await run(command, environment)
    t.equal(exitCode, 78, `${command[0]}: ${text}`)
    t.match(text, cause, command[0])
  }
}

t.test('what is wrong with a file is said the same by config, doctor, serve and check', async (t) => {
  const directory = t.testdir(
    Object.fromEntries(Object.entries(files).map(([name, text]) => [name, String(text)])),
  )
  writeFileSync(join(directory, 'utf16.key'), utf16)
  writeFileSync(join(directory, 'latin1.txt'), Buffer.from('Grün1', 'latin1'))
  symlinkSync(join(directory, 'nowhere/decisions.log'), join(directory, 'astray.log'))
  execFileSync('mkfifo', [join(directory, 'fifo')])
  const at = (name: string) => join(directory, name)
  const tls = { SERVICE_TLS_CERTIFICATE_FILE: at('app.pem'), SERVICE_TLS_PRIVATE_KEY_FILE: at('app.key') }
  const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
    [
      { INTUNE_PRIVATE_KEY_FILE: at('one-line.key') },
      /INTUNE_PRIVATE_KEY_FILE names .*has lost its line ends/,
    ],
    [{ INTUNE_PRIVATE_KEY_FILE: at('base64.key') }, /is base64 of a PEM file/],
    [{ INTUNE_PRIVATE_KEY_FILE: at('utf16.key') }, /is UTF-16 text/],
    [{ INTUNE_PRIVATE_KEY_FILE: at('other.key') }, /does not belong to the first certificate/],
    [{ INTUNE_PRIVATE_KEY_FILE: at('app.pem') }, /holds a certificate where its private key belongs/],
    [
      { INTUNE_PRIVATE_KEY_FILE: at('encrypted.key') },
      /is encrypted, and INTUNE_PRIVATE_KEY_PASSPHRASE is not set/,
    ],
    [
      {
        INTUNE_PRIVATE_KEY_FILE: at('encrypted.key'),
        INTUNE_PRIVATE_KEY_PASSPHRASE_FILE: at('latin1.txt'),
      },
      /INTUNE_PRIVATE_KEY_PASSPHRASE_FILE names a file that is not UTF-8 text; convert it with: iconv/,
    ],
    [
      { INTUNE_PRIVATE_KEY_FILE: at('encrypted.key'), INTUNE_PRIVATE_KEY_PASSPHRASE: '"right"' },
      /cannot be decrypted .*; the passphrase is in quotes/,
    ],
    [
      { INTUNE_PRIVATE_KEY_FILE: at('old.key'), INTUNE_PRIVATE_KEY_PASSPHRASE: 'right' },
      /is not supported by OpenSSL 3 any more \(PBE-MD5-DES\); convert it with: openssl pkcs8 -topk8/,
    ],
    [{ INTUNE_CERTIFICATE_FILE: directory }, /is a directory, not a file/],
    [{ INTUNE_CERTIFICATE_FILE: at('empty.pem') }, /which is empty/],
    [{ INTUNE_CERTIFICATE_FILE: `${at('app.pem')}\r` }, /INTUNE_CERTIFICATE_FILE ends in a carriage return/],
    [{ INTUNE_CERTIFICATE_FILE: `"${at('app.pem')}"` }, /INTUNE_CERTIFICATE_FILE is in quotes/],
    [{ INTUNE_CERTIFICATE_FILE: at('app.key') }, /holds a private key where the certificate belongs/],
    [{ INTUNE_CA_FILE: at('empty.pem') }, /INTUNE_CA_FILE names .*, which is empty/],
    [
      { ...tls, SERVICE_TLS_PRIVATE_KEY_FILE: at('one-line.key') },
      /SERVICE_TLS_PRIVATE_KEY_FILE .*line ends/,
    ],
    [{ ...tls, SERVICE_TLS_PRIVATE_KEY_FILE: at('encrypted.key') }, /an encrypted key is not read here/],
    [{ CLIENTS_FILE: at('wrong.yaml') }, /wrong\.yaml:1:10: clients/],
    [{ POLICY_FILE: at('wrong-policy.yaml') }, /wrong-policy\.yaml:1/],
    [{ CLIENTS_FILE: directory }, /CLIENTS_FILE names .*, which is a directory, not a file/],
    [{ POLICY_FILE: directory }, /POLICY_FILE names .*, which is a directory, not a file/],
    [{ DECISION_LOG_FILE: directory }, /DECISION_LOG_FILE names .*, which is a directory, not a file/],
    [
      { DECISION_LOG_FILE: at('gone/deep/decisions.log') },
      /DECISION_LOG_FILE names .*, but .*\/gone\/deep does not exist\. Make that directory/,
    ],
    [
      { DECISION_LOG_FILE: at('app.pem/decisions.log') },
      /DECISION_LOG_FILE names .*, but .*\/app\.pem is not a directory/,
    ],
    [{ DECISION_LOG_FILE: at('app.pem/deep/decisions.log') }, /app\.pem\/deep does not exist/],
    [{ DECISION_LOG_FILE: at('astray.log') }, /DECISION_LOG_FILE names .*, but .*\/nowhere does not exist/],
    [{ DECISION_LOG_FILE: at('fifo') }, /DECISION_LOG_FILE names .*, which is a FIFO/],
    [{ POLICY_FILE: at('gone.yaml') }, /POLICY_FILE names .*, which does not exist/],
    [{ INTUNE_CLOUD: 'public\r' }, /INTUNE_CLOUD ends in a carriage return/],
    [{ HTTPS_PROXY: 'http://svc:Sommer100%@127.0.0.1:9' }, /HTTPS_PROXY has a % .*: write % as %25/],
    [{ https_proxy: 'socks5://127.0.0.1:9' }, /https_proxy is a SOCKS proxy/],
  ]
  for (const [changed, cause] of cases) {
    await saidByAll(t, { ...variablesIn(directory), ...changed }, cause)
  }
})

t.test('what stands in the place of a file is said the same by all, and waited for by none', async (t) => {
  const directory = t.testdir({
    'app.pem': certificatePem,
    'app.key': privateKeyPem,
    'encrypted.key': encrypted,
  })
  const at = (name: string) => join(directory, name)
  const tls = { SERVICE_TLS_CERTIFICATE_FILE: at('app.pem'), SERVICE_TLS_PRIVATE_KEY_FILE: at('app.key') }
  const variables: readonly (readonly [string, Record<string, string>])[] = [
    ['INTUNE_CERTIFICATE_FILE', {}],
    ['INTUNE_PRIVATE_KEY_FILE', {}],
    ['INTUNE_CA_FILE', {}],
    ['SERVICE_TLS_CERTIFICATE_FILE', tls],
    ['SERVICE_TLS_PRIVATE_KEY_FILE', tls],
    ['SERVICE_TLS_CLIENT_CA_FILE', tls],
    ['CLIENTS_FILE', {}],
    ['POLICY_FILE', {}],
  ]
  for (const kind of Object.keys(unusualKinds) as UnusualKind[]) {
    const made = await makeUnusual(t, at('file'), kind)
    for (const [variable, besides] of variables) {
      const cause = new RegExp(`${variable} names .*, which ${unusualKinds[kind].source}`)
      await saidByAll(t, { ...variablesIn(directory), ...besides, [variable]: made }, cause)
    }
    // What is read once may be a pipe, but this one has no writer.
    const why = kind === 'fifo' ? 'is a pipe that nobody writes to' : unusualKinds[kind].source
    const passphrase = {
      INTUNE_PRIVATE_KEY_FILE: at('encrypted.key'),
      INTUNE_PRIVATE_KEY_PASSPHRASE_FILE: made,
    }
    const cause = new RegExp(`INTUNE_PRIVATE_KEY_PASSPHRASE_FILE names a file that ${why}`)
    await saidByAll(t, { ...variablesIn(directory), ...passphrase }, cause)
    await saidByAll(
      t,
      { ...variablesIn(directory), LOG_LEVEL_FILE: made },
      new RegExp(`LOG_LEVEL_FILE names .*, which ${why}`),
    )
  }
})

t.test('all that is wrong is said at once', async (t) => {
  const directory = t.testdir({ 'app.pem': '', 'app.key': oneLine, 'clients.yaml': 'clients: 5\n' })
  const environment = {
    ...variablesIn(directory),
    CLIENTS_FILE: join(directory, 'clients.yaml'),
    SERVICE_TLS_CERTIFICATE_FILE: join(directory, 'gone.pem'),
    SERVICE_TLS_PRIVATE_KEY_FILE: join(directory, 'gone.key'),
  }
  for (const command of [['config'], ['serve'], ['doctor']] as const) {
    const { text } = await run(command, environment)
    t.match(
      text,
      /app\.pem, which is empty[\s\S]*gone\.pem, which does not exist[\s\S]*clients\.yaml:1/,
      command[0],
    )
  }
})

t.test('what is fine is fine for all, with line ends of Windows as well', async (t) => {
  const directory = t.testdir({ 'app.pem': `\uFEFF${files['app.pem']}`, 'app.key': files['crlf.key'] })
  const { exitCode, text } = await run(['config'], variablesIn(directory))
  t.equal(exitCode, 0, text)
  const doctor = await run(['doctor'], variablesIn(directory))
  t.match(doctor.text, /certificate and key +ok/)
})

t.test('no command runs with a variable or an option of Node that weakens TLS or HTTP', async (t) => {
  const directory = t.testdir({ 'app.pem': certificatePem, 'app.key': privateKeyPem })
  const all = [
    ...commands,
    ['onboard', '--new', '--out', join(directory, 'new')],
    ['onboard', '--certificate', join(directory, 'app.pem')],
    ['health', '--url', 'http://127.0.0.1:9'],
    ['why', '00:50:56:A4:89:5A', '--url', 'http://127.0.0.1:9'],
    ['client', 'add', 'x', '--file', join(directory, 'clients.yaml')],
    [
      'check',
      '--as-ise',
      'https://127.0.0.1:9',
      '--user',
      'x',
      '--password-file',
      join(directory, 'app.pem'),
    ],
  ]
  for (const command of all) {
    const environment = variablesIn(directory)
    const byVariable = await run(command, { ...environment, NODE_TLS_REJECT_UNAUTHORIZED: '0' })
    t.equal(byVariable.exitCode, 78, command.join(' '))
    t.match(byVariable.text, /NODE_TLS_REJECT_UNAUTHORIZED is 0, which turns off/)
    const byOptions = await run(command, { ...environment, NODE_OPTIONS: '--insecure-http-parser' })
    t.match(byOptions, { exitCode: 78, text: /NODE_OPTIONS has --insecure-http-parser/ })
    const byCommandLine = await run(command, environment, ['--tls-min-v1.0'])
    t.match(byCommandLine, { exitCode: 78, text: /the command line of node has --tls-min-v1\.0/ })
  }
  t.notOk(existsSync(join(directory, 'new')), 'and nothing is made')
  t.notOk(existsSync(join(directory, 'clients.yaml')))
  const asked = await run(['serve', '--help'], { NODE_TLS_REJECT_UNAUTHORIZED: '0' })
  t.equal(asked.exitCode, 0, 'help is help')
})

t.test('what Node was told besides is said by config and doctor', async (t) => {
  const directory = t.testdir({ 'app.pem': certificatePem, 'app.key': privateKeyPem })
  const environment = { ...variablesIn(directory), NODE_EXTRA_CA_CERTS: '/roots.pem', NODE_DEBUG: 'undici' }
  for (const command of [['config'], ['doctor']] as const) {
    const { text } = await run(command, environment)
    t.match(text, /note: NODE_EXTRA_CA_CERTS is set \(\/roots\.pem\)/, command[0])
    t.match(text, /note: NODE_DEBUG is set/, command[0])
  }
})
