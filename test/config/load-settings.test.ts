import t from 'tap'
import { loadSettings } from '../../src/config/load-settings.ts'

const required = {
  INTUNE_TENANT_ID: '47F09275-5BC0-4807-8AAE-F35CB034132A',
  INTUNE_CLIENT_ID: '0D1F6E1A-0B3C-4D5E-8F70-112233445566',
  INTUNE_CERTIFICATE_FILE: '/etc/intune-nac/app.pem',
  INTUNE_PRIVATE_KEY_FILE: '/etc/intune-nac/app.key',
}
const noFiles = () => undefined

function settingsOf(environment: Record<string, string | undefined>, files: Record<string, string> = {}) {
  const loaded = loadSettings({ ...required, ...environment }, (path) => files[path])
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded
}

function problemsOf(environment: Record<string, string | undefined>): Record<string, string> {
  const loaded = loadSettings({ ...required, ...environment }, noFiles)
  if (loaded.ok) throw new Error('no problem was found')
  return Object.fromEntries(loaded.problems.map(({ variable, problem }) => [variable, problem]))
}

t.test(
  'four variables are enough for the public cloud, and every default is the documented one',
  async (t) => {
    const { settings, notices } = settingsOf({})
    t.same(settings, {
      intune: {
        clientId: '0d1f6e1a-0b3c-4d5e-8f70-112233445566',
        authorityUrl: 'https://login.microsoftonline.com/47f09275-5bc0-4807-8aae-f35cb034132a',
        graphUrl: 'https://graph.microsoft.com',
        audience: 'https://api.manage.microsoft.com/',
        allowedHosts: ['manage.microsoft.com'],
        certificateFile: '/etc/intune-nac/app.pem',
        privateKeyFile: '/etc/intune-nac/app.key',
        portalUrl: 'https://portal.manage.microsoft.com/networkaccesscontrol/index',
        api: 'auto',
        graphDetails: false,
      },
      freshness: {
        compliantFreshMs: 600_000,
        noncompliantFreshMs: 30_000,
        refreshAheadMs: 300_000,
        outageHoldMs: 28_800_000,
      },
      decisionDeadlineMs: 1000,
      shutdownGraceMs: 5000,
      service: { host: '127.0.0.1', port: 8080 },
      management: { host: '127.0.0.1', port: 9090 },
      log: { level: 'info', deviceIds: 'full', hasRequestContext: true },
    })
    t.match(notices, [/loopback only/], 'the open loopback listener is said')
    t.throws(() => Object.assign(settings.intune, { audience: 'x' }), 'settings are frozen all the way down')
  },
)

t.test('every problem is listed at once, each with its variable and what to do', async (t) => {
  const loaded = loadSettings(
    { INTUNE_CLIENT_ID: 'my-app', SERVICE_PORT: '80800', LOG_LEVEL: 'loud', INTUNE_CLOUD: 'mars' },
    noFiles,
  )
  t.notOk(loaded.ok)
  const problems = loaded.ok ? [] : loaded.problems
  t.same(problems.map((problem) => problem.variable).sort(), [
    'INTUNE_CERTIFICATE_FILE',
    'INTUNE_CLIENT_ID',
    'INTUNE_CLOUD',
    'INTUNE_PRIVATE_KEY_FILE',
    'INTUNE_TENANT_ID',
    'LOG_LEVEL',
    'SERVICE_PORT',
  ])
})

t.test('an unknown variable that nearly has a name of ours gets a suggestion', async (t) => {
  t.match(problemsOf({ INTUNE_TENNANT_ID: 'x' }), { INTUNE_TENNANT_ID: /did you mean INTUNE_TENANT_ID\?/ })
  t.match(problemsOf({ LOG_LEVL: 'info' }), { LOG_LEVL: /did you mean LOG_LEVEL\?/ })
  settingsOf({ INTUNE_NAC_SERVICE_HOST: '10.0.0.1', INTUNE_NAC_PORT: 'tcp://10.0.0.1:80', PATH: '/bin' })
  t.pass('what Kubernetes sets for a Service of our name, and what is not ours, is left alone')
})

