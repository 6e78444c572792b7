import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { loadSettings } from '../../src/config/load-settings.ts'
import { variables } from '../../src/config/variables.ts'
import { decisionReasons, frontendNames } from '../../src/decision/policy-rules.ts'
import { defaultPolicyText } from '../../src/policy/default-policy.ts'
import { parsePolicy } from '../../src/policy/policy-file.ts'
import { compileSitePolicy } from '../../src/policy/site-policy.ts'
import { parseClients } from '../../src/server/clients.ts'
import { parseScenario } from '../../src/simulator/simulator.ts'
import { factsOf } from '../policy/policy-facts.ts'
import { json, mutated, optional, text } from './arbitraries.ts'
import { fuzz, fuzzed } from './fuzz.ts'

const deploy = join(import.meta.dirname, '../../deploy')
const shippedPolicies = [
  defaultPolicyText,
  readFileSync(join(deploy, 'freeradius/policy.yaml'), 'utf8'),
  ...readdirSync(join(deploy, 'policy')).map((name) => readFileSync(join(deploy, 'policy', name), 'utf8')),
]

/** The right thing most of the time, anything else now and then. */
const mostly = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 12, arbitrary: right as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: json })
const some = <T>(values: readonly T[]) =>
  fc.oneof(fc.constantFrom(...values), fc.subarray([...values], { minLength: 1 }))
const maybe = <T>(keys: { readonly [name: string]: fc.Arbitrary<T> }) =>
  fc.record(Object.fromEntries(Object.entries(keys).map(([name, value]) => [name, mostly(value)])), {
    requiredKeys: [],
  })

const pattern = fc.oneof(
  fc.constantFrom('*', 'wlc-*', 'Corp', '**a*b**'),
  fc.string({ minLength: 1, maxLength: 20 }),
)
const seconds = fc.nat(400_000_000)
const when = maybe<unknown>({
  reason: some(decisionReasons),
  frontend: some(frontendNames),
  client: pattern,
  nasAddress: fc.oneof(fc.constantFrom('10.0.0.0/8', '::1', '2001:db8::/32'), fc.ipV4(), text),
  nasIdentifier: pattern,
  ssid: pattern,
  matchedBy: some(['deviceId', 'mac', 'none']),
  rank: fc.integer({ min: 0, max: 5 }),
  rankConflict: fc.boolean(),
  stale: fc.boolean(),
  staleOlderThanSeconds: seconds,
  gracePeriodEndsWithinSeconds: seconds,
  ownership: some(['corporate', 'personal', 'unknown']),
  os: pattern,
})
const profileName = fc.constantFrom('one', 'two', 'none such')
const outcome = fc.constantFrom('allow', 'remediate', 'deny', 'fail')
const rule = fc.oneof(
  fc
    .tuple(
      fc.string({ minLength: 1, maxLength: 12 }),
      mostly(when),
      outcome,
      optional(mostly(profileName)),
      fc.boolean(),
    )
    .map(([name, conditions, decision, profile, caps]) => ({
      name,
      when: conditions,
      ...(caps ? { atMost: decision } : { decision }),
      ...(profile !== undefined && { profile }),
    })),
  json,
)
const profile = maybe<unknown>({
  vlan: fc.oneof(
    fc.integer({ min: 0, max: 4096 }),
    fc.constantFrom('guest', { id: 'guest', tag: 1 }, { id: 7 }),
  ),
  filterId: fc.constantFrom('in', '{message}', '{nope}', '{reason}.{device}'),
  ciscoUrlRedirect: fc.constantFrom({ url: '{url}', acl: 'A' }, { url: '{url}' }),
  sessionTimeoutSeconds: fc.nat(),
  terminationAction: fc.constantFrom('Default', 'RADIUS-Request', 'default'),
  replyMessage: text,
  attributes: fc.dictionary(
    fc.oneof(fc.constantFrom('Class', 'Auth-Type', 'Cisco-AVPair', 'Filter-Id:3', '__proto__'), text),
    json,
    { maxKeys: 3 },
  ),
})
/** JSON is YAML, so a document of the right shape is a policy file. */
const policyDocument = fc
  .record(
    {
      profiles: mostly(fc.record({ one: mostly(profile), two: mostly(profile) })),
      defaultProfiles: mostly(fc.record({ allow: profileName, deny: profileName }, { requiredKeys: [] })),
      rules: mostly(fc.array(rule, { maxLength: 5 })),
    },
    { requiredKeys: ['rules'] },
  )
  .map((document) => JSON.stringify(document, undefined, 1))
const marks = fc.oneof(
  fc.constantFrom(
    '- ',
    ': ',
    '\n',
    '  ',
    '[',
    ']',
    '{',
    '}',
    '#',
    '|\n',
    '&a ',
    '*a',
    '!!x ',
    '? ',
    '<<: ',
    '0x1f',
    '1_0',
    '~',
  ),
  text,
)
const policyText = fc.oneof(
  { weight: 4, arbitrary: policyDocument },
  { weight: 4, arbitrary: mutated(fc.constantFrom(...shippedPolicies), marks) },
  { weight: 1, arbitrary: mutated(policyDocument, marks) },
  { weight: 1, arbitrary: text },
)
const facts = fc
  .record({
    reason: fc.constantFrom(...decisionReasons),
    frontend: fc.constantFrom(...frontendNames),
    client: text,
    rank: fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const),
    stale: fc.boolean(),
    ageMs: fc.nat(),
    context: fc.record(
      { nasIpAddress: fc.oneof(fc.ipV4(), text), nasIdentifier: text, ssid: text },
      { requiredKeys: [] },
    ),
  })
  .map(factsOf)

