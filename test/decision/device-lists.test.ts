import t from 'tap'
import type { ComplianceRecord } from '../../src/compliance/compliance-record.ts'
import { type DeviceList, deviceListKey } from '../../src/decision/device-conditions.ts'
import { namedLists } from '../../src/decision/policy-rules.ts'
import type { IdentityAttributes } from '../../src/identity/device-identity.ts'
import { parseIdentity } from '../../src/identity/parse-identity.ts'
import { parsePolicy } from '../../src/policy/policy-file.ts'
import { compileSitePolicy } from '../../src/policy/site-policy.ts'
import { factsOf } from '../policy/policy-facts.ts'

const mac = '005056A4895A'
const otherMac = '005056A4895B'
const id = '3eeb9e62-cec9-4dd8-9dd6-74903695a62b'
const otherId = '7d1f6e1a-0b3c-4d5e-8f70-112233445566'

const stolenMacs = deviceListKey('mac', 'stolen.txt')
const stolenIds = deviceListKey('deviceId', 'stolen.txt')
const lostMacs = deviceListKey('mac', 'lost.txt')

function definitionOf(rules: string) {
  const parsed = parsePolicy(`rules:\n${rules}`, 'policy.yaml')
  if (!parsed.ok) throw new Error(parsed.fault.message)
  return parsed.value.definition
}

function policyOf(rules: string, lists: Readonly<Record<string, DeviceList>>) {
  return compileSitePolicy(definitionOf(rules), new Map(Object.entries(lists)))
}

function asked(attributes: IdentityAttributes, said?: Partial<ComplianceRecord>) {
  const identity = parseIdentity(attributes)
  if (!identity.ok) throw new Error(identity.fault.message)
  const [best] = identity.value.identifiers
  return factsOf({
    identity: identity.value,
    matchedBy: best?.kind ?? 'mac',
    rank: best?.rank ?? 4,
    ...(said && {
      record: { enrolled: true, complianceState: 'compliant', observedAtMs: factsOf().nowMs, ...said },
    }),
  })
}

const rule = (condition: string, decision = 'deny') =>
  `  - { name: it, when: { ${condition} }, decision: ${decision} }\n`

t.test('a list names a device as a value of the rule does: for certain, or as somebody claims', async (t) => {
  const lists = { [stolenMacs]: new Set([mac]) }
  const deny = policyOf(rule('mac: { file: stolen.txt }'), lists)
  const allow = policyOf(rule('mac: { file: stolen.txt }', 'allow'), lists)
  for (const [facts, found, denies, allows] of [
    [asked({ mac }, {}), true, true, true],
    [asked({ deviceId: id }, { deviceId: id, macs: [mac] }), true, true, true],
    [asked({ deviceId: id, mac }, { deviceId: id, macs: [otherMac] }), 'unclear', true, false],
    [asked({ mac: otherMac }, {}), undefined, false, false],
    [asked({ deviceId: id }, {}), undefined, false, false],
  ] as const) {
    const listed = deny.withLists(facts)
    t.strictSame(listed.listed, found === undefined ? undefined : { [stolenMacs]: found })
    t.equal(deny.decide(listed).rule === 'it', denies)
    t.equal(allow.decide(listed).rule === 'it', allows)
  }
})

t.test('facts about a device that is in no list stay as they are', async (t) => {
  const facts = asked({ mac: otherMac }, {})
  const policy = policyOf(rule('mac: { file: stolen.txt }'), { [stolenMacs]: new Set([mac]) })
  t.equal(policy.withLists(facts), facts)
})

t.test('one file may be a list of each kind, and one of several lists is enough', async (t) => {
  const policy = policyOf(
    rule('mac: { file: stolen.txt }') +
      '  - { name: id, when: { deviceId: { file: stolen.txt } }, decision: deny }\n' +
      `  - { name: any, when: { mac: [{ file: lost.txt }, ${otherMac}] }, decision: deny }\n`,
    { [stolenMacs]: new Set([mac]), [stolenIds]: new Set([id]), [lostMacs]: new Set(['005056A4895C']) },
  )
  const ruleFor = (attributes: IdentityAttributes) =>
    policy.decide(policy.withLists(asked(attributes, { deviceId: otherId }))).rule
  t.equal(ruleFor({ mac }), 'it')
  t.equal(ruleFor({ deviceId: id }), 'id')
  t.equal(ruleFor({ mac: '005056A4895C' }), 'any')
  t.equal(ruleFor({ mac: otherMac }), 'any')
  t.match(ruleFor({ deviceId: otherId }), /^builtin/)
  t.same(policy.withLists(asked({ deviceId: id, mac }, {})).listed, {
    [stolenMacs]: 'unclear',
    [stolenIds]: true,
  })
})

t.test('what one list says for certain stands, whatever else is only claimed', async (t) => {
  for (const files of [
    '[{ file: stolen.txt }, { file: lost.txt }]',
    '[{ file: lost.txt }, { file: stolen.txt }]',
  ]) {
    const policy = policyOf(`${rule(`mac: ${files}`, 'allow')}  - { name: rest, decision: deny }\n`, {
      [stolenMacs]: new Set([mac]),
      [lostMacs]: new Set([otherMac]),
    })
    const facts = (macs: string[]) =>
      policy.withLists(asked({ deviceId: id, mac: otherMac }, { deviceId: id, macs }))
    t.equal(policy.decide(facts([mac])).rule, 'it')
    t.equal(policy.decide(facts([])).rule, 'rest', 'lets in only for certain')
    t.match(policy.explain(facts([]))[0], {
      result: 'passed_over',
      unmet: [
        `mac is perhaps ${otherMac}, the rule wants a device of ${files.includes('[{ file: s') ? 'stolen.txt or a device of lost.txt' : 'lost.txt or a device of stolen.txt'}`,
      ],
    })
  }
})

