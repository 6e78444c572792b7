import fc from 'fast-check'
import t from 'tap'
import type { Decision } from '../../src/decision/decision.ts'
import {
  maxBatchValues,
  parseActionIdentifier,
  parseBatchValues,
} from '../../src/frontends/ise/parse-body.ts'
import {
  presentDecidedDevice,
  presentDevices,
  presentFault,
  presentRefusal,
} from '../../src/frontends/ise/present.ts'
import { element, writeXml } from '../../src/frontends/ise/write-xml.ts'
import { parseComplianceReply } from '../../src/intune/compliance-retrieval-xml.ts'
import { createNoncompliantListQuery } from '../../src/intune/noncompliant-list.ts'
import { readDevicePage, readMdmInfo } from '../../src/ise-client/read-reply.ts'
import { parseXml, type XmlElement } from '../../src/xml/xml-tree.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { collectXml, judgeXml } from '../frontends/ise/judge-xml.ts'
import { canonicalMac, guid, mutated, optional, spelledMac, text } from './arbitraries.ts'
import { fuzz, fuzzed } from './fuzz.ts'
import { oneToken, scriptedOutbound } from './scripted-wire.ts'

const limits = { maxCharacters: 20_000, maxElements: 60, maxDepth: 6 }
/** What xmllint judges: a sample, because it is a process of its own. */
const samples = 400
let collected = 0
function collect(xml: string): void {
  if (collected >= samples) return
  collected += 1
  collectXml(xml)
}

/** What XML 1.0 can carry of a text (section 2.2, Char). */
const carried = (given: string) =>
  [...given]
    .filter((character) => /^[\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]$/u.test(character))
    .join('')

interface Tree {
  readonly name: string
  readonly content: string | readonly Tree[]
}
const name = fc.constantFrom('ise_api', 'deviceList', 'device', 'Attributes', 'guid', 'a', 'x.y-z_1')
const tree: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.record({
    name,
    content: fc.oneof({ maxDepth: 4 }, text, fc.array(tie('tree'), { minLength: 1, maxLength: 4 })),
  }),
})).tree

const write = ({ name, content }: Tree): ReturnType<typeof element> =>
  element(name, typeof content === 'string' ? content : content.map(write))

function isSame(read: XmlElement | undefined, { name, content }: Tree): boolean {
  if (read?.writtenName !== name) return false
  if (typeof content === 'string') return read.text === carried(content) && read.children.length === 0
  return (
    read.children.length === content.length && content.every((part, at) => isSame(read.children[at], part))
  )
}

const sizeOf = (read: XmlElement): number => 1 + read.children.reduce((sum, part) => sum + sizeOf(part), 0)
const depthOf = (read: XmlElement): number => 1 + Math.max(0, ...read.children.map(depthOf))

/** A flag as Intune writes it, or something that says neither. */
const flag = fc.oneof(
  fc.constantFrom('true', 'false', 'True', ' TRUE ', 'FALSE', '1', '0'),
  fc.constantFrom('', 'yes', 'compliant', 'truee', 't', '2', 'null', 'tru\u0435'),
)
const reads = (value: string) => {
  const folded = value.trim().toLowerCase()
  return folded === 'true' || folded === '1'
}
const asked = '005056A4895A'
const wireDevice = fc.record({
  macs: fc.array(fc.constantFrom(asked, '00:50:56:a4:89:5a', '005056A4895B', ''), { maxLength: 2 }),
  guids: fc.array(guid, { maxLength: 1 }),
  registered: fc.array(flag, { maxLength: 2 }),
  compliant: fc.array(flag, { maxLength: 2 }),
  inAttributes: fc.boolean(),
  serial: optional(text),
})
const list = (tag: string, texts: readonly string[]) =>
  texts.map((content) => writeXml(element(tag, content)).replace(/^.*\n/, '')).join('')
const wireReply = fc.array(wireDevice, { maxLength: 3 }).map((devices) => {
  const rows = devices.map(({ macs, guids, registered, compliant, inAttributes, serial }) => {
    const names = list('macaddress', macs) + list('guid', guids)
    const facts = `${list('register_status', registered)}<Compliance>${list('status', compliant)}</Compliance>${serial === undefined ? '' : list('serial_number', [serial])}`
    return `<device>${names}${inAttributes ? `<Attributes>${facts}</Attributes>` : facts}</device>`
  })
  return {
    devices,
    xml: `<ise_api><name>attributes</name><deviceList>${rows.join('')}</deviceList></ise_api>`,
  }
})

