import fc from 'fast-check'
import t from 'tap'
import type { DecisionOutcome, DecisionReason } from '../../src/decision/decision.ts'
import { type ContextText, unreadable } from '../../src/decision/request-context.ts'
import { factsOf, policyOf } from '../policy/policy-facts.ts'

const either = (...alternatives: string[]): ContextText => ({ alternatives, isOpen: false })

function decide(rules: string, ssid: ContextText | undefined, reason: DecisionReason = 'compliant') {
  const policy = policyOf(`rules:\n${rules}`)
  const facts = factsOf({ reason, context: ssid === undefined ? {} : { ssid } })
  return { verdict: policy.decide(facts), steps: policy.explain(facts) }
}

t.test('a rule that refuses applies where the SSID cannot be read, one that lets in does not', async (t) => {
  const deny = '  - { name: vault, when: { ssid: "Vault*" }, decision: deny }\n'
  const allow =
    '  - { name: staff, when: { ssid: Corp }, decision: allow }\n  - { name: rest, decision: deny }\n'
  for (const ssid of [
    unreadable,
    either('Corp', 'Vault'),
    { text: 'Corp', alternatives: ['Vault 2'], isOpen: false },
  ]) {
    t.match(decide(deny, ssid).verdict, { outcome: 'deny', rule: 'vault' }, JSON.stringify(ssid))
  }
  t.match(decide(deny, either('Corp', 'Lobby')).verdict, { outcome: 'allow' }, 'none of what it may be')
  t.match(decide(deny, undefined).verdict, { outcome: 'allow' }, 'a wired request has no SSID')
  for (const ssid of [
    unreadable,
    either('Corp', 'Vault'),
    { alternatives: ['Corp'], isOpen: false, isGuessed: true },
  ]) {
    t.match(
      decide(allow, ssid as ContextText).verdict,
      { outcome: 'deny', rule: 'rest' },
      JSON.stringify(ssid),
    )
  }
  const likely = { text: 'Corp', alternatives: ['ap:Corp'], isOpen: false }
  t.match(decide(allow, likely).verdict, { outcome: 'allow', rule: 'staff' }, 'all but certain')
  for (const more of [{ isOpen: true }, { isOpen: false, isGuessed: true }]) {
    const given = { text: 'Corp', alternatives: ['ap:Corp'], ...more }
    t.match(decide(allow, given).verdict, { rule: 'staff' }, `may be relied on: ${JSON.stringify(given)}`)
  }
  t.match(decide(deny, { text: 'Corp', alternatives: [], isOpen: true }).verdict, { rule: 'vault' })
  const wide =
    '  - { name: staff, when: { ssid: "Corp*" }, decision: allow }\n  - { name: rest, decision: deny }\n'
  t.match(decide(wide, either('Corp', 'Corp 2')).verdict, { rule: 'staff' }, 'whichever it is')
})

t.test('a rule with two conditions is certain where both are', async (t) => {
  const policy = (decision: string) =>
    policyOf(`rules:
  - { name: it, when: { ssid: Corp, nasIdentifier: sw-1 }, decision: ${decision} }
  - { name: rest, decision: remediate }
`)
  for (const [ssid, nasIdentifier, allows, denies] of [
    ['Corp', 'sw-1', 'it', 'it'],
    [unreadable, 'sw-1', 'rest', 'it'],
    ['Corp', unreadable, 'rest', 'it'],
    [unreadable, unreadable, 'rest', 'it'],
    [unreadable, 'sw-2', 'rest', 'rest'],
    ['Vault', unreadable, 'rest', 'rest'],
  ] as const) {
    const facts = factsOf({ context: { ssid, nasIdentifier } })
    t.equal(policy('allow').decide(facts).rule, allows, JSON.stringify([ssid, nasIdentifier]))
    t.equal(policy('deny').decide(facts).rule, denies, JSON.stringify([ssid, nasIdentifier]))
  }
})

t.test('what is between is the most that the rules below may decide', async (t) => {
  const cap = '  - { name: cap, when: { ssid: Guest }, atMost: remediate }\n'
  t.match(decide(cap, unreadable).verdict, { outcome: 'remediate', rule: 'cap' })
  const guests = '  - { name: guests, when: { ssid: Guest }, decision: remediate }\n'
  t.match(decide(guests, unreadable).verdict, { outcome: 'remediate', rule: 'guests' }, 'instead of allow')
  t.match(decide(guests, unreadable, 'identifier_conflict').verdict, { outcome: 'deny' }, 'deny is stricter')
  const away = '  - { name: away, when: { ssid: Guest }, decision: fail }\n'
  t.match(decide(away, unreadable).verdict, { outcome: 'fail', rule: 'away' }, 'instead of allow')
  t.match(decide(away, unreadable, 'noncompliant').verdict, { outcome: 'remediate' })
  t.match(decide(guests, unreadable, 'intune_unavailable').verdict, { outcome: 'remediate', rule: 'guests' })
  t.match(
    decide(cap, unreadable, 'intune_unavailable').verdict,
    { outcome: 'fail' },
    'atMost leaves fail alone',
  )
})

