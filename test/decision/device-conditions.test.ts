import t from 'tap'
import type { ComplianceRecord } from '../../src/compliance/compliance-record.ts'
import { findInLists } from '../../src/decision/device-conditions.ts'
import type { IdentityAttributes } from '../../src/identity/device-identity.ts'
import { parseIdentity } from '../../src/identity/parse-identity.ts'
import { factsOf, policyOf } from '../policy/policy-facts.ts'

const stolen = '3eeb9e62-cec9-4dd8-9dd6-74903695a62b'
const other = '7d1f6e1a-0b3c-4d5e-8f70-112233445566'
const stolenMac = '005056A4895A'
const otherMac = '005056A4895B'

function identityOf(attributes: IdentityAttributes) {
  const parsed = parseIdentity(attributes)
  if (!parsed.ok) throw new Error(parsed.fault.message)
  return parsed.value
}

/** Facts of a request with these attributes, of which the best decides, and what Intune says of the device. */
function asked(
  attributes: IdentityAttributes,
  said?: Partial<ComplianceRecord>,
  difference: Parameters<typeof factsOf>[0] = {},
) {
  const identity = identityOf(attributes)
  const [best] = identity.identifiers
  return factsOf({
    identity,
    matchedBy: best?.kind ?? 'mac',
    rank: best?.rank ?? 4,
    reason: said ? 'compliant' : 'intune_unavailable',
    ...(said && {
      record: { enrolled: true, complianceState: 'compliant', observedAtMs: factsOf().nowMs, ...said },
    }),
    ...difference,
  })
}

const isNot: Partial<ComplianceRecord> = {
  deviceId: other,
  macs: [otherMac],
  details: { serialNumber: 'OTHER1' },
}

/** Each condition, and requests of which it is true, unclear and false. */
for (const [condition, holds, unclear, not] of [
  [
    `deviceId: ${stolen}`,
    [
      asked({ deviceId: stolen }, {}),
      asked({ certificateSan: `IntuneDeviceId://${stolen}` }, {}),
      asked({ certificateCn: stolen }, {}),
      asked({ deviceId: stolen }),
      asked({ mac: stolenMac }, { deviceId: stolen }),
      asked({ serialNumber: 'ABC123' }, { deviceId: stolen }),
      asked({ certificateCn: other }, { deviceId: stolen }),
    ],
    [
      asked({ deviceId: other, certificateSan: stolen }, undefined, { reason: 'identifier_conflict' }),
      asked({ deviceId: stolen, certificateSan: other }, undefined, { reason: 'identifier_conflict' }),
      asked({ deviceId: other, certificateCn: stolen }, isNot),
      asked({ mac: stolenMac }, {}),
      asked({ mac: stolenMac }),
      asked({ certificateCn: other }),
      asked({ mac: otherMac, certificateSan: `DNS:a.example, DNS:x;${stolen}` }, isNot),
    ],
    [
      asked({ deviceId: other }, {}),
      asked({ deviceId: other }),
      asked({ deviceId: other, mac: stolenMac }, {}),
      asked({ mac: stolenMac }, isNot),
      asked({ mac: stolenMac }, { enrolled: false }, { reason: 'not_enrolled' }),
      asked({ mac: 'DA:1B:2C:3D:4E:5F' }, undefined, { reason: 'randomized_mac' }),
    ],
  ],
  [
    'mac: 00-50-56-a4-89-5a',
    [
      asked({ mac: stolenMac }, {}),
      asked({ mac: '0050.56a4.895a' }),
      asked({ deviceId: other }, { macs: [otherMac, stolenMac] }),
    ],
    [asked({ deviceId: other, mac: stolenMac }, isNot), asked({ deviceId: other, mac: stolenMac })],
    [asked({ deviceId: other }, {}), asked({ mac: otherMac }, isNot), asked({ mac: otherMac })],
  ],
  [
    'mac: DA1B2C3D4E5F',
    [asked({ mac: 'DA:1B:2C:3D:4E:5F' }, undefined, { reason: 'randomized_mac' })],
    [asked({ deviceId: other, mac: 'DA:1B:2C:3D:4E:5F' }, {})],
    [asked({ mac: 'DA:1B:2C:3D:4E:5E' }, undefined, { reason: 'randomized_mac' })],
  ],
  [
    'serialNumber: pf-2x7k',
    [
      asked({ serialNumber: 'PF-2X7K' }, {}),
      asked({ deviceId: other }, { details: { serialNumber: ' pf-2x7k ' } }),
      asked({ mac: stolenMac }, { details: { serialNumber: 'PF-2X7K' } }),
    ],
    [
      asked({ deviceId: other, serialNumber: 'PF-2X7K' }, isNot),
      asked({ serialNumber: 'PF-2X7K' }, isNot, { matchedBy: 'imei', rank: 3 }),
    ],
    [asked({ deviceId: other }, {}), asked({ deviceId: other }, isNot), asked({ serialNumber: 'PF-2X7' })],
  ],
] as const) {
  t.test(`a device is known by any of its identifiers: ${condition}`, async (t) => {
    const deny = policyOf(`rules: [{ name: it, when: { ${condition} }, decision: deny }]\n`)
    const allow = policyOf(`rules: [{ name: it, when: { ${condition} }, decision: allow }]\n`)
    const names = (facts: object) => JSON.stringify(facts)
    for (const facts of holds) {
      t.match(deny.decide(facts), { rule: 'it', outcome: 'deny' }, names(facts))
      t.match(allow.decide(facts), { rule: 'it', outcome: 'allow' }, names(facts))
    }
    for (const facts of unclear) {
      t.match(deny.decide(facts), { rule: 'it', outcome: 'deny' }, names(facts))
      t.not(allow.decide(facts).rule, 'it', `lets in only for certain: ${names(facts)}`)
      t.equal(deny.explain(facts)[0]?.unclear.length, 1, 'and says that it is not certain')
    }
    for (const facts of not) {
      t.not(deny.decide(facts).rule, 'it', names(facts))
      t.equal(deny.explain(facts)[0]?.result, 'passed_over')
    }
  })
}