t.test('a value can come from NAME_FILE, and the secret lands in the secrets alone', async (t) => {
  const { settings, secrets } = settingsOf(
    { INTUNE_PRIVATE_KEY_PASSPHRASE_FILE: '/run/secrets/p', LOG_LEVEL_FILE: '/level' },
    { '/run/secrets/p': 'correct horse\n', '/level': 'debug' },
  )
  t.same(secrets, { privateKeyPassphrase: 'correct horse' })
  t.equal(settings.log.level, 'debug')
  t.notMatch(JSON.stringify(settings), /correct horse/)
})

t.test('stories of decisions are stored where STATE_DIR says, and nowhere without it', async (t) => {
  t.match(problemsOf({ TRACE_STORE: 'on' }), { TRACE_STORE: /no place without STATE_DIR/ })
  t.equal(settingsOf({ STATE_DIR: '/s' }).settings.traceStore, undefined)
  t.same(settingsOf({ STATE_DIR: '/s', TRACE_STORE: 'on' }).settings.traceStore, { maxDecisions: 1_000_000 })
  t.match(problemsOf({ TRACE_STOER: 'on' }), { TRACE_STOER: /did you mean TRACE_STORE/ })
})

t.test('what was mistaken for the path of a file is not repeated where it can be a secret', async (t) => {
  t.match(problemsOf({ INTUNE_PRIVATE_KEY_PASSPHRASE_FILE: 'correct horse' }), {
    INTUNE_PRIVATE_KEY_PASSPHRASE_FILE: /^names a file that cannot be read$/,
  })
  const key = '-----BEGIN PRIVATE KEY-----\nMII'
  for (const name of ['INTUNE_PRIVATE_KEY_FILE', 'SERVICE_TLS_PRIVATE_KEY_FILE', 'CLIENTS_FILE'])
    t.equal(problemsOf({ [name]: key })[name], 'must be the path of a file, not what is in it')
})

t.test('a NAME_FILE that cannot be read, or stands beside NAME, is a problem of its own', async (t) => {
  t.match(problemsOf({ LOG_LEVEL_FILE: '/nowhere' }), {
    LOG_LEVEL_FILE: /names \/nowhere, which cannot be read/,
  })
  t.match(problemsOf({ LOG_LEVEL: 'info', LOG_LEVEL_FILE: '/level' }), {
    LOG_LEVEL: /and so is LOG_LEVEL_FILE/,
  })
})

t.test('an empty variable counts as not set', async (t) => {
  t.equal(settingsOf({ LOG_LEVEL: '', SERVICE_HOST: '' }).settings.log.level, 'info')
})

t.test('without CLIENTS_FILE only loopback is listened on', async (t) => {
  t.match(problemsOf({ SERVICE_HOST: '0.0.0.0' }), { SERVICE_HOST: /without CLIENTS_FILE/ })
  t.equal(settingsOf({ SERVICE_HOST: '127.0.0.2' }).settings.service.host, '127.0.0.2')
  const tls = { SERVICE_TLS_CERTIFICATE_FILE: '/s.pem', SERVICE_TLS_PRIVATE_KEY_FILE: '/s.key' }
  t.match(settingsOf({ CLIENTS_FILE: '/c.yaml', ...tls }), {
    settings: { clientsFile: '/c.yaml', service: { host: '0.0.0.0' } },
    notices: [],
  })
})

