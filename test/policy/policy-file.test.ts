import fc from 'fast-check'
import t from 'tap'
import { defaultPolicyText } from '../../src/policy/default-policy.ts'
import { parsePolicy } from '../../src/policy/policy-file.ts'

function problemsOf(text: string): string[] {
  const parsed = parsePolicy(text, 'policy.yaml')
  return parsed.ok ? [] : parsed.fault.message.split('\n')
}

/** One rule that is right, for files whose mistake is elsewhere. */
const right = 'rules: [{ name: a, decision: allow }]\n'
const rule = (rest: string) => `rules:\n  - name: a\n    ${rest}\n`
const when = (condition: string) => rule(`when: { ${condition} }\n    decision: allow`)
const profile = (keys: string) => `profiles:\n  p:\n    ${keys}\n${right}`

const broken: readonly (readonly [what: string, text: string, at: string, problem: RegExp])[] = [
  ['an empty file', '', '1:1', /must be a map with profiles, defaultProfiles and rules/],
  ['a list', '- a\n', '1:1', /must be a map/],
  ['not YAML', 'rules: [', '1:9', /not valid YAML/],
  ['a tab as indentation', 'rules:\n\t- a\n', '2:1', /not valid YAML/],
  ['a key given twice', 'rules: []\nrules: []\n', '2:1', /not valid YAML: the key is there twice/],
  ['an alias', 'rules: &a []\nprofiles: *a\n', '2:11', /is an alias/],
  ['two documents', 'rules: []\n---\nrules: []\n', '2:1', /not valid YAML/],
  ['no rules', 'profiles: {}\n', '1:1', /^rules: is required/],
  ['rules that are a map', 'rules: {}\n', '1:8', /^rules: is required: a list/],
  ['a misspelt top key', 'rule: []\nrules: []\n', '1:1', /^rule is not a known key/],
  ['a rule that is a text', 'rules: [allow]\n', '1:9', /^rules\[0\]: must be a map with name, when/],
  ['a rule without a name', 'rules:\n  - decision: allow\n', '2:5', /^rules\[0\]\.name: must be a text/],
  ['an empty name', 'rules: [{ name: "", decision: allow }]\n', '1:17', /must not be empty/],
  [
    'a name twice',
    'rules: [{ name: a, decision: deny }, { name: a, decision: allow }]',
    '1:46',
    /rules\[0\] has the same name/,
  ],
  [
    'a rule without decision',
    rule('when: { stale: true }'),
    '2:5',
    /needs decision or atMost, one of the two/,
  ],
  ['decision and atMost', rule('decision: allow\n    atMost: deny'), '2:5', /one of the two/],
  ['atMost: allow, which limits nothing', rule('atMost: allow'), '3:13', /must be one of remediate, deny/],
  ['an unknown decision', rule('decision: permit'), '3:15', /must be one of allow, remediate, deny, fail/],
  [
    'a misspelt key of a rule',
    rule('decision: allow\n    profil: p'),
    '4:5',
    /rules\[0\]\.profil is not a known key/,
  ],
  [
    'a profile that is not there',
    rule('decision: allow\n    profile: p'),
    '4:14',
    /there is no profile of that name/,
  ],
  [
    'a default profile that is not there',
    `defaultProfiles: { deny: p }\n${right}`,
    '1:26',
    /^defaultProfiles\.deny: there is no profile/,
  ],
  [
    'a default profile for fail',
    `defaultProfiles: { fail: p }\n${right}`,
    '1:20',
    /defaultProfiles\.fail is not a known key/,
  ],
  ['an unknown condition', when('vlan: 1'), '3:13', /rules\[0\]\.when\.vlan is not a known key/],
  ['an unknown reason', when('reason: good'), '3:21', /must be one of compliant, noncompliant/],
  [
    'an unknown reason in a list',
    when('reason: [compliant, good]'),
    '3:33',
    /when\.reason\[1\]: must be one of/,
  ],
  ['an empty list', when('ssid: []'), '3:19', /must not be empty; leave the key out/],
  ['an unknown front end', when('frontend: soap'), '3:23', /must be one of json, radius, ise/],
  [
    'a network with too long a prefix',
    when('nasAddress: 10.0.0.0/33'),
    '3:25',
    /must have a prefix length from 0 to 32/,
  ],
  [
    'a network with bits behind its prefix',
    when('nasAddress: 10.0.0.5/8'),
    '3:25',
    /has bits behind its prefix: write 10\.0\.0\.0\/8 .* or 10\.0\.0\.5 /,
  ],
  [
    'an IPv4 address in the form of IPv6',
    when('nasAddress: "::ffff:10.0.0.1"'),
    '3:25',
    /is IPv4 in the form of IPv6: write 10\.0\.0\.1$/,
  ],
  ['an address with a zone', when('nasAddress: "fe80::1%eth0"'), '3:25', /has a zone/],
  [
    'an address that is none',
    when('nasAddress: [10.0.0.1, 10.0.0]'),
    '3:36',
    /nasAddress\[1\]: must be an address or a network/,
  ],
  ['a number where a text is needed', when('nasIdentifier: 12'), '3:28', /must be a text; put it in quotes/],
  ['rank 5', when('rank: 5'), '3:19', /must be 1, 2, 3 or 4/],
  ['a negative age', when('staleOlderThanSeconds: -1'), '3:36', /must not be negative/],
  ['a text as flag', when('rankConflict: "yes"'), '3:27', /must be true or false/],
  [
    'conditions that are a list',
    rule('when: []\n    decision: allow'),
    '3:11',
    /must be a map of conditions/,
  ],
  [
    'a remediation address that is a script',
    rule("decision: deny\n    remediation: { url: 'javascript:x' }"),
    '4:25',
    /must be an http or https address/,
  ],
  [
    'a remediation address with a space',
    rule("decision: deny\n    remediation: { url: 'https://a/b c' }"),
    '4:25',
    /percent-encoded/,
  ],
  [
    'a message with a line break',
    rule('decision: deny\n    remediation: { message: "a\\nb" }'),
    '4:29',
    /control characters/,
  ],
  ['a profile name with a space', `profiles:\n  a b: {}\n${right}`, '2:3', /must be named with 1 to 64/],
  ['a profile that is a text', `profiles: { p: x }\n${right}`, '1:16', /must be a map of attributes/],
  ['an unknown key of a profile', profile('vlam: 1'), '3:5', /profiles\.p\.vlam is not a known key/],
  ['VLAN 0', profile('vlan: 0'), '3:11', /must be from 1 to 4094/],
  ['VLAN 4095', profile('vlan: 4095'), '3:11', /must be from 1 to 4094/],
  ['VLAN 4095 as a text', profile('vlan: "4095"'), '3:11', /must be a VLAN id from 1 to 4094, or a name/],
  ['VLAN 4095 with a tag', profile('vlan: { id: 4095, tag: 1 }'), '3:17', /must be from 1 to 4094/],
  ['tag 32', profile('vlan: { id: 10, tag: 32 }'), '3:26', /must be from 1 to 31/],
  [
    'an unknown placeholder',
    profile("replyMessage: 'x {user} y'"),
    '3:19',
    /unknown placeholder; there are \{reason\}/,
  ],
  [
    'a reply message too long',
    profile(`replyMessage: ${'é'.repeat(127)}`),
    '3:19',
    /is 254 bytes long, of which at most 253 fit/,
  ],
  [
    'a role too long for a vendor attribute',
    profile(`arubaUserRole: ${'x'.repeat(248)}`),
    '3:20',
    /is 248 bytes long, of which at most 247/,
  ],
  [
    'a redirect too long with its prefix',
    profile(`ciscoUrlRedirect: { acl: A, url: 'https://${'x'.repeat(240)}' }`),
    '3:38',
    /is 261 bytes long/,
  ],
  [
    'a redirect without its ACL',
    profile("ciscoUrlRedirect: { url: '{url}' }"),
    '3:23',
    /ciscoUrlRedirect\.acl: must be a text/,
  ],
  ['a session of no length', profile('sessionTimeoutSeconds: 0'), '3:28', /must be from 1 to 4294967295/],
  [
    'an unknown termination action',
    profile('terminationAction: Reauth'),
    '3:24',
    /must be Default or RADIUS-Request/,
  ],
  [
    'an attribute with a list in front',
    profile("attributes: { 'control:Auth-Type': Accept }"),
    '3:19',
    /is not the name of a RADIUS attribute/,
  ],
  [
    'an attribute with an expansion in it',
    profile("attributes: { '%{exec}': x }"),
    '3:19',
    /is not the name of a RADIUS attribute/,
  ],
  [
    'an attribute by number',
    profile('attributes: { Attr-26: x }'),
    '3:19',
    /must be a name of the dictionary/,
  ],
  [
    'an attribute of the authentication',
    profile('attributes: { EAP-Message: x }'),
    '3:19',
    /belongs to the authentication itself/,
  ],
  [
    'a key of the encryption',
    profile('attributes: { MS-MPPE-Send-Key: x }'),
    '3:19',
    /belongs to the authentication itself/,
  ],
  [
    'an attribute value that is true',
    profile('attributes: { Foo: true }'),
    '3:24',
    /attributes\.Foo: must be a/,
  ],
  [
    'an attribute value in a list with a control character',
    profile('attributes: { Foo: [a, "b\\0"] }'),
    '3:28',
    /control characters/,
  ],
  [
    'an attribute value with an unknown placeholder in a list',
    profile("attributes: { Foo: [a, '{b}'] }"),
    '3:28',
    /unknown placeholder/,
  ],
  [
    'an attribute set by two keys',
    profile('vlan: 10\n    attributes: { tunnel-type: VLAN }'),
    '4:32',
    /sets already/,
  ],
  [
    'an attribute set twice in two spellings',
    profile('attributes: { Class: a, class: b }'),
    '3:36',
    /sets already/,
  ],
  [
    'more than a packet holds',
    profile(`attributes: { Foo: [${Array(12).fill('x'.repeat(200)).join(', ')}] }`),
    '3:5',
    /comes to 2496 bytes/,
  ],
]

