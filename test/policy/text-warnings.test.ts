import t from 'tap'
import { parsePolicy } from '../../src/policy/policy-file.ts'

const warningsOf = (...rules: object[]) => {
  const named = rules.map((rule, index) => ({ name: `rule ${index}`, decision: 'allow', ...rule }))
  const parsed = parsePolicy(JSON.stringify({ rules: named }), 'p.yaml')
  return parsed.ok ? parsed.value.warnings : [parsed.fault.message]
}

t.test('a text that looks like another one is a warning with its place', async (t) => {
  for (const [text, problem] of [
    ['Bu\u0308ro', /when\.ssid: has letters and accents apart \(not in Unicode NFC/],
    ['Vau\u200blt', /has an invisible character in it \(U\+200B\)/],
    ['Vau\u00adlt', /\(U\+00AD\)/],
    ['My\u00a0Net', /\(U\+00A0\)/],
    ['Vault\u202e', /\(U\+202E\)/],
    ['\ufeffVault', /\(U\+FEFF\)/],
    ['Vault ', /begins or ends with a space/],
  ] as const) {
    const warnings = warningsOf({ when: { ssid: ['Corp', text] } })
    t.equal(warnings.length, 1, JSON.stringify(text))
    t.match(warnings[0], problem)
    t.match(warnings[0], /^p\.yaml:1:\d+: rules\[0\]\.when\.ssid: /)
  }
  t.same(warningsOf({ when: { ssid: ['Büro', '热点*', 'My Net'], nasIdentifier: 'Zürich-*' } }), [])
})

t.test('a text that a conversion has spoilt is refused', async (t) => {
  t.match(warningsOf({ when: { ssid: 'B\ufffdro' } }), [/has the replacement character U\+FFFD in it/])
})

t.test('a rule that a front end can never meet is a warning', async (t) => {
  for (const condition of [{ ssid: 'Corp' }, { nasAddress: '10.0.0.1' }, { nasIdentifier: 'a' }]) {
    const [name = ''] = Object.keys(condition)
    t.match(warningsOf({ when: { frontend: ['json', 'ise'], ...condition } }), [
      new RegExp(`rule "rule 0" can never apply: only RADIUS requests say their ${name}`),
    ])
    t.same(warningsOf({ when: { frontend: ['json', 'radius'], ...condition } }), [])
    t.same(warningsOf({ when: condition }), [])
  }
})

t.test(
  'a rule that refuses by what Intune may not say is a warning until a rule names unknown',
  async (t) => {
    for (const when of [{ ownership: 'personal' }, { os: 'android*' }]) {
      const [name = ''] = Object.keys(when)
      for (const effect of [{ decision: 'deny' }, { decision: undefined, atMost: 'remediate' }]) {
        t.match(warningsOf({ when, ...effect }), [
          new RegExp(`rule "rule 0" passes over devices whose ${name} Intune does not say`),
        ])
        t.same(warningsOf({ when, ...effect }, { when: { [name]: 'unknown' } }), [])
      }
      t.same(warningsOf({ when, decision: 'allow' }), [])
    }
  },
)
