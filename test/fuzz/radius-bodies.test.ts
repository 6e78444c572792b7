import fc from 'fast-check'
import t from 'tap'
import type { Decision } from '../../src/decision/decision.ts'
import { textsOf } from '../../src/decision/request-context.ts'
import { type FaultCode, faultCatalogue } from '../../src/errors/catalogue.ts'
import { authenticationMethodOf } from '../../src/frontends/radius/authentication-method.ts'
import { parseRadiusRequest } from '../../src/frontends/radius/parse-request.ts'
import { presentDecision, presentFault, presentProbe } from '../../src/frontends/radius/present.ts'
import {
  profilePlaces,
  replyMessage,
  safeText,
  writeProfile,
} from '../../src/frontends/radius/reply-attributes.ts'
import { parseRequestContext } from '../../src/frontends/radius/request-context.ts'
import { parseRequestIdentity } from '../../src/frontends/radius/request-identity.ts'
import { canonicalMac, json, mutated, sanUri, spelledMac, text } from './arbitraries.ts'
import { fuzz, fuzzed } from './fuzz.ts'
import { radiusBody } from './radius-body.ts'

const name = fc.oneof(
  fc.constantFrom(
    'Filter-Id',
    'Reply-Message',
    'reply-message',
    'Cisco-AVPair',
    'Class',
    'Tunnel-Private-Group-Id',
  ),
  text,
)
const profile = fc.record({
  name: text,
  attributes: fc.array(
    fc
      .tuple(
        name,
        fc.array(fc.oneof(text, fc.nat()), { maxLength: 3 }),
        fc.option(fc.nat(31), { nil: undefined }),
      )
      .map(([given, values, tag]) => ({ name: given, values, ...(tag !== undefined && { tag }) })),
    { maxLength: 5 },
  ),
})
const decision: fc.Arbitrary<Decision> = fc
  .record({
    outcome: fc.constantFrom('allow' as const, 'deny' as const, 'remediate' as const, 'fail' as const),
    reason: fc.constantFrom('compliant' as const, 'not_enrolled' as const, 'intune_unavailable' as const),
    profile: fc.option(profile, { nil: undefined }),
    message: text,
    reasonText: text,
  })
  .map(({ outcome, reason, profile: given, message, reasonText }) => ({
    decisionId: 'd-1',
    outcome,
    reason,
    complianceState: 'unknown',
    enrolled: false,
    matchedBy: 'mac',
    device: '005056A4895A',
    source: 'intune',
    ageMs: 0,
    stale: false,
    expiresInMs: 0,
    reasonText,
    remediation: { action: 'enroll', url: 'https://portal.example/', message },
    ...(given && { profile: given }),
  }))
const form = fc.record({
  section: fc.constantFrom('authorize' as const, 'post-auth' as const),
  place: fc.constantFrom(...profilePlaces),
  dialect: fc.constantFrom('v3' as const, 'v4' as const),
  denial: fc.constantFrom('status' as const, 'control' as const),
  macAuthentication: fc.boolean(),
})

