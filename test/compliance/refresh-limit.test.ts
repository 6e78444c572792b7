import t from 'tap'
import type { ComplianceRecord } from '../../src/compliance/compliance-record.ts'
import { createRefreshLimit } from '../../src/compliance/refresh-limit.ts'
import { type DeviceIdentifier, identifierKey } from '../../src/identity/device-identity.ts'
import { parseIdentity } from '../../src/identity/parse-identity.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { deviceId, mac } from '../fakes/scripted-lookup.ts'

function build() {
  const clock = new FakeClock()
  const records = new Map<string, ComplianceRecord>()
  const limit = createRefreshLimit(clock, (key) => records.get(key))
  return { clock, records, limit, admit: limit.admit }
}

function named(attributes: Parameters<typeof parseIdentity>[0]): DeviceIdentifier {
  const identity = parseIdentity(attributes)
  const identifier = identity.ok ? identity.value.identifiers[0] : undefined
  if (identifier === undefined) throw new Error('the identifier of the test is none')
  return identifier
}

const record: ComplianceRecord = {
  enrolled: true,
  complianceState: 'noncompliant',
  observedAtMs: 0,
  deviceId: 'ee9d3792-6859-4b71-93aa-56aba42581c5',
  macs: ['005056A4895A', '005056A4895C'],
  details: { serialNumber: 'c02abc12defg', imei: '49-015420-323751-8', udid: 'none', deviceName: 'LAPTOP' },
}

t.test('one refresh of a device in ten seconds, by any of its names', async (t) => {
  const { clock, admit, limit } = build()
  t.equal(admit(mac('005056A4895A'), 'a'), 0)
  limit.learnt(identifierKey(mac('005056A4895A')), record)
  const names = [
    mac('005056A4895A'),
    mac('005056A4895C'),
    deviceId(),
    named({ serialNumber: 'C02ABC12DEFG' }),
    named({ imei: '490154203237518' }),
  ]
  for (const name of names) t.equal(admit(name, 'b'), 10_000, `${name.kind} ${name.value}`)
  t.equal(admit(mac('005056A4895D'), 'b'), 0)
  await clock.advance(9999)
  for (const name of names) t.equal(admit(name, 'b'), 1, name.kind)
  await clock.advance(1)
  t.equal(admit(deviceId(), 'b'), 0)
})

t.test('what is remembered of a device names it too', async (t) => {
  const { records, admit } = build()
  records.set(identifierKey(mac()), record)
  t.equal(admit(mac(), 'a'), 0)
  t.equal(admit(deviceId(), 'a'), 10_000)
})

t.test('an answer to an ordinary question, or a late one, counts for nothing', async (t) => {
  const { clock, admit, limit } = build()
  limit.learnt(identifierKey(mac()), record)
  t.equal(admit(deviceId(), 'a'), 0)
  t.equal(admit(mac('005056A4895C'), 'a'), 0)
  await clock.advance(10_000)
  limit.learnt(identifierKey(mac('005056A4895C')), record)
  t.equal(admit(mac(), 'a'), 0, 'the refresh is ten seconds ago')
})

t.test('a client may refresh a hundred devices at once and ten a second, another one as well', async (t) => {
  const { clock, admit } = build()
  const device = (index: number) => mac(index.toString(16).toUpperCase().padStart(12, '0'))
  for (let index = 0; index < 100; index += 1) t.equal(admit(device(index), 'a'), 0)
  t.equal(admit(device(100), 'a'), 100, 'a tenth of a second')
  t.equal(admit(device(100), 'b'), 0, 'which is another client’s to refresh')
  await clock.advance(1000)
  for (let index = 200; index < 210; index += 1) t.equal(admit(device(index), 'a'), 0)
  t.ok(admit(device(210), 'a') > 0)
})

t.test('a clock that is set right changes no wait', async (t) => {
  const { clock, admit } = build()
  admit(mac(), 'a')
  clock.jump(-9 * 3_600_000)
  t.equal(admit(mac(), 'a'), 10_000)
  clock.jump(26 * 3_600_000)
  t.equal(admit(mac(), 'a'), 10_000)
})
