import t, { type Test } from 'tap'
import { parseClients } from '../../src/server/clients.ts'

const hash = `scrypt:16384:8:1:${Buffer.alloc(16, 1).toString('base64')}:${Buffer.alloc(32, 2).toString('base64')}`

/** The message of the refusal, line by line; fails the test where the text is accepted. */
function problems(t: Test, text: string): string[] {
  const parsed = parseClients(text, 'c.yaml')
  t.equal(parsed.ok, false, 'the file is refused')
  if (parsed.ok) return []
  t.match(parsed.fault, { code: 'configuration_invalid', field: 'CLIENTS_FILE' })
  return parsed.fault.message.split('\n')
}

t.test('reads clients with Basic, Bearer or both; without front ends, all are allowed', async (t) => {
  const parsed = parseClients(
    `clients:
  - name: ise
    frontends: [ise]
    basic: { username: "jose\u0301", passwordHash: "${hash}" }
  - name: scripts
    bearer:
      tokenHash: "${hash}"
`,
    'c.yaml',
  )
  t.ok(parsed.ok)
  if (!parsed.ok) return
  t.match(parsed.value.clients, [
    {
      name: 'ise',
      frontends: ['ise'],
      basic: { username: 'josé', passwordHash: { parameters: { N: 16384 } } },
    },
    {
      name: 'scripts',
      frontends: ['json', 'radius', 'ise'],
      bearer: { tokenHash: { salt: Buffer.alloc(16, 1) } },
    },
  ])
})

t.test('an empty list is a service that nobody may ask', async (t) => {
  t.same(parseClients('clients: []', 'c.yaml'), { ok: true, value: { clients: [] } })
})

t.test('all problems are listed in the order of the file, each with its place', async (t) => {
  const found = problems(
    t,
    `clients:
  - name: a
    basic: { username: u, passwordHash: hunter2 }
  - name: a
    frontend: json
    basic: { username: u, passwordHash: "${hash}" }
  - name: "b c"
    frontends: [json, telnet]
  - name: d
    frontends: []
    bearer: { }
  - just-a-text
version: 1
`,
  )
  t.match(found, [
    /^c\.yaml:3:41: clients\[0\]\.basic\.passwordHash: must be scrypt:N:r:p:salt:hash/,
    'c.yaml:4:11: clients[1].name: clients[0] has the same name',
    'c.yaml:5:5: clients[1].frontend is not a known key',
    'c.yaml:6:24: clients[1].basic.username: clients[0] has the same user name',
    /^c\.yaml:7:5: clients\[2\]: has no credentials/,
    /^c\.yaml:7:11: clients\[2\]\.name: must be 1 to 64/,
    'c.yaml:8:23: clients[2].frontends[1]: must be one of json, radius, ise, management',
    /^c\.yaml:10:16: clients\[3\]\.frontends: must name at least one/,
    'c.yaml:11:13: clients[3].bearer.tokenHash: must be a text',
    'c.yaml:12:5: clients[4]: must be a map that describes one client',
    'c.yaml:13:1: version is not a known key',
  ])
  t.equal(found.length, 11)
  t.notMatch(found.join(), /hunter2/, 'what could be a secret is not quoted')
})

t.test('user names that look the same are duplicates, and colons are refused', async (t) => {
  const basic = (username: string) =>
    `{ name: n${username.length}, basic: { username: "${username}", passwordHash: "${hash}" } }`
  t.match(problems(t, `clients:\n - ${basic('e\u0301')}\n - ${basic('é')}`).join(), /same user name/)
  t.match(problems(t, `clients:\n - ${basic('a:b')}`).join(), /without colon/)
  t.match(problems(t, `clients:\n - ${basic('a\\u0000b')}`).join(), /control characters/)
})

const unreadable: Readonly<Record<string, { text: string; problem: RegExp }>> = {
  'an empty file': { text: '', problem: /^c\.yaml:1:1: must be a map with the key clients/ },
  'a file without clients': { text: 'a: 1', problem: /c\.yaml:1:1: a is not a known key/ },
  'clients that are no list': { text: 'clients: 1', problem: /^c\.yaml:1:10: clients: is required: a list/ },
  'bad indentation': {
    text: 'clients:\n\t- name: a',
    problem: /^c\.yaml:2:1: is not valid YAML: is indented with a tab, .*; use spaces/,
  },
  'a key given twice': {
    text: 'clients: []\nclients: []',
    problem: /^c\.yaml:2:1: is not valid YAML: the key is there twice/,
  },
  'a tag': { text: 'clients: !secret x', problem: /take the tag out/ },
  'two documents': { text: 'clients: []\n---\nclients: []', problem: /a second document behind ---/ },
  'an alias': {
    text: 'clients: &c []\nother: *c',
    problem: /^c\.yaml:2:8: is an alias, which is not accepted/,
  },
  'an alias of nothing': { text: 'clients: *hunter2', problem: /^c\.yaml:1:10: is an alias/ },
  'a file above 1 MiB': { text: `# ${'x'.repeat(1024 * 1024)}`, problem: /larger than 1 MiB/ },
}
for (const [what, { text, problem }] of Object.entries(unreadable)) {
  t.test(`refuses ${what}`, async (t) => {
    const found = problems(t, text).join('\n')
    t.match(found, problem)
    t.notMatch(found, /hunter2/)
  })
}

