import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { remedyOf } from '../../src/errors/remedy.ts'
import { parsePolicy } from '../../src/policy/policy-file.ts'
import { parseClients } from '../../src/server/clients.ts'
import { runCaptured } from './doctor-rig.ts'

/** What is wrong with a policy, and how the sentence about it ends. */
for (const [policy, end] of [
  [
    'rules: [{ name: a, when: { reson: compliant }, decision: deny }]',
    /when\.reson is not a known key; did you mean reason\?$/,
  ],
  ['rules: [{ name: a, decision: alow }]', /decision: must be one of .*; did you mean allow\?$/],
  [
    'rules: [{ name: a, when: { reason: [compliant, noncomplaint] }, decision: deny }]',
    /reason\[1\]: .*; did you mean noncompliant\?$/,
  ],
  ['rules: [{ name: a, when: { frontend: radios }, decision: deny }]', /; did you mean radius\?$/],
  ['rules: [{ name: a, atmost: deny }]', /rules\[0\]\.atmost is not a known key; did you mean atMost\?$/m],
  ['rule: []\nrules: []', /rule is not a known key; did you mean rules\?$/],
  ['profiles: { p: { vlam: 1 } }\nrules: []', /p\.vlam is not a known key; did you mean vlan\?$/],
  ['profiles: { p: { ciscoUrlRedirect: { urll: x, url: a, acl: b } } }\nrules: []', /did you mean url\?$/],
  [
    'profiles: { guest: { vlan: 1 } }\nrules: [{ name: a, decision: allow, profile: gest }]',
    /in this file; did you mean guest\?$/,
  ],
  ['profiles: { p: { replyMessage: "{mesage}" } }\nrules: []', /\{url\}; did you mean message\?$/],
  [
    'rules: [{ name: a, when: { mac: { fil: x } }, decision: deny }]',
    /mac\.fil is not a known key; did you mean file\?$/,
  ],
  ['rules: [{ name: a, remediation: { mesage: x }, decision: deny }]', /did you mean message\?$/],
  ['rules: [{ name: a, when: { weather: fine }, decision: deny }]', /weather is not a known key$/],
] as const) {
  t.test(`a policy is told the nearest word: ${policy}`, async (t) => {
    t.match(parsePolicy(policy, 'f'), { ok: false, fault: { message: end } })
  })
}

t.test('so is a clients file, and a variable that takes one of several values', async (t) => {
  const clients = parseClients(
    'clients: [{ name: a, frontend: [json] }, { name: b, frontends: [radios] }]',
    'c',
  )
  t.match(clients, { fault: { message: /frontend is not a known key; did you mean frontends\?/ } })
  t.match(clients, { fault: { message: /frontends\[0\]: must be one of .*; did you mean radius\?/ } })
  const { err } = await runCaptured(['config'], { INTUNE_CLOUD: 'publik' })
  t.match(err, /INTUNE_CLOUD must be one of public, usgov, usgov-dod, china; did you mean public\?/)
})

t.test('YAML is explained in words: place, what is wrong, what to do', async (t) => {
  for (const [text, problem] of [
    ['rules:\n\t- name: a\n', /^f:2:1: is not valid YAML: is indented with a tab.*; use spaces/m],
    ['rules: [\n', /a bracket or quote above is closed/],
    ['rules: [a\n  b: "c\n', /is not valid YAML: a quote, a bracket/],
    [
      'rules:\n  - name: a: b\n    decision: deny\n',
      /is not valid YAML: there are two colons on one line.*quotes/,
    ],
    ['rules:\n - name: @a\n', /^f:2:10: is not valid YAML: a text cannot begin/m],
    ['rules: "\\q"\n', /is not valid YAML: a backslash/],
    ['rules:\n  - name: a\n decision: deny\n', /is not valid YAML: is not indented/],
  ] as const) {
    const parsed = parsePolicy(text, 'f')
    t.match(parsed, { ok: false, fault: { message: problem } }, JSON.stringify(text))
    if (parsed.ok) continue
    t.notMatch(parsed.fault.message, /\([a-z]+ [a-z ]+\)$|implicit|scalar|undefined/m)
  }
})

t.test('an identifier of an unknown kind is told the nearest one, in check and doctor', async (t) => {
  for (const [given, meant] of [
    ['serialnumber=X1', 'serialNumber'],
    ['MAC=00:50:56:A4:89:5A', 'mac'],
    ['serial=X1', 'serialNumber'],
    ['callingStationId=00:50:56:A4:89:5A', 'mac'],
    ['cn=x', 'certificateCn'],
  ] as const) {
    for (const command of ['check', 'doctor']) {
      const { exitCode, err } = await runCaptured([command, given])
      t.equal(exitCode, 2)
      t.match(err, new RegExp(`Did you mean ${meant}=\\?`), `${command} ${given}`)
    }
  }
  const { err } = await runCaptured(['check', 'weather=fine'])
  t.match(err, /knows no identifier "weather"\. There are mac, deviceId/)
})

t.test('a remedy is about the file in question', async (t) => {
  const policy = { code: 'configuration_invalid', field: 'POLICY_FILE' } as const
  t.match(remedyOf(policy), /policy file/)
  t.match(remedyOf({ ...policy, field: 'CLIENTS_FILE' }), /clients file/)
  t.match(remedyOf({ ...policy, field: 'INTUNE_CA_FILE' }), /PEM file of root certificates/)
  t.match(remedyOf({ code: 'configuration_invalid' }), /every variable/)
})

t.test('client add writes a list with an entry on lines of its own, whatever was there', async (t) => {
  const file = join(t.testdir(), 'clients.yaml')
  for (const name of ['one', 'two']) {
    t.match(await runCaptured(['client', 'add', name, '--basic', '--frontend', 'ise', '--file', file]), {
      exitCode: 0,
    })
  }
  const text = readFileSync(file, 'utf8')
  t.match(text, /^clients:\n {2}- name: one\n {4}frontends:\n {6}- ise\n {4}basic:\n {6}username: one\n/)
  t.notMatch(text, /[[{]/)
  writeFileSync(file, '# ours\nclients: [ ]\n')
  await runCaptured(['client', 'add', 'three', '--file', file])
  t.match(readFileSync(file, 'utf8'), /^# ours\nclients:\n {2}- name: three\n {4}bearer:\n/)
})