for (const [what, text, at, problem] of broken) {
  t.test(`${what} is refused at ${at}`, async (t) => {
    const problems = problemsOf(text)
    const [first = ''] = problems
    const [, place, sentence = ''] = first.match(/^policy\.yaml:(\d+:\d+): (.*)$/) ?? []
    t.equal(place, at, problems.join('\n'))
    t.match(sentence, problem)
  })
}

t.test('all problems of a file are listed at once, in the order of the file', async (t) => {
  const problems = problemsOf(
    'profiles:\n  p: { vlan: 0 }\nrules:\n  - { name: a, decision: no, profile: q }\n  - { name: a, decision: deny, wen: 1 }\n',
  )
  t.same(
    problems.map((line) => line.split(':').slice(1, 3).join(':')),
    ['2:14', '4:26', '4:39', '5:13', '5:32'],
  )
})

t.test('a file larger than 256 KiB is refused without being parsed', async (t) => {
  t.same(problemsOf('x'.repeat(256 * 1024 + 1)), ['policy.yaml:1:1: the file is larger than 256 KiB'])
})

t.test('a file that is nested without end is refused', async (t) => {
  t.match(problemsOf('['.repeat(200_000)), [/policy\.yaml:1:/])
  t.match(problemsOf(`rules: ${'{a: '.repeat(60_000)}`), [/policy\.yaml:1:/])
})

