import fc from 'fast-check'
import t from 'tap'
import { type ContextText, textsOf, unreadable } from '../../../src/decision/request-context.ts'
import { compileTextPatterns } from '../../../src/decision/text-pattern.ts'
import { parseRadiusRequest } from '../../../src/frontends/radius/parse-request.ts'
import {
  maxValues,
  type RadiusRequest,
  type RequestAttributeName,
  requestAttributeNames,
  ssidAttributes,
} from '../../../src/frontends/radius/request-attributes.ts'
import { parseRequestContext } from '../../../src/frontends/radius/request-context.ts'
import { parseRequestIdentity } from '../../../src/frontends/radius/request-identity.ts'
import { maxSsids } from '../../../src/frontends/radius/ssid.ts'
import { factsOf, policyOf } from '../../policy/policy-facts.ts'
import { createRadiusApp, mabBody } from './radius-app.ts'

const mac = '70-6D-15-AA-BB-C0'

function requestOf(body: Buffer | object): RadiusRequest {
  const parsed = parseRadiusRequest(Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)), '')
  if (!parsed.ok) throw new Error(parsed.fault.message)
  return parsed.value
}

const ssidOf = (body: object) => parseRequestContext(requestOf(body)).ssid
const several = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index))

/** Values of which only the number may be asked. */
function unseen(count: number): readonly string[] {
  return new Proxy(several(count, String), {
    get(target, key) {
      if (key === 'length') return target.length
      throw new Error(`the values are looked at: ${String(key)}`)
    },
  })
}

const described: readonly (readonly [RequestAttributeName, 'ssid' | 'nasIdentifier' | 'nasIpAddress'])[] = [
  ['Called-Station-Id', 'ssid'],
  ...ssidAttributes.map((name) => [name, 'ssid'] as const),
  ['NAS-Identifier', 'nasIdentifier'],
  ['NAS-IP-Address', 'nasIpAddress'],
  ['NAS-IPv6-Address', 'nasIpAddress'],
]

t.test('an attribute that a request has once is unreadable where it comes in crowds, unread', async (t) => {
  for (const [name, part] of described) {
    const request: RadiusRequest = new Map([[name, unseen(maxValues + 1)]])
    t.equal(parseRequestContext(request)[part], unreadable, name)
    const few: RadiusRequest = new Map([[name, several(maxValues, (index) => `10.0.0.${index + 1}`)]])
    t.not(parseRequestContext(few)[part], unreadable, `${maxValues} of ${name}`)
  }
  const pairs = (count: number) => ({ 'Cisco-AVPair': several(count, (index) => `ssid=net-${index}`) })
  t.equal(ssidOf(pairs(maxValues + 1)), unreadable, 'pairs that name different SSIDs')
  t.same(ssidOf(pairs(2)), { alternatives: ['net-0', 'net-1'], isOpen: false })
  const many = several(200, (index) => `service-type=${index}`)
  t.equal(ssidOf({ 'Cisco-AVPair': [...many, 'ssid=Corp', ...many] }), 'Corp', 'among any number of others')
})

t.test('an attribute that names one device is refused where it comes in crowds, unread', async (t) => {
  for (const name of ['User-Name', 'Calling-Station-Id', 'Intune-Device-Id'] as const) {
    for (const method of [
      ['Service-Type', ['Call-Check']],
      ['EAP-Message', ['']],
    ] as const) {
      const identity = parseRequestIdentity(
        new Map<RequestAttributeName, readonly string[]>([method, [name, unseen(maxValues + 1)]]),
      )
      t.match(identity, { ok: false, fault: { code: 'identifier_malformed', field: name } }, name)
    }
  }
  const app = createRadiusApp(t)
  const calling = several(maxValues + 1, () => '00-50-56-A4-89-5A')
  const { status } = await app.ask({ ...mabBody(), 'Calling-Station-Id': { value: calling } })
  t.equal(status, 400)
  t.equal(app.requests.length, 0)
})

