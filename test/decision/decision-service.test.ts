import t from 'tap'
import { ComplianceCache } from '../../src/compliance/compliance-cache.ts'
import type { ComplianceLookup } from '../../src/compliance/compliance-record.ts'
import { RememberedRecords } from '../../src/compliance/remembered-records.ts'
import type { DecisionRequest } from '../../src/decision/decide.ts'
import {
  createDecide,
  type DecisionRecord,
  type DecisionServiceParts,
} from '../../src/decision/decision-service.ts'
import type { Policy } from '../../src/decision/policy.ts'
import { failure } from '../../src/errors/fault.ts'
import type { DeviceIdentity } from '../../src/identity/device-identity.ts'
import { defaultPolicy } from '../../src/policy/default-policy.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'
import { deviceId, mac, type Script, scriptedLookup } from '../fakes/scripted-lookup.ts'
import { policyOf } from '../policy/policy-facts.ts'

const portalUrl = 'https://portal.manage.microsoft.com/networkaccesscontrol/index'

function build(
  script?: Script,
  wrap: (lookup: ComplianceLookup) => ComplianceLookup = (lookup) => lookup,
  policy: Policy = defaultPolicy,
  {
    admitRefresh,
    recall,
  }: Pick<Partial<DecisionServiceParts>, 'admitRefresh'> & {
    readonly recall?: (records: RememberedRecords) => Promise<void>
  } = {},
) {
  const clock = new FakeClock()
  const intune = scriptedLookup(clock, script)
  const freshness = {
    compliantFreshMs: 600_000,
    noncompliantFreshMs: 30_000,
    refreshAheadMs: 300_000,
    outageHoldMs: 3_600_000,
  }
  const remembered = new RememberedRecords({ maxRecords: 100 })
  const cache = new ComplianceCache({
    lookup: wrap(intune.lookup),
    freshness,
    clock,
    random: () => 0.5,
    records: remembered,
    ...(recall && { recall: () => recall(remembered) }),
  })
  const records: DecisionRecord[] = []
  const decide = createDecide({
    cache,
    ...(admitRefresh && { admitRefresh }),
    policy,
    clock,
    deadlineMs: 1000,
    portalUrl,
    retryAfterMs: 30_000,
    record: (record) => records.push(record),
  })
  const ask = async (identity: DeviceIdentity, rest: Partial<DecisionRequest> = {}) => {
    const outcome = await decide({ identity, refresh: false, frontend: 'json', client: 'test', ...rest })
    if (!outcome.ok) throw new Error(outcome.fault.code)
    return outcome.value
  }
  return { clock, intune, cache, decide, ask, records }
}

const only = (...identifiers: DeviceIdentity['identifiers']): DeviceIdentity => ({ identifiers })

t.test('a refresh that is too soon is an ordinary question, and says when it may come again', async (t) => {
  const { ask, intune, clock } = build({ complianceState: 'compliant' }, undefined, undefined, {
    admitRefresh: () => 4000,
  })
  t.match(await ask(only(deviceId())), { source: 'intune', refreshInMs: undefined })
  t.match(await ask(only(deviceId()), { refresh: true }), { source: 'cache', refreshInMs: 4000 })
  await clock.advance(3_000_000)
  t.match(
    await ask(only(deviceId()), { refresh: true }),
    { source: 'intune', refreshInMs: undefined },
    'what is due is asked about, and then there is nothing to wait for',
  )
  t.equal(intune.asked.length, 2)
})

t.test('a refresh that is too soon is answered from the state file as well', async (t) => {
  const { ask, intune, cache, clock } = build('hang', undefined, undefined, {
    admitRefresh: () => 4000,
    recall: (records) => {
      const record = { enrolled: true, complianceState: 'compliant', observedAtMs: clockNow() } as const
      records.set('deviceId/ee9d3792-6859-4b71-93aa-56aba42581c5', {
        record,
        freshUntilMs: clockNow() + 600_000,
      })
      return Promise.resolve()
    },
  })
  const clockNow = () => clock.nowMs()
  t.match(await ask(only(deviceId()), { refresh: true }), { source: 'cache', refreshInMs: 4000 })
  t.equal(intune.asked.length, 0)
  t.equal(cache.size, 1)
})

