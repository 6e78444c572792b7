import fc from 'fast-check'
import t from 'tap'
import type { Decision } from '../../src/decision/decision.ts'
import { fillText } from '../../src/decision/policy-profile.ts'
import { parseTemplate } from '../../src/policy/text-template.ts'
import { factsOf, policyOf } from './policy-facts.ts'

const values = {
  reason: 'noncompliant',
  decisionId: '6d8f0e0a-3f1c-4a53-9a59-5f4d2f1f7e11',
  device: '005056A4895A',
  message: 'Open Company Portal, fix what it lists, then try again.',
  url: 'https://portal.manage.microsoft.com/networkaccesscontrol/index',
}

function filled(keys: string): Decision['profile'] {
  const policy = policyOf(`profiles:\n  p: ${keys}\nrules: [{ name: a, decision: allow, profile: p }]\n`)
  return policy.decide(factsOf()).profile?.fill(() => values)
}

for (const [keys, attributes] of [
  ['{}', []],
  [
    '{ vlan: 10 }',
    [
      { name: 'Tunnel-Type', values: ['VLAN'] },
      { name: 'Tunnel-Medium-Type', values: ['IEEE-802'] },
      { name: 'Tunnel-Private-Group-Id', values: ['10'] },
    ],
  ],
  [
    '{ vlan: { id: guests, tag: 31 } }',
    [
      { name: 'Tunnel-Type', tag: 31, values: ['VLAN'] },
      { name: 'Tunnel-Medium-Type', tag: 31, values: ['IEEE-802'] },
      { name: 'Tunnel-Private-Group-Id', tag: 31, values: ['guests'] },
    ],
  ],
  ['{ filterId: quarantine.in }', [{ name: 'Filter-Id', values: ['quarantine.in'] }]],
  [
    "{ ciscoUrlRedirect: { url: '{url}', acl: ACL-REDIRECT } }",
    [{ name: 'Cisco-AVPair', values: ['url-redirect-acl=ACL-REDIRECT', `url-redirect=${values.url}`] }],
  ],
  [
    "{ ciscoUrlRedirect: { url: 'https://nac.example/?d={device}', acl: A }, attributes: { Cisco-AVPair: [x=1, x=2] } }",
    [
      {
        name: 'Cisco-AVPair',
        values: ['url-redirect-acl=A', 'url-redirect=https://nac.example/?d=005056A4895A', 'x=1', 'x=2'],
      },
    ],
  ],
  ['{ arubaUserRole: employee }', [{ name: 'Aruba-User-Role', values: ['employee'] }]],
  [
    '{ airespaceAclName: A, airespaceInterfaceName: I }',
    [
      { name: 'Airespace-ACL-Name', values: ['A'] },
      { name: 'Airespace-Interface-Name', values: ['I'] },
    ],
  ],
  [
    '{ sessionTimeoutSeconds: 300, terminationAction: RADIUS-Request }',
    [
      { name: 'Session-Timeout', values: [300] },
      { name: 'Termination-Action', values: ['RADIUS-Request'] },
    ],
  ],
  [
    "{ replyMessage: '{message} ({reason}, {decisionId})' }",
    [{ name: 'Reply-Message', values: [`${values.message} (noncompliant, ${values.decisionId})`] }],
  ],
  [
    "{ attributes: { HP-User-Role: staff, 'Tunnel-Preference:2': 7, Class: [a, '50% {reason}'] } }",
    [
      { name: 'HP-User-Role', values: ['staff'] },
      { name: 'Tunnel-Preference', tag: 2, values: [7] },
      { name: 'Class', values: ['a', '50% noncompliant'] },
    ],
  ],
] as const) {
  t.test(`a profile of ${keys} becomes its attributes`, async (t) => {
    t.strictSame(filled(keys), { name: 'p', attributes })
  })
}

t.test('a profile without placeholders is one object for all decisions', async (t) => {
  const policy = policyOf(
    'profiles: { p: { vlan: 10 } }\nrules: [{ name: a, decision: allow, profile: p }]\n',
  )
  const profile = policy.decide(factsOf()).profile
  const notCalled = () => {
    throw new Error('asked for placeholders')
  }
  t.equal(profile?.fill(notCalled), profile?.fill(notCalled))
})

t.test(
  'a text too long for its attribute loses words before identifiers, and ends on a whole character',
  async (t) => {
    const template = parseTemplate('{message} [{decisionId}]', 100)
    if (typeof template === 'string' || 'problem' in template) throw new Error('not a template')
    const text = fillText(template, { ...values, message: 'é'.repeat(100) })
    t.ok(text.endsWith(` [${values.decisionId}]`), text)
    t.ok(Buffer.byteLength(text) <= 100 && Buffer.byteLength(text) >= 99, `${Buffer.byteLength(text)} bytes`)
    t.match(text, /^é+ \[/)
  },
)

t.test('a placeholder that is empty leaves no empty value behind', async (t) => {
  const policy = policyOf(
    "profiles: { p: { attributes: { Class: [a, '{message}'] } } }\nrules: [{ name: a, decision: allow, profile: p }]\n",
  )
  const profile = policy.decide(factsOf()).profile?.fill(() => ({ ...values, message: '' }))
  t.same(profile?.attributes, [{ name: 'Class', values: ['a'] }])
})

t.test(
  'whatever is filled in, the text fits and has no control characters and no broken characters',
  async (t) => {
    // By itself fast-check makes texts of some ten characters, of which none is ever too long.
    const text = fc.string({ unit: 'binary', maxLength: 400, size: 'medium' })
    const template = fc
      .array(
        fc.constantFrom('{reason}', '{decisionId}', '{device}', '{message}', '{url}', 'é: ', '%{x y}', '{'),
        {
          minLength: 1,
          maxLength: 8,
        },
      )
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(
        template,
        fc.record({ reason: text, decisionId: text, device: text, message: text, url: text }),
        (written, given) => {
          const parsed = parseTemplate(written, 247)
          if (typeof parsed === 'string') return parsed === written
          if ('problem' in parsed) return false
          const result = fillText(parsed, given)
          return Buffer.byteLength(result) <= 247 && !/\p{Cc}/u.test(result) && result.isWellFormed()
        },
      ),
      { numRuns: 2000 },
    )
    t.pass('2,000 texts')
  },
)