t.test('plain HTTP on other addresses than loopback has to be asked for', async (t) => {
  const refused = { SERVICE_TLS_CERTIFICATE_FILE: /plain HTTP.*SERVICE_PLAIN_HTTP=on/ }
  const clients = { CLIENTS_FILE: '/c.yaml' }
  const tls = { SERVICE_TLS_CERTIFICATE_FILE: '/s.pem', SERVICE_TLS_PRIVATE_KEY_FILE: '/s.key' }
  t.match(problemsOf(clients), refused, 'as npm start with CLIENTS_FILE was')
  for (const host of ['0.0.0.0', '::', '10.0.0.5', 'nac.example', '127.0.0.1.nip.io', '::ffff:10.0.0.5'])
    t.match(problemsOf({ ...clients, SERVICE_HOST: host }), refused, host)
  t.match(problemsOf({ ...clients, SERVICE_PLAIN_HTTP: 'off' }), refused)
  t.match(problemsOf({ ...clients, SERVICE_PLAIN_HTTP: 'yes' }), { SERVICE_PLAIN_HTTP: /./ })
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost'])
    t.match(settingsOf({ ...clients, SERVICE_HOST: host }), { notices: [] }, host)
  t.match(settingsOf({ ...clients, SERVICE_HOST: '10.0.0.5', ...tls }), { notices: [] })
  const asked = settingsOf({ ...clients, SERVICE_PLAIN_HTTP: 'on' })
  t.match(asked.settings, { speaksPlainHttp: true, service: { host: '0.0.0.0' } })
  t.match(asked.notices, [/SERVICE_PLAIN_HTTP is on: the service listens on 0\.0\.0\.0 in plain HTTP/])
  const both = settingsOf({ ...clients, SERVICE_PLAIN_HTTP: 'on', ...tls })
  t.equal(both.settings.speaksPlainHttp, undefined)
  t.match(both.notices, [/counts for nothing/])
  t.match(problemsOf({ SERVICE_HOST: '0.0.0.0', SERVICE_PLAIN_HTTP: 'on' }), {
    SERVICE_HOST: /without CLIENTS_FILE/,
  })
})

t.test('the other clouds bring their own addresses', async (t) => {
  t.match(settingsOf({ INTUNE_CLOUD: 'usgov-dod' }).settings.intune, {
    authorityUrl: /^https:\/\/login\.microsoftonline\.us\//,
    graphUrl: 'https://dod-graph.microsoft.us',
    audience: 'https://api.manage.microsoft.us/',
    allowedHosts: ['manage.microsoft.us'],
  })
  const china = problemsOf({ INTUNE_CLOUD: 'china' })
  t.same(
    Object.keys(china).sort(),
    ['INTUNE_ALLOWED_HOSTS', 'INTUNE_TOKEN_AUDIENCE'],
    'what nobody published is asked for',
  )
})

t.test('the three ISE fields override the cloud', async (t) => {
  const { settings, notices } = settingsOf({
    INTUNE_TENANT_ID: undefined,
    INTUNE_AUTO_DISCOVERY_URL: 'https://graph.example:8443/',
    INTUNE_TOKEN_ISSUING_URL: 'https://login.example:8443/Contoso.Example/oauth2/v2.0/token',
    INTUNE_TOKEN_AUDIENCE: 'https://api.example/',
    INTUNE_ALLOWED_HOSTS: '*.manage.example, .other.example,127.0.0.1',
  })
  t.match(settings.intune, {
    graphUrl: 'https://graph.example:8443',
    authorityUrl: 'https://login.example:8443/contoso.example',
    audience: 'https://api.example/',
    allowedHosts: ['manage.example', 'other.example', '127.0.0.1'],
  })
  t.equal(notices.length, 1, 'current forms need no notice')
})

