import fc from 'fast-check'
import t from 'tap'
import { parseDecisionBody, parseDecisionQuery } from '../../../src/frontends/json/parse-question.ts'
import { DecisionBody, DecisionQuery, identifierNames } from '../../../src/frontends/json/schema.ts'
import { nearestIdentifierName } from '../../../src/identity/nearest-identifier.ts'
import { createJsonApp } from './json-app.ts'

const hostile = [
  '',
  '&',
  '&&&&',
  '=',
  '=1',
  '?',
  '??',
  '#',
  '%',
  '%%',
  '%00',
  '%zz',
  '+',
  'mac',
  'mac=',
  'mac=%00',
  'mac=%ff%fe',
  'mac=%zz',
  'mac=%',
  'mac[]=1',
  'mac[0]=1',
  'mac[a][b]=1',
  'mac.a=1',
  'mac==',
  'mac=1=2',
  'mac=1&mac=2',
  'mac&mac&mac',
  'mac=&mac=&mac=',
  '__proto__=1',
  '__proto__[x]=1',
  'constructor=1',
  'constructor.prototype=1',
  'toString=1',
  'length=9',
  'mac=%0d%0aSet-Cookie:x',
  'mac=<script>',
  'mac=%{User-Password}',
  "mac=' or 1=1--",
  'mac=../../etc/passwd',
  'mac=%F0%9F%98%80',
  'mac=\u0661\u0662',
  'deviceId=00000000-0000-0000-0000-00000000000g',
  'imei=NaN',
  'imei=1e309',
  'imei=-1',
  'certificateSan=,,,,,,',
  'certificateSan=ID:Microsoft Endpoint Manager:GUID:',
  'certificateCn=CN=,CN=',
  'refresh',
  'refresh=',
  'refresh=TRUE',
  'refresh=true%00',
  'refresh[]=true',
  `mac=${'A'.repeat(9000)}`,
  `${'a=1&'.repeat(2000)}`,
  `${'mac=1&'.repeat(2000)}`,
  `${'%25'.repeat(2000)}=1`,
  'mac=1;mac=2',
  'mac=005056A4895A%20',
]

t.test(`${hostile.length} hostile queries are all refused or answered, and never a defect`, async (t) => {
  const { app, inject } = createJsonApp(t)
  for (const query of hostile) {
    const reply = await inject(`/v1/decision?${query}`)
    t.ok([200, 400].includes(reply.statusCode), `${reply.statusCode} for ${query.slice(0, 40)}`)
  }
  t.equal((await app.inject('/v1/decision?mac=005056A4895A')).statusCode, 200, 'the service is still there')
})

t.test('hostile bodies are all refused or answered, and never a defect', async (t) => {
  const { inject } = createJsonApp(t)
  await fc.assert(
    fc.asyncProperty(fc.json(), async (payload) => {
      const headers = { 'content-type': 'application/json' }
      const reply = await inject({ method: 'POST', url: '/v1/decision', payload, headers })
      return reply.statusCode === 400
    }),
    { numRuns: 200 },
  )
})

// Neither a query nor JSON can hold undefined.
const value = fc
  .oneof(fc.string(), fc.array(fc.string(), { maxLength: 18 }), fc.anything({ maxDepth: 1 }))
  .filter((candidate) => candidate !== undefined)
const name = fc.oneof(fc.constantFrom(...identifierNames), fc.string())
const question = (refresh: fc.Arbitrary<unknown>) =>
  fc
    .tuple(fc.dictionary(name, value), fc.option(refresh, { nil: undefined }))
    .map(([given, wish]) => (wish === undefined ? given : { ...given, refresh: wish }))

t.test('the check by hand accepts exactly what the documented schema accepts', async (t) => {
  let accepted = 0
  fc.assert(
    fc.property(question(fc.constantFrom('true', 'false', '', 'yes', true, 1)), (given) => {
      const { ok } = parseDecisionQuery(given)
      accepted += Number(ok)
      return ok === DecisionQuery.safeParse(given).success
    }),
    { numRuns: 1000 },
  )
  fc.assert(
    fc.property(question(fc.constantFrom(true, false, 'true', 0, null)), (given) => {
      return parseDecisionBody(given).ok === DecisionBody.safeParse(given).success
    }),
    { numRuns: 1000 },
  )
  t.ok(accepted > 20, 'some questions were accepted')
  t.same(Object.keys(DecisionQuery.shape), [...identifierNames, 'refresh'])
  t.same(Object.keys(DecisionBody.shape), [...identifierNames, 'refresh'])
})

t.test('a wrong name is met with the one that was meant', async (t) => {
  const names = [...identifierNames, 'refresh']
  const meant: Readonly<Record<string, string | undefined>> = {
    deviceID: 'deviceId',
    'device-id': 'deviceId',
    MAC: 'mac',
    'mac[]': 'mac',
    macAddress: 'mac',
    'Calling-Station-Id': 'mac',
    guid: 'deviceId',
    serial: 'serialNumber',
    serialNo: undefined,
    certSan: 'certificateSan',
    certificateSam: 'certificateSan',
    cn: 'certificateCn',
    refersh: 'refresh',
    imie: 'imei',
    uuid: 'udid',
    x: undefined,
    '': undefined,
    constructor: undefined,
    ['m'.repeat(70)]: undefined,
  }
  for (const [wrong, right] of Object.entries(meant))
    t.equal(nearestIdentifierName(wrong, names), right, wrong)
  t.equal(nearestIdentifierName('guid', ['mac']), undefined, 'only accepted names are proposed')
})