t.test('what one list names as claimed is not undone by another that does not name it', async (t) => {
  for (const files of [
    '[{ file: stolen.txt }, { file: lost.txt }]',
    '[{ file: lost.txt }, { file: stolen.txt }]',
  ]) {
    const policy = policyOf(rule(`mac: ${files}`), {
      [stolenMacs]: new Set(['005056A489FF']),
      [lostMacs]: new Set([otherMac]),
    })
    const facts = policy.withLists(asked({ deviceId: id, mac: otherMac }, { deviceId: id, macs: [mac] }))
    t.equal(policy.decide(facts).rule, 'it')
  }
})

t.test('the story names the values of a rule by their number, its lists by their files', async (t) => {
  const wanted = (value: string) => {
    const policy = policyOf(rule(`mac: ${value}`), { [stolenMacs]: new Set(), [lostMacs]: new Set() })
    const [said] = policy.explain(asked({ deviceId: id }, { macs: [otherMac] }))[0]?.unmet ?? []
    return said?.replace(/^.* the rule wants /, '')
  }
  t.equal(wanted(mac), 'the device that it names')
  t.equal(wanted(`[${mac}, 005056A4895C]`), 'one of 2 devices that it names')
  t.equal(wanted('{ file: stolen.txt }'), 'a device of stolen.txt')
  t.equal(wanted('unknown'), 'unknown')
  t.equal(
    wanted(`[${mac}, { file: stolen.txt }, { file: lost.txt }, unknown]`),
    'the device that it names or a device of stolen.txt or a device of lost.txt or unknown',
  )
})

t.test(
  'the story shows what a device is known as: certain, claimed, perhaps another, or nothing',
  async (t) => {
    const actual = (kind: 'deviceId' | 'mac', facts: ReturnType<typeof asked>) => {
      const value = kind === 'mac' ? '005056A489FF' : '99999999-9999-4999-8999-999999999999'
      const [step] = policyOf(rule(`${kind}: ${value}`), {}).explain(facts)
      const [said = ''] = [...(step?.unmet ?? []), ...(step?.unclear ?? [])]
      return said.replace(/, the rule wants .*$/, '')
    }
    t.equal(actual('mac', asked({ deviceId: id }, {})), 'mac is not known')
    t.equal(
      actual('mac', asked({ deviceId: id, mac }, { macs: [otherMac] })),
      `mac is ${otherMac}, perhaps ${mac}`,
    )
    const macs = ['005056A48901', '005056A48902', '005056A48903', '005056A48904', '005056A48905']
    t.equal(actual('mac', asked({ deviceId: id }, { macs })), `mac is ${macs.slice(0, 4).join(', ')}`)
    t.equal(
      actual('mac', asked({ deviceId: id, mac }, { macs: [mac] })),
      `mac is ${mac}`,
      'it is claimed as well',
    )
    const identifiers = macs.map((value) => ({ kind: 'mac', value, origin: 'mac', rank: 4 }) as const)
    t.equal(
      actual('mac', factsOf({ identity: { identifiers } })),
      `mac is ${macs
        .slice(0, 4)
        .map((value) => `perhaps ${value}`)
        .join(', ')}`,
    )
    t.equal(actual('deviceId', asked({ mac }, { enrolled: true })), 'deviceId is perhaps another')
    t.equal(
      actual('deviceId', asked({ certificateCn: id }, { enrolled: true })),
      `deviceId is ${id}, perhaps another`,
    )
  },
)

t.test('a policy tells the list files that its rules name, each once for each kind', async (t) => {
  const definition = definitionOf(
    rule('mac: [{ file: stolen.txt }, { file: lost.txt }]') +
      '  - { name: b, when: { mac: { file: stolen.txt }, deviceId: { file: stolen.txt } }, decision: deny }\n' +
      '  - { name: c, when: { ssid: Corp }, decision: deny }\n',
  )
  const lists = namedLists(definition.rules)
  t.same(
    lists.map(({ key, kind, file }) => `${key}: ${kind} in ${file}`).sort(),
    [
      `${stolenIds}: deviceId in stolen.txt`,
      `${lostMacs}: mac in lost.txt`,
      `${stolenMacs}: mac in stolen.txt`,
    ].sort(),
  )
  t.throws(() => compileSitePolicy(definition, new Map([[stolenMacs, new Set()]])), /was not read/)
})

t.test('a list that changes is asked anew, and the facts of a decision keep what it said', async (t) => {
  const stolen = new Set([mac])
  const policy = policyOf(rule('mac: { file: stolen.txt }'), { [stolenMacs]: stolen })
  const facts = asked({ mac }, {})
  const then = policy.withLists(facts)
  stolen.clear()
  t.match(policy.decide(policy.withLists(facts)).rule, /^builtin/)
  t.equal(policy.decide(then).rule, 'it')
})