/** Every problem has a line and a column that the file has. */
function isPlaced(message: string, file: string): boolean {
  const lines = file.split(/\r\n|\r|\n/).length
  return message.split('\n').every((problem) => {
    const [, line = 0, column = 0] = /^f:(\d+):(\d+): ./.exec(problem) ?? []
    return Number(line) >= 1 && Number(line) <= lines + 1 && Number(column) >= 1
  })
}

const hash = 'scrypt:16384:8:1:AAAAAAAAAAAAAAAAAAAAAA==:Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2E='
const client = maybe<unknown>({
  name: fc.constantFrom('ise-1', 'radius-1', 'ise-1', 'a b'),
  frontends: some(frontendNames),
  basic: fc.record({ username: fc.oneof(fc.constant('ise'), text), passwordHash: mostly(fc.constant(hash)) }),
  bearer: fc.record({ tokenHash: mostly(fc.constant(hash)) }),
  certificate: maybe({ subject: fc.constantFrom('CN=a,O=b', 'a'), san: fc.constantFrom('DNS:a', 'IP:1') }),
  networks: fc.array(fc.oneof(fc.constantFrom('10.0.0.0/8', '::1'), text), { maxLength: 3 }),
  rateLimitPerSecond: fc.integer(),
})
const clientsDocument = fc
  .record({ clients: mostly(fc.array(mostly(client), { maxLength: 4 })) })
  .map((document) => JSON.stringify(document, undefined, 1))
const clientsText = fc.oneof(clientsDocument, mutated(clientsDocument, marks), text)

const names = Object.keys(variables)
const environment = fc.dictionary(
  fc.oneof(
    fc.constantFrom(...names, ...names.map((name) => `${name}_FILE`)),
    mutated(fc.constantFrom(...names)),
    text,
  ),
  fc.oneof(
    text,
    fc.integer().map(String),
    fc.constantFrom(
      'public',
      'contoso.example',
      'https://login.microsoftonline.com/x',
      '/a',
      '10.0.0.0/8',
      'full',
      'on',
    ),
    fc.uuid(),
  ),
  { maxKeys: 12, noNullPrototype: true },
)

const device = maybe<unknown>({
  deviceId: fc.uuid(),
  macs: fc.array(text),
  complianceState: fc.constantFrom('compliant', 'x'),
})
const scenario = fc.oneof(
  maybe<unknown>({
    devices: fc.array(device),
    faults: fc.array(json),
    apps: fc.array(json),
    variants: json,
  }).map((document) => JSON.stringify(document)),
  mutated(
    fc.constant('devices:\n  - deviceId: 3eeb9e62-cec9-4dd8-9dd6-74903695a62b\n    macs: [005056A4895A]\n'),
    marks,
  ),
  text,
)

await fuzz(t, 'operator-files', {
  'a policy file is a policy that decides everything, or a list of places': fuzzed(
    fc.property(policyText, facts, (file, given) => {
      const parsed = parsePolicy(file, 'f')
      if (!parsed.ok)
        return parsed.fault.code === 'configuration_invalid' && isPlaced(parsed.fault.message, file)
      const policy = compileSitePolicy(parsed.value.definition)
      const verdict = policy.decide(given)
      const steps = policy.explain(given)
      return (
        ['allow', 'remediate', 'deny', 'fail'].includes(verdict.outcome) &&
        steps.some(({ rule: name, result }) => name === verdict.rule && result !== 'passed_over') &&
        steps.every(({ result, unmet }) => (result === 'passed_over') === unmet.length > 0)
      )
    }),
  ),
  'without a rule of the site only what is compliant is let in': fuzzed(
    fc.property(fc.constantFrom(...decisionReasons), facts, (reason, given) => {
      const policy = compileSitePolicy({ rules: [], profiles: [], defaultProfiles: {} })
      return (
        (policy.decide({ ...given, reason }).outcome === 'allow') ===
        ['compliant', 'in_grace_period'].includes(reason)
      )
    }),
  ),
  'a clients file is a list of clients or of places, and no hash is quoted': fuzzed(
    fc.property(clientsText, fc.boolean(), (file, verifiesCertificates) => {
      const parsed = parseClients(file, 'f', { verifiesCertificates })
      if (!parsed.ok) {
        const { code, message } = parsed.fault
        return code === 'configuration_invalid' && isPlaced(message, file) && !/Y2FuYXJ5|canary/.test(message)
      }
      const { clients } = parsed.value
      return (
        new Set(clients.map(({ name }) => name)).size === clients.length &&
        clients.every(
          ({ basic, bearer, certificate, frontends }) =>
            frontends.length > 0 && (basic ?? bearer ?? certificate) !== undefined,
        )
      )
    }),
  ),
  'an environment is settings or a list of problems that names variables': fuzzed(
    fc.property(environment, text, (given, file) => {
      const loaded = loadSettings(given, (path) => (path.length % 2 === 0 ? file : undefined))
      return (
        loaded.ok ||
        (loaded.problems.length > 0 &&
          loaded.problems.every(({ variable, problem }) => variable !== '' && problem !== ''))
      )
    }),
  ),
  'a scenario of the simulator is a scenario or a list of problems': fuzzed(
    fc.property(scenario, (given) => {
      const parsed = parseScenario(given)
      return parsed.ok || parsed.problems.length > 0
    }),
  ),
})