t.test('unknown is a device whose identifier nobody says', async (t) => {
  const policy = policyOf('rules: [{ name: it, when: { serialNumber: [unknown, A1B2] }, decision: allow }]\n')
  t.equal(policy.decide(asked({ mac: stolenMac }, {})).rule, 'it')
  t.equal(policy.decide(asked({ serialNumber: 'A1B2' }, {})).rule, 'it')
  t.not(policy.decide(asked({ mac: stolenMac }, isNot)).rule, 'it')
  t.not(policy.decide(asked({ deviceId: other, serialNumber: 'XYZ9' }, {})).rule, 'it', 'it is claimed')
  const randomized = asked({ mac: 'DA:1B:2C:3D:4E:5F' }, undefined, { reason: 'randomized_mac' })
  t.equal(policy.decide(randomized).rule, 'it', 'a MAC says no serial number')
})

t.test('a device that nobody asks about is known by what Intune says', async (t) => {
  const record = { enrolled: true, complianceState: 'noncompliant', observedAtMs: factsOf().nowMs } as const
  const policy = policyOf(`rules:
  - { name: mac, when: { mac: ${stolenMac} }, decision: deny }
  - { name: id, when: { deviceId: ${stolen} }, decision: deny }
`)
  const rule = (said: Partial<ComplianceRecord>) =>
    policy.decide(factsOf({ reason: 'noncompliant', record: { ...record, ...said } })).rule
  t.equal(rule({ macs: [otherMac, stolenMac] }), 'mac')
  t.equal(rule({ deviceId: stolen }), 'id')
  t.match(rule({ deviceId: other, macs: [otherMac] }), /^builtin/)
  t.match(rule({}), /^builtin/)
})

t.test('the story names the device of the request, and no other one', async (t) => {
  const policy = policyOf(
    `rules:\n  - { name: one, when: { deviceId: ${stolen} }, decision: deny }\n  - { name: two, when: { mac: [${stolenMac}, ${otherMac}0] }, decision: deny }\n`.replace(
      `${otherMac}0`,
      '005056A4895C',
    ),
  )
  const steps = policy.explain(asked({ deviceId: other, mac: otherMac }, { deviceId: other, macs: [] }))
  t.same(
    steps.slice(0, 2).map(({ unmet }) => unmet),
    [
      [`deviceId is ${other}, the rule wants the device that it names`],
      [`mac is perhaps ${otherMac}, the rule wants one of 2 devices that it names`],
    ],
  )
})

t.test('a policy is not compiled without the lists that it names', async (t) => {
  t.throws(() => policyOf('rules: [{ name: it, when: { mac: { file: stolen.txt } }, decision: deny }]\n'), {
    message: 'the list mac stolen.txt was not read',
  })
})

t.test('a list in which nothing stands refuses nobody, whoever it may be', async (t) => {
  const somebody = asked({ mac: stolenMac })
  const found = (ids: readonly string[]) =>
    findInLists(new Map([['deviceId blocked.txt', new Set(ids)]]), somebody)
  t.equal(found([]), undefined)
  t.same(found([other]), { 'deviceId blocked.txt': 'unclear' })
})
