import fc from 'fast-check'
import t from 'tap'
import type { ComplianceRecord } from '../../src/compliance/compliance-record.ts'
import { reasonFor } from '../../src/decision/policy.ts'
import { compilePolicy, decisionReasons, frontendNames } from '../../src/decision/policy-rules.ts'
import { compileGlob } from '../../src/decision/text-pattern.ts'
import { defaultPolicy } from '../../src/policy/default-policy.ts'
import { factsOf, policyOf } from '../policy/policy-facts.ts'

const nowMs = factsOf().nowMs
const record = (difference: Partial<ComplianceRecord>): ComplianceRecord => ({
  enrolled: true,
  complianceState: 'compliant',
  observedAtMs: nowMs,
  ...difference,
})

t.test('a noncompliant device is in its grace period until the moment that Graph named', async (t) => {
  const device = record({ complianceState: 'noncompliant', gracePeriodEndsMs: nowMs })
  t.equal(reasonFor(device, nowMs - 1), 'in_grace_period')
  t.equal(reasonFor(device, nowMs), 'noncompliant')
  t.equal(reasonFor({ ...device, enrolled: false }, nowMs - 1), 'not_enrolled')
  t.equal(reasonFor({ ...device, complianceState: 'unknown' }, nowMs - 1), 'not_evaluated')
  t.equal(reasonFor({ ...device, complianceState: 'compliant' }, nowMs - 1), 'compliant')
})

/** Each condition, facts that it holds for, and facts that it does not hold for. */
for (const [condition, holds, not] of [
  ['reason: not_enrolled', [{ reason: 'not_enrolled' }], [{}, { reason: 'noncompliant' }]],
  ['reason: [compliant, not_enrolled]', [{}, { reason: 'not_enrolled' }], [{ reason: 'noncompliant' }]],
  ['frontend: [json, ise]', [{ frontend: 'ise' }, { frontend: 'json' }], [{}]],
  ['client: freeradius-*', [{}], [{ client: 'radius-1' }, { client: 'FREERADIUS-1' }]],
  [
    'nasAddress: [10.1.0.0/16, 192.0.2.7, 2001:db8::/32]',
    [
      { context: { nasIpAddress: '10.1.255.1' } },
      { context: { nasIpAddress: '192.0.2.7' } },
      { context: { nasIpAddress: '2001:DB8:0::1' } },
    ],
    [
      {},
      { context: { nasIpAddress: '10.2.0.1' } },
      { context: { nasIpAddress: '10.1.0.1%{x}' } },
      { context: { nasIpAddress: '' } },
      { context: { nasIpAddress: '2001:db9::1' } },
    ],
  ],
  [
    'nasIdentifier: SW-*-edge',
    [{ context: { nasIdentifier: 'sw-3-EDGE' } }],
    [{}, { context: { nasIdentifier: 'sw-3-edge2' } }],
  ],
  [
    'ssid: Corp',
    [{ context: { ssid: 'Corp' } }],
    [{}, { context: { ssid: 'corp' } }, { context: { ssid: 'Corp2' } }],
  ],
  ['ssid: "*"', [{ context: { ssid: '' } }, { context: { ssid: 'x' } }], [{}]],
  ['matchedBy: [mac, imei]', [{ matchedBy: 'mac' }, { matchedBy: 'imei' }], [{}]],
  ['rank: [2, 4]', [{ rank: 2 }, { rank: 4 }], [{}]],
  ['rankConflict: true', [{ rankConflict: true }], [{}]],
  ['rankConflict: false', [{}], [{ rankConflict: true }]],
  ['stale: true', [{ stale: true }], [{}]],
  [
    'staleOlderThanSeconds: 60',
    [{ stale: true, ageMs: 60_001 }],
    [
      { stale: true, ageMs: 60_000 },
      { stale: false, ageMs: 70_000 },
    ],
  ],
  [
    'gracePeriodEndsWithinSeconds: 60',
    [{ reason: 'in_grace_period', record: record({ gracePeriodEndsMs: nowMs + 60_000 }) }],
    [
      { reason: 'in_grace_period', record: record({ gracePeriodEndsMs: nowMs + 60_001 }) },
      { reason: 'noncompliant', record: record({ gracePeriodEndsMs: nowMs - 1 }) },
    ],
  ],
  [
    'ownership: personal',
    [{ record: record({ details: { ownership: 'personal' } }) }],
    [{}, { record: record({ details: { ownership: 'corporate' } }) }, { record: record({}) }],
  ],
  [
    'ownership: unknown',
    [{}, { record: record({ details: {} }) }],
    [{ record: record({ details: { ownership: 'corporate' } }) }],
  ],
  [
    'os: [windows*, macOS]',
    [
      { record: record({ details: { operatingSystem: 'Windows 11' } }) },
      { record: record({ details: { operatingSystem: 'MACOS' } }) },
    ],
    [{}, { record: record({ details: { operatingSystem: 'iOS' } }) }],
  ],
] as const) {
  t.test(`the condition ${condition} holds where it says, and explain gives the same answer`, async (t) => {
    const policy = policyOf(`rules:\n  - { name: it, when: { ${condition} }, decision: deny }\n`)
    for (const difference of holds) {
      t.equal(policy.decide(factsOf(difference)).rule, 'it', JSON.stringify(difference))
      t.same(policy.explain(factsOf(difference)), [{ rule: 'it', result: 'fired', unmet: [], unclear: [] }])
    }
    for (const difference of not) {
      t.match(policy.decide(factsOf(difference)).rule, /^builtin/, JSON.stringify(difference))
      const [first] = policy.explain(factsOf(difference))
      t.match(first, { rule: 'it', result: 'passed_over', unmet: [/ is .*, the rule wants /] })
      t.equal(first?.unmet.length, 1)
    }
  })
}