t.test('explain says that nobody can say, and what that does', async (t) => {
  const rules = `  - { name: staff, when: { ssid: Corp }, decision: allow }
  - { name: guests, when: { ssid: Guest }, decision: remediate }
  - { name: vault, when: { ssid: Vault, matchedBy: deviceId }, decision: deny }
`
  const clear = { unmet: [], unclear: [] }
  t.same(decide(rules, unreadable).steps, [
    { rule: 'staff', result: 'passed_over', ...clear, unmet: ['ssid is not readable, the rule wants Corp'] },
    { rule: 'guests', result: 'capped', ...clear, unclear: ['ssid is not readable, the rule wants Guest'] },
    { rule: 'vault', result: 'fired', ...clear, unclear: ['ssid is not readable, the rule wants Vault'] },
  ])
  t.match(decide(rules, either('Corp', 'Vault')).steps[0]?.unmet, [
    'ssid is not certain ("Corp" or "Vault"), the rule wants Corp',
  ])
})

t.test('unknown names what cannot be read, and * does not', async (t) => {
  const rules = '  - { name: unread, when: { ssid: unknown }, decision: remediate }\n'
  t.match(decide(rules, unreadable).verdict, { rule: 'unread' })
  t.match(decide(rules, either('Corp', 'Vault')).verdict, { rule: 'unread' }, 'nor what contradicts itself')
  t.match(decide(rules, 'unknown').verdict, { rule: 'unread' }, 'or is called so')
  for (const ssid of ['Corp', undefined, { text: 'Corp', alternatives: ['x'], isOpen: false }]) {
    t.match(decide(rules, ssid as ContextText).verdict, { rule: /^builtin/ }, JSON.stringify(ssid))
  }
  const every =
    '  - { name: every, when: { ssid: "*" }, decision: allow }\n  - { name: rest, decision: deny }\n'
  t.match(decide(every, unreadable).verdict, { rule: 'rest' })
  const open =
    '  - { name: open, when: { ssid: unknown }, decision: allow }\n  - { name: rest, decision: deny }\n'
  t.match(decide(open, unreadable).verdict, { rule: 'open' }, 'who names it means it')
})

t.test('the address and the name of a NAS follow the same rule', async (t) => {
  const policy = policyOf(`rules:
  - { name: site, when: { nasAddress: 10.9.0.0/16 }, decision: deny }
  - { name: name, when: { nasIdentifier: zrh-* }, decision: deny }
`)
  for (const [nasIpAddress, rule] of [
    ['10.9.1.1', 'site'],
    ['10.8.1.1', /^builtin/],
    [unreadable, 'site'],
    [either('10.8.1.1', '10.9.1.1'), 'site'],
    [either('10.8.1.1', '2001:db8::1'), /^builtin/],
    [{ text: '10.8.1.1', alternatives: ['2001:db8::1'], isOpen: false }, /^builtin/],
  ] as const) {
    t.match(policy.decide(factsOf({ context: { nasIpAddress } })), { rule }, JSON.stringify(nasIpAddress))
  }
  t.match(policy.decide(factsOf({ context: { nasIdentifier: either('LHR-1', 'ZRH-1') } })), { rule: 'name' })
  const unknown = policyOf(
    'rules:\n  - { name: lost, when: { nasAddress: [unknown, 10.9.0.0/16] }, decision: deny }\n',
  )
  t.match(unknown.decide(factsOf({ context: { nasIpAddress: unreadable } })), { rule: 'lost' })
})

t.test('texts that look alike are not the same, and may be', async (t) => {
  const nfd = 'Bu\u0308ro'
  const deny = (pattern: string) =>
    `  - { name: no, when: { ssid: ${JSON.stringify(pattern)} }, decision: deny }\n`
  const allow = (pattern: string) =>
    `  - { name: yes, when: { ssid: ${JSON.stringify(pattern)} }, decision: allow }\n  - { name: rest, decision: deny }\n`
  for (const [pattern, ssid] of [
    ['B\u00fcro', nfd],
    [nfd, 'B\u00fcro'],
    ['Vault', 'Vau\u200blt'],
    ['Vau\u00adlt', 'Vault'],
    ['My Net', 'My\u00a0Net'],
    ['Vault', '\uff36ault'],
    ['Vault ', 'Vault'],
    ['B\u00fcro', 'B\ufffdro'],
    ['热点', '\ufffd\ufffd\ufffd'],
    ['热点*', '\ufffd@\ufffd:'],
    ['My Net', 'My \t Net'],
    ['VAULT', '\uff36\uff21\uff35\uff2c\uff34'],
    ['B\u00fcro*', nfd],
    ['*e\u0301*', 'Caf\u00e9 1'],
  ] as const) {
    t.match(decide(deny(pattern), ssid).verdict, { rule: 'no' }, `deny ${pattern}`)
    t.match(decide(allow(pattern), ssid).verdict, { rule: 'rest' }, `allow ${pattern}`)
  }
  for (const [pattern, ssid] of [
    ['Vault', 'vault'],
    ['B\u00fcro', 'Buro'],
    ['Vault', 'B\ufffdro'],
    ['Büro', 'Caf\ufffd'],
    ['MyNet', 'My Net'],
    ['MyNet', 'My\u00a0Net'],
    ['Büro 1', 'Büro 2'],
  ] as const) {
    t.match(decide(deny(pattern), ssid).verdict, { rule: /^builtin/ }, `${ssid} is not ${pattern}`)
  }
  t.match(decide(allow('B*'), 'B\ufffdro').verdict, { rule: 'yes' }, 'whatever the octets are')
})

