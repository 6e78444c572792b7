import { randomUUID } from 'node:crypto'
import { ListedDevices, maxListedDevices } from '../compliance/listed-devices.ts'
import type { NoncompliantList } from '../compliance/noncompliant-list.ts'
import type { FaultCode } from '../errors/catalogue.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import type { QueryOptions } from './device-query.ts'
import { describeIntuneReply } from './intune-fault.ts'
import { maxPageBytes, type PageEnd, readNoncompliantPage } from './noncompliant-page.ts'
import type { HttpReply } from './outbound.ts'
import { sendWithToken } from './send-with-token.ts'

/** Nobody waits for the list; a whole tenant in one page takes its time. */
const PAGE_LIMIT_MS = 30_000
/** 100 devices a page is what Intune announces as its `query_max_size`. */
const MAX_PAGES = 2000

/** A later page that is lost would cost the list for four hours, so these are asked for once more. */
const WORTH_A_SECOND_TRY: readonly FaultCode[] = [
  'connection_failed',
  'connection_refused',
  'upstream_timeout',
  'intune_unavailable',
]

/** A page as it came. */
interface PageReply {
  readonly pieces: readonly Uint8Array[]
  readonly requestId: string
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
  maxDevices = maxListedDevices,
): (endpoint: string) => Promise<Outcome<NoncompliantList>> {
  return async (endpoint) => {
    const seenTokens = new Set<string>()
    const listed = new ListedDevices(maxDevices)
    let token = '0'
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const answer = await fetchPage(endpoint, token, options)
      if (!answer.ok) return answer
      const read = await readPage(answer.value, endpoint, listed)
      if (!read.ok) return read
      if (listed.isFull) return malformed(`Intune sent a list of ${maxDevices} devices or more`)
      const { nextToken } = read.value
      if (nextToken === undefined) {
        return success({ listedAtMs: options.clock.nowMs(), devices: listed.devices })
      }
      seenTokens.add(token)
      if (seenTokens.has(nextToken)) return malformed('Intune sent a list that leads back to an earlier page')
      token = nextToken
    }
    return malformed(`Intune sent a list of more than ${MAX_PAGES} pages`)
  }
}

async function fetchPage(
  endpoint: string,
  token: string,
  options: QueryOptions,
): Promise<Outcome<PageReply>> {
  const first = await fetchPageOnce(endpoint, token, options)
  // The first page is what the four-hour rule counts; it is never asked for twice.
  if (first.ok || token === '0' || !WORTH_A_SECOND_TRY.includes(first.fault.code)) return first
  return fetchPageOnce(endpoint, token, options)
}

async function fetchPageOnce(
  endpoint: string,
  token: string,
  { intuneTokens, outbound, clock }: QueryOptions,
): Promise<Outcome<PageReply>> {
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
      maxBytes: maxPageBytes,
      inPieces: true,
    }),
  )
  if (!reply.ok) return reply
  if (reply.value.status !== 200) {
    const fault = describeIntuneReply(reply.value, host, requestId, clock.nowMs())
    return { ok: false, fault: { ...fault, hop: 'bulk' } }
  }
  return success({ pieces: reply.value.pieces ?? [Buffer.from(reply.value.body)], requestId })
}

async function readPage(
  { pieces, requestId }: PageReply,
  endpoint: string,
  listed: ListedDevices,
): Promise<Outcome<PageEnd>> {
  const page = await readNoncompliantPage(pieces, (device) => listed.add(device))
  if (page.ok) return page
  return { ok: false, fault: { ...page.fault, host: new URL(endpoint).host, status: 200, requestId } }
}

function malformed(message: string) {
  return failure('intune_reply_malformed', message, { hop: 'bulk' })
}
