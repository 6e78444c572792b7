import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import t from 'tap'
import { parse } from 'yaml'
import { policySchema } from '../../scripts/policy-schema.ts'
import { defaultPolicyText } from '../../src/policy/default-policy.ts'

const root = join(import.meta.dirname, '../..')
const validate = new Ajv({ allErrors: true }).compile(JSON.parse(policySchema()))

t.test('the schema for editors accepts the built-in policy and every example', async (t) => {
  t.ok(validate(parse(defaultPolicyText)), JSON.stringify(validate.errors))
  for (const file of readdirSync(join(root, 'deploy/policy'))) {
    const text = readFileSync(join(root, 'deploy/policy', file), 'utf8')
    t.ok(validate(parse(text)), `${file}: ${JSON.stringify(validate.errors)}`)
    t.match(text, /^# yaml-language-server: \$schema=\.\.\/\.\.\/docs\/policy\.schema\.json\n/)
  }
})

t.test('the schema for editors marks what the service refuses', async (t) => {
  for (const text of [
    'profiles: {}',
    'rules: [{ name: a, decison: deny }]',
    'rules: [{ name: a, decision: maybe }]',
    'rules: [{ name: a, when: { reason: good }, decision: deny }]',
    'profiles: { p: { vlan: 4095 } }\nrules: []',
    'profiles: { p: { attributes: { "a b": x } } }\nrules: []',
  ]) {
    t.notOk(validate(parse(text)), text)
  }
})