/** What FreeRADIUS may be told: no expansion, every attribute in object form, short enough for a packet. */
function isSafe({ status, body }: { readonly status: number; readonly body: object }): boolean {
  return (
    [200, 400, 401, 403, 405, 413, 415, 503].includes(status) &&
    !/%[{(]/.test(JSON.stringify(body)) &&
    Object.entries(body).every(([key, value]) => {
      if (!/[:.]/.test(key)) return typeof value === 'string'
      const { do_xlat, op, value: values } = value
      return (
        do_xlat === false &&
        [':=', '+=', '-=', '!*'].includes(op) &&
        Array.isArray(values) &&
        values.length > 0
      )
    })
  )
}

await fuzz(t, 'radius-bodies', {
  'a body is attributes without secrets, or one refusal': fuzzed(
    fc.property(radiusBody, text, (body, query) => {
      const parsed = parseRadiusRequest(Buffer.from(body), query)
      if (!parsed.ok)
        return parsed.fault.code === 'request_malformed' && !parsed.fault.message.includes('s3cret')
      return [...parsed.value].every(
        ([key, values]) =>
          !/password/i.test(key) &&
          values.every((value) => typeof value === 'string' && (key !== 'EAP-Message' || value === '')),
      )
    }),
  ),
  'bytes of any kind are a body': fuzzed(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 400 }),
        json.map((value) => JSON.stringify(value)),
      ),
      (bytes) => {
        const parsed = parseRadiusRequest(Buffer.from(bytes as string), '')
        return parsed.ok || parsed.fault.code === 'request_malformed'
      },
    ),
  ),
  'who asks is canonical, where it asks from is printable': fuzzed(
    fc.property(radiusBody, (body) => {
      const parsed = parseRadiusRequest(Buffer.from(body), '')
      if (!parsed.ok) return true
      const identity = parseRequestIdentity(parsed.value)
      const context = Object.values(parseRequestContext(parsed.value)).flatMap(textsOf)
      const isKnown =
        !identity.ok || identity.value.identifiers.every(({ value }) => /^[0-9A-Fa-f-]+$/.test(value))
      return isKnown && context.every((shown) => shown.length <= 253 && !/\p{Cc}/u.test(shown))
    }),
  ),
  'EAP is never MAC authentication, and never decided by the name it chose': fuzzed(
    fc.property(spelledMac, fc.boolean(), text, ({ mac, written }, typed, eap) => {
      const named = typed ? { type: 'octets', value: [eap] } : eap
      const body = { 'User-Name': written, 'Service-Type': 'Call-Check', 'EAP-Message': named }
      const parsed = parseRadiusRequest(Buffer.from(JSON.stringify(body)), '')
      if (!parsed.ok || authenticationMethodOf(parsed.value) !== 'eap') return false
      const identity = parseRequestIdentity(parsed.value)
      return !identity.ok && !JSON.stringify(identity).includes(mac)
    }),
  ),
  'one attribute means the same in JSON, with attr_num and in a form': fuzzed(
    fc.property(spelledMac, sanUri, ({ written }, { uri }) => {
      const san = `URI:${uri}`
      const names = ['Calling-Station-Id', 'TLS-Client-Cert-X509v3-Subject-Alternative-Name'] as const
      const typed = (value: string) => ({ attr_num: 31, type: 'string', value: [value] })
      const bodies = [
        JSON.stringify({ [names[0]]: written, [names[1]]: san }),
        JSON.stringify({ [names[0]]: typed(written), [names[1]]: typed(san) }),
        new URLSearchParams({ [names[0]]: written, [names[1]]: san }).toString(),
      ]
      const read = bodies.map((body) => {
        const parsed = parseRadiusRequest(Buffer.from(body), '')
        return JSON.stringify(parsed.ok && parseRequestIdentity(parsed.value))
      })
      return read.every((one) => one === read[0])
    }),
  ),
  'every decision is an answer that FreeRADIUS can take': fuzzed(
    fc.property(decision, form, (decided, given) => {
      const { answer } = presentDecision(decided, given)
      const admits = JSON.stringify(answer.body).includes('"value":["Accept"]')
      return (
        isSafe(answer) &&
        isSafe(presentProbe(given)) &&
        (!admits || !['deny', 'fail'].includes(decided.outcome))
      )
    }),
  ),
  'a profile is written to the letter or not at all': fuzzed(
    fc.property(profile, form, (given, { dialect, place }) => {
      const written = writeProfile(given, dialect, place)
      if (!written.ok) return written.fault.code === 'configuration_invalid'
      const sent = Object.values(written.value).flatMap(({ value }) => value)
      const longest = Math.max(0, ...sent.map((value) => Buffer.byteLength(String(value))))
      return isSafe({ status: 200, body: written.value }) && longest <= 253
    }),
  ),
  'no fault is 401, 404, 410 or 429, and none quotes the request': fuzzed(
    fc.property(fc.constantFrom(...(Object.keys(faultCatalogue) as FaultCode[])), text, (code, message) => {
      const answer = presentFault({ code, message })
      return isSafe(answer) && answer.status !== 401
    }),
  ),
  'a text is one line, short enough, and no expansion': fuzzed(
    fc.property(
      fc.oneof(text, mutated(canonicalMac, fc.constantFrom('%', '{', '%{', '(', '%%'))),
      (given) => {
        const [attribute] = Object.values(replyMessage(given, 'v3'))
        const shown = String(attribute?.value[0])
        return (
          [safeText(given), shown].every((sent) => !/%[{(]|\p{Cc}/u.test(sent)) &&
          Buffer.byteLength(shown) <= 253
        )
      },
    ),
  ),
})