t.test('more tokens than can be checked in time are refused once', async (t) => {
  const client = (index: number) => `  - { name: c${index}, bearer: { tokenHash: "${hash}" } }\n`
  const file = (count: number) =>
    `clients:\n${Array.from({ length: count }, (_, index) => client(index)).join('')}`
  t.equal(parseClients(file(16), 'c.yaml').ok, true)
  t.match(problems(t, file(18)), [
    /^c\.yaml:18:\d+: clients\[16\]\.bearer: at most 16 clients may have a token/,
  ])
})

t.test('more clients than fit are refused', async (t) => {
  const file = `clients: [${Array.from({ length: 1001 }, (_, index) => `{name: c${index}}`).join(', ')}]`
  t.match(problems(t, file).join('\n'), /clients: must be at most 1000 clients/)
})

t.test('certificates and networks are read, and only where they can be used', async (t) => {
  const text = `clients:
  - name: a
    certificate: { subject: "CN=a,O=Contoso", san: "DNS:a.example" }
    networks: [10.0.0.0/8]
`
  const parsed = parseClients(text, 'c.yaml')
  t.match(parsed, {
    value: {
      clients: [
        {
          certificate: { subject: 'CN=a,O=Contoso', san: 'DNS:a.example' },
          networks: { texts: ['10.0.0.0/8'] },
        },
      ],
    },
  })
  t.match(parseClients(text, 'c.yaml', { verifiesCertificates: false }), {
    fault: {
      message:
        'c.yaml:3:18: clients[0].certificate: cannot be verified: set SERVICE_TLS_CLIENT_CA_FILE, or MANAGEMENT_TLS_CLIENT_CA_FILE for the management listener',
    },
  })
  const wrong = problems(
    t,
    `clients:
  - { name: a, certificate: { } }
  - { name: b, certificate: { subject: nobody, san: "IP:10.0.0.1" } }
  - { name: c, certificate: { subject: CN=c } }
  - { name: d, certificate: { subject: CN=c } }
  - { name: e, certificate: { subject: CN=c }, bearer: { tokenHash: "${hash}" } }
  - { name: f, certificate: { san: "DNS:f" }, networks: [] }
  - { name: g, certificate: { san: "DNS:g" }, networks: [10.0.0.1/8] }
`,
  )
  t.match(wrong, [
    /^c\.yaml:2:29: clients\[0\]\.certificate: must have subject or san/,
    /^c\.yaml:3:\d+: clients\[1\]\.certificate\.subject: must be a name such as/,
    /^c\.yaml:3:\d+: clients\[1\]\.certificate\.san: must begin with DNS:/,
    /^c\.yaml:5:29: clients\[3\]\.certificate: clients\[2\] has the same one/,
    /^c\.yaml:7:\d+: clients\[5\]\.networks: must name at least one/,
    /^c\.yaml:8:\d+: clients\[6\]\.networks\[0\]: has bits behind its prefix: write 10\.0\.0\.0/,
  ])
  t.equal(wrong.length, 6)
  for (const rate of ['0', '1.5', 'fast', '100001', '.nan']) {
    const limited = `clients:\n  - { name: a, bearer: { tokenHash: "${hash}" }, rateLimitPerSecond: ${rate} }\n`
    t.match(problems(t, limited), [/clients\[0\]\.rateLimitPerSecond: must be/], rate)
  }
})

t.test('scopes are those of the management listener, and an entry without them has all', async (t) => {
  const scopesOf = (entry: string) => {
    const parsed = parseClients(
      `clients:\n  - { name: a, certificate: { subject: CN=a }, ${entry} }\n`,
      'c.yaml',
    )
    return parsed.ok ? parsed.value.clients[0]?.scopes : parsed.fault.message
  }
  t.same(scopesOf('frontends: [management]'), ['read', 'operate', 'admin'], 'as before there were any')
  t.same(scopesOf('frontends: [json, management], scopes: [read]'), ['read'])
  t.equal(scopesOf('frontends: [json]'), undefined)
  t.match(scopesOf('frontends: [json], scopes: [read]'), /c\.yaml:2:.*add management to frontends/)
  t.match(scopesOf('scopes: [read]'), /add management to frontends/)
  t.match(scopesOf('frontends: [management], scopes: []'), /at least one scope/)
  t.match(scopesOf('frontends: [management], scopes: [root]'), /must be one of read, operate, admin/)
})
