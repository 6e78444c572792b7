import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { clientId, type Report, runCaptured } from './doctor-rig.ts'

const tenant = '47f09275-5bc0-4807-8aae-f35cb034132a'
const keyId = '0f1e2d3c-4b5a-4968-8776-655443322110'

/** What `onboard --json` prints. */
interface Onboarding {
  readonly certificate: Record<string, string>
  readonly keyCredentials: {
    readonly azureAdGraph: Record<string, string>
    readonly microsoftGraph: Record<string, string>
  }
  readonly requiredResourceAccess: readonly {
    resourceAppId: string
    resourceAccess: readonly { id: string; type: string }[]
  }[]
  readonly iseFields: Record<string, string>
  readonly variables: Record<string, string>
  readonly manifest?: { form: string; kept: number; merged: { keyCredentials: unknown[] } }
}

async function onboard(...args: string[]) {
  const run = await runCaptured(['onboard', '--json', '--ise-connector', ...args])
  return { ...run, answer: JSON.parse(run.out || 'null') as Onboarding }
}

const pair = await createSelfSignedCertificate({ commonName: 'ise-pan.example' })
const other = await createSelfSignedCertificate({ commonName: 'older' })

function derOf(pem: string): Buffer {
  return new X509Certificate(pem).raw
}

t.test('the values of an existing certificate are those of the 2018 PowerShell', async (t) => {
  const directory = t.testdir({ 'ise.pem': pair.certificatePem })
  const { answer, exitCode } = await onboard(
    '--certificate',
    join(directory, 'ise.pem'),
    '--key-id',
    keyId.toUpperCase(),
  )
  t.equal(exitCode, 0)
  const der = derOf(pair.certificatePem)
  t.match(answer.certificate, {
    base64Thumbprint: createHash('sha1').update(der).digest('base64'),
    base64Value: der.toString('base64'),
    keyId,
    thumbprintSha1: createHash('sha1').update(der).digest('hex').toUpperCase(),
    thumbprintSha256: createHash('sha256').update(der).digest('hex'),
  })
  const fixed = {
    customKeyIdentifier: answer.certificate.base64Thumbprint,
    keyId,
    type: 'AsymmetricX509Cert',
    usage: 'Verify',
  }
  t.same(answer.keyCredentials.azureAdGraph, { ...fixed, value: answer.certificate.base64Value })
  t.same(answer.keyCredentials.microsoftGraph, {
    ...fixed,
    key: answer.certificate.base64Value,
    displayName: 'CN=ise-pan.example',
    startDateTime: answer.certificate.notBefore,
    endDateTime: answer.certificate.notAfter,
  })
})

t.test('openssl computes the same thumbprint', async (t) => {
  const directory = t.testdir({ 'ise.pem': pair.certificatePem })
  const file = join(directory, 'ise.pem')
  let printed: string
  try {
    printed = execFileSync('openssl', ['x509', '-in', file, '-noout', '-fingerprint', '-sha1'], {
      encoding: 'utf8',
    })
  } catch {
    t.pass('there is no openssl on this machine')
    return
  }
  const { answer } = await onboard('--certificate', file)
  t.equal(printed.trim().split('=')[1]?.replaceAll(':', ''), answer.certificate.thumbprintSha1)
})

t.test('DER is read as well, and a keyId that is not given is another one each time', async (t) => {
  const directory = t.testdir()
  const file = join(directory, 'ise.cer')
  writeFileSync(file, derOf(pair.certificatePem))
  const [first, second] = [await onboard('--certificate', file), await onboard('--certificate', file)]
  t.match(first.answer.certificate.keyId, /^[0-9a-f]{8}-[0-9a-f]{4}-4/)
  t.not(first.answer.certificate.keyId, second.answer.certificate.keyId)
})

