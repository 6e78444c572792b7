import fc from 'fast-check'
import t from 'tap'
import { faultCatalogue } from '../../src/errors/catalogue.ts'
import type { ComplianceFacts } from '../../src/intune/compliance-facts.ts'
import { parseDiscoveredEndpoint } from '../../src/intune/discovered-endpoint.ts'
import { ignoreDrift } from '../../src/intune/drift.ts'
import { describeTokenReply } from '../../src/intune/entra-fault.ts'
import {
  factsOfGraphDevice,
  managedDeviceProperties,
  mergeGraphDevice,
  parseManagedDevice,
} from '../../src/intune/graph-device.ts'
import { describeIntuneReply, parseFrontEndError } from '../../src/intune/intune-fault.ts'
import { parseNacReply } from '../../src/intune/nac-json.ts'
import { fetchServiceList, serviceNames } from '../../src/intune/service-list.ts'
import { findMissingRole } from '../../src/intune/token-role.ts'
import { parseFlag, parseGuid, parseText, parseWireDate } from '../../src/intune/wire-values.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { guid, json, mutated, optional, text } from './arbitraries.ts'
import { fuzz, fuzzed } from './fuzz.ts'
import { oneToken, scriptedOutbound } from './scripted-wire.ts'

const asked = '005056A4895A'
const question = { kind: 'mac', value: asked } as const

const flag = fc.oneof(
  fc.constantFrom<unknown>(true, false, 'true', 'False', '1', '0', 1, 0),
  fc.constantFrom<unknown>(null, '', 'yes', 2, [], [true], {}, 'tru\u0435', -0, 1.5),
  json,
)
/** An independent reading of what counts as true. */
const reads = (value: unknown) =>
  typeof value !== 'object' && ['true', '1'].includes(String(value).trim().toLowerCase())

const isPlain = (detail: unknown) => ['string', 'number', 'boolean'].includes(typeof detail)

const cased = (name: string) => fc.constantFrom(name, name, name.toLowerCase(), name.toUpperCase())
const nacDevice = fc
  .record({
    managedName: cased('isManaged'),
    managed: flag,
    compliantName: cased('complianceState'),
    compliant: flag,
    mac: optional(fc.constantFrom(asked, '00-50-56-a4-89-5a', '005056A4895B', '', null)),
    entraId: optional(fc.oneof(guid, fc.constant('00000000-0000-0000-0000-000000000000'), json)),
    others: fc.dictionary(
      fc.oneof(fc.constantFrom('model', 'osVersion', 'lastContactTimeUtc', 'deviceOwner'), text),
      json,
      {
        maxKeys: 3,
      },
    ),
  })
  .map(({ managedName, managed, compliantName, compliant, mac, entraId, others }) => ({
    ...others,
    [managedName]: managed,
    [compliantName]: compliant,
    ...(mac !== undefined && { macAddress: mac }),
    ...(entraId !== undefined && { azureDeviceId: entraId }),
  }))
const nacReply = fc
  .tuple(fc.array(nacDevice, { minLength: 1, maxLength: 3 }), fc.constantFrom('object', 'array', 'value'))
  .map(([devices, shape]) => ({
    devices: shape === 'object' ? devices.slice(0, 1) : devices,
    body: JSON.stringify(shape === 'object' ? devices[0] : shape === 'array' ? devices : { value: devices }),
  }))

/** Every value of a field, whatever the case of its name, as the document has it after JSON. */
function valuesOf(device: object, name: string): readonly unknown[] {
  const plain: Record<string, unknown> = JSON.parse(JSON.stringify(device))
  return Object.entries(plain).flatMap(([key, value]) =>
    key.toLowerCase() === name && value !== null && value !== '' ? [value] : [],
  )
}

const noncompliantBody = JSON.stringify({
  complianceState: false,
  isManaged: true,
  macAddress: asked,
  azureDeviceId: '1759c0fd-c8da-49e8-b14f-19d85acfacea',
  lastContactTimeUtc: '12/15/2020 10:22:45',
})

const facts: fc.Arbitrary<ComplianceFacts> = fc.record({
  enrolled: fc.constant(true),
  complianceState: fc.constantFrom('noncompliant' as const, 'unknown' as const),
})
const graphDevice = fc
  .tuple(
    guid,
    fc.constantFrom(
      'compliant',
      'Compliant',
      'noncompliant',
      'inGracePeriod',
      'configManager',
      'unknown',
      'error',
      'new',
    ),
    fc.dictionary(fc.oneof(fc.constantFrom(...managedDeviceProperties), text), json, {
      maxKeys: 5,
      noNullPrototype: true,
    }),
  )
  .map(([id, state, others]) => ({ ...others, id, complianceState: state }))