for (const row of [
  {
    case: 'the Azure AD Graph address of the 2018 guide becomes Microsoft Graph',
    variable: 'INTUNE_AUTO_DISCOVERY_URL',
    text: 'https://graph.windows.net/47f09275-5bc0-4807-8aae-f35cb034132a',
    expected: { graphUrl: 'https://graph.microsoft.com' },
    notice: /retired/,
  },
  {
    case: 'a path behind the Graph host is dropped',
    variable: 'INTUNE_AUTO_DISCOVERY_URL',
    text: 'https://graph.microsoft.com/v1.0/servicePrincipals',
    expected: { graphUrl: 'https://graph.microsoft.com' },
    notice: /has a path/,
  },
  {
    case: 'the authorization endpoint of the 2018 guide becomes the token endpoint',
    variable: 'INTUNE_TOKEN_ISSUING_URL',
    text: 'https://login.microsoftonline.com/47f09275-5bc0-4807-8aae-f35cb034132a/oauth2/authorize',
    expected: { authorityUrl: 'https://login.microsoftonline.com/47f09275-5bc0-4807-8aae-f35cb034132a' },
    notice: /authorization endpoint/,
  },
  {
    case: 'an audience without its trailing slash gets it',
    variable: 'INTUNE_TOKEN_AUDIENCE',
    text: 'https://api.manage.microsoft.com',
    expected: { audience: 'https://api.manage.microsoft.com/' },
    notice: /trailing slash/,
  },
  {
    case: 'an audience in the form of a scope is reduced to the resource',
    variable: 'INTUNE_TOKEN_AUDIENCE',
    text: 'https://api.manage.microsoft.com//.default',
    expected: { audience: 'https://api.manage.microsoft.com/' },
    notice: /trailing slash/,
  },
]) {
  t.test(`${row.case}, and a notice says so`, async (t) => {
    const { settings, notices } = settingsOf({ [row.variable]: row.text })
    t.match(settings.intune, row.expected)
    t.ok(
      notices.some((notice) => row.notice.test(notice)),
      `notices: ${notices.join(' | ')}`,
    )
  })
}

t.test('a tenant in the token URL wins over INTUNE_TENANT_ID, and that is said', async (t) => {
  const { settings, notices } = settingsOf({
    INTUNE_TOKEN_ISSUING_URL: 'https://login.example/contoso.example',
  })
  t.equal(settings.intune.authorityUrl, 'https://login.example/contoso.example')
  t.ok(notices.some((notice) => notice.includes('INTUNE_TENANT_ID is not used')))
})

for (const [variable, text, problem] of [
  ['INTUNE_TOKEN_ISSUING_URL', 'http://login.microsoftonline.com/contoso.example', /https:\/\/<login host>/],
  ['INTUNE_TOKEN_ISSUING_URL', 'https://login.microsoftonline.com/common', /tenant/],
  ['INTUNE_TOKEN_ISSUING_URL', 'https://login.microsoftonline.com/contoso.example/saml2', /OAuth 2\.0/],
  ['INTUNE_TOKEN_ISSUING_URL', 'https://user:pass@login.example/contoso.example', /tenant/],
  ['INTUNE_AUTO_DISCOVERY_URL', 'graph.microsoft.com', /Graph host/],
  ['INTUNE_TOKEN_AUDIENCE', 'api.manage.microsoft.com', /resource URI/],
  ['INTUNE_ALLOWED_HOSTS', 'https://manage.microsoft.com', /suffixes/],
  ['INTUNE_ALLOWED_HOSTS', ' , ', /suffixes/],
  ['INTUNE_TENANT_ID', 'common', /domain of the tenant/],
  ['DECISION_DEADLINE_MS', '10', /from 50/],
  ['DECISION_DEADLINE_MS', '1s', /whole number/],
] as const) {
  t.test(`${variable}=${text} is refused`, async (t) => {
    t.match(problemsOf({ [variable]: text })[variable], problem)
  })
}