t.test('a new key is RSA-3072, its owner alone may read it, and nothing is overwritten', async (t) => {
  const directory = join(t.testdir(), 'new')
  const { answer, exitCode, out } = await onboard('--new', '--out', directory, '--days', '90')
  t.equal(exitCode, 0)
  const key = join(directory, 'app.key')
  t.equal(statSync(key).mode & 0o777, 0o600)
  const certificate = new X509Certificate(readFileSync(join(directory, 'app.pem')))
  t.match(certificate.publicKey.asymmetricKeyDetails, { modulusLength: 3072 })
  const days = (certificate.validToDate.getTime() - Date.now()) / 86_400_000
  t.ok(days > 89.9 && days < 90.1, `${days} days`)
  t.match(answer.variables, {
    INTUNE_CERTIFICATE_FILE: join(directory, 'app.pem'),
    INTUNE_PRIVATE_KEY_FILE: key,
  })
  const keyText = readFileSync(key, 'utf8')
  t.notOk(out.includes(keyText.split('\n')[3] ?? ''), 'the key is not printed')

  const again = await onboard('--new', '--out', directory)
  t.equal(again.exitCode, 2)
  t.match(again.err, /never overwrites: .*app\.pem and .*app\.key are there already/)
  t.equal(readFileSync(key, 'utf8'), keyText, 'the key is the old one')

  const half = t.testdir({ 'app.key': 'precious' })
  const halfway = await onboard('--new', '--out', half)
  t.match(halfway.err, /app\.key is there already/)
  t.same(readdirSync(half), ['app.key'])
})

t.test('2048 bits can be asked for, fewer cannot', async (t) => {
  const directory = t.testdir()
  await onboard('--new', '--out', join(directory, 'small'), '--bits', '2048')
  const made = new X509Certificate(readFileSync(join(directory, 'small/app.pem')))
  t.match(made.publicKey.asymmetricKeyDetails, { modulusLength: 2048 })
  t.equal((await onboard('--new', '--out', join(directory, 'weak'), '--bits', '1024')).exitCode, 2)
  t.notOk(existsSync(join(directory, 'weak')))
})

t.test('the four ISE fields and the variables follow tenant, client and cloud', async (t) => {
  const directory = t.testdir({ 'ise.pem': pair.certificatePem })
  const given = ['--certificate', join(directory, 'ise.pem'), '--tenant', tenant, '--client', clientId]
  const { answer } = await onboard(...given)
  t.same(answer.iseFields, {
    'Auto Discovery URL': 'https://graph.microsoft.com',
    'Client ID': clientId,
    'Token Issuing URL': `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`,
    'Token Audience': 'https://api.manage.microsoft.com/',
  })
  t.match(answer.variables, { INTUNE_TENANT_ID: tenant, INTUNE_CLIENT_ID: clientId })
  t.notOk('INTUNE_CLOUD' in answer.variables)

  const dod = await onboard(...given, '--cloud', 'usgov-dod')
  t.match(dod.answer.iseFields, {
    'Auto Discovery URL': 'https://dod-graph.microsoft.us',
    'Token Issuing URL': /^https:\/\/login\.microsoftonline\.us\//,
    'Token Audience': 'https://api.manage.microsoft.us/',
  })
  t.match(dod.answer.variables, { INTUNE_CLOUD: 'usgov-dod' })

  const unknown = await onboard('--certificate', join(directory, 'ise.pem'), '--cloud', 'china')
  t.match(unknown.answer.iseFields, { 'Client ID': '<application (client) id>', 'Token Audience': /^<ask/ })
})

t.test(
  'for ISE it prints what asks this service, and the old connector only where it is asked for',
  async (t) => {
    const directory = t.testdir({ 'ise.pem': pair.certificatePem })
    const given = ['onboard', '--certificate', join(directory, 'ise.pem')]
    const service = {
      SERVICE_PORT: '8443',
      SERVICE_PATH_PREFIX: '/nac',
      SERVICE_TLS_CERTIFICATE_FILE: 'nac.pem',
    }
    const { out } = await runCaptured([...given, '--host', 'nac.example'], service)
    for (const line of [
      /External MDM > Add, with this service/,
      /Host Name \/ IP Address: nac\.example$/m,
      /Port: 8443$/m,
      /Instance Name: nac$/m,
      /User Name: ise$/m,
      /Password: printed once by: intune-nac client add ise --basic --frontend ise/,
      /Trusted Certificates: the root that signed nac\.pem/,
    ]) {
      t.match(out, line)
    }
    t.notMatch(out, /Auto Discovery URL|Token Issuing URL/)
    const base64 = derOf(pair.certificatePem).toString('base64')
    t.equal(out.split(base64).length - 1, 1, 'the certificate is there once')
    const bare = JSON.parse((await runCaptured([...given, '--json'])).out) as object
    t.match(bare, { mdmServer: { Port: '8080', 'Instance Name': '(empty)' } })
    t.notOk('iseFields' in bare)
    t.match((await runCaptured([...given, '--ise-connector'])).out, /Token Issuing URL: https:/)
  },
)