t.test('a rule that cannot apply and a profile without use are warnings with their place', async (t) => {
  const cases: readonly (readonly [string, readonly RegExp[]])[] = [
    [
      'rules:\n  - { name: all, decision: deny }\n  - { name: late, decision: allow }\n',
      [/^f:3:5: rule "late" can never apply/],
    ],
    [
      'rules:\n  - { name: a, when: { ssid: [x, y] }, decision: deny }\n  - { name: b, when: { ssid: y, rank: 1 }, decision: allow }\n',
      [/"b"/],
    ],
    [
      'rules:\n  - { name: a, when: { ssid: "*" }, decision: deny }\n  - { name: b, when: { ssid: y }, decision: allow }\n',
      [/"b"/],
    ],
    [
      'rules:\n  - { name: a, when: { staleOlderThanSeconds: 10 }, decision: deny }\n  - { name: b, when: { staleOlderThanSeconds: 20 }, decision: allow }\n',
      [/"b"/],
    ],
    [
      'rules:\n  - { name: a, when: { frontend: [json, radius] }, decision: deny }\n  - { name: b, when: { frontend: ise }, decision: deny }\n  - { name: c, when: { reason: compliant }, decision: deny }\n',
      [/"c"/],
    ],
    ['rules:\n  - { name: a, when: { ssid: x }, decision: deny }\n  - { name: b, decision: deny }\n', []],
    ['rules:\n  - { name: a, atMost: deny }\n  - { name: b, decision: allow }\n', []],
    [
      'rules:\n  - { name: a, when: { staleOlderThanSeconds: 20 }, decision: deny }\n  - { name: b, when: { staleOlderThanSeconds: 10 }, decision: deny }\n',
      [],
    ],
    [
      'rules:\n  - { name: a, when: { reason: compliant }, decision: deny }\n  - { name: b, when: { reason: [compliant, noncompliant] }, decision: deny }\n',
      [],
    ],
    ['profiles: { p: {} }\nrules: []\n', [/^f:1:16: profile p is used by no rule/]],
  ]
  for (const [text, expected] of cases) {
    const parsed = parsePolicy(text, 'f')
    t.ok(parsed.ok, text)
    if (!parsed.ok) continue
    t.equal(parsed.value.warnings.length, expected.length, text)
    for (const [index, pattern] of expected.entries()) t.match(parsed.value.warnings[index], pattern)
  }
})

