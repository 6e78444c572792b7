import fc from 'fast-check'
import t from 'tap'
import type { ComplianceRecord } from '../../src/compliance/compliance-record.ts'
import {
  packedObservedAtOf,
  packedStateOf,
  packRecord,
  type RememberedRecord,
  unpackRecord,
} from '../../src/compliance/packed-record.ts'

const times = fc.integer({ min: 0, max: 4_000_000_000_000 })
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

const records: fc.Arbitrary<RememberedRecord> = fc
  .record({
    state: fc.constantFrom('compliant', 'noncompliant', 'unknown', 'not enrolled'),
    observedAtMs: times,
    freshForMs: fc.integer({ min: 0, max: 86_400_000 }),
    held: optional(fc.constantFrom('regressed' as const, 'mass_flip' as const)),
    deviceId: optional(fc.uuid()),
    macs: optional(fc.array(fc.stringMatching(/^[0-9A-F]{12}$/), { minLength: 1, maxLength: 4 })),
    gracePeriodEndsMs: optional(times),
    deviceName: optional(
      fc.oneof(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
        fc.constantFrom('line\u2028separator', 'a|b\n=', '\ud800'),
      ),
    ),
  })
  .map(({ state, observedAtMs, freshForMs, held, deviceId, macs, gracePeriodEndsMs, deviceName }) => {
    const record: ComplianceRecord = {
      enrolled: state !== 'not enrolled',
      complianceState: state === 'compliant' || state === 'noncompliant' ? state : 'unknown',
      observedAtMs,
      ...(deviceId && { deviceId }),
      ...(macs && { macs }),
      ...(gracePeriodEndsMs !== undefined && { gracePeriodEndsMs }),
      ...(deviceName && { details: { deviceName } }),
    }
    return { record, freshUntilMs: observedAtMs + freshForMs, ...(held && { held }) }
  })

t.test('what was packed is unpacked as it was', async (t) => {
  fc.assert(
    fc.property(records, fc.constantFrom('deviceId', 'mac', 'serialNumber'), (remembered, kind) => {
      const { deviceId = 'x', macs = ['x'] } = remembered.record
      const key = kind === 'deviceId' ? `deviceId/${deviceId}` : `${kind}/${macs[0]}`
      const packed = packRecord(key, remembered)
      t.same(unpackRecord(key, packed), remembered)
      return (
        packedObservedAtOf(packed) === remembered.record.observedAtMs &&
        packedStateOf(packed) ===
          (remembered.record.enrolled ? (remembered.record.complianceState[0] as string) : 'x')
      )
    }),
  )
})

t.test('an ordinary record is short', async (t) => {
  const observedAtMs = Date.UTC(2026, 10, 23)
  const record: ComplianceRecord = { enrolled: true, complianceState: 'compliant', observedAtMs }
  t.equal(
    packRecord('mac/1', { record, freshUntilMs: observedAtMs + 600_000 }),
    `c-${observedAtMs.toString(36)}.cuyo`,
  )
})

t.test('an id that is in the key already is not repeated', async (t) => {
  const id = 'ee9d3792-6859-4b71-93aa-56aba42581c5'
  const record: ComplianceRecord = {
    enrolled: true,
    complianceState: 'compliant',
    observedAtMs: 35,
    deviceId: id,
    macs: ['005056A4895A'],
  }
  t.equal(packRecord(`deviceId/${id}`, { record, freshUntilMs: 36 }), 'c-z.1|=|005056A4895A')
  t.equal(packRecord('mac/005056A4895A', { record, freshUntilMs: 36 }), `c-z.1|${id}|=`)
})

t.test('any other text is no record, and nothing throws', async (t) => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.string({ unit: 'binary' })),
      (text) => unpackRecord('mac/1', text) === undefined,
    ),
  )
  for (const text of ['', 'c', 'c-1', 'z-1.1', 'c-1.1|||{not json}', 'c-1.1||lower case|', 'c-1.1|||[]']) {
    t.equal(unpackRecord('mac/1', text), undefined, JSON.stringify(text))
  }
})

t.test('a damaged rest never speaks over the state, and no detail is of a wrong type', async (t) => {
  const own = '"complianceState":"compliant","enrolled":true,"observedAtMs":"x","macs":7'
  t.same(unpackRecord('mac/1', `n-1.1|||{${own}}`), {
    record: { enrolled: true, complianceState: 'noncompliant', observedAtMs: 1 },
    freshUntilMs: 2,
  })
  for (const rest of [
    '{"details":null}',
    '{"details":[]}',
    '{"details":{"model":7}}',
    '{"details":{"jailBroken":"no"}}',
    '{"gracePeriodEndsMs":"soon"}',
  ]) {
    t.equal(unpackRecord('mac/1', `c-1.1|||${rest}`), undefined, rest)
  }
  const later = '{"details":{"model":"x","addedLater":1}}'
  t.match(
    unpackRecord('mac/1', `c-1.1|||${later}`)?.record,
    JSON.parse(later),
    'what is not known yet is kept',
  )
})

t.test(
  'times that are no whole milliseconds are rounded, and one before the observation is due at once',
  async (t) => {
    const record: ComplianceRecord = { enrolled: false, complianceState: 'unknown', observedAtMs: 1000.4 }
    t.match(unpackRecord('mac/1', packRecord('mac/1', { record, freshUntilMs: 900 })), {
      record: { observedAtMs: 1000 },
      freshUntilMs: 1000,
    })
  },
)