const graphManifest = (entries: unknown[]) =>
  JSON.stringify({ id: 'x', displayName: 'ise', appId: clientId, web: {}, keyCredentials: entries })
const oldManifest = (entries: unknown[]) =>
  JSON.stringify({ id: 'x', name: 'ise', appId: clientId, replyUrlsWithType: [], keyCredentials: entries })
const oldEntry = {
  customKeyIdentifier: createHash('sha1').update(derOf(other.certificatePem)).digest('base64'),
  keyId: '99999999-8888-4777-8666-555555555555',
  type: 'AsymmetricX509Cert',
  usage: 'Verify',
}

t.test('merging adds the certificate in the form of the manifest and keeps everything else', async (t) => {
  const value = derOf(other.certificatePem).toString('base64')
  const forms = {
    microsoftGraph: [graphManifest([{ ...oldEntry, key: value }]), graphManifest([])],
    azureAdGraph: [oldManifest([{ ...oldEntry, value }]), `\uFEFF${oldManifest([])}`],
  }
  for (const [form, manifests] of Object.entries(forms)) {
    for (const text of manifests) {
      const directory = t.testdir({ 'ise.pem': pair.certificatePem, 'manifest.json': text })
      const [input, output] = [join(directory, 'manifest.json'), join(directory, 'merged.json')]
      const args = ['--certificate', join(directory, 'ise.pem'), '--merge', input, '--out-manifest', output]
      const { answer, exitCode } = await onboard(...args)
      t.equal(exitCode, 0)
      t.equal(answer.manifest?.form, form)
      const before = JSON.parse(text.replace('\uFEFF', ''))
      const merged = JSON.parse(readFileSync(output, 'utf8'))
      const added = answer.keyCredentials[form as 'azureAdGraph' | 'microsoftGraph']
      t.same(merged, { ...before, keyCredentials: [...before.keyCredentials, added] })
      t.equal(readFileSync(input, 'utf8'), text, 'the input is untouched')

      const onto = await onboard(...args)
      t.equal(onto.exitCode, 2)
      t.match(onto.err, /never overwrites: .*merged\.json/)
      const twice = await onboard('--certificate', join(directory, 'ise.pem'), '--merge', output)
      t.equal(twice.exitCode, 2)
      t.match(twice.err, /already holds this certificate/)
    }
  }
})

t.test('a certificate is recognised however its thumbprint is written', async (t) => {
  const sha1 = createHash('sha1').update(derOf(pair.certificatePem)).digest()
  for (const customKeyIdentifier of [
    sha1.toString('base64url'),
    sha1.toString('hex'),
    sha1.toString('base64'),
  ]) {
    const directory = t.testdir({
      'ise.pem': pair.certificatePem,
      'manifest.json': graphManifest([{ ...oldEntry, customKeyIdentifier, key: null }]),
    })
    const { err } = await onboard(
      '--certificate',
      join(directory, 'ise.pem'),
      '--merge',
      join(directory, 'manifest.json'),
    )
    t.match(err, /already holds this certificate, under keyId 99999999/)
  }
})

t.test('a manifest goes to standard output alone, so that it can be piped', async (t) => {
  const directory = t.testdir({ 'ise.pem': pair.certificatePem, 'manifest.json': graphManifest([]) })
  const args = ['onboard', '--certificate', join(directory, 'ise.pem')]
  const { out, err } = await runCaptured([...args, '--merge', join(directory, 'manifest.json')])
  t.match(JSON.parse(out), { appId: clientId, keyCredentials: [{ usage: 'Verify' }] })
  t.match(err, /base64Thumbprint[\s\S]*0 kept, 1 added/)
  const written = await runCaptured([
    ...args,
    '--merge',
    join(directory, 'manifest.json'),
    '--out-manifest',
    join(directory, 'merged.json'),
  ])
  t.match(written.out, /Certificates & secrets[\s\S]*User Name: ise\n[\s\S]*merged\.json/)
})

