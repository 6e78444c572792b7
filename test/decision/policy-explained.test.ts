import t from 'tap'
import type { ComplianceRecord } from '../../src/compliance/compliance-record.ts'
import type { ContextText } from '../../src/decision/request-context.ts'
import { compileGlob } from '../../src/decision/text-pattern.ts'
import { factsOf, policyOf } from '../policy/policy-facts.ts'

const nowMs = factsOf().nowMs
const record = (difference: Partial<ComplianceRecord> = {}): ComplianceRecord => ({
  enrolled: true,
  complianceState: 'compliant',
  observedAtMs: nowMs,
  ...difference,
})

/** A condition, facts that it does not hold for, and what `why` and `check --explain` say of it. */
const sentences: readonly [string, Parameters<typeof factsOf>[0], string][] = [
  [
    'reason: [noncompliant, not_enrolled]',
    {},
    'reason is compliant, the rule wants noncompliant or not_enrolled',
  ],
  ['frontend: [json, ise]', {}, 'frontend is radius, the rule wants json or ise'],
  ['client: [hq-*, lab]', {}, 'client is "freeradius-1", the rule wants hq-* or lab'],
  [
    'nasAddress: [10.1.0.0/16, 192.0.2.7]',
    { context: { nasIpAddress: '10.2.0.1' } },
    'nasAddress is "10.2.0.1", the rule wants 10.1.0.0/16 or 192.0.2.7',
  ],
  ['nasAddress: 192.0.2.7', {}, 'nasAddress is not known, the rule wants 192.0.2.7'],
  [
    'nasIdentifier: [SW-*, AP-*]',
    { context: { nasIdentifier: 'core-1' } },
    'nasIdentifier is "core-1", the rule wants SW-* or AP-*',
  ],
  ['matchedBy: [mac, imei]', {}, 'matchedBy is deviceId, the rule wants mac or imei'],
  ['rank: [2, 4]', { rank: 3 }, 'rank is 3, the rule wants 2 or 4'],
  ['rankConflict: true', {}, 'rankConflict is false, the rule wants true'],
  ['stale: true', {}, 'stale is false, the rule wants true'],
  [
    'staleOlderThanSeconds: 60',
    { ageMs: 90_000 },
    'staleOlderThanSeconds is not stale, the rule wants stale for more than 60 s',
  ],
  [
    'staleOlderThanSeconds: 60',
    { stale: true, ageMs: 59_999 },
    'staleOlderThanSeconds is stale, 59 s old, the rule wants stale for more than 60 s',
  ],
  [
    'gracePeriodEndsWithinSeconds: 60',
    { reason: 'in_grace_period', record: record({ gracePeriodEndsMs: nowMs + 60_001 }) },
    'gracePeriodEndsWithinSeconds is 61 s left, the rule wants at most 60 s left',
  ],
  [
    'gracePeriodEndsWithinSeconds: 60',
    { reason: 'noncompliant', record: record({ gracePeriodEndsMs: nowMs - 1 }) },
    'gracePeriodEndsWithinSeconds is no grace period, the rule wants at most 60 s left',
  ],
  ['ownership: personal', {}, 'ownership is unknown, the rule wants personal'],
  ['os: [windows*, macOS]', { record: record() }, 'os is not known, the rule wants windows* or macOS'],
  [
    'os: windows*',
    { record: record({ details: { operatingSystem: 'iOS' } }) },
    'os is "iOS", the rule wants windows*',
  ],
]

for (const [condition, difference, sentence] of sentences) {
  t.test(`of a rule that was passed over it is said: ${sentence}`, async (t) => {
    const policy = policyOf(`rules:\n  - { name: it, when: { ${condition} }, decision: deny }\n`)
    t.strictSame(policy.explain(factsOf(difference))[0], {
      rule: 'it',
      result: 'passed_over',
      unmet: [sentence],
      unclear: [],
    })
  })
}

t.test('text from outside is shown as printable ASCII, and the first 80 characters of it', async (t) => {
  const policy = policyOf('rules: [{ name: it, when: { nasIdentifier: SW }, decision: deny }]\n')
  const said = (nasIdentifier: string) => policy.explain(factsOf({ context: { nasIdentifier } }))[0]?.unmet
  t.same(said('Büro\u202e'), ['nasIdentifier is "B?ro?", the rule wants SW'])
  t.same(said('x'.repeat(81)), [`nasIdentifier is "${'x'.repeat(80)}", the rule wants SW`])
})

t.test('of a text that may be several, up to four are shown', async (t) => {
  const policy = policyOf('rules: [{ name: it, when: { ssid: Vault }, decision: allow }]\n')
  const said = (ssid: ContextText) => policy.explain(factsOf({ context: { ssid } }))[0]?.unmet
  t.same(said({ alternatives: ['a', 'b', 'c', 'd', 'e'], isOpen: false }), [
    'ssid is not certain ("a" or "b" or "c" or "d"), the rule wants Vault',
  ])
  t.same(said({ text: 'Corp', alternatives: ['ap:Corp'], isOpen: false }), [
    'ssid is "Corp", or perhaps "ap:Corp", the rule wants Vault',
  ])
  t.same(said({ text: 'a', alternatives: ['b', 'c', 'd', 'e'], isOpen: false }), [
    'ssid is "a", or perhaps "b", or perhaps "c", or perhaps "d", the rule wants Vault',
  ])
})

t.test('upper and lower case are alike, another spelling of a letter is not', async (t) => {
  const policy = policyOf('rules: [{ name: it, when: { nasIdentifier: "Straße*" }, decision: deny }]\n')
  const rule = (nasIdentifier: string) => policy.decide(factsOf({ context: { nasIdentifier } })).rule
  t.equal(rule('sTRAßE-1'), 'it')
  t.not(rule('STRASSE-1'), 'it')
})

t.test('the ends of a glob do not overlap in the text', async (t) => {
  for (const [glob, text, matches] of [
    ['aba*ba', 'aba', false],
    ['aba*ba', 'ababa', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['*aba*ba', 'xaba', false],
    ['a**b', 'ab', true],
  ] as const) {
    t.equal(compileGlob(glob)(text), matches, `${glob} and ${text}`)
  }
})

t.test('a limit for everything is one for the rules below it, and ends nothing', async (t) => {
  const policy = policyOf(`
rules:
  - { name: limit, atMost: remediate }
  - { name: guests, when: { ssid: Guests }, decision: deny }
`)
  t.match(policy.decide(factsOf()), { outcome: 'remediate', rule: 'limit' })
  t.match(policy.decide(factsOf({ context: { ssid: 'Guests' } })), { outcome: 'deny', rule: 'guests' })
  t.same(
    policy.explain(factsOf()).map(({ rule, result }) => `${rule} ${result}`),
    ['limit capped', 'guests passed_over', 'builtin compliant fired'],
  )
})

t.test('a verdict has no key for what the site does not say', async (t) => {
  const policy = policyOf('rules: [{ name: own, when: { ssid: Own }, decision: deny }]\n')
  t.strictSame(policy.decide(factsOf()), { outcome: 'allow', rule: 'builtin compliant' })
  t.strictSame(policy.decide(factsOf({ reason: 'not_enrolled', context: { ssid: 'Own' } })), {
    outcome: 'deny',
    rule: 'own',
    remediation: { action: 'enroll', message: 'Enrol your device with Company Portal, then try again.' },
  })
})