t.test('the first rule that applies decides, and all of its conditions have to hold', async (t) => {
  const policy = policyOf(`
rules:
  - { name: both, when: { ssid: Corp, rank: 1 }, decision: deny }
  - { name: ssid, when: { ssid: Corp }, decision: remediate }
  - { name: rest, decision: fail }
`)
  t.equal(policy.decide(factsOf({ context: { ssid: 'Corp' } })).rule, 'both')
  t.equal(policy.decide(factsOf({ context: { ssid: 'Corp' }, rank: 4 })).rule, 'ssid')
  t.equal(policy.decide(factsOf()).rule, 'rest')
  t.same(policy.explain(factsOf({ context: { ssid: 'Corp"\u0000\n' }, rank: 4 })), [
    {
      rule: 'both',
      result: 'passed_over',
      unmet: [String.raw`ssid is "Corp\"\u0000\n", the rule wants Corp`, 'rank is 4, the rule wants 1'],
      unclear: [],
    },
    {
      rule: 'ssid',
      result: 'passed_over',
      unmet: [String.raw`ssid is "Corp\"\u0000\n", the rule wants Corp`],
      unclear: [],
    },
    { rule: 'rest', result: 'fired', unmet: [], unclear: [] },
  ])
})

t.test('atMost lowers what the rules below decide and never raises it', async (t) => {
  const policy = policyOf(`
profiles: { limited: { vlan: 30 }, full: { vlan: 10 }, none: {} }
defaultProfiles: { allow: full, deny: none }
rules:
  - { name: cap, when: { matchedBy: mac }, atMost: remediate, profile: limited, reasonText: MAC only }
  - { name: stricter, when: { matchedBy: mac, ssid: Vault }, atMost: deny }
  - { name: looser, when: { matchedBy: mac, ssid: Vault }, atMost: remediate }
`)
  const mac = { matchedBy: 'mac', rank: 4 } as const
  t.match(policy.decide(factsOf(mac)), {
    outcome: 'remediate',
    rule: 'cap',
    reasonText: 'MAC only',
    profile: { name: 'limited' },
    remediation: { action: 'contact_support', message: /IT support/ },
  })
  t.match(
    policy.decide(factsOf()),
    { outcome: 'allow', profile: { name: 'full' } },
    'a certificate is not capped',
  )
  t.match(policy.decide(factsOf({ ...mac, reason: 'noncompliant' })), {
    outcome: 'remediate',
    rule: 'builtin remediate',
    remediation: { action: 'fix_compliance' },
  })
  t.match(policy.decide(factsOf({ ...mac, reason: 'identifier_conflict' })), { outcome: 'deny' })
  t.match(policy.decide(factsOf({ ...mac, reason: 'intune_unavailable' })), { outcome: 'fail' })
  const vault = { ...mac, context: { ssid: 'Vault' } }
  t.match(policy.decide(factsOf(vault)), { outcome: 'deny', rule: 'stricter', profile: { name: 'none' } })
  t.same(
    policy.explain(factsOf(vault)).map(({ rule, result }) => `${rule} ${result}`),
    ['cap capped', 'stricter capped', 'looser capped', 'builtin compliant fired'],
  )
})

