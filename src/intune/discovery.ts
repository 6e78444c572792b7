import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { FaultCode } from '../errors/catalogue.ts'
import { type Fault, failure, type Outcome, success } from '../errors/fault.ts'
import { parseDiscoveredEndpoint } from './discovered-endpoint.ts'
import type { TokenSource } from './entra-token.ts'
import type { Outbound } from './outbound.ts'
import { RefreshedValue } from './refreshed-value.ts'
import { findRequestId, parseRetryAfter } from './reply-headers.ts'
import { sendWithToken } from './send-with-token.ts'

/** Microsoft Intune's first-party application, whose service principal lists the tenant's endpoints. */
const INTUNE_APP_ID = '0000000a-0000-0000-c000-000000000000'

const DISCOVERY_LIMIT_MS = 5000
/** Some 220 rows, 70 KiB, in one page is what a tenant has. */
const MAX_REPLY_BYTES = 2 * 1024 * 1024
const MAX_PAGES = 5
const KEPT_MS = 24 * 60 * 60 * 1000
const REDISCOVERY_INTERVAL_MS = 60_000

/** A service that discovery lists, by the name of its row. */
export type ServiceName = 'ComplianceRetrievalService'

export interface DiscoveryOptions {
  /** Origin of Microsoft Graph, no trailing slash. */
  readonly graphUrl: string
  readonly allowedHosts: readonly string[]
  readonly graphTokens: TokenSource
  readonly outbound: Outbound
  readonly clock: Clock
  readonly onBackgroundFailure: (fault: Fault) => void
}

/** Where the tenant's service lives, and whether Microsoft said so within the last minute. */
export interface Rediscovery {
  readonly endpoint: string
  readonly verified: boolean
}

/** Knows the base URL of one service of the tenant. */
export interface Discovery {
  /** The base URL, no trailing slash; asked for once a day. Never rejects. Faults: those of the token, `discovery_*`. */
  endpoint(): Promise<Outcome<string>>
  /** Asks again because `failed` does not answer, at most once a minute; the old address stays if that fails. */
  rediscover(failed: string): Promise<Rediscovery>
}

/**
 * Service discovery through Microsoft Graph: `servicePrincipals/appId=…/endpoints` (Graph v1.0 "List endpoints"; Intune
 * support tip on service discovery permissions). A tenant is moved to another scale unit without notice, so the
 * address is a fact to be refreshed, and never trusted beyond the allow-list.
 */
export function createDiscovery(service: ServiceName, options: DiscoveryOptions): Discovery {
  const { clock } = options
  const endpoint = new RefreshedValue<string>({
    clock,
    fetch: async () => {
      const found = await fetchEndpoint(service, options)
      if (!found.ok) return found
      const refreshAtMs = clock.nowMs() + KEPT_MS
      return success({ value: found.value, refreshAtMs, expiresAtMs: Number.POSITIVE_INFINITY })
    },
    onBackgroundFailure: options.onBackgroundFailure,
  })
  let latest: { readonly atMs: number; readonly outcome: Promise<Outcome<string>> } | undefined

  return {
    endpoint: () => endpoint.get(),
    async rediscover(failed) {
      const known = endpoint.peek() ?? failed
      if (known !== failed) return { endpoint: known, verified: true }
      if (latest === undefined || clock.nowMs() - latest.atMs >= REDISCOVERY_INTERVAL_MS) {
        latest = { atMs: clock.nowMs(), outcome: endpoint.renew() }
        const { outcome } = latest
        void outcome.then((ended) => ended.ok || options.onBackgroundFailure(ended.fault))
      }
      const outcome = await latest.outcome
      return { endpoint: endpoint.peek() ?? failed, verified: outcome.ok }
    },
  }
}

/** A row; anything may be missing, and names and addresses of unknown rows may be anything. */
const Row = z.object({
  providerName: z.string().nullish().catch(undefined),
  serviceName: z.string().nullish().catch(undefined),
  capability: z.string().nullish().catch(undefined),
  uri: z.string(),
})
const Page = z.object({ value: z.array(z.unknown()), '@odata.nextLink': z.string().optional() })

async function fetchEndpoint(service: ServiceName, options: DiscoveryOptions): Promise<Outcome<string>> {
  const { origin, host } = new URL(options.graphUrl)
  let url = `${options.graphUrl}/v1.0/servicePrincipals/appId=${INTUNE_APP_ID}/endpoints`
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const reply = await fetchPage(url, options)
    if (!reply.ok) return reply
    const { value: rows, '@odata.nextLink': nextLink } = reply.value
    const uri = rows.map((row) => Row.safeParse(row).data).find((row) => row && isNamed(row, service))?.uri
    if (uri !== undefined) return parseDiscoveredEndpoint(uri, options.allowedHosts)
    if (nextLink === undefined) break
    // The token for Graph goes with the next request.
    if (!URL.canParse(nextLink) || new URL(nextLink).origin !== origin) {
      return failure('discovery_reply_malformed', `${host} continued its list on another host`, {
        hop: 'discovery',
        host,
      })
    }
    url = nextLink
  }
  const message = `the tenant's list of services at ${host} has no ${service}`
  return failure('discovery_endpoint_missing', message, { hop: 'discovery', host })
}

/** Graph says `providerName`, the retired AAD Graph said `serviceName`; both change case at will. */
function isNamed(row: z.infer<typeof Row>, service: ServiceName): boolean {
  const name = row.providerName ?? row.serviceName ?? row.capability
  return name?.toLowerCase() === service.toLowerCase()
}

async function fetchPage(url: string, options: DiscoveryOptions): Promise<Outcome<z.infer<typeof Page>>> {
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
    const retryAfterMs = parseRetryAfter(reply.value.headers['retry-after'], clock.nowMs())
    return failure(code, `${host} answered ${reply.value.status} to the discovery of services`, {
      ...details,
      retryAfterMs,
    })
  }
  const page = Page.safeParse(parseJson(reply.value.body)).data
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

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