t.test('a value that something on the way has spoilt is refused with the cause', async (t) => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['INTUNE_CLOUD', 'public\r', /^ends in a carriage return/],
    ['SERVICE_PORT', '8080\r', /^ends in a carriage return/],
    ['INTUNE_CLOUD', '"public"', /^is in quotes/],
    ['INTUNE_TENANT_ID', "'contoso.example'", /^is in quotes/],
    ['INTUNE_CLIENT_ID', ' 0D1F6E1A-0B3C-4D5E-8F70-112233445566', /^begins with a space/],
    ['LOG_LEVEL', 'info ', /^ends in a space/],
    ['LOG_LEVEL', '\uFEFFinfo', /^begins with a byte order mark/],
    ['SERVICE_HOST', '127.0.0.1\u00A0', /U\+00A0 \(no-break space\) at position 10/],
    [
      'INTUNE_TOKEN_ISSUING_URL',
      'https://login.example/contoso\u200B.example',
      /U\+200B \(zero width space\)/,
    ],
    ['STATE_DIR', '/var/lib/intune-nac\r', /^ends in a carriage return/],
    ['DECISION_LOG_FILE', '"/var/log/nac"', /^is in quotes/],
    ['CLIENTS_FILE', '/etc/clients.yaml\r', /^ends in a carriage return/],
    ['INTUNE_ALLOWED_HOSTS', '"manage.microsoft.com"', /^is in quotes/],
  ]
  for (const [name, value, cause] of cases) {
    t.match(problemsOf({ [name]: value }), { [name]: cause }, `${name} ${JSON.stringify(value)}`)
    // One line end belongs to a file, whichever system wrote it.
    if (name.endsWith('_FILE') || value.endsWith('\r')) continue
    const loaded = loadSettings(
      { ...required, [name]: undefined, [`${name}_FILE`]: '/run/value' },
      () => `${value}\n`,
    )
    const problem = new RegExp(`^names /run/value, whose content .*${cause.source.replace('^', '')}`)
    t.match(!loaded.ok && loaded.problems, [{ variable: `${name}_FILE`, problem }], `${name}_FILE`)
  }
  settingsOf({
    SERVICE_TRUSTED_PROXIES: ' 10.0.0.1,\r\n 10.0.0.2\r\n',
    INTUNE_ALLOWED_HOSTS: ' a.example, b.example\n',
  })
  t.pass('white space around the entries of a list is nothing')
})

t.test('a passphrase may hold anything, and nothing is said of it', async (t) => {
  for (const passphrase of ['"quoted"', ' x ', 'x\r', 'x\u200B']) {
    t.equal(
      settingsOf({ INTUNE_PRIVATE_KEY_PASSPHRASE: passphrase }).secrets.privateKeyPassphrase,
      passphrase,
    )
  }
})

t.test('why NAME_FILE cannot be read is said, and what is wrong with its path', async (t) => {
  const problem = (path: string) => {
    const loaded = loadSettings({ ...required, LOG_LEVEL_FILE: path }, () => ({ why: 'does not exist' }))
    return loaded.ok ? '' : loaded.problems[0]?.problem
  }
  t.equal(problem('/gone'), 'names /gone, which does not exist')
  t.match(problem('/gone\r'), /^ends in a carriage return.*; there is no file \/gone\r$/)
  const secret = loadSettings({ ...required, INTUNE_PRIVATE_KEY_PASSPHRASE_FILE: 'correct horse' }, () => ({
    why: 'is a directory, not a file',
  }))
  t.match(secret, { problems: [{ problem: /^names a file that is a directory, not a file$/ }] })
})

t.test(
  'the management listener: names that it may be asked by, and credentials on this machine',
  async (t) => {
    t.match(
      settingsOf({ MANAGEMENT_ALLOWED_HOSTS: 'NAC-1.contoso.example, 192.0.2.1,2001:db8::1' }).settings
        .management,
      {
        allowedHosts: ['nac-1.contoso.example', '192.0.2.1', '2001:db8::1'],
      },
    )
    for (const wrong of ['nac-1:9090', 'http://nac-1', 'a b', ','])
      t.match(
        problemsOf({ MANAGEMENT_ALLOWED_HOSTS: wrong }),
        { MANAGEMENT_ALLOWED_HOSTS: /without a port/ },
        wrong,
      )
    t.match(problemsOf({ MANAGEMENT_REQUIRE_CREDENTIALS: 'on' }), {
      MANAGEMENT_REQUIRE_CREDENTIALS: /nobody has credentials without CLIENTS_FILE/,
    })
    const { settings } = settingsOf({
      MANAGEMENT_REQUIRE_CREDENTIALS: 'on',
      CLIENTS_FILE: '/c.yaml',
      SERVICE_HOST: '127.0.0.1',
    })
    t.match(settings.management, { requiresCredentials: true })
  },
)