t.test(
  'whatever the file holds, parsing it gives a policy or a list of places and never throws',
  async (t) => {
    const isWellAnswered = (text: string) => {
      const parsed = parsePolicy(text, 'f')
      return parsed.ok || parsed.fault.message.split('\n').every((line) => /^f:\d+:\d+: /.test(line))
    }
    const words = [
      'rules',
      'profiles',
      'when',
      'name',
      'decision',
      'allow',
      'vlan',
      'attributes',
      'reason',
      'then',
    ]
    const marks = [
      ': ',
      '- ',
      '\n',
      '  ',
      '[',
      ']',
      '{',
      '}',
      ',',
      '"',
      "'",
      '|\n',
      '&a ',
      '*a',
      '!!x ',
      '? ',
      '#',
      '\t',
      '\0',
      '%',
    ]
    const soup = fc
      .array(
        fc.oneof(
          fc.constantFrom(...words, ...marks),
          fc.integer().map(String),
          fc.string({ unit: 'binary' }),
        ),
        {
          maxLength: 60,
        },
      )
      .map((parts) => parts.join(''))
    // Anything at all where the structure is right, and a right file with a piece of it replaced.
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<unknown>(...words, null, true, -1, 4095, 1e300, ''),
        fc.dictionary(fc.oneof(fc.constantFrom(...words, 'rules', '__proto__'), fc.string()), tie('value')),
        fc.array(tie('value'), { maxLength: 4 }),
      ),
    })).value
    const mutated = fc
      .tuple(fc.nat(defaultPolicyText.length), fc.nat(20), fc.string({ unit: 'binary', maxLength: 10 }))
      .map(
        ([at, length, text]) => defaultPolicyText.slice(0, at) + text + defaultPolicyText.slice(at + length),
      )
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), isWellAnswered), { numRuns: 500 })
    fc.assert(fc.property(soup, isWellAnswered), { numRuns: 1000 })
    fc.assert(
      fc.property(json, (value) => isWellAnswered(JSON.stringify(value))),
      { numRuns: 1000 },
    )
    fc.assert(
      fc.property(json, json, (rules, profiles) =>
        isWellAnswered(JSON.stringify({ rules: [rules], profiles })),
      ),
      { numRuns: 1000 },
    )
    fc.assert(fc.property(mutated, isWellAnswered), { numRuns: 1000 })
    t.pass('4,500 files')
  },
)

t.test('a key with line ends in it makes no line of its own in the list of problems', async (t) => {
  const forged = String.raw`"x\nf:1:1: fine\u2028\u001b[2J"`
  for (const text of [
    `{rules: [], profiles: {one: {attributes: {${forged}: 1}}}}`,
    `{rules: [], defaultProfiles: {${forged}: one}}`,
    `{rules: [], ${forged}: 1}`,
  ]) {
    const parsed = parsePolicy(text, 'f')
    t.notOk(parsed.ok)
    for (const line of parsed.ok ? [] : parsed.fault.message.split('\n')) {
      t.match(line, /^f:1:\d+: \P{C}+$/u)
      t.notMatch(line, /^f:1:1: fine/)
    }
  }
})