t.test('the limit on refreshes holds for each identifier that is asked', async (t) => {
  const admitted: string[] = []
  const serial: DeviceIdentity['identifiers'][number] = {
    kind: 'serialNumber',
    value: 'C02',
    origin: 'serialNumber',
    rank: 3,
  }
  const { ask, intune, decide } = build(
    { complianceState: 'compliant' },
    (lookup) => (identifier) =>
      identifier.kind === 'serialNumber'
        ? Promise.resolve(failure('identifier_not_supported', 'no query'))
        : lookup(identifier),
    undefined,
    {
      admitRefresh: (identifier) => {
        admitted.push(identifier.kind)
        return identifier.kind === 'mac' ? 4000 : 0
      },
    },
  )
  await ask(only(mac()))
  t.match(await ask(only(serial, mac()), { refresh: true }), { source: 'cache', refreshInMs: 4000 })
  t.same(admitted, ['serialNumber', 'mac'])
  t.equal(intune.asked.length, 1)
  const recheck = {
    identity: only(serial, mac()),
    refresh: true,
    mustRefresh: true,
    frontend: 'json',
    client: 'a',
  } as const
  t.match(await decide(recheck), { ok: false, fault: { code: 'recheck_too_soon', retryAfterMs: 4000 } })
})

t.test('a refresh asks Intune again although a fresh answer is remembered', async (t) => {
  const { ask, intune } = build()
  t.match(await ask(only(deviceId())), { source: 'intune', reason: 'compliant' })
  intune.say({ complianceState: 'noncompliant' })
  t.match(await ask(only(deviceId()), { refresh: true }), { source: 'intune', reason: 'noncompliant' })
})

t.test('a recheck that is too soon is refused, whatever is remembered, and says why', async (t) => {
  const { ask, decide, intune } = build(undefined, undefined, undefined, { admitRefresh: () => 4000 })
  await ask(only(deviceId()))
  const recheck = { refresh: true, mustRefresh: true, frontend: 'json', client: 'a' } as const
  t.match(await decide({ identity: only(deviceId()), ...recheck }), {
    ok: false,
    fault: { code: 'recheck_too_soon', message: /checked again a few seconds ago/, retryAfterMs: 4000 },
  })
  t.equal(intune.asked.length, 1)
})

t.test('a refresh that is too soon is answered at once from what is remembered', async (t) => {
  const { ask, decide } = build(undefined, undefined, undefined, { admitRefresh: () => 4000 })
  await ask(only(deviceId()))
  const request = { identity: only(deviceId()), refresh: true, frontend: 'json', client: 'a' } as const
  t.match(decide(request), { ok: true, value: { source: 'cache', refreshInMs: 4000 } }, 'without a promise')
})

t.test('each client waits in its own line, and its batches in another one of its own', async (t) => {
  const shares: (string | undefined)[] = []
  const { ask } = build(undefined, (scripted) => (identifier, share) => {
    shares.push(share)
    return scripted(identifier)
  })
  const asking = ['hq', 'branch'].flatMap((client) => [{ client }, { client, isInBatch: true }])
  for (const [index, rest] of asking.entries()) {
    await ask(only(deviceId(`11111111-1111-4111-8111-11111111111${index}`)), rest)
  }
  t.equal(new Set(shares).size, 4, JSON.stringify(shares))
  await ask(only(mac()), { client: 'hq' })
  t.equal(shares[4], shares[0], 'one line for all questions of a client')
})

