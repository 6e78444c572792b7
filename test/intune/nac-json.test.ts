import fc from 'fast-check'
import t from 'tap'
import { parseNacReply } from '../../src/intune/nac-json.ts'

const mac = '80ED2C000001'
const byMac = { kind: 'mac', value: mac } as const
const entraId = '3b0e5372-0000-4000-8000-000000000001'
const nilGuid = '00000000-0000-0000-0000-000000000000'

/** A reply with the thirteen fields that a partner's published one has. */
function device(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    azureDeviceId: entraId,
    complianceState: true,
    deviceOwner: 'Personal',
    imei: '354000000000001',
    isManaged: true,
    lastContactTimeUtc: '12/15/2020 10:22:45',
    macAddress: mac,
    manufacturer: 'motorola',
    meid: '35400000000000',
    model: 'XT1068',
    osVersion: 'Android 8.0.0',
    serialNumber: 'ZY22',
    udid: '',
    ...change,
  }
}

/** What a reply says, and what is new about it. */
function read(reply: unknown, asked: Parameters<typeof parseNacReply>[1] = byMac) {
  const drift: string[] = []
  const body = typeof reply === 'string' ? reply : JSON.stringify(reply)
  const outcome = parseNacReply(body, asked, (kind, name) => drift.push(`${kind} ${name}`))
  return { outcome, drift }
}

const compliant = { ok: true, value: { enrolled: true, complianceState: 'compliant' } }
const noncompliant = { ok: true, value: { enrolled: true, complianceState: 'noncompliant' } }
const unknown = { ok: true, value: { enrolled: true, complianceState: 'unknown' } }
const notEnrolled = { ok: true, value: { enrolled: false, complianceState: 'unknown' } }
const malformed = { ok: false, fault: { code: 'intune_reply_malformed' } }
const contradiction = { ok: false, fault: { code: 'intune_reply_malformed', isContradiction: true } }
const mismatch = { ok: false, fault: { code: 'intune_reply_mismatch' } }

t.test('a reply as published gives state and inventory, and nothing is new about it', async (t) => {
  const { outcome, drift } = read(device())
  t.same(outcome, {
    ok: true,
    value: {
      enrolled: true,
      complianceState: 'compliant',
      macs: [mac],
      details: {
        manufacturer: 'motorola',
        model: 'XT1068',
        osVersion: 'Android 8.0.0',
        serialNumber: 'ZY22',
        imei: '354000000000001',
        meid: '35400000000000',
        entraDeviceId: entraId,
        ownership: 'personal',
        lastSyncMs: Date.UTC(2020, 11, 15, 10, 22, 45),
      },
    },
  })
  t.same(drift, [])
  t.same(read(device({ lastContactTimeUtc: '12/15/2020 10:22:45 +00:00' })).drift, [], 'the later date form')
  t.match(read(`\uFEFF${JSON.stringify(device())}`).outcome, compliant, 'with a byte order mark')
})

t.test('rule 1: flags in any spelling, and anything else is unknown, never compliant', async (t) => {
  for (const value of ['true', 'True', 'TRUE', 1, '1']) {
    t.match(read(device({ complianceState: value })).outcome, compliant, JSON.stringify(value))
    t.match(read(device({ isManaged: value })).outcome, compliant, `isManaged ${JSON.stringify(value)}`)
  }
  for (const value of ['false', 'False', 0, '0']) {
    t.match(read(device({ complianceState: value })).outcome, noncompliant, JSON.stringify(value))
  }
  for (const value of [null, '', 'unknown', 'compliant', 'noncompliant', 2, [], [true], { value: true }]) {
    t.match(read(device({ complianceState: value })).outcome, unknown, JSON.stringify(value))
    t.match(read(device({ isManaged: value })).outcome, malformed, `isManaged ${JSON.stringify(value)}`)
  }
  t.same(read(device({ complianceState: 'True' })).drift, ['casing complianceState'])
  t.same(read(device({ complianceState: 1 })).drift, ['value complianceState'])
  t.same(read(device({ complianceState: 'compliant' })).drift, ['value complianceState'])
  t.match(read({ ...device(), COMPLIANCESTATE: false }).outcome, contradiction, 'two that contradict')
})

t.test('rule 3: an object, a list or a value list, unknown keys, and keys in any case', async (t) => {
  t.match(read([device()]), { outcome: compliant, drift: ['shape array'] })
  t.match(read({ value: [device()] }), { outcome: compliant, drift: ['shape value'] })
  t.match(read([]).outcome, notEnrolled, 'an empty list')
  t.match(read({ value: [] }).outcome, notEnrolled, 'an empty value list')
  const upper = Object.fromEntries(Object.entries(device()).map(([key, value]) => [key.toUpperCase(), value]))
  t.match(read(upper).outcome, {
    ok: true,
    value: { complianceState: 'compliant', details: { model: 'XT1068' } },
  })
  t.ok(read(upper).drift.includes('casing ISMANAGED'))
  t.match(read(device({ riskScore: 'high', nested: { deep: 1 } })), {
    outcome: compliant,
    drift: ['field riskScore', 'field nested'],
  })
})

