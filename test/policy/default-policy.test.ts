import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { decisionReasons, frontendNames } from '../../src/decision/policy-rules.ts'
import { defaultPolicy, defaultPolicyText } from '../../src/policy/default-policy.ts'
import { parsePolicy } from '../../src/policy/policy-file.ts'
import { compileSitePolicy } from '../../src/policy/site-policy.ts'
import { factsOf } from './policy-facts.ts'

const table = {
  compliant: ['allow', undefined],
  noncompliant: ['remediate', 'fix_compliance'],
  in_grace_period: ['allow', 'fix_compliance'],
  not_evaluated: ['remediate', 'wait_for_evaluation'],
  not_enrolled: ['remediate', 'enroll'],
  randomized_mac: ['remediate', 'use_device_mac'],
  identifier_conflict: ['deny', 'contact_support'],
} as const

for (const frontend of frontendNames) {
  for (const reason of decisionReasons) {
    const outage = frontend === 'json' ? 'deny' : 'fail'
    const [outcome, action] = reason === 'intune_unavailable' ? [outage, undefined] : table[reason]
    t.test(`built-in policy over ${frontend}: ${reason} is ${outcome}`, async (t) => {
      const verdict = defaultPolicy.decide(factsOf({ reason, frontend }))
      t.equal(verdict.outcome, outcome)
      t.equal(verdict.remediation?.action, action, 'what the user has to do')
      t.equal(verdict.profile, undefined, 'it knows no VLANs')
      t.match(verdict.rule, /^builtin /)
      t.match(defaultPolicy.explain(factsOf({ reason, frontend })).at(-1), {
        rule: verdict.rule,
        result: 'fired',
      })
    })
  }
}

t.test('the built-in policy is a policy file that can be taken as a start', async (t) => {
  const parsed = parsePolicy(defaultPolicyText, 'copy.yaml')
  t.ok(parsed.ok)
  if (!parsed.ok) return
  t.same(parsed.value.warnings, [])
  const copy = compileSitePolicy(parsed.value.definition)
  for (const reason of decisionReasons) {
    t.same(copy.decide(factsOf({ reason })), defaultPolicy.decide(factsOf({ reason })), reason)
  }
})

t.test('every example in deploy/policy is right and has nothing odd in it', async (t) => {
  const directory = join(import.meta.dirname, '../../deploy/policy')
  const files = readdirSync(directory)
  t.ok(files.length >= 3)
  for (const file of files) {
    const parsed = parsePolicy(readFileSync(join(directory, file), 'utf8'), file)
    t.match(parsed, { ok: true, value: { warnings: [] } }, file)
  }
})