for (const row of [
  {
    case: 'enrolled and compliant is allowed',
    script: { complianceState: 'compliant' },
    expected: { outcome: 'allow', reason: 'compliant', complianceState: 'compliant', enrolled: true },
  },
  {
    case: 'enrolled and not compliant has to be fixed',
    script: { complianceState: 'noncompliant' },
    expected: {
      outcome: 'remediate',
      reason: 'noncompliant',
      remediation: { action: 'fix_compliance', url: portalUrl },
    },
  },
  {
    case: 'enrolled and not yet evaluated waits for the evaluation',
    script: { complianceState: 'unknown' },
    expected: {
      outcome: 'remediate',
      reason: 'not_evaluated',
      remediation: { action: 'wait_for_evaluation' },
    },
  },
  {
    case: 'not enrolled has to enrol',
    script: { enrolled: false },
    expected: {
      outcome: 'remediate',
      reason: 'not_enrolled',
      enrolled: false,
      remediation: { action: 'enroll' },
    },
  },
  {
    case: 'not enrolled is never allowed, even if the record says compliant',
    script: { enrolled: false, complianceState: 'compliant' },
    expected: { outcome: 'remediate', reason: 'not_enrolled' },
  },
  {
    case: 'what could not be determined is denied and never called "not enrolled"',
    script: 'intune_unavailable',
    expected: {
      outcome: 'deny',
      reason: 'intune_unavailable',
      enrolled: null,
      complianceState: null,
      source: 'none',
      faultCode: 'intune_unavailable',
    },
  },
] as const) {
  t.test(row.case, async (t) => {
    const { ask } = build(row.script)
    t.match(await ask(only(deviceId())), row.expected)
  })
}

t.test(
  'a device that only shows a randomised MAC is told to use its own, without asking Intune',
  async (t) => {
    const { ask, intune } = build()
    t.match(await ask({ identifiers: [], randomizedMac: '0A1B2C3D4E5F' }), {
      outcome: 'remediate',
      reason: 'randomized_mac',
      enrolled: null,
      complianceState: null,
      matchedBy: 'mac',
      device: '0A1B2C3D4E5F',
      source: 'none',
      remediation: { action: 'use_device_mac' },
    })
    t.same(intune.asked, [])
  },
)

t.test('two device ids of the same rank are a conflict and are denied without asking Intune', async (t) => {
  const { ask, intune } = build()
  const other = deviceId('11111111-1111-4111-8111-111111111111')
  const decision = await ask({ identifiers: [deviceId(), other], conflict: [deviceId(), other] })
  t.match(decision, {
    outcome: 'deny',
    reason: 'identifier_conflict',
    enrolled: null,
    complianceState: null,
    remediation: { action: 'contact_support' },
  })
  t.same(intune.asked, [])
})

t.test('the better rank decides and the worse one is not even asked about', async (t) => {
  const { ask, intune } = build()
  t.match(await ask(only(deviceId(), mac())), { matchedBy: 'deviceId', device: deviceId().value })
  t.same(intune.asked, [`deviceId/${deviceId().value}`])
})

t.test(
  'a MAC remembered as another device is recorded as a conflict and the device id still decides',
  async (t) => {
    const { ask, intune, records } = build({ deviceId: '11111111-1111-4111-8111-111111111111' })
    await ask(only(mac()))
    intune.say({ complianceState: 'noncompliant', deviceId: deviceId().value })
    t.match(await ask(only(deviceId(), mac())), { reason: 'noncompliant', matchedBy: 'deviceId' })
    t.same(
      records.map((record) => record.rankConflict),
      [false, true],
    )
  },
)

t.test('a kind that the API cannot look up gives way to the next rank and is named', async (t) => {
  const serial = { kind: 'serialNumber', value: 'F9GDX3RQQ1GC', origin: 'serialNumber', rank: 3 } as const
  const { decide, records } = build({ complianceState: 'compliant' }, (scripted) => async (identifier) => {
    if (identifier.kind === 'mac') return scripted(identifier)
    return failure('identifier_not_supported', 'no query for it')
  })
  const request = { refresh: false, frontend: 'json', client: 'test' } as const
  t.match(await decide({ identity: only(serial, mac()), ...request }), {
    ok: true,
    value: { reason: 'compliant', matchedBy: 'mac' },
  })
  t.same(records[0]?.skippedKinds, ['serialNumber'])
  t.match(await decide({ identity: only(serial), ...request }), {
    ok: false,
    fault: { code: 'identifier_not_supported', field: 'serialNumber', message: /serialNumber/ },
  })
})