t.test('rule 3: an unreadable date is absent, and no error', async (t) => {
  for (const date of ['yesterday', '2020-12-15 10:22', '13/45/2020 10:22:45', '0001-01-01T00:00:00Z']) {
    const { outcome, drift } = read(device({ lastContactTimeUtc: date }))
    t.match(outcome, compliant, date)
    t.notOk(outcome.ok && outcome.value.details?.lastSyncMs, `${date} is absent`)
    t.same(drift, ['date lastContactTimeUtc'], `${date} is counted`)
  }
  t.match(read(device({ lastContactTimeUtc: '2020-12-15T10:22:45Z' })), {
    outcome: { value: { details: { lastSyncMs: Date.UTC(2020, 11, 15, 10, 22, 45) } } },
    drift: ['date lastContactTimeUtc'],
  })
})

t.test('rule 4: not managed is an answer, and a verdict without management does not count', async (t) => {
  t.match(read({ isManaged: false }).outcome, notEnrolled, 'the bare form')
  const empty = Object.fromEntries(Object.keys(device()).map((key) => [key, '']))
  t.match(
    read({ ...empty, isManaged: false, complianceState: false, azureDeviceId: nilGuid }).outcome,
    notEnrolled,
    'the full form',
  )
  t.same(
    read(device({ isManaged: false })).outcome,
    { ok: true, value: { enrolled: false, complianceState: 'unknown', macs: [mac] } },
    'compliant and not managed contradicts itself',
  )
  t.match(read({ complianceState: true }).outcome, malformed, 'a verdict alone says nothing')
})

t.test('an all-zero azureDeviceId is a device in the middle of its enrolment', async (t) => {
  for (const complianceState of [true, false, '']) {
    t.match(
      read(device({ azureDeviceId: nilGuid, complianceState })).outcome,
      unknown,
      String(complianceState),
    )
  }
  const { outcome } = read(device({ azureDeviceId: nilGuid }))
  t.notOk(outcome.ok && outcome.value.details?.entraDeviceId, 'zeros are no Entra id')
  for (const azureDeviceId of ['', null, undefined]) {
    t.match(read(device({ azureDeviceId })).outcome, compliant, `withheld as ${String(azureDeviceId)}`)
  }
})

t.test('rule 5: a reply about another device is not used', async (t) => {
  t.match(read(device({ macAddress: 'AABBCCDDEEFF' })).outcome, mismatch, 'another MAC')
  t.match(read(device({ macAddress: 'AABBCCDDEEFF', isManaged: false })).outcome, mismatch, 'even unmanaged')
  t.match(
    read(device({ macAddress: '80:ed:2c:00:00:01' })).outcome,
    compliant,
    'the same in another spelling',
  )
  t.match(read(device({ macAddress: '' })).outcome, compliant, 'no echo is no contradiction')
  t.match(read([device(), device({ macAddress: 'AABBCCDDEEFF', complianceState: false })]).outcome, compliant)
  t.match(read([device({ macAddress: '' }), device({ macAddress: 'AABBCCDDEEFF' })]).outcome, mismatch)
  const asked = (kind: 'imei' | 'meid' | 'udid', value: string, change: object) =>
    read(device({ ...change }), { kind, value }).outcome
  t.match(asked('imei', '354000000000001', {}), compliant)
  t.match(
    asked('imei', '354000000000001', { imei: '3540000000000099' }),
    compliant,
    '16 digits with a version',
  )
  t.match(asked('imei', '354000000000001', { imei: '990000000000001' }), mismatch)
  t.match(asked('meid', '35400000000000', {}), compliant)
  t.match(asked('meid', '35400000000000', { meid: 'A1000000000000' }), mismatch)
  t.match(asked('udid', 'a'.repeat(40), { udid: 'A'.repeat(40) }), compliant)
  t.match(asked('udid', 'a'.repeat(40), { udid: 'b'.repeat(40) }), mismatch)
})

t.test('of several devices with one identifier the managed and worse one counts', async (t) => {
  t.match(read([device(), device({ complianceState: false })]).outcome, noncompliant)
  t.match(read([device(), device({ azureDeviceId: nilGuid })]).outcome, unknown)
  t.match(read([device({ isManaged: false }), device()]).outcome, compliant)
  t.match(
    read([
      device({ model: 'old', lastContactTimeUtc: '01/01/2020 00:00:00' }),
      device({ model: 'new', lastContactTimeUtc: '01/01/2021 00:00:00' }),
    ]).outcome,
    { value: { details: { model: 'new' } } },
    'of equals the one seen last',
  )
})

t.test('what cannot be understood gives no verdict', async (t) => {
  for (const body of [
    '',
    '<html>',
    '<ise_api/>',
    'null',
    '7',
    '"true"',
    '[1]',
    '{"value":[1]}',
    '{}',
    '{"isManaged":',
  ]) {
    t.match(read(body).outcome, malformed, body)
  }
})

