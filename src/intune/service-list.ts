import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { FaultCode } from '../errors/catalogue.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { turnEvery } from '../turns/turn-every.ts'
import { parseDiscoveredEndpoint } from './discovered-endpoint.ts'
import { ignoreDrift, type NoteDrift } from './drift.ts'
import type { TokenSource } from './entra-token.ts'
import { parseJson } from './json-text.ts'
import type { Outbound } from './outbound.ts'
import { findRequestId, findRetryAfter } from './reply-headers.ts'
import { sendWithToken } from './send-with-token.ts'

/** Microsoft Intune's first-party application, whose service principal lists the tenant's endpoints. */
const INTUNE_APP_ID = '0000000a-0000-0000-c000-000000000000'

const DISCOVERY_LIMIT_MS = 5000
/** Some 220 rows, 70 KiB, in one page is what a tenant has. */
const MAX_REPLY_BYTES = 512 * 1024
/** A millisecond to read, whatever is in them. */
const ROWS_PER_TURN = 1000
const MAX_PAGES = 5

/**
 * The services that a NAC product can use, by the names of their rows: Compliance Retrieval (NAC 2.0), and NAC 1.x with
 * its spare, whose support Microsoft ended in March 2024 and which tenants still list.
 */
export const serviceNames = ['ComplianceRetrievalService', 'NACAPIService', 'NACAPIServiceBackup'] as const

/** A service that discovery lists, by the name of its row. */
export type ServiceName = (typeof serviceNames)[number]

/** The base URL of each service that is listed, no trailing slash, or why its row cannot be used. */
export type ListedServices = Readonly<Partial<Record<ServiceName, Outcome<string>>>>

export interface ServiceListOptions {
  /** Origin of Microsoft Graph, no trailing slash. */
  readonly graphUrl: string
  readonly allowedHosts: readonly string[]
  readonly graphTokens: TokenSource
  readonly outbound: Outbound
  readonly clock: Clock
  readonly note?: NoteDrift
}

const Row = z.object({
  providerName: z.string().nullish().catch(undefined),
  serviceName: z.string().nullish().catch(undefined),
  capability: z.string().nullish().catch(undefined),
  uri: z.string(),
})
const Page = z.object({ value: z.array(z.unknown()), '@odata.nextLink': z.string().optional() })

/**
 * The list of services of the tenant through Microsoft Graph: `servicePrincipals/appId=…/endpoints` (Graph v1.0 "List
 * endpoints"; Intune support tip on service discovery permissions). Faults: those of the token and the network,
 * `discovery_*`; `discovery_endpoint_missing` where none of the wanted services is listed, `discovery_host_refused`
 * where none may be used.
 */
export async function fetchServiceList(
  wanted: readonly ServiceName[],
  options: ServiceListOptions,
): Promise<Outcome<ListedServices>> {
  const { origin, host } = new URL(options.graphUrl)
  const listed: Partial<Record<ServiceName, Outcome<string>>> = {}
  let url = `${options.graphUrl}/v1.0/servicePrincipals/appId=${INTUNE_APP_ID}/endpoints`
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const reply = await fetchPage(url, options)
    if (!reply.ok) return reply
    const { value: rows, '@odata.nextLink': nextLink } = reply.value
    const next = turnEvery(ROWS_PER_TURN)
    for (const row of rows) {
      collect(row, listed, options)
      const turned = next()
      if (turned) await turned
    }
    if (nextLink === undefined || wanted.every((name) => listed[name]?.ok))
      return choose(wanted, listed, host)
    // The token for Graph goes with the next request.
    if (!URL.canParse(nextLink) || new URL(nextLink).origin !== origin) {
      return failure('discovery_reply_malformed', `${host} continued its list on another host`, {
        hop: 'discovery',
        host,
      })
    }
    url = nextLink
  }
  const chosen = choose(wanted, listed, host)
  // What is on a later page is not missing: without it a worse way to the device would be taken.
  if (!chosen.ok) return chosen
  return failure('discovery_reply_malformed', `${host} sent a list of more than ${MAX_PAGES} pages`, {
    hop: 'discovery',
    host,
  })
}

function choose(
  wanted: readonly ServiceName[],
  listed: ListedServices,
  host: string,
): Outcome<ListedServices> {
  const found = wanted.flatMap((name) => listed[name] ?? [])
  if (found.some((service) => service.ok)) return success(listed)
  const refused = found.find((service) => !service.ok)
  const message = `the tenant's list of services at ${host} has no ${wanted.join(' or ')}`
  return refused ?? failure('discovery_endpoint_missing', message, { hop: 'discovery', host })
}

/** Takes a row into account; anything may be missing, and names and addresses of unknown rows may be anything. */
function collect(
  value: unknown,
  listed: Partial<Record<ServiceName, Outcome<string>>>,
  { allowedHosts, note = ignoreDrift }: ServiceListOptions,
): void {
  const row = Row.safeParse(value).data
  // Graph says `providerName`, the retired AAD Graph said `serviceName`; both change case at will.
  const written = row?.providerName ?? row?.serviceName ?? row?.capability
  if (!row || !written) return
  const name = serviceNames.find((known) => known.toLowerCase() === written.toLowerCase())
  if (name === undefined) {
    // Some 216 other services are listed; one that sounds like ours may be the next version of it.
    if (/nac(api|service)|compliance/i.test(written)) note('service', written)
    return
  }
  if (name !== written) note('casing', written)
  if (!listed[name]?.ok) listed[name] = parseDiscoveredEndpoint(row.uri, allowedHosts)
}

async function fetchPage(url: string, options: ServiceListOptions): Promise<Outcome<z.infer<typeof Page>>> {
  const { graphTokens, outbound, clock } = options
  const { host } = new URL(url)
  const requestId = randomUUID()
  const ask = (token: string) =>
    outbound.send({
      hop: 'discovery',
      method: 'GET',
      url,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token}`,
        'client-request-id': requestId,
      },
      timeoutMs: DISCOVERY_LIMIT_MS,
      maxBytes: MAX_REPLY_BYTES,
    })

  const reply = await sendWithToken(graphTokens, ask)
  if (!reply.ok) return reply
  const details = {
    hop: 'discovery',
    host,
    status: reply.value.status,
    requestId: findRequestId(reply.value.headers) ?? requestId,
  } as const
  if (reply.value.status !== 200) {
    const code = classifyStatus(reply.value.status)
    const retryAfterMs = findRetryAfter(reply.value.headers, clock.nowMs())
    return failure(code, `${host} answered ${reply.value.status} to the discovery of services`, {
      ...details,
      retryAfterMs,
    })
  }
  const json = parseJson(reply.value.body)
  const page = json?.repeatsKey ? undefined : Page.safeParse(json?.value).data
  if (page) return success(page)
  return failure('discovery_reply_malformed', `${host} sent something that is no list of services`, details)
}

function classifyStatus(status: number): FaultCode {
  switch (status) {
    case 401:
      return 'discovery_unauthorized'
    case 403:
      return 'discovery_forbidden'
    case 404:
      return 'discovery_service_missing'
    case 429:
      return 'discovery_throttled'
    default:
      return status >= 500 ? 'discovery_unavailable' : 'discovery_rejected'
  }
}