t.test('a MAC does not stand in for a device id where Intune names another device by it', async (t) => {
  const other = '11111111-1111-4111-8111-111111111111'
  const named: { deviceId?: string } = { deviceId: other }
  const { ask, records } = build({ complianceState: 'compliant' }, (scripted) => async (identifier) => {
    if (identifier.kind !== 'mac') return failure('identifier_not_supported', 'no query for it')
    const answer = await scripted(identifier)
    return answer.ok
      ? { ...answer, value: { ...answer.value, record: { ...answer.value.record, ...named } } }
      : answer
  })
  t.match(await ask(only(deviceId(), mac())), {
    outcome: 'deny',
    reason: 'identifier_conflict',
    matchedBy: 'deviceId',
    device: deviceId().value,
    enrolled: null,
    complianceState: null,
    source: 'none',
  })
  t.same(records[0]?.skippedKinds, ['deviceId'])
  t.match(await ask(only(mac())), { outcome: 'allow' }, 'who shows the MAC alone is judged by it')
  const commonName = { ...deviceId(), origin: 'certificateCn', rank: 2 } as const
  t.match(await ask(only(commonName, mac())), { matchedBy: 'mac' }, 'a common name may be an Entra device id')
  delete named.deviceId
  t.match(
    await ask(only(deviceId(), mac()), { refresh: true }),
    { outcome: 'allow', matchedBy: 'mac' },
    'where Intune names no device, nothing contradicts',
  )
  named.deviceId = deviceId().value
  t.match(await ask(only(deviceId(), mac()), { refresh: true }), { outcome: 'allow', matchedBy: 'mac' })
})

t.test('an answer is given inside the deadline when Intune does not answer', async (t) => {
  const { ask, clock } = build('hang')
  const pending = ask(only(deviceId()))
  await clock.advance(1000)
  t.match(await pending, { reason: 'intune_unavailable', faultCode: 'deadline_exceeded', outcome: 'deny' })
})

t.test('a last known answer says that it is one', async (t) => {
  const { ask, clock, intune, records } = build()
  await ask(only(deviceId()))
  await clock.advance(1_800_000)
  intune.say('intune_throttled')
  t.match(await ask(only(deviceId())), {
    outcome: 'allow',
    source: 'last_known',
    stale: true,
    ageMs: 1_800_000,
    expiresInMs: 30_000,
  })
  t.match(
    records[1]?.answer,
    { fault: { code: 'intune_throttled' } },
    'the log learns why it could not be renewed',
  )
})

t.test(
  'the second answer within the fresh time comes from the cache and says how long it holds',
  async (t) => {
    const { ask, clock } = build()
    t.match(await ask(only(deviceId())), { source: 'intune', ageMs: 0, expiresInMs: 600_000, stale: false })
    await clock.advance(60_000)
    t.match(await ask(only(deviceId())), { source: 'cache', ageMs: 60_000, expiresInMs: 540_000 })
  },
)

t.test('an identity without any identifier is a fault of the caller', async (t) => {
  const { decide } = build()
  const outcome = await decide({
    identity: { identifiers: [] },
    refresh: false,
    frontend: 'json',
    client: 'test',
  })
  t.match(outcome, { ok: false, fault: { code: 'identifier_missing' } })
})

t.test('every decision has an id of its own and is recorded once', async (t) => {
  const { ask, records } = build()
  const ids = [(await ask(only(deviceId()))).decisionId, (await ask(only(deviceId()))).decisionId]
  await settle()
  t.not(ids[0], ids[1])
  t.same(
    records.map((record) => record.decision.decisionId),
    ids,
  )
})

t.test('a grace period that Graph named is judged at the time of the question', async (t) => {
  const { ask, clock } = build()
  const endsMs = clock.nowMs() + 60_000
  const service = build({ complianceState: 'noncompliant', gracePeriodEndsMs: endsMs })
  t.match(await service.ask(only(deviceId())), {
    outcome: 'allow',
    reason: 'in_grace_period',
    complianceState: 'noncompliant',
    remediation: { action: 'fix_compliance' },
  })
  await service.clock.advance(20_000)
  t.match(await service.ask(only(deviceId())), { reason: 'in_grace_period', source: 'cache' })
  service.intune.say('intune_unavailable')
  await service.clock.advance(40_000)
  t.match(
    await service.ask(only(deviceId())),
    { outcome: 'remediate', reason: 'noncompliant', source: 'last_known' },
    'a remembered grace period ends all the same',
  )
  t.match(await ask(only(deviceId())), { reason: 'compliant' })
})

