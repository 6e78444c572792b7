import { randomUUID } from 'node:crypto'
import type { ListedDevice, NoncompliantList } from '../compliance/noncompliant-list.ts'
import type { FaultCode } from '../errors/catalogue.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { parseXml, type XmlElement } from '../xml/xml-tree.ts'
import type { QueryOptions } from './device-query.ts'
import { describeIntuneReply } from './intune-fault.ts'
import { devicesOf, findDeviceList, nextPageOf } from './ise-device-list.ts'
import type { HttpReply } from './outbound.ts'
import { sendWithToken } from './send-with-token.ts'
import { agreedFlag, isNilGuid, normaliseGuid, normaliseMac, parseGuid } from './wire-values.ts'

/** Nobody waits for the list; a whole tenant in one page takes its time. */
const PAGE_LIMIT_MS = 30_000
const MAX_PAGE_BYTES = 32 * 1024 * 1024
const XML_LIMITS = { maxCharacters: MAX_PAGE_BYTES, maxElements: 1_000_000, maxDepth: 16 }
/** 100 devices a page is what Intune announces as its `query_max_size`. */
const MAX_PAGES = 2000
const MAC = /^[0-9A-F]{12}$/

/** A later page that is lost would cost the list for four hours, so these are asked for once more. */
const WORTH_A_SECOND_TRY: readonly FaultCode[] = [
  'connection_failed',
  'connection_refused',
  'upstream_timeout',
  'intune_unavailable',
]

interface Page {
  readonly devices: readonly ListedDevice[]
  readonly nextToken?: string
}

/**
 * The query for all noncompliant devices, in the form in which Cisco ISE asks Compliance Retrieval today
 * (`querycriteria=compliance&value=false&deviceidentifier=macaddress`), page by page: `paging` starts at 0 and goes on
 * with the `paging_info` of each reply until that is 0 or absent (Cisco ISE external MDM API). Gives the whole list or
 * a fault, never a part. Faults: those of the token and the network, `intune_*`; a query within 4 hours of the last
 * is `intune_unavailable` with status 503.
 */
export function createNoncompliantListQuery(
  options: QueryOptions,
): (endpoint: string) => Promise<Outcome<NoncompliantList>> {
  return async (endpoint) => {
    const seenTokens = new Set<string>()
    const rows: ListedDevice[] = []
    let token = '0'
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const answer = await fetchPage(endpoint, token, options)
      if (!answer.ok) return answer
      rows.push(...answer.value.devices)
      const { nextToken } = answer.value
      if (nextToken === undefined) {
        return success({ listedAtMs: options.clock.nowMs(), devices: mergeById(rows) })
      }
      seenTokens.add(token)
      if (seenTokens.has(nextToken)) return malformed('Intune sent a list that leads back to an earlier page')
      token = nextToken
    }
    return malformed(`Intune sent a list of more than ${MAX_PAGES} pages`)
  }
}

async function fetchPage(endpoint: string, token: string, options: QueryOptions): Promise<Outcome<Page>> {
  const first = await fetchPageOnce(endpoint, token, options)
  // The first page is what the four-hour rule counts; it is never asked for twice.
  if (first.ok || token === '0' || !WORTH_A_SECOND_TRY.includes(first.fault.code)) return first
  return fetchPageOnce(endpoint, token, options)
}

async function fetchPageOnce(
  endpoint: string,
  token: string,
  { intuneTokens, outbound, clock }: QueryOptions,
): Promise<Outcome<Page>> {
  const { host } = new URL(endpoint)
  const requestId = randomUUID()
  const search = `paging=${encodeURIComponent(token)}&querycriteria=compliance&value=false&deviceidentifier=macaddress&filter=all`
  const reply: Outcome<HttpReply> = await sendWithToken(intuneTokens, (bearer) =>
    outbound.send({
      hop: 'bulk',
      method: 'GET',
      url: `${endpoint}/cisco/devices/?${search}`,
      headers: {
        accept: 'application/xml',
        authorization: `Bearer ${bearer}`,
        'client-request-id': requestId,
      },
      timeoutMs: PAGE_LIMIT_MS,
      maxBytes: MAX_PAGE_BYTES,
    }),
  )
  if (!reply.ok) return reply
  if (reply.value.status !== 200) {
    const fault = describeIntuneReply(reply.value, host, requestId, clock.nowMs())
    return { ok: false, fault: { ...fault, hop: 'bulk' } }
  }
  const page = parsePage(reply.value.body)
  return page.ok ? page : { ok: false, fault: { ...page.fault, host, status: 200, requestId } }
}

/** Reads one page. A row that is not plainly registered and noncompliant, or has no usable id, is left out. */
function parsePage(xml: string): Outcome<Page> {
  const root = parseXml(xml, XML_LIMITS)
  if (root?.name !== 'ise_api')
    return malformed('Intune answered with something that is not an <ise_api> document')
  const list = findDeviceList(root)
  if (list === undefined) return malformed('Intune answered without a list of devices')
  const rows = devicesOf(list)
  const devices = rows.flatMap(readRow)
  if (rows.length > 0 && devices.length === 0) return malformed('no row of the list could be understood')
  const nextToken = nextPageOf(root)
  if (nextToken === undefined) return malformed('Intune sent a page that is followed by two others')
  return success({ devices, ...(nextToken !== '0' && { nextToken }) })
}

function readRow(device: XmlElement): ListedDevice[] {
  const holders = [device, ...device.children.filter((child) => child.name === 'attributes')]
  const every = (name: string) => holders.flatMap((holder) => values(holder, name))
  const statuses = holders
    .flatMap((holder) => holder.children.filter((child) => child.name === 'compliance'))
    .flatMap((compliance) => values(compliance, 'status'))
  if (agreedFlag(every('register_status')) !== true || agreedFlag(statuses) !== false) return []
  const guids = new Set(
    every('guid')
      .map(normaliseGuid)
      .filter((guid) => !isNilGuid(guid)),
  )
  // A row that names two devices would condemn one of them for the other.
  if (guids.size > 1) return []
  const deviceId = parseGuid([...guids][0])
  const macs = [...new Set(every('macaddress').map(normaliseMac))].filter((mac) => MAC.test(mac))
  if (deviceId === undefined && macs.length === 0) return []
  return [{ ...(deviceId !== undefined && { deviceId }), macs }]
}

/** A device with two addresses has two rows where the list is by MAC; a row may come twice. */
function mergeById(rows: readonly ListedDevice[]): ListedDevice[] {
  const merged = new Map<string, ListedDevice>()
  for (const row of rows) {
    const id = row.deviceId ?? row.macs[0] ?? ''
    const known = merged.get(id)
    merged.set(id, known ? { ...known, macs: [...new Set([...known.macs, ...row.macs])] } : row)
  }
  return [...merged.values()]
}

function values(element: XmlElement, name: string): string[] {
  return element.children
    .filter((child) => child.name === name)
    .map((child) => child.text.trim())
    .filter((text) => text !== '')
}

function malformed(message: string) {
  return failure('intune_reply_malformed', message, { hop: 'bulk' })
}