const canary = 'eyJhbGciOiJQUzI1NiJ9.canary'
const status = fc.oneof(
  fc.constantFrom(400, 401, 403, 404, 408, 410, 429, 500, 502, 503),
  fc.integer({ min: 200, max: 599 }),
)
const headerText = fc.oneof(text, fc.constantFrom('120', '0', 'Wed, 21 Oct 2015 07:28:00 GMT'))
const entraBody = fc.oneof(
  fc
    .record({
      error: fc.oneof(text, json),
      error_description: fc.oneof(
        text.map((rest) => `AADSTS700027: ${canary} ${rest}`),
        json,
      ),
      error_codes: fc.oneof(fc.array(fc.constantFrom(700027, 700016, 7000222, 90033, 1, -1)), json),
      trace_id: fc.oneof(text, guid, json),
    })
    .map((document) => JSON.stringify(document)),
  mutated(fc.constant(`{"error":"invalid_client","error_description":"${canary}","error_codes":[700027]}`)),
  json.map((value) => JSON.stringify(value)),
  text,
)
const intuneBody = fc.oneof(
  fc
    .tuple(fc.oneof(text, guid), fc.oneof(text, fc.integer()), fc.boolean())
    .map(([activity, wait, wrapped]) => {
      const Message = JSON.stringify({
        Message: `${canary} Activity ID: ${activity} - Url`,
        RetryAfter: wait,
      })
      return JSON.stringify(wrapped ? { error: { message: Message } } : { Message })
    }),
  entraBody,
)

const allowed = ['manage.microsoft.com', 'Microsoft.COM']
const uri = fc.oneof(
  text,
  mutated(
    fc.constantFrom('https://fef.msub02.manage.microsoft.com/StatelessNACService/', 'https://evil.example/a'),
  ),
  fc.webUrl(),
  fc
    .tuple(
      fc.constantFrom('https://', 'http://', 'HTTPS:/', 'https://u:p@'),
      text,
      fc.constantFrom('.manage.microsoft.com', 'manage.microsoft.com', '#.manage.microsoft.com'),
    )
    .map((parts) => parts.join('')),
)
const endpointRow = fc.oneof(
  fc.record({
    providerName: fc.oneof(fc.constantFrom(...serviceNames, 'complianceretrievalservice'), json),
    serviceName: json,
    uri: fc.oneof(uri, json),
  }),
  json,
)
const endpointPage = fc.oneof(
  fc
    .record({
      value: fc.oneof(fc.array(endpointRow, { maxLength: 4 }), json),
      '@odata.nextLink': optional(
        fc.oneof(fc.constantFrom('https://graph.example/next', 'https://evil.example/next'), json),
      ),
    })
    .map((page) => JSON.stringify(page)),
  json.map((value) => JSON.stringify(value)),
  text,
)