const site = `
profiles:
  corp: { vlan: 10 }
  jail: { vlan: 20, replyMessage: '{message} ({reason}, {device}, {decisionId}, {url})' }
defaultProfiles: { allow: corp, remediate: jail }
rules:
  - name: MAC alone
    when: { matchedBy: mac }
    atMost: remediate
    reasonText: a MAC vouches for nobody
    remediation: { action: enroll, message: Get a certificate., url: 'https://help.example/' }
  - name: borrowed MAC
    when: { rankConflict: true, ssid: Vault }
    decision: deny
  - name: outage
    when: { reason: intune_unavailable, frontend: radius, nasAddress: 10.0.0.0/8 }
    decision: allow
`

t.test('a decision carries the rule, its profile filled in, and the texts of the site', async (t) => {
  const { ask, records } = build({ complianceState: 'compliant' }, undefined, policyOf(site))
  t.match(await ask(only(deviceId())), {
    outcome: 'allow',
    rule: 'builtin compliant',
    profile: { name: 'corp', attributes: [{}, {}, { name: 'Tunnel-Private-Group-Id', values: ['10'] }] },
  })
  const capped = await ask(only(mac()))
  t.match(capped, {
    outcome: 'remediate',
    reason: 'compliant',
    reasonText: 'a MAC vouches for nobody',
    rule: 'MAC alone',
    remediation: { action: 'enroll', message: 'Get a certificate.', url: 'https://help.example/' },
  })
  t.strictSame(capped.profile?.attributes.at(-1), {
    name: 'Reply-Message',
    values: [
      `Get a certificate. (a MAC vouches for nobody, ${mac().value}, ${capped.decisionId}, https://help.example/)`,
    ],
  })
  t.match(records[1]?.facts, { reason: 'compliant', matchedBy: 'mac', rank: 4 }, 'explain can be asked later')
})

t.test('a site can let RADIUS in while Intune is away, for its own switches only', async (t) => {
  const { ask } = build('intune_unavailable', undefined, policyOf(site))
  const from = (nasIpAddress: string) => ({ frontend: 'radius', context: { nasIpAddress } }) as const
  t.match(await ask(only(deviceId()), from('10.1.2.3')), { outcome: 'allow', rule: 'outage' })
  t.match(await ask(only(deviceId()), from('192.0.2.1')), { outcome: 'fail' })
  t.match(await ask(only(deviceId())), { outcome: 'deny' })
})

t.test(
  'two laptops on one dock: each certificate gets its own answer, the MAC alone is capped',
  async (t) => {
    const healthy = deviceId('11111111-1111-4111-8111-111111111111')
    const sick = deviceId('22222222-2222-4222-8222-222222222222')
    const answers = new Map<string, Script>([
      [healthy.value, { complianceState: 'compliant', deviceId: healthy.value }],
      [sick.value, { complianceState: 'noncompliant', deviceId: sick.value }],
      // Intune knows the dock by the laptop that enrolled on it.
      [mac().value, { complianceState: 'compliant', deviceId: healthy.value }],
    ])
    const { ask, records, intune } = build(
      undefined,
      (scripted) => (identifier) => {
        intune.say(answers.get(identifier.value) ?? 'intune_unavailable')
        return scripted(identifier)
      },
      policyOf(site),
    )
    t.match(await ask(only(mac())), { outcome: 'remediate', rule: 'MAC alone' }, 'whoever it is')
    t.match(await ask(only(healthy, mac())), { outcome: 'allow', matchedBy: 'deviceId' })
    t.match(await ask(only(sick, mac())), { outcome: 'remediate', reason: 'noncompliant' })
    t.match(
      await ask(only(sick, mac()), { context: { ssid: 'Vault' } }),
      { outcome: 'deny', rule: 'borrowed MAC' },
      'a rule can look at the conflict',
    )
    t.same(
      records.map(({ rankConflict }) => rankConflict),
      [false, false, true, true],
    )
  },
)
