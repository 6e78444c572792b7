import type { BreakerStatus } from '../compliance/circuit-breaker.ts'
import type { MdmLookup, Observation, Through } from '../compliance/compliance-record.ts'
import type { FetchNoncompliantList } from '../compliance/noncompliant-list.ts'
import type { IntuneSettings } from '../config/settings.ts'
import { faultCatalogue } from '../errors/catalogue.ts'
import { type Fault, failure, type Outcome, success } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'
import type { ClientCertificate } from './client-certificate.ts'
import { withoutDoubtfulId, worstOf } from './compliance-facts.ts'
import { kindNotSupported } from './device-query.ts'
import { firstListed, waysFor } from './dialect-choice.ts'
import type { DriftCount } from './drift.ts'
import { createNoncompliantListQuery } from './noncompliant-list.ts'
import { createUpstream, type UpstreamOptions } from './upstream.ts'

/** A device that was enrolled again has two or three records for a while. */
const MAX_TRANSLATIONS = 5

export type IntuneLookupOptions = Omit<UpstreamOptions, 'onBackgroundFailure'>

/** Intune as the rest of the service sees it. */
export interface IntuneLookup {
  /** Asks Intune about one device, in whichever dialect the tenant has for the kind of identifier. */
  readonly lookup: MdmLookup
  /** Gets the tokens and the address before the first device asks; a failure is logged and can be ignored. */
  warmUp(): Promise<Outcome<void>>
  /** Asks for the list of all noncompliant devices, which Intune gives out once in four hours. */
  readonly fetchNoncompliantList: FetchNoncompliantList
  /** Whether the service that has the list is known and a token for it is there; spends nothing of the four hours. */
  canFetchNoncompliantList(): Promise<boolean>
  /** When the token of each resource expires or did, milliseconds since the epoch; undefined where there is none. */
  tokenExpiries(): { readonly intune: number | undefined; readonly graph: number | undefined }
  /** Whether the token and the address of the service can be had; what holds them up holds up nothing else. */
  prerequisites(): { readonly entra: BreakerStatus; readonly discovery: BreakerStatus }
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
  async function ask(identifier: DeviceIdentifier, through: Through): Promise<Outcome<Observation>> {
    const ways = waysFor(identifier.kind, api, graphDetails)
    if (ways.length === 0) return kindNotSupported(identifier.kind, 'deviceId and mac work')
    if (ways[0] === 'graph') return details.ask(identifier, through)
    const listed = await directory.services()
    if (!listed.ok) return listed
    const way = firstListed(ways, listed.value)
    if (way === undefined)
      return kindNotSupported(identifier.kind, 'no service that the tenant lists takes it')
    return upstream.ask[way](identifier, through)
  }

  async function askWithDetails(
    identifier: DeviceIdentifier,
    through: Through,
  ): Promise<Outcome<Observation>> {
    const answer = await ask(identifier, through)
    if (!answer.ok || !graphDetails) return answer
    if (answer.value.record.enrolled || identifier.origin !== 'certificateCn') {
      return success(await details.complete(identifier, answer.value, through))
    }
    // A common name that is a GUID may be the Entra device id, which Intune's services do not take.
    const deviceIds = await details.resolveEntraId(identifier.value, through)
    if (!deviceIds.ok) return deviceIds
    return deviceIds.value.length === 0 ? answer : askAboutAll(identifier, deviceIds.value, through)
  }

  /** Nobody knows which of several it is, so the one with the least trust counts. */
  async function askAboutAll(
    identifier: DeviceIdentifier,
    deviceIds: readonly string[],
    through: Through,
  ): Promise<Outcome<Observation>> {
    if (deviceIds.length > MAX_TRANSLATIONS) {
      const message = `more than ${MAX_TRANSLATIONS} managed devices have this Entra device id`
      return failure('details_reply_malformed', message, { hop: 'details' })
    }
    const found: Observation[] = []
    for (const value of deviceIds) {
      const translated = { ...identifier, value }
      const answer = await ask(translated, through)
      if (!answer.ok) return answer
      const completed = await details.complete(translated, answer.value, through)
      found.push(completed)
    }
    const records = found.map(({ record }) => record)
    const chosen = found.find(({ record }) => record === worstOf(records))
    if (chosen === undefined) return failure('internal', 'there was no device id to ask about')
    return success({ ...chosen, record: withoutDoubtfulId(chosen.record, records) })
  }

  function logFault(message: string, fault: Fault): void {
    options.onFault?.(fault)
    const { code, hop, host, status, requestId, retryAfterMs, message: detail } = fault
    const { remedy } = faultCatalogue[code]
    // What is left alone was said when that began.
    const level = fault.wasNotSent ? 'debug' : 'warn'
    options.logger[level]({ code, hop, host, status, requestId, retryAfterMs, detail, remedy }, message)
  }

  return {
    async lookup(identifier, through = straightThrough) {
      const answer = await askWithDetails(identifier, through)
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
    prerequisites: () => ({
      entra: worst(intuneTokens.status(), upstream.graphTokens.status()),
      discovery: directory.status(),
    }),
    driftCounts: () => upstream.drift.counts(),
    async close() {},
  }
}

const straightThrough: Through = (_service, ask) => ask()

/** Two tokens, one Entra ID: it is as well as the token that is worse off. */
function worst(one: BreakerStatus, other: BreakerStatus): BreakerStatus {
  const shown = one.state === 'closed' ? other : one
  return { ...shown, openings: one.openings + other.openings }
}