await fuzz(t, 'microsoft-json', {
  'only a device that is plainly managed and compliant is compliant': fuzzed(
    fc.property(nacReply, ({ devices, body }) => {
      const parsed = parseNacReply(body, question)
      if (!parsed.ok) return true
      if (!Object.values(parsed.value.details ?? {}).every(isPlain)) return false
      if (parsed.value.complianceState !== 'compliant') return true
      return (
        parsed.value.enrolled &&
        devices.some((device) => {
          const [managed, compliant] = [valuesOf(device, 'ismanaged'), valuesOf(device, 'compliancestate')]
          const echoes = valuesOf(device, 'macaddress')
          return (
            managed.length > 0 &&
            managed.every(reads) &&
            compliant.length > 0 &&
            compliant.every(reads) &&
            echoes.every((mac) => typeof mac === 'string' && mac.replaceAll('-', '').toUpperCase() === asked)
          )
        })
      )
    }),
  ),
  'a noncompliant reply that was damaged never becomes compliant': fuzzed(
    fc.property(mutated(fc.constant(noncompliantBody)), (body) => {
      const parsed = parseNacReply(body, question)
      if (!parsed.ok || parsed.value.complianceState !== 'compliant') return true
      const [device] = [JSON.parse(body)].flat()
      return valuesOf(device, 'compliancestate').every(reads)
    }),
  ),
  'whatever the reply is, it is facts or one of two faults': fuzzed(
    fc.property(
      fc.oneof(
        text,
        json.map((value) => JSON.stringify(value)),
      ),
      (body) => {
        const parsed = parseNacReply(body, question)
        return parsed.ok || ['intune_reply_malformed', 'intune_reply_mismatch'].includes(parsed.fault.code)
      },
    ),
  ),
  'Graph never makes a device compliant that Intune did not': fuzzed(
    fc.property(graphDevice, facts, (value, known) => {
      const device = parseManagedDevice(JSON.parse(JSON.stringify(value)), ignoreDrift)
      if (device === undefined) return false
      const merged = mergeGraphDevice(known, device)
      const alone = factsOfGraphDevice(device)
      return (
        merged.complianceState !== 'compliant' &&
        (alone.complianceState === 'compliant') === (value.complianceState.toLowerCase() === 'compliant') &&
        Object.values(device.details).every(isPlain)
      )
    }),
  ),
  'anything at all is a managed device or none': fuzzed(
    fc.property(json, (value) => {
      const device = parseManagedDevice(value, ignoreDrift)
      return device === undefined || /^[0-9a-f-]{36}$/.test(device.deviceId)
    }),
  ),
  'an error of Entra is a fault of its own, without a word of its text': fuzzed(
    fc.property(status, entraBody, optional(headerText), optional(headerText), (code, body, wait, id) => {
      const headers = { ...(wait && { 'retry-after': wait }), ...(id && { 'x-ms-request-id': id }) }
      const fault = describeTokenReply({ status: code, headers, body, contentType: '' }, 'login.example', 0)
      return (
        fault.code in faultCatalogue &&
        !JSON.stringify(fault).includes('canary') &&
        (fault.retryAfterMs === undefined || (fault.retryAfterMs >= 0 && fault.retryAfterMs <= 3_600_000)) &&
        (fault.requestId === undefined || /^[\w.:-]{1,80}$/.test(fault.requestId))
      )
    }),
  ),
  'an error of Intune is a fault of its own, without a word of its text': fuzzed(
    fc.property(status, intuneBody, optional(headerText), (code, body, wait) => {
      const headers = { ...(wait && { 'retry-after': wait }) }
      const fault = describeIntuneReply(
        { status: code, headers, body, contentType: '' },
        'fef.example',
        'sent',
        0,
      )
      const { activityId } = parseFrontEndError(body)
      return (
        fault.code in faultCatalogue &&
        !JSON.stringify(fault).includes('canary') &&
        (fault.retryAfterMs === undefined || (fault.retryAfterMs >= 0 && fault.retryAfterMs <= 3_600_000)) &&
        (activityId === undefined || /^[\w.:-]{1,80}$/.test(activityId))
      )
    }),
  ),
  'the token goes to allowed hosts only': fuzzed(
    fc.property(uri, (given) => {
      const endpoint = parseDiscoveredEndpoint(given, allowed)
      if (!endpoint.ok) return true
      const { protocol, hostname, username, password } = new URL(endpoint.value)
      return (
        protocol === 'https:' &&
        username === '' &&
        password === '' &&
        /^(?:.+\.)?(?:manage\.)?microsoft\.com$/.test(hostname)
      )
    }),
  ),
  'a list of services is understood or a fault, and names allowed hosts only': fuzzed(
    fc.asyncProperty(fc.array(endpointPage, { minLength: 1, maxLength: 3 }), async (pages) => {
      const listed = await fetchServiceList([...serviceNames], {
        graphUrl: 'https://graph.example',
        allowedHosts: allowed,
        graphTokens: oneToken,
        outbound: scriptedOutbound(pages.map((body) => ({ body }))),
        clock: new FakeClock(),
      })
      if (!listed.ok) return listed.fault.code.startsWith('discovery_')
      return Object.values(listed.value).every(
        (endpoint) =>
          !endpoint.ok || /^https:\/\/(?:[^/]+\.)?(?:manage\.)?microsoft\.com/.test(endpoint.value),
      )
    }),
  ),
  'a token without the role is told from one that has it, whatever a token is': fuzzed(
    fc.property(
      fc.oneof(json, fc.record({ roles: fc.array(fc.oneof(text, fc.constant('get_device_compliance'))) })),
      text,
      (claims, noise) => {
        const token = `a.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${noise}`
        const [fault, other] = [findMissingRole(token), findMissingRole(noise)]
        return [fault, other].every((found) => found === undefined || found.code === 'token_role_missing')
      },
    ),
  ),
  'a date is read as it was written, and nothing else is a date': fuzzed(
    fc.property(
      fc.date({ min: new Date('1971-01-01'), max: new Date('2199-12-31'), noInvalidDate: true }),
      fc.oneof(text, json),
      (date, noise) => {
        const iso = parseWireDate(date.toISOString())
        const read = parseWireDate(noise)
        return (
          iso?.atMs === Math.floor(date.getTime() / 1000) * 1000 &&
          (read === undefined || Number.isFinite(read.atMs))
        )
      },
    ),
  ),
  'flags, GUIDs and texts of the wire are read or absent': fuzzed(
    fc.property(fc.oneof(flag, json), (value) => {
      const [id, shown] = [parseGuid(value), parseText(value)]
      return (
        (parseFlag(value) === true) === reads(value) &&
        (id === undefined || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) &&
        (shown === undefined || (shown.length <= 200 && !/\p{Cc}/u.test(shown)))
      )
    }),
  ),
})
