import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { canaryMarker } from '../../scripts/secret-scan.ts'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { startOtherCloud } from './other-cloud.ts'
import { runToEnd, startCommand } from './run-process.ts'

const passphrase = `${canaryMarker} staple`
const pair = await createSelfSignedCertificate({ commonName: 'intune-nac test' })

t.test('serve works the same against another server that speaks the same wire', async (t) => {
  const cloud = await startOtherCloud(t)
  const directory = t.testdir({
    'app.pem': pair.certificatePem,
    'app.key': pair.privateKeyPem,
    'ca.pem': cloud.caCertificatePem,
  })
  const clientsFile = join(directory, 'clients.yaml')
  const added = await runToEnd(['client', 'add', 'ise-psn-1', '--basic', '--file', clientsFile])
  t.equal(added.exitCode, 0, added.output)
  const [, password = ''] = added.output.match(/password: +(\S+)/) ?? []
  t.notOk(readFileSync(clientsFile, 'utf8').includes(password), 'the file holds only the hash')
  const environment = {
    INTUNE_TOKEN_ISSUING_URL: `${cloud.origin}/${cloud.tenant}/oauth2/v2.0/token`,
    INTUNE_AUTO_DISCOVERY_URL: cloud.origin,
    INTUNE_TOKEN_AUDIENCE: 'https://api.manage.microsoft.com/',
    INTUNE_ALLOWED_HOSTS: 'localhost',
    INTUNE_CA_FILE: join(directory, 'ca.pem'),
    INTUNE_CLIENT_ID: '0d1f6e1a-0b3c-4d5e-8f70-112233445566',
    INTUNE_CERTIFICATE_FILE: join(directory, 'app.pem'),
    INTUNE_PRIVATE_KEY_FILE: join(directory, 'app.key'),
    CLIENTS_FILE: clientsFile,
    SERVICE_HOST: '127.0.0.1',
    SERVICE_PORT: '0',
    MANAGEMENT_PORT: '0',
    SHUTDOWN_GRACE_SECONDS: '0',
    DECISION_DEADLINE_MS: '5000',
  }
  const service = startCommand(['serve'], environment)
  t.teardown(() => service.child.kill('SIGKILL'))
  const [, url = ''] = await service.waitFor(/"serviceUrl":"([^"]+)"/)
  const [, managementUrl = ''] = await service.waitFor(/"managementUrl":"([^"]+)"/)

  const ask = async (query: string, credentials = `ise-psn-1:${password}`) => {
    const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`
    const reply = await fetch(`${url}/v1/decision?${query}`, { headers: { authorization } })
    return { status: reply.status, body: (await reply.json()) as Record<string, unknown> }
  }
  t.match(await ask('mac=00-50-56-a4-89-5a'), {
    status: 200,
    body: { decision: 'allow', reason: 'compliant' },
  })
  t.match(await ask(`deviceId=${cloud.deviceId}`), { body: { decision: 'allow', matchedBy: 'deviceId' } })
  t.match(await ask('mac=00-50-56-00-00-01'), { body: { decision: 'remediate', reason: 'not_enrolled' } })
  t.match(await ask('mac=00-50-56-a4-89-5a', 'ise-psn-1:wrong'), {
    status: 401,
    body: { code: 'unauthenticated' },
  })
  t.equal(cloud.asked.filter((line) => line.startsWith('POST')).length, 2, 'two tokens in all')
  for (const path of ['/livez', '/readyz']) {
    t.equal((await fetch(`${url}${path}`)).status, 200, `${path} needs no credentials`)
    t.equal((await fetch(`${managementUrl}${path}`)).status, 200, `${path} on the management listener`)
  }
  // The log is written in batches.
  await service.waitFor(/(?:"event":"decision"[\s\S]*){3}/)
  const decisions = service
    .output()
    .split('\n')
    .filter((line) => line.includes('"event":"decision"'))
  t.equal(decisions.length, 3, 'one decision line per decision')
  t.notMatch(
    service.output(),
    new RegExp(`${canaryMarker}|${password}|PRIVATE KEY`),
    'nothing secret is logged',
  )

  const check = await runToEnd(['check', '00:50:56:A4:89:5A', '--json'], environment)
  t.equal(check.exitCode, 0, check.output)
  t.match(JSON.parse(check.output), { decision: 'allow', device: '005056A4895A' })
  const refused = await runToEnd(['check', 'deviceId=00000000-1111-4222-8333-444444444444'], environment)
  t.equal(refused.exitCode, 1, 'a "no" is exit code 1')
  t.match(refused.output, /remediate: not_enrolled/)

  const second = await runToEnd(['serve'], { ...environment, SERVICE_PORT: new URL(url).port })
  t.match(second, { exitCode: 1, output: /EADDRINUSE/ }, 'a port that is taken is said plainly')

  service.child.kill('SIGTERM')
  t.equal(await service.exited, 0, 'SIGTERM stops it cleanly')
})

t.test('check explains why nothing could be determined, with the remedy', async (t) => {
  const cloud = await startOtherCloud(t)
  const directory = t.testdir({ 'app.pem': pair.certificatePem, 'app.key': pair.privateKeyPem })
  const { exitCode, output } = await runToEnd(['check', cloud.deviceId], {
    INTUNE_TOKEN_ISSUING_URL: `${cloud.origin}/${cloud.tenant}`,
    INTUNE_AUTO_DISCOVERY_URL: cloud.origin,
    INTUNE_CLIENT_ID: '0d1f6e1a-0b3c-4d5e-8f70-112233445566',
    INTUNE_CERTIFICATE_FILE: join(directory, 'app.pem'),
    INTUNE_PRIVATE_KEY_FILE: join(directory, 'app.key'),
  })
  t.equal(exitCode, 1)
  t.match(output, /deny: intune_unavailable/)
  t.match(output, /Other root/, 'the issuer that is not trusted is named')
  t.match(output, /INTUNE_CA_FILE/, 'the remedy is named')
})

t.test('wrong configuration is exit code 78, every problem listed', async (t) => {
  for (const args of [['serve'], ['config'], ['check', '00:50:56:A4:89:5A']]) {
    const { exitCode, output } = await runToEnd(args, { INTUNE_CLIENT_ID: 'x', SERVICE_HOST: '0.0.0.0' })
    t.equal(exitCode, 78, `${args[0]}: ${output}`)
    for (const name of ['INTUNE_TENANT_ID', 'INTUNE_CLIENT_ID', 'INTUNE_CERTIFICATE_FILE', 'SERVICE_HOST']) {
      t.match(output, new RegExp(name))
    }
  }
})

t.test('files that cannot be used are exit code 78, with the remedy', async (t) => {
  const directory = t.testdir({ 'app.pem': 'not a certificate', 'app.key': pair.privateKeyPem })
  const { exitCode, output } = await runToEnd(['serve'], {
    INTUNE_TENANT_ID: 'contoso.example',
    INTUNE_CLIENT_ID: '0d1f6e1a-0b3c-4d5e-8f70-112233445566',
    INTUNE_CERTIFICATE_FILE: join(directory, 'app.pem'),
    INTUNE_PRIVATE_KEY_FILE: join(directory, 'app.key'),
  })
  t.equal(exitCode, 78)
  t.match(output, /certificate_unreadable/)
  t.match(output, /BEGIN CERTIFICATE/)
})

t.test('config prints the settings and hides the secrets', async (t) => {
  const directory = t.testdir({ 'app.pem': pair.certificatePem, 'app.key': pair.privateKeyPem })
  const { exitCode, output } = await runToEnd(['config'], {
    INTUNE_TENANT_ID: 'contoso.example',
    INTUNE_CLIENT_ID: '0d1f6e1a-0b3c-4d5e-8f70-112233445566',
    INTUNE_CERTIFICATE_FILE: join(directory, 'app.pem'),
    INTUNE_PRIVATE_KEY_FILE: join(directory, 'app.key'),
    INTUNE_PRIVATE_KEY_PASSPHRASE: passphrase,
  })
  t.equal(exitCode, 0)
  t.match(output, /"authorityUrl": "https:\/\/login\.microsoftonline\.com\/contoso\.example"/)
  t.match(output, /"privateKeyPassphrase": "\(set\)"/)
  t.notMatch(output, new RegExp(passphrase))
})

t.test('wrong use is exit code 2 with a word about the right one', async (t) => {
  for (const [args, expected] of [
    [[], /Usage: intune-nac/],
    [['frobnicate'], /no command "frobnicate"/],
    [['check'], /needs an identifier/],
    [['check', '00:50:56'], /mac/],
    [['serve', 'now'], /takes options only/],
    [['serve', '--port', '1'], /port/],
    [['demo', '--port', '70000'], /0 to 65535/],
    [['client', 'frob', 'x'], /client add NAME/],
    [['client', 'remove', 'x'], /CLIENTS_FILE/],
    [['client', 'remove', '--file', 'x'], /See intune-nac client remove --help/],
    [['client', 'list', '--file', '/nowhere/c.yaml'], /is not there/],
    [['client', 'list', 'x'], /client list/],
    [['client', 'add', 'x', '--certificate-san', 'DNS:a', '--secret-file', 'f', '--file', 'f'], /no secret/],
    [['client', 'add', 'x'], /CLIENTS_FILE/],
    [['client', 'add', 'x', '--basic', '--bearer'], /not both/],
  ] as const) {
    const { exitCode, output } = await runToEnd(args)
    t.equal(exitCode, 2, `${args.join(' ')}: ${output}`)
    t.match(output, expected)
  }
  t.match(await runToEnd(['--help']), { exitCode: 0, output: /serve/ })
})

t.test('client add keeps what is in the file and refuses a name twice', async (t) => {
  const directory = t.testdir({ 'clients.yaml': '# who may ask\nclients: [] # nobody yet\n' })
  const file = join(directory, 'clients.yaml')
  t.match(await runToEnd(['client', 'add', 'curl', '--file', file]), {
    exitCode: 0,
    output: /token: [\w-]{43}/,
  })
  t.match(await runToEnd(['client', 'add', 'curl', '--file', file]), {
    exitCode: 2,
    output: /nothing was written/,
  })
  t.match(readFileSync(file, 'utf8'), /^# who may ask\n/, 'comments stay')
  const secretFile = join(directory, 'token')
  const more = ['client', 'add', 'second', '--file', file, '--secret-file', secretFile]
  t.match(await runToEnd(more), { exitCode: 0 })
  t.match(readFileSync(secretFile, 'utf8'), /^[\w-]{43}$/)
  t.match(await runToEnd([...more, '--if-missing']), { exitCode: 0, output: '' }, 'nothing is done twice')
})

t.test(
  'client list names kinds, front ends and networks without a hash, and client remove takes one out',
  async (t) => {
    const file = join(t.testdir({ 'clients.yaml': '# who may ask\nclients: []\n' }), 'clients.yaml')
    const client = (...args: string[]) => runToEnd(['client', ...args, '--file', file])
    await client(
      'add',
      'ise',
      '--basic',
      '--frontend',
      'ise',
      '--network',
      '10.1.0.0/16',
      '--network',
      '::1',
      '--rate-limit',
      '50',
    )
    t.match(
      await client('add', 'radius-1', '--certificate-subject', 'CN=radius-1', '--certificate-san', 'DNS:r'),
      {
        exitCode: 0,
        output: /known by its certificate/,
      },
    )
    await client('add', 'both', '--bearer', '--certificate-san', 'URI:urn:both')
    t.match(await client('add', 'x', '--network', '10.1.0.1/16'), {
      exitCode: 2,
      output: /nothing was written/,
    })
    const listed = await client('list')
    t.equal(listed.exitCode, 0)
    t.match(listed.output, /^ise +basic +ise +10\.1\.0\.0\/16,::1 +50\/s$/m)
    t.match(listed.output, /^radius-1 +certificate +json,radius,ise +any +none$/m)
    t.match(listed.output, /^both +bearer\+certificate +/m)
    t.notMatch(listed.output, /scrypt|:8:1/)
    t.match(await client('remove', 'ise'), { exitCode: 0 })
    t.match(await client('remove', 'ise'), { exitCode: 1, output: /no client "ise"/ })
    t.match(readFileSync(file, 'utf8'), /^# who may ask\n/, 'comments stay')
    t.notMatch(readFileSync(file, 'utf8'), /10\.1\.0\.0/)
  },
)

t.test('simulator prints what the service needs and stops on SIGTERM', async (t) => {
  const directory = t.testdir({})
  const simulator = startCommand(['simulator', '--port', '0', '--directory', directory])
  await simulator.waitFor(/npm start/)
  const environment = Object.fromEntries(
    readFileSync(join(directory, 'service.env'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s).slice(0, 2)),
  ) as Record<string, string>
  const check = await runToEnd(['check', '3408BC507C78'], environment)
  t.match(
    check,
    { exitCode: 1, output: /remediate: noncompliant/ },
    'a service can be pointed at it by those alone',
  )
  simulator.child.kill('SIGTERM')
  t.equal(await simulator.exited, 0)
})