t.test('a wrong call says what is wrong, and leaves nothing behind', async (t) => {
  const files = {
    'ise.pem': pair.certificatePem,
    'text.txt': 'no certificate',
    'broken.json': '{',
    'list.json': '[]',
    'good.json': graphManifest([]),
    'bare.json': '{"keyCredentials":[]}',
    'taken.json': graphManifest([{ ...oldEntry, keyId, key: 'AAAA' }]),
  }
  const directory = t.testdir(files)
  const at = (name: string) => join(directory, name)
  const certificate = ['--certificate', at('ise.pem')]
  const cases: [string[], RegExp][] = [
    [[], /needs --certificate FILE/],
    [[...certificate, '--new', '--out', at('x')], /needs --certificate FILE/],
    [['--new'], /--new needs --out/],
    [[...certificate, '--out', at('x')], /--out goes with --new/],
    [[...certificate, '--out-manifest', at('x')], /--out-manifest goes with --merge/],
    [[...certificate, 'extra'], /options only/],
    [[...certificate, '--key-id', 'mine'], /--key-id must be a GUID/],
    [[...certificate, '--tenant', 'common'], /--tenant must be/],
    [[...certificate, '--client', 'ise'], /--client must be/],
    [[...certificate, '--cloud', 'mars'], /--cloud must be one of public, usgov/],
    [['--new', '--out', at('x'), '--days', '0'], /--days must be/],
    [['--certificate', at('missing.pem')], /missing\.pem, which does not exist/],
    [['--certificate', at('text.txt')], /holds no PEM certificate/],
    [[...certificate, '--merge', at('list.json')], /is not a manifest/],
    [[...certificate, '--merge', at('broken.json')], /is not a manifest/],
    [
      [...certificate, '--merge', at('good.json'), '--out-manifest', join(at('ise.pem'), 'x')],
      /cannot be written/,
    ],
    [['--new', '--out', at('x'), '--merge', at('bare.json')], /neither attributes/],
    [[...certificate, '--key-id', keyId, '--merge', at('taken.json')], /another certificate under keyId/],
    [['--new', '--out', join(at('ise.pem'), 'x')], /cannot be made \(ENOTDIR\)/],
  ]
  for (const [args, sentence] of cases) {
    const { exitCode, err } = await runCaptured(['onboard', ...args])
    t.equal(exitCode, 2, args.join(' '))
    t.match(err, sentence)
  }
  t.same(readdirSync(directory).sort(), Object.keys(files).sort())
})

/** Certificates alone, without their keys: of an elliptic curve, and of RSA with 1024 bits. */
const ellipticCurvePem = `-----BEGIN CERTIFICATE-----
MIIBcDCCARWgAwIBAgIUEM01aV8BHQgUwduVzAZjALW8a98wCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCZWMwHhcNMjYxMTIzMDE1ODU1WhcNNDYxMTE4MDE1ODU1WjAN
MQswCQYDVQQDDAJlYzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPNdyMDpugN2
cV4qUbOFNJGhFYhADvGmYt2g4dxSVQivpL9aSS/Hi84UZz1Vp9aUrvkwyvILnGuT
ETR8bMorfz2jUzBRMB0GA1UdDgQWBBRY089W37riGSDzw9pcasm4jBJPbDAfBgNV
HSMEGDAWgBRY089W37riGSDzw9pcasm4jBJPbDAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0kAMEYCIQD75x2UT70+D6ndHwkKOJANld/baxed1eABHid3qLNI
sQIhALyW5tAk5Q9Fxgr8QFbc6EF7hZYOspJnjNQhhkvn3Tg2
-----END CERTIFICATE-----
`
const shortRsaPem = `-----BEGIN CERTIFICATE-----
MIIB+jCCAWOgAwIBAgIUEaDvDMlFg4ktv+aqqD7nPKvMNGkwDQYJKoZIhvcNAQEL
BQAwDzENMAsGA1UEAwwEd2VhazAeFw0yNjExMjMwMTU4NTVaFw00NjExMTgwMTU4
NTVaMA8xDTALBgNVBAMMBHdlYWswgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGB
AKteGBYtWw3uGHIDGcEuiHMIhTEHYbevTHx531f6ZHP1x41qfma8KSgeUVDv1ZJe
PAISiL+2KqWsMkRMz0F1q3l5voqyQ+7djYNXCrXJZXg15ugi0shCLDgy7/SzBG3F
PYgcYTEfzrmiaT3d9t0e5R4iiO9RquAjREkaJDcFjxLhAgMBAAGjUzBRMB0GA1Ud
DgQWBBTI2/kc+f4/xFMtuywWEwRJxZ6UYzAfBgNVHSMEGDAWgBTI2/kc+f4/xFMt
uywWEwRJxZ6UYzAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA4GBAGlW
NoF1RQK/iMgJiipCwMLmb/cNzYntQOO3YgJlZ6p3jH2slYyHWcqqL4lchZ3IikbJ
AR/5pqH7febW6pLZF/peqV9lEV/kXXtGW0sEdosVWnOpwudRff0b2bFBTb6xZKUC
1bsaM7fCtHJ3roRlQkgBmwQ6UkBf6VhvWOzoL+dZ
-----END CERTIFICATE-----
`