const noncompliantXml =
  '<ise_api xmlns:i="urn:i"><name>attributes</name><api_version>3</api_version><deviceList><device>' +
  `<macaddress>${asked}</macaddress><guid>1759c0fd-c8da-49e8-b14f-19d85acfacea</guid><Attributes>` +
  '<register_status>true</register_status><Compliance><status>false</status><failure_reason i:nil="true"/>' +
  '</Compliance></Attributes></device></deviceList></ise_api>'
const question = { kind: 'mac', value: asked } as const

const pages = fc.array(
  fc.oneof(
    wireReply.map(({ xml }) => xml),
    wireReply.map(({ xml }) => xml.replace('<deviceList>', '<paging_info>7</paging_info><deviceList>')),
    mutated(fc.constant(noncompliantXml)),
    text,
  ),
  { minLength: 1, maxLength: 4 },
)

const batch = fc.oneof(
  fc
    .array(fc.oneof(text, canonicalMac), { maxLength: 12 })
    .map((values) => `<x>${list('value', values)}</x>`),
  fc.integer({ min: 190, max: 210 }).map((count) => {
    const values = Array.from({ length: count }, (_, index) => `<value>${index}</value>`)
    return `<x>${values.join('')}</x>`
  }),
  mutated(
    fc.constant('<?xml version="1.0"?><ise_api><values><value>a</value><value>b</value></values></ise_api>'),
  ),
  mutated(
    fc.constant(
      '<ise_api><deviceList><device><guid>a</guid><macaddress>b</macaddress></device></deviceList></ise_api>',
    ),
  ),
  text,
  fc.anything({ maxDepth: 1 }),
)

const decision: fc.Arbitrary<Decision> = fc
  .record({
    outcome: fc.constantFrom('allow' as const, 'deny' as const, 'remediate' as const),
    reason: fc.constantFrom(
      'compliant' as const,
      'noncompliant' as const,
      'not_enrolled' as const,
      'intune_unavailable' as const,
    ),
    enrolled: fc.boolean(),
    device: fc.oneof(canonicalMac, text),
    deviceId: optional(fc.oneof(guid, text)),
    reasonText: optional(text),
    macs: optional(fc.array(fc.oneof(canonicalMac, text), { maxLength: 8 })),
    message: optional(text),
    model: optional(text),
    lastSyncMs: optional(fc.integer()),
  })
  .map(({ message, model, lastSyncMs, deviceId, macs, reasonText, ...rest }) => ({
    ...rest,
    decisionId: 'd-1',
    complianceState: 'unknown' as const,
    matchedBy: 'mac' as const,
    source: 'cache' as const,
    ageMs: 0,
    stale: false,
    expiresInMs: 0,
    ...(deviceId !== undefined && { deviceId }),
    ...(macs !== undefined && { macs }),
    ...(reasonText !== undefined && { reasonText }),
    ...(message !== undefined && {
      remediation: { action: 'enroll' as const, url: 'https://portal.example/', message },
    }),
    details: { ...(model !== undefined && { model }), ...(lastSyncMs !== undefined && { lastSyncMs }) },
  }))

