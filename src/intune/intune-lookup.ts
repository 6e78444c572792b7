import type { ComplianceLookup, Observation } from '../compliance/compliance-record.ts'
import type { FetchNoncompliantList } from '../compliance/noncompliant-list.ts'
import type { IntuneSettings } from '../config/settings.ts'
import { faultCatalogue } from '../errors/catalogue.ts'
import { type Fault, type Outcome, success } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'
import type { ClientCertificate } from './client-certificate.ts'
import { kindNotSupported } from './device-query.ts'
import { firstListed, waysFor } from './dialect-choice.ts'
import type { DriftCount } from './drift.ts'
import { createNoncompliantListQuery } from './noncompliant-list.ts'
import { createUpstream, type UpstreamOptions } from './upstream.ts'

export type IntuneLookupOptions = Omit<UpstreamOptions, 'onBackgroundFailure'>

/** Intune as the rest of the service sees it. */
export interface IntuneLookup {
  /** Asks Intune about one device, in whichever dialect the tenant has for the kind of identifier. */
  readonly lookup: ComplianceLookup
  /** Gets the tokens and the address before the first device asks; a failure is logged and can be ignored. */
  warmUp(): Promise<Outcome<void>>
  /** Asks for the list of all noncompliant devices, which Intune gives out once in four hours. */
  readonly fetchNoncompliantList: FetchNoncompliantList
  /** Whether the service that has the list is known and a token for it is there; spends nothing of the four hours. */
  canFetchNoncompliantList(): Promise<boolean>
  /** When the token of each resource expires or did, milliseconds since the epoch; undefined where there is none. */
  tokenExpiries(): { readonly intune: number | undefined; readonly graph: number | undefined }
  /** What was new about Microsoft's replies since the start. */
  driftCounts(): readonly DriftCount[]
  /** Nothing is held open here; connections belong to the outbound that was given. */
  close(): Promise<void>
}

/**
 * What enters: one canonical identifier. What leaves: what Intune says about that device now, or a fault that names the
 * exchange it happened in. The way there: token for Graph, list of services, token for Intune, query, and with
 * INTUNE_GRAPH_DETAILS the details; the first three are remembered. Nothing here waits for a caller's deadline: a late
 * answer is still worth remembering.
 */
export function createIntuneLookup(
  settings: IntuneSettings,
  certificate: ClientCertificate | (() => ClientCertificate),
  options: IntuneLookupOptions,
): IntuneLookup {
  const { api = 'auto', graphDetails = false } = settings
  const upstream = createUpstream(settings, certificate, { ...options, onBackgroundFailure: logFault })
  const { intuneTokens, directory, details } = upstream
  const retrieval = directory.of('ComplianceRetrievalService')
  const queryList = createNoncompliantListQuery({ ...options, intuneTokens })

  /** By the best way that is configured, has a query for the kind, and is listed for the tenant. */
  async function ask(identifier: DeviceIdentifier): Promise<Outcome<Observation>> {
    const ways = waysFor(identifier.kind, api, graphDetails)
    if (ways.length === 0) return kindNotSupported(identifier.kind, 'deviceId and mac work')
    if (ways[0] === 'graph') return details.ask(identifier)
    const listed = await directory.services()
    if (!listed.ok) return listed
    const way = firstListed(ways, listed.value)
    if (way === undefined)
      return kindNotSupported(identifier.kind, 'no service that the tenant lists takes it')
    return upstream.ask[way](identifier)
  }

  async function askWithDetails(identifier: DeviceIdentifier): Promise<Outcome<Observation>> {
    const answer = await ask(identifier)
    if (!answer.ok || !graphDetails) return answer
    if (answer.value.record.enrolled || identifier.origin !== 'certificateCn') {
      return success(await details.complete(identifier, answer.value))
    }
    // A common name that is a GUID may be the Entra device id, which Intune's services do not take.
    const deviceId = await details.resolveEntraId(identifier.value)
    if (!deviceId.ok) return deviceId
    if (deviceId.value === undefined) return answer
    const translated = { ...identifier, value: deviceId.value }
    const second = await ask(translated)
    return second.ok ? success(await details.complete(translated, second.value)) : second
  }

  function logFault(message: string, fault: Fault): void {
    options.onFault?.(fault)
    const { code, hop, host, status, requestId, retryAfterMs, message: detail } = fault
    const { remedy } = faultCatalogue[code]
    options.logger.warn({ code, hop, host, status, requestId, retryAfterMs, detail, remedy }, message)
  }

  return {
    async lookup(identifier) {
      const answer = await askWithDetails(identifier)
      const { fault } = answer.ok ? {} : answer
      if (fault && fault.code !== 'identifier_not_supported') logFault('intune look-up failed', fault)
      return answer
    },
    async warmUp() {
      const listed = await directory.services()
      const ready = listed.ok ? await intuneTokens.get() : listed
      if (ready.ok) {
        options.onReady?.()
        return success(undefined)
      }
      logFault('intune warm-up failed', ready.fault)
      return ready
    },
    async fetchNoncompliantList() {
      const endpoint = await retrieval.endpoint()
      const answer = endpoint.ok ? await queryList(endpoint.value) : endpoint
      if (!answer.ok) logFault('list of noncompliant devices failed', answer.fault)
      return answer
    },
    async canFetchNoncompliantList() {
      if (api === 'nac') return false
      const endpoint = await retrieval.endpoint()
      const ready = endpoint.ok ? await intuneTokens.get() : endpoint
      // Asked every minute, so that what is in the way is known before a device asks, and that it has gone.
      if (ready.ok) options.onReady?.()
      else options.onFault?.(ready.fault)
      return ready.ok
    },
    tokenExpiries: () => ({
      intune: intuneTokens.expiresAtMs(),
      graph: upstream.graphTokens.expiresAtMs(),
    }),
    driftCounts: () => upstream.drift.counts(),
    async close() {},
  }
}