t.test('a key that Entra ID does not take is refused', async (t) => {
  const directory = t.testdir({ 'ec.pem': ellipticCurvePem, 'weak.pem': shortRsaPem })
  const ec = await onboard('--certificate', join(directory, 'ec.pem'))
  t.equal(ec.exitCode, 2)
  t.match(ec.err, /has a key of type ec; Entra ID takes RSA of 2048 bits or more/)
  const weak = await onboard('--certificate', join(directory, 'weak.pem'))
  t.match(weak.err, /has an RSA key of 1024 bits/)
})

t.test('an expired certificate is warned about', async (t) => {
  const old = await createSelfSignedCertificate({
    commonName: 'old',
    notBefore: new Date('2024-01-01'),
    notAfter: new Date('2025-01-01'),
  })
  const directory = t.testdir({ 'old.pem': old.certificatePem })
  const { exitCode, err } = await onboard('--certificate', join(directory, 'old.pem'))
  t.equal(exitCode, 0)
  t.match(err, /expired at 2025-01-01/)
})

/** Names of the application permissions, as the simulator has them, by the ids that the manifest holds. */
const roleNames: Readonly<Record<string, string>> = {
  '7ec88bad-30c7-4928-a005-4455362cfd98': 'get_device_compliance',
  '9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30': 'Application.Read.All',
}
const apis: Readonly<Record<string, 'graph' | 'intune'>> = {
  'c161e42e-d4df-4a3d-9b42-e7a3c31f59d4': 'intune',
  '00000003-0000-0000-c000-000000000000': 'graph',
}

t.test('what onboard prints is all that Entra ID needs: doctor is green afterwards', async (t) => {
  const directory = t.testdir()
  const { answer } = await onboard(
    '--new',
    '--out',
    join(directory, 'app'),
    '--tenant',
    tenant,
    '--client',
    clientId,
  )
  const simulator = await startSimulator({ tenantId: tenant })
  t.teardown(() => simulator.close())
  const roles = { graph: [] as string[], intune: [] as string[] }
  for (const { resourceAppId, resourceAccess } of answer.requiredResourceAccess) {
    const api = apis[resourceAppId]
    for (const { id, type } of resourceAccess)
      if (api && type === 'Role') roles[api].push(roleNames[id] ?? id)
  }
  const base64 = answer.keyCredentials.microsoftGraph.key ?? ''
  simulator.tenant.registerApp({
    clientId: answer.iseFields['Client ID'] ?? '',
    certificatesPem: [`-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`],
    roles,
  })
  writeFileSync(join(directory, 'ca.pem'), simulator.caCertificatePem)
  // The printed addresses are Microsoft's; only their hosts are another here.
  const issuing = new URL(answer.iseFields['Token Issuing URL'] ?? '')
  const { exitCode, out } = await runCaptured(['doctor', '--json'], {
    ...answer.variables,
    INTUNE_TOKEN_ISSUING_URL: `${simulator.origin}${issuing.pathname}`,
    INTUNE_AUTO_DISCOVERY_URL: simulator.origin,
    INTUNE_TOKEN_AUDIENCE: answer.iseFields['Token Audience'] ?? '',
    INTUNE_ALLOWED_HOSTS: '127.0.0.1',
    INTUNE_CA_FILE: join(directory, 'ca.pem'),
  })
  const report = JSON.parse(out) as Report
  t.same(
    report.steps.filter(({ result }) => result !== 'ok'),
    [],
  )
  t.equal(exitCode, 0)
})