t.test(
  'what is too much to be read lets nobody in, and is refused by every rule that may mean it',
  async (t) => {
    const parts = (count: number, prefix = 'p') => several(count, (index) => `${prefix}${index}`).join(':')
    const crowds: readonly object[] = [
      { 'Called-Station-Id': several(5, (index) => `${mac}:Corp${index === 0 ? '' : ' '}`) },
      { 'Called-Station-Id': [`${mac}:Corp`, ...several(8, () => mac)] },
      { 'Called-Station-Id': `AP:${parts(9)}` },
      { 'Called-Station-Id': [`${mac}:Corp`, parts(9)] },
      { 'Called-Station-Id': several(4, (index) => parts(8, `p${index}`)) },
      { 'Called-Station-Id': `${mac}${':x'.repeat(100)}` },
      { 'Called-Station-SSID': 'Corp', 'Cisco-AVPair': several(6, (index) => `ssid=Corp${index}`) },
    ]
    const deny = policyOf('rules:\n  - { name: vault, when: { ssid: Vault }, decision: deny }\n')
    const allow = policyOf(
      'rules:\n  - { name: corp, when: { ssid: ["*", Corp] }, decision: allow }\n  - { name: rest, decision: deny }\n',
    )
    for (const crowd of crowds) {
      const ssid = ssidOf(crowd) as ContextText
      const shown = JSON.stringify(crowd).slice(0, 80)
      t.equal(ssid, unreadable, shown)
      t.match(deny.decide(factsOf({ context: { ssid } })), { outcome: 'deny', rule: 'vault' }, shown)
      t.match(allow.decide(factsOf({ context: { ssid } })), { outcome: 'deny', rule: 'rest' }, shown)
    }
    t.equal(
      ssidOf({ 'NAS-Port-Type': 'Ethernet', 'Called-Station-Id': parts(12) }),
      undefined,
      'a wired port',
    )
    const tagged = ssidOf({ 'Called-Station-Id': `${mac}:Vault:${parts(12)}` })
    t.equal(compileTextPatterns(['Vault'])(tagged), 'unclear', 'an SSID in front of a dozen tags')
  },
)

/** Octets of the body that stand for no character, as a string of JSON has them. */
const hostileText = fc
  .array(fc.constantFrom('\xff', '!', ':', '-', "'", '"', '\\xc3', '0x', 'ü', 'a', '\xff!:', mac, '=', ' '), {
    maxLength: 120,
  })
  .map((parts) => parts.join(''))
const hostileEntry = fc.tuple(
  fc.constantFrom(...requestAttributeNames, 'Acme-SSID', 'Other-ESSID'),
  fc.oneof(
    fc.array(hostileText, { maxLength: 6 }),
    fc.array(hostileText, { maxLength: 3 }).map((texts) => texts.map((text) => `ssid=${text}`)),
    fc
      .tuple(fc.integer({ min: 5, max: 2000 }), hostileText)
      .map(([count, text]) => several(count, () => text)),
  ),
)

t.test('no request means more than so many texts, whatever is in it', async (t) => {
  let most = 0
  fc.assert(
    fc.property(
      fc.array(hostileEntry, { minLength: 1, maxLength: 8 }),
      fc.constantFrom('utf8' as const, 'latin1' as const),
      fc.constantFrom('auto' as const, 'ssid' as const, 'name-ssid' as const),
      (entries, encoding, form) => {
        const request = requestOf(Buffer.from(JSON.stringify(Object.fromEntries(entries)), encoding))
        const context = Object.values(parseRequestContext(request, form)) as ContextText[]
        const counts = context.map((given) => textsOf(given).length)
        most = Math.max(most, ...counts)
        return counts.every((count) => count <= maxSsids)
      },
    ),
    { numRuns: 1500 },
  )
  t.ok(most > 8, `${most} texts at most in 1,500 requests`)
})

t.test(
  'a body of 64 KiB that means 250 access points comes to nothing that rules look through',
  async (t) => {
    const station = (index: number) =>
      Buffer.concat([Buffer.alloc(228, 0xff), Buffer.from(`!:!:!:!:!:!:!:${index}!`)])
    const { ask, requests } = createRadiusApp(t)
    const stations = several(250, (index) => `"${station(index).toString('latin1')}"`).join()
    const rest = '"Service-Type":"Call-Check","Calling-Station-Id":"005056A4895A"'
    const { status } = await ask(Buffer.from(`{${rest},"Called-Station-Id":[${stations}]}`, 'latin1'))
    t.equal(status, 200)
    t.same(requests[0]?.context?.ssid, unreadable)
  },
)