t.test('a managed device that nothing names is no evidence', async (t) => {
  const nameless = {
    macAddress: '',
    imei: '',
    meid: null,
    udid: '',
    serialNumber: '',
    azureDeviceId: nilGuid,
  }
  t.match(read(device(nameless)).outcome, malformed, 'every name withheld')
  t.match(read({ isManaged: true, complianceState: true }).outcome, malformed, 'two flags')
  t.match(read({ isManaged: true, complianceState: true }, { kind: 'imei', value: '354' }).outcome, malformed)
  t.match(read([device(nameless)]).outcome, malformed, 'in a list')
  t.match(read(device({ ...nameless, serialNumber: 'ZY22' })).outcome, unknown, 'one name is enough')
  t.match(read([device(), { isManaged: false }]).outcome, malformed, 'one named and one not')
})

t.test('another wrapper around the device is no answer', async (t) => {
  for (const [name, reply] of Object.entries({
    'an unknown wrapper': { device: device() },
    'a value that is no list': { value: device() },
    'two lists': { value: [device()], Value: [] },
    'a list beside a device': { value: [], isManaged: true, complianceState: true },
    'a list that goes on': { value: [], '@odata.nextLink': 'https://x.example/' },
    'unrelated objects': [{ id: 1 }, { name: 'x' }],
    'an unrelated object beside the device': [device(), { id: 1 }],
    'a list in a list': [[device()]],
    null: null,
  })) {
    t.match(read(reply).outcome, malformed, name)
  }
})

t.test(
  'a reply that contradicts itself gives no verdict, and says that nothing older may stand in',
  async (t) => {
    t.match(read({ ...device(), ISMANAGED: false }).outcome, contradiction, 'managed and not managed')
    t.match(read({ ...device(), COMPLIANCESTATE: 'maybe' }).outcome, contradiction, 'one of two unreadable')
    t.match(read({ ...device(), COMPLIANCESTATE: true }).outcome, compliant, 'the same twice')
    const twice = JSON.stringify(device()).replace(
      '"complianceState":true',
      '"complianceState":false,"complianceState":true',
    )
    t.match(read(twice).outcome, contradiction, 'one member twice, of which JSON.parse keeps the last')
    const spelt = JSON.stringify(device()).replace(
      '"isManaged":true',
      '"is\\u004danaged":false,"isManaged":true',
    )
    t.match(read(spelt).outcome, contradiction, 'also where it is spelt with an escape')
    t.match(
      read(`[${JSON.stringify(device())},${JSON.stringify(device())}]`).outcome,
      compliant,
      'in two objects it is not',
    )
  },
)

t.test('owners are known in both words, new ones are counted', async (t) => {
  t.match(read(device({ deviceOwner: 'Corporate' })).outcome, {
    value: { details: { ownership: 'corporate' } },
  })
  t.same(read(device({ deviceOwner: 'Unknown' })).drift, [])
  t.same(read(device({ deviceOwner: 'Kiosk' })).drift, ['value deviceOwner'])
  const inherited = read(device({ deviceOwner: 'constructor' }))
  t.same(inherited.drift, ['value deviceOwner'], 'a property that every object has is no owner')
  t.notOk(inherited.outcome.ok && 'ownership' in (inherited.outcome.value.details ?? {}))
})

t.test('an object with a toString of its own is no text, wherever one is expected', async (t) => {
  const object = { toString: 1, valueOf: null }
  for (const field of ['azureDeviceId', 'lastContactTimeUtc', 'deviceOwner', 'imei', 'model']) {
    t.match(read(device({ [field]: object })).outcome, { ok: true }, field)
  }
  t.match(read(device({ macAddress: object })).outcome, { fault: { code: 'intune_reply_mismatch' } })
})

t.test('no reply is compliant unless it says so about the asked device', async (t) => {
  const anything = fc.anything({ withNullPrototype: false })
  const flag = fc.oneof(fc.constantFrom<unknown>(true, false, 'true', '1', 1, null, ''), anything)
  fc.assert(
    fc.property(
      flag,
      flag,
      fc.constantFrom(mac, 'AABBCCDDEEFF', ''),
      (isManaged, complianceState, macAddress) => {
        const { outcome } = read(JSON.stringify(device({ isManaged, complianceState, macAddress })) ?? '')
        if (!outcome.ok || outcome.value.complianceState !== 'compliant') return
        const says = (value: unknown) => ['true', '1'].includes(String(value).trim().toLowerCase())
        if (says(isManaged) && says(complianceState) && macAddress !== 'AABBCCDDEEFF') return
        throw new Error('compliant out of nothing')
      },
    ),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(fc.json(), (body) => void parseNacReply(body, byMac)),
    { numRuns: 300 },
  )
  t.pass('for every generated reply')
})
