import fc from 'fast-check'
import t from 'tap'
import { parseApiVersion, parseQuestion } from '../../../src/frontends/ise/question.ts'
import { createIseApp, deviceId, mac } from './ise-app.ts'
import { judgeXml } from './judge-xml.ts'

const names = ['paging', 'querycriteria', 'value', 'filter', 'deviceidentifier', '__proto__', 'constructor']
const values = [
  '',
  '0',
  '-1',
  '9'.repeat(30),
  'macaddress',
  'guid',
  'guidhn',
  'username',
  'compliance',
  'false',
  'true',
  'all',
  'register_status+compliance_status',
  mac,
  deviceId,
  "' or 1=1--",
  '<script>',
  '%{User-Password}',
]

const parameter = fc.tuple(
  fc.oneof(fc.constantFrom(...names), fc.string()),
  fc.oneof(fc.constantFrom(...values), fc.string({ unit: 'binary' })),
)

t.test('any query is answered, refused or 503, and never a defect', async (t) => {
  const { inject } = createIseApp(t)
  const seen = new Map<number, number>()
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('mdminfo', 'mdmapi/v1/devices', 'mdmapi/v2/devices', 'mdmapi/v3/devices'),
      fc.array(parameter, { maxLength: 6 }),
      async (path, parameters) => {
        const query = parameters
          .map((pair) => pair.map((text) => encodeURIComponent(text.toWellFormed())).join('='))
          .join('&')
        const { reply } = await inject(`/ciscoise/${path}?${query}`)
        seen.set(reply.statusCode, (seen.get(reply.statusCode) ?? 0) + 1)
        return [200, 400, 503].includes(reply.statusCode)
      },
    ),
    { numRuns: 600 },
  )
  t.ok(seen.get(200), 'some were answered')
  t.ok(seen.get(400), 'some were refused')
})

t.test('raw queries that are not well formed are answered too', async (t) => {
  const { app } = createIseApp(t)
  for (const query of [
    '%',
    '%zz',
    '%ff%fe',
    '&&&',
    '=',
    'value[]=1',
    'querycriteria=%00&value=%00',
    '?',
    '#',
    '%25'.repeat(900),
  ]) {
    const reply = await app.inject(`/ciscoise/mdmapi/v3/devices/?${query}`)
    t.ok([200, 400].includes(reply.statusCode), `${reply.statusCode} for ${query.slice(0, 30)}`)
  }
})

t.test('path segments of version 1 are as harmless as its query', async (t) => {
  const { inject } = createIseApp(t)
  for (const path of [
    '0/macaddress/00:26:b4:24:fe:b4/all',
    '0/compliance/false/all',
    '0/all',
    'x/compliance/false/all',
    '0/username/alice/all',
    '0/constructor/x/all',
    '0/guid/%2e%2e%2f/all',
    '%00/%00/%00/%00',
    '0/macaddress/%3Cb%3E/%26',
  ]) {
    const { reply } = await inject(`/ciscoise/mdmapi/v1/devices/${path}`)
    t.ok([200, 400].includes(reply.statusCode), `${reply.statusCode} for ${path}`)
  }
})

t.test('any body is refused or answered', async (t) => {
  const { inject } = createIseApp(t)
  const piece = fc.constantFrom(
    '<ise_api>',
    '</ise_api>',
    '<value>',
    '</value>',
    '<![CDATA[',
    ']]>',
    '<!DOCTYPE a>',
    '<?x?>',
    '&a;',
    'x',
    mac,
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(
        'POST /batchdevices?querycriteria=macaddress',
        'POST /action/actionType=full_wipe',
        'PUT /sendmessage',
      ),
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(piece).map((pieces) => pieces.join('')),
      ),
      async (address, payload) => {
        const [method = '', url = ''] = address.split(' ')
        const { reply } = await inject({
          method: method === 'PUT' ? 'PUT' : 'POST',
          url: `/ciscoise/mdmapi/v2${url}`,
          payload: payload.toWellFormed(),
        })
        return [200, 400].includes(reply.statusCode)
      },
    ),
    { numRuns: 300 },
  )
  t.pass('300 bodies')
})

t.test('the parsers take anything', async (t) => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...names), fc.anything({ maxDepth: 1 })),
      fc.anything(),
      (raw, text) => {
        for (const version of [1, 2, 3] as const) parseQuestion(raw, version)
        const version = parseApiVersion(text)
        return !version.ok || version.value <= 3
      },
    ),
    { numRuns: 1000 },
  )
  t.pass('and never throw')
})

t.test('xmllint finds every reply well-formed', async (t) => judgeXml(t))