t.test('of two limits that are alike the first one is told', async (t) => {
  const policy = policyOf(`
rules:
  - { name: first, atMost: remediate }
  - { name: second, atMost: remediate }
`)
  t.match(policy.decide(factsOf()), { outcome: 'remediate', rule: 'first' })
})

t.test('a policy says which conditions its rules have', async (t) => {
  const policy = policyOf(`
rules:
  - { name: a, when: { ssid: Corp, rank: 1 }, decision: deny }
  - { name: b, when: { ssid: Vault, os: windows* }, decision: deny }
`)
  for (const name of ['ssid', 'rank', 'os'] as const) t.ok(policy.conditionsInUse.has(name), name)
  for (const name of ['nasAddress', 'client'] as const) t.notOk(policy.conditionsInUse.has(name), name)
})

t.test('what the user has to do follows from the reason unless the rule says otherwise', async (t) => {
  const policy = policyOf(`
rules:
  - { name: vip, when: { ssid: Vip }, decision: deny, remediation: { message: Call us., url: 'https://help.example/' } }
  - { name: own, when: { ssid: Own }, decision: deny, remediation: { action: enroll } }
  - { name: outage, when: { reason: intune_unavailable }, decision: remediate }
  - { name: closed, when: { ssid: Closed }, decision: deny }
`)
  t.strictSame(policy.decide(factsOf({ reason: 'noncompliant', context: { ssid: 'Vip' } })).remediation, {
    action: 'fix_compliance',
    message: 'Call us.',
    url: 'https://help.example/',
  })
  t.match(policy.decide(factsOf({ context: { ssid: 'Vip' } })).remediation, { action: 'contact_support' })
  t.match(policy.decide(factsOf({ context: { ssid: 'Own' } })).remediation, {
    action: 'enroll',
    message: /Enrol/,
  })
  t.match(policy.decide(factsOf({ reason: 'intune_unavailable' })).remediation, {
    action: 'wait_for_evaluation',
    message: /could not be checked/,
  })
  t.equal(policy.decide(factsOf({ context: { ssid: 'Closed' } })).remediation, undefined)
  t.match(policy.decide(factsOf({ reason: 'identifier_conflict' })).remediation, { message: /contradicting/ })
})

t.test('a policy without a rule for a fact denies', async (t) => {
  const policy = compilePolicy({ profiles: [], defaultProfiles: {}, rules: [] })
  for (const frontend of frontendNames) {
    for (const reason of decisionReasons) {
      t.match(policy.decide(factsOf({ frontend, reason })), { outcome: 'deny', rule: 'no rule' })
    }
  }
  t.same(policy.explain(factsOf()), [{ rule: 'no rule', result: 'fired', unmet: [], unclear: [] }])
})

t.test('verdicts are made once: the same facts give the same object', async (t) => {
  t.equal(defaultPolicy.decide(factsOf()), defaultPolicy.decide(factsOf()))
})

t.test('a glob means what the same regular expression would mean', async (t) => {
  const letters = fc.constantFrom('a', 'b', '*', '.', '(')
  const glob = fc.array(letters, { maxLength: 8 }).map((parts) => parts.join(''))
  const text = fc
    .array(fc.constantFrom('a', 'b', '.', '(', '\n'), { maxLength: 10 })
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(glob, text, (pattern, subject) => {
      const source = pattern.replace(/[.(]/g, '\\$&').replaceAll('*', '.*')
      return compileGlob(pattern)(subject) === new RegExp(`^(?:${source})$`, 's').test(subject)
    }),
    { numRuns: 5000 },
  )
  t.ok(compileGlob('*a*a*b')('aab'))
})

t.test('a pattern made to be slow is answered at once', async (t) => {
  const matches = compileGlob(`${'*a'.repeat(128)}b`)
  const startedMs = performance.now()
  t.notOk(matches('a'.repeat(100_000)))
  t.ok(performance.now() - startedMs < 100, `${performance.now() - startedMs} ms`)
})
