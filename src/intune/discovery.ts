import { inBackground } from '../background.ts'
import type { BreakerStatus } from '../compliance/circuit-breaker.ts'
import { type Fault, failure, type Outcome, success } from '../errors/fault.ts'
import { RefreshedValue } from './refreshed-value.ts'
import {
  fetchServiceList,
  type ListedServices,
  type ServiceListOptions,
  type ServiceName,
} from './service-list.ts'

export type { ServiceName } from './service-list.ts'

const KEPT_MS = 24 * 60 * 60 * 1000
/** A list without the service that is wanted most is a tenant being provisioned, moved or repaired. */
const KEPT_WITHOUT_FIRST_MS = 10 * 60 * 1000
const REDISCOVERY_INTERVAL_MS = 60_000

export interface DiscoveryOptions extends ServiceListOptions {
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

/** Knows every service of the tenant that is of use here. */
export interface ServiceDirectory {
  /** What is listed. Never rejects. Faults: those of the token and the network, `discovery_*`. */
  services(): Promise<Outcome<ListedServices>>
  /** One service, out of the same list. */
  of(service: ServiceName): Discovery
  /** Whether the list can be had now. */
  status(): BreakerStatus
}

/**
 * Service discovery through Microsoft Graph, remembered. A tenant is moved to another scale unit without notice, so an
 * address is a fact to be refreshed, and never trusted beyond the allow-list. `wanted` is best first; the list is a
 * failure where it has none of them.
 */
export function createServiceDirectory(
  wanted: readonly ServiceName[],
  options: DiscoveryOptions,
): ServiceDirectory {
  const { clock } = options
  const list = new RefreshedValue<ListedServices>({
    clock,
    fetch: async () => {
      const found = await fetchServiceList(wanted, options)
      if (!found.ok) return found
      const complete = wanted[0] === undefined || found.value[wanted[0]]?.ok
      const refreshAtMs = clock.monotonicMs() + (complete ? KEPT_MS : KEPT_WITHOUT_FIRST_MS)
      return success({ value: found.value, refreshAtMs, expiresAtMs: Number.POSITIVE_INFINITY })
    },
    onBackgroundFailure: options.onBackgroundFailure,
  })
  let latest: { readonly atMs: number; readonly outcome: Promise<Outcome<ListedServices>> } | undefined

  function known(service: ServiceName): string | undefined {
    const listed = list.peek()?.[service]
    return listed?.ok ? listed.value : undefined
  }

  return {
    services: () => list.get(),
    status: () => list.status,
    of: (service) => ({
      async endpoint() {
        const listed = await list.get()
        return listed.ok ? (listed.value[service] ?? notListed(service)) : listed
      },
      async rediscover(failed) {
        const already = known(service) ?? failed
        if (already !== failed) return { endpoint: already, verified: true }
        if (latest === undefined || clock.monotonicMs() - latest.atMs >= REDISCOVERY_INTERVAL_MS) {
          latest = { atMs: clock.monotonicMs(), outcome: list.renew() }
          const { outcome } = latest
          inBackground('discovery', async () => {
            const ended = await outcome
            if (!ended.ok) options.onBackgroundFailure(ended.fault)
          })
        }
        const outcome = await latest.outcome
        const endpoint = known(service)
        return { endpoint: endpoint ?? failed, verified: outcome.ok && endpoint !== undefined }
      },
    }),
  }
}

function notListed(service: ServiceName) {
  return failure('discovery_endpoint_missing', `the tenant lists no ${service}`, { hop: 'discovery' })
}