t.test('of several patterns one is enough, for a text that is certain and for one that is not', async (t) => {
  const policy = (decision: string) =>
    policyOf(`rules:
  - { name: it, when: { ssid: ["Lobby*", "B\u00fcro*", "Cafe*"] }, decision: ${decision} }
  - { name: rest, decision: remediate }
`)
  for (const [ssid, allows, denies] of [
    ['B\u00fcro 1', 'it', 'it'],
    ['Bu\u0308ro 1', 'rest', 'it'],
    ['B\ufffdro 1', 'rest', 'it'],
    ['Vault', 'rest', 'rest'],
    // As it is, it begins with `Cafe`; as a person sees it, it does not.
    ['Cafe\u0301', 'it', 'it'],
    [either('Cafe\u0301', 'Vault'), 'rest', 'it'],
    [either('Lobby 1', 'B\u00fcro 1'), 'it', 'it'],
    [either('Lobby 1', 'Bu\u0308ro 1'), 'rest', 'it'],
  ] as const) {
    const facts = factsOf({ context: { ssid } })
    t.equal(policy('allow').decide(facts).rule, allows, JSON.stringify(ssid))
    t.equal(policy('deny').decide(facts).rule, denies, JSON.stringify(ssid))
  }
})

t.test(
  'a text that only looks like what a rule wants counts as not certain, alone and beside others',
  async (t) => {
    const policy = policyOf(`rules:
  - { name: alone, when: { ssid: "B\u00fcro" }, decision: remediate }
  - { name: both, when: { ssid: "B\u00fcro", matchedBy: deviceId }, decision: allow }
  - { name: rest, decision: deny }
`)
    const facts = factsOf({ context: { ssid: 'Bu\u0308ro' } })
    const unclear = ['ssid is "Bu?ro", the rule wants B\u00fcro']
    t.same(policy.explain(facts), [
      { rule: 'alone', result: 'capped', unmet: [], unclear },
      { rule: 'both', result: 'passed_over', unmet: unclear, unclear: [] },
      { rule: 'rest', result: 'fired', unmet: [], unclear: [] },
    ])
    t.equal(policy.decide(facts).rule, 'rest')
  },
)

t.test('a text that may be none of those that it may be vouches for nothing', async (t) => {
  const allow =
    '  - { name: every, when: { ssid: "*" }, decision: allow }\n  - { name: rest, decision: deny }\n'
  t.match(decide(allow, either()).verdict, { rule: 'rest' })
})

const openness: Readonly<Record<DecisionOutcome, number>> = { deny: 0, remediate: 1, fail: 2, allow: 3 }

t.test('what cannot be read lets nobody further in than any text that it may be', async (t) => {
  const ssid = fc.constantFrom('Corp', 'Guest', 'Vault', 'Vault 2', 'Büro')
  const glob = fc.constantFrom('Corp', 'Guest', 'Vault*', 'V*', '*', 'B*o')
  const effect = fc.constantFrom(
    { decision: 'allow' },
    { decision: 'remediate' },
    { decision: 'deny' },
    { decision: 'fail' },
    { atMost: 'remediate' },
    { atMost: 'deny' },
  )
  const rules = fc.array(
    fc.tuple(fc.option(fc.array(glob, { minLength: 1, maxLength: 2 }), { nil: undefined }), effect),
    { maxLength: 5 },
  )
  const reason = fc.constantFrom<DecisionReason[]>(
    'compliant',
    'noncompliant',
    'identifier_conflict',
    'intune_unavailable',
  )
  fc.assert(
    fc.property(
      rules,
      fc.array(ssid, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      ssid,
      reason,
      (given, texts, isOpen, other, why) => {
        const list = given.map(([globs, what], index) => ({
          name: `rule ${index}`,
          ...(globs && { when: { ssid: globs } }),
          ...what,
        }))
        const policy = policyOf(JSON.stringify({ rules: list }))
        const factsWith = (text: ContextText) => factsOf({ reason: why, context: { ssid: text } })
        const unclear = factsWith({ alternatives: texts, isOpen })
        const verdict = policy.decide(unclear)
        const explained = policy.explain(unclear).filter(({ result }) => result !== 'passed_over')
        return (
          explained.some(({ rule }) => rule === verdict.rule) &&
          [...texts, ...(isOpen ? [other, 'Lobby'] : [])].every(
            (text) => openness[verdict.outcome] <= openness[policy.decide(factsWith(text)).outcome],
          )
        )
      },
    ),
    { numRuns: 3000 },
  )
  t.pass('3,000 policies')
})
