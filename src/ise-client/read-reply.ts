import { failure, type Outcome, success } from '../errors/fault.ts'
import { parseXml, type XmlElement } from '../xml/xml-tree.ts'

/** What an MDM server says about itself. */
export interface MdmInfo {
  readonly apiVersion: number
  readonly apiPath: string
  readonly redirectUrl: string
  readonly queryMaxSize: number
  readonly product: string
}

/** One device of a reply, as ISE would keep it in its endpoint attributes. */
export interface MdmDevice {
  readonly guid: string
  readonly macAddress: string
  readonly registered: boolean
  readonly compliant: boolean
  readonly failureReason: string
  readonly remediation: string
  /** Every other attribute by its element name in lower case. */
  readonly attributes: Readonly<Record<string, string>>
}

/** The devices of one reply; `next` is `0` where there are no more. */
export interface MdmDevicePage {
  readonly devices: readonly MdmDevice[]
  readonly next: string
}

/** A page of 1000 devices with everything filled in stays below it. */
const limits = { maxCharacters: 8 * 1024 * 1024, maxElements: 200_000, maxDepth: 16 }

/** Reads mdminfo. Fault: `mdm_reply_malformed`. */
export function readMdmInfo(xml: string): Outcome<MdmInfo> {
  const root = readDocument(xml, 'mdminfo')
  if (!root.ok) return root
  const text = (name: string) => childText(root.value, name)
  const apiVersion = Number(text('api_version'))
  const apiPath = text('api_path')
  if (![1, 2, 3].includes(apiVersion) || !apiPath.startsWith('/')) {
    return malformed('mdminfo has no api_version or no absolute api_path')
  }
  return success({
    apiVersion,
    apiPath,
    redirectUrl: text('redirect_url'),
    queryMaxSize: Number(text('query_max_size')) || 5000,
    product: [text('vendor'), text('product_name'), text('product_version')].filter(Boolean).join(' '),
  })
}

/** Reads the reply to a device query. Fault: `mdm_reply_malformed`. */
export function readDevicePage(xml: string): Outcome<MdmDevicePage> {
  const root = readDocument(xml, 'attributes')
  if (!root.ok) return root
  const list = child(root.value, 'devicelist')
  if (list === undefined) return malformed('the reply has no deviceList')
  const devices = list.children.filter(({ name }) => name === 'device').map(readDevice)
  return success({ devices, next: childText(root.value, 'paging_info') || '0' })
}

/** What a server of this service says of a refusal, cut to what a line holds; undefined for any other body. */
export function readError(xml: string): { readonly code: string; readonly message: string } | undefined {
  const root = readDocument(xml, 'error')
  if (!root.ok) return undefined
  const text = (name: string) => childText(root.value, name).slice(0, 500)
  const [code, message] = [text('error_code'), text('error_message')]
  return code === '' ? undefined : { code, message }
}

function readDevice(device: XmlElement): MdmDevice {
  const attributes = child(device, 'attributes')
  const compliance = attributes && child(attributes, 'compliance')
  const text = (name: string) => childText(device, name) || (attributes ? childText(attributes, name) : '')
  const others = (attributes?.children ?? []).filter(({ children }) => children.length === 0)
  return {
    guid: text('guid'),
    macAddress: text('macaddress') || (text('macaddresses').split(',')[0] ?? ''),
    registered: text('register_status') === 'true',
    compliant: compliance !== undefined && childText(compliance, 'status') === 'true',
    failureReason: compliance ? childText(compliance, 'failure_reason') : '',
    remediation: compliance ? childText(compliance, 'remediation') : '',
    attributes: Object.fromEntries(others.map(({ name, text }) => [name, text.trim()])),
  }
}

function readDocument(xml: string, name: string): Outcome<XmlElement> {
  const root = parseXml(xml, limits)
  if (root?.name !== 'ise_api') return malformed('the reply is not an <ise_api> document')
  return childText(root, 'name') === name ? success(root) : malformed(`the reply is not about ${name}`)
}

function child(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((candidate) => candidate.name === name)
}

function childText(element: XmlElement, name: string): string {
  return child(element, name)?.text.trim() ?? ''
}

function malformed(message: string) {
  return failure('mdm_reply_malformed', `The MDM server answered 200, but ${message}.`)
}
