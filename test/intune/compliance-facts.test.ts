import t from 'tap'
import { type ComplianceFacts, chooseWorst } from '../../src/intune/compliance-facts.ts'

const one = '44444444-4444-4444-8444-444444444444'
const two = '55555555-5555-4555-8555-555555555555'
const enrolled: ComplianceFacts = { enrolled: true, complianceState: 'compliant' }
const gone: ComplianceFacts = { enrolled: false, complianceState: 'unknown' }

t.test('of several enrolled devices nobody knows which one was meant', async (t) => {
  const worse: ComplianceFacts = { ...enrolled, complianceState: 'noncompliant' }
  const of = (...facts: ComplianceFacts[]) => chooseWorst(facts)
  t.same(
    of({ ...enrolled, deviceId: one }, { ...worse, deviceId: two }),
    worse,
    'a rule about either is in doubt',
  )
  t.same(of({ ...enrolled, deviceId: one }, enrolled), enrolled, 'also where one has no name')
  t.same(of({ ...enrolled, deviceId: one }, { ...enrolled, deviceId: one }), { ...enrolled, deviceId: one })
  t.same(of({ ...gone, deviceId: two }, { ...enrolled, deviceId: one }), { ...enrolled, deviceId: one })
  t.same(of(), gone)
})