await fuzz(
  t,
  'xml',
  {
    'what is written is read again as it was': fuzzed(
      fc.property(tree, (given) => {
        const xml = writeXml(write(given))
        collect(xml)
        const roomy = { maxCharacters: 1e7, maxElements: 1e6, maxDepth: 20 }
        return isSame(parseXml(xml, roomy), given)
      }),
    ),
    'whatever is read stays within the limits': fuzzed(
      fc.property(fc.oneof(text, mutated(tree.map((given) => writeXml(write(given))))), (xml) => {
        const read = parseXml(xml, limits)
        if (read === undefined) return true
        return (
          xml.length <= limits.maxCharacters &&
          !/^\s*(?:<\?xml[^>]*>)?\s*<!DOCTYPE/.test(xml) &&
          sizeOf(read) <= limits.maxElements &&
          depthOf(read) <= limits.maxDepth
        )
      }),
    ),
    'only a device that is plainly registered and compliant is compliant': fuzzed(
      fc.property(wireReply, ({ devices, xml }) => {
        const parsed = parseComplianceReply(xml, question)
        const mayBe = devices.some(({ macs, registered, compliant }) => {
          const echoes = macs.filter((mac) => mac !== '')
          return (
            echoes.every((mac) => mac.replaceAll(':', '').toUpperCase() === asked) &&
            registered.some(reads) &&
            registered.filter((value) => value.trim() !== '').every(reads) &&
            compliant.some(reads) &&
            compliant.filter((value) => value.trim() !== '').every(reads)
          )
        })
        return !parsed.ok || parsed.value.complianceState !== 'compliant' || (mayBe && parsed.value.enrolled)
      }),
    ),
    'a noncompliant reply that was damaged never becomes compliant': fuzzed(
      fc.property(mutated(fc.constant(noncompliantXml)), (xml) => {
        const parsed = parseComplianceReply(xml, question)
        if (!parsed.ok || parsed.value.complianceState !== 'compliant') return true
        return /status>\s*(?:true|1)\s*<\/status>/i.test(xml)
      }),
    ),
    'the list of noncompliant devices is whole and canonical, or a fault': fuzzed(
      fc.asyncProperty(pages, async (replies) => {
        const outbound = scriptedOutbound(replies.map((body) => ({ body })))
        const ask = createNoncompliantListQuery({ intuneTokens: oneToken, outbound, clock: new FakeClock() })
        const answer = await ask('https://fef.example/x')
        if (!answer.ok) return answer.fault.code === 'intune_reply_malformed'
        return answer.value.devices.every(
          ({ deviceId, macs }) =>
            (deviceId !== undefined || macs.length > 0) && macs.every((mac) => /^[0-9A-F]{12}$/.test(mac)),
        )
      }),
    ),
    'a body of ISE names devices or is refused': fuzzed(
      fc.property(batch, (body) => {
        const values = parseBatchValues(body)
        if (values.ok) {
          const { length } = values.value
          return length >= 1 && length <= maxBatchValues && new Set(values.value).size === length
        }
        const action = parseActionIdentifier(body)
        if (action.ok) collect(presentRefusal(3, 'action', action.value))
        return (
          ['request_malformed', 'body_too_large'].includes(values.fault.code) &&
          (!action.ok || action.value === undefined || action.value.value.length <= 128)
        )
      }),
    ),
    'what ISE is told is what was decided': fuzzed(
      fc.property(decision, fc.constantFrom(1 as const, 2 as const, 3 as const), (decided, version) => {
        const asked = { criterion: 'macaddress', version, wanted: 'all' } as const
        const { devices } = presentDecidedDevice(decided, asked)
        const xml = presentDevices(version, devices)
        collect(xml)
        const page = readDevicePage(xml)
        if (!page.ok) return false
        const [device, ...more] = page.value.devices
        if (device === undefined) return decided.outcome !== 'allow' && !decided.enrolled
        return more.length === 0 && device.compliant === (decided.outcome === 'allow')
      }),
    ),
    'an error is XML whatever its text is': fuzzed(
      fc.property(text, (message) => {
        const xml = presentFault({ code: 'request_malformed', message }, 400)
        collect(xml)
        return parseXml(xml, { ...limits, maxCharacters: 100_000 })?.name === 'ise_api'
      }),
    ),
    'a reply of an MDM server is understood or refused': fuzzed(
      fc.property(
        fc.oneof(
          text,
          mutated(
            decision.map((decided) =>
              presentDevices(
                2,
                presentDecidedDevice(decided, { criterion: 'macaddress', version: 2, wanted: 'all' }).devices,
              ),
            ),
          ),
          spelledMac.map(
            ({ written }) => `<ise_api><name>mdminfo</name><api_version>${written}</api_version></ise_api>`,
          ),
        ),
        (xml) => {
          const [info, page] = [readMdmInfo(xml), readDevicePage(xml)]
          return (
            (info.ok || info.fault.code === 'mdm_reply_malformed') &&
            (page.ok || page.fault.code === 'mdm_reply_malformed')
          )
        },
      ),
    ),
  },
  judgeXml,
)
