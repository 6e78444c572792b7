import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Observation, Through } from '../compliance/compliance-record.ts'
import type { IntuneSettings } from '../config/settings.ts'
import type { Fault, Outcome } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'
import { type AskDevice, createAskIfThere, createAskService, createAskWithSpare } from './ask-service.ts'
import type { ClientCertificate } from './client-certificate.ts'
import { createComplianceQuery } from './compliance-retrieval.ts'
import { createDeviceDetails, type DeviceDetailsSource } from './device-details.ts'
import type { DeviceQuery } from './device-query.ts'
import { servicesFor, type Way } from './dialect-choice.ts'
import { createServiceDirectory, type ServiceDirectory, type ServiceName } from './discovery.ts'
import { createDriftSentinel, type Drift, type DriftSentinel } from './drift.ts'
import { createTokenSource, type TokenSource } from './entra-token.ts'
import { createGraphDevices } from './graph-devices.ts'
import { createNacQuery } from './nac.ts'
import type { Outbound } from './outbound.ts'
import { createServiceProbe } from './service-probe.ts'
import { findMissingRole } from './token-role.ts'

/** How long an answer of Intune may be held up for its details, unless the composition root says otherwise. */
const DETAILS_LIMIT_MS = 500

export interface UpstreamOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly outbound: Outbound
  /** How long an answer may be held up for its details from Graph; 500 ms unless given. */
  readonly detailsLimitMs?: number
  /** Called for everything new that is met on the wire. */
  readonly onDrift?: (drift: Drift) => void
  /** Called when details could not be had from Graph; the answer of Intune stood without them. */
  readonly onDetailsFailure?: (fault: Fault) => void
  /** Called for every failure of a look-up, a refresh, the start or the list, whoever sees it. */
  readonly onFault?: (fault: Fault) => void
  /** Called when the token for Intune and its address are known to be there. */
  readonly onReady?: () => void
  /** Told about failures behind the scenes that no caller sees. */
  readonly onBackgroundFailure: (message: string, fault: Fault) => void
}

/** Asks about one device in one way, when the gate of the service in question lets it through. */
export type AskThrough = (identifier: DeviceIdentifier, through: Through) => Promise<Outcome<Observation>>

/** Everything of Microsoft's that a look-up needs. */
export interface Upstream {
  readonly intuneTokens: TokenSource
  readonly graphTokens: TokenSource
  readonly directory: ServiceDirectory
  readonly ask: Readonly<Record<Way, AskThrough>>
  readonly details: DeviceDetailsSource
  readonly drift: DriftSentinel
}

/** Joins tokens, discovery and the dialects for one tenant. Nothing is sent yet. */
export function createUpstream(
  settings: IntuneSettings,
  certificate: ClientCertificate | (() => ClientCertificate),
  { clock, logger, outbound, onBackgroundFailure, ...options }: UpstreamOptions,
): Upstream {
  const { authorityUrl, clientId, graphUrl, allowedHosts, audience, api = 'auto' } = settings
  const drift = createDriftSentinel({
    clock,
    onDrift: options.onDrift,
    onSample: (seen, sample) => logger.warn({ ...seen, sample }, 'microsoft sent something new'),
  })
  const failed = (message: string) => (fault: Fault) => onBackgroundFailure(message, fault)
  const entra = { authorityUrl, clientId, certificate, outbound, clock }
  const onRefreshFailure = failed('token refresh failed')
  const graphTokens = createTokenSource({
    ...entra,
    audience: graphUrl,
    onBackgroundFailure: onRefreshFailure,
  })
  const intuneTokens = createTokenSource({
    ...entra,
    audience,
    inspect: findMissingRole,
    onBackgroundFailure: onRefreshFailure,
  })
  const graph = { graphUrl, graphTokens, outbound, clock }
  const directory = createServiceDirectory(servicesFor(api), {
    ...graph,
    allowedHosts,
    note: drift.noteFor('discovery'),
    onBackgroundFailure: failed('service discovery failed'),
  })
  const details = createDeviceDetails({
    find: createGraphDevices({ ...graph, note: drift.noteFor('graph') }),
    clock,
    limitMs: options.detailsLimitMs ?? DETAILS_LIMIT_MS,
    onFailure(fault, isRepeated) {
      if (!isRepeated) onBackgroundFailure('no details from graph', fault)
      options.onDetailsFailure?.(fault)
    },
  })

  const intune = { intuneTokens, outbound, clock }
  const retrieval = createComplianceQuery({ ...intune, note: drift.noteFor('compliance-retrieval') })
  const nac = createNacQuery({
    ...intune,
    noteJson: drift.noteFor('nac'),
    noteXml: drift.noteFor('nac-ise-v2'),
  })
  const probes = { nac: createServiceProbe(2, intune), 'compliance-retrieval': createServiceProbe(3, intune) }
  const service = (api: 'nac' | 'compliance-retrieval', name: ServiceName, query: DeviceQuery) => {
    const discovery = directory.of(name)
    const ask = createAskService({ api, discovery, query, probe: probes[api], clock, logger })
    return { discovery, ask }
  }
  const askNac = createAskWithSpare(
    service('nac', 'NACAPIService', nac),
    service('nac', 'NACAPIServiceBackup', nac),
  )
  const askRetrieval = service('compliance-retrieval', 'ComplianceRetrievalService', retrieval).ask
  const askNacIfThere = createAskIfThere(clock)
  const ask: Record<Way, AskThrough> = {
    'compliance-retrieval': (identifier, through) =>
      through('compliance_retrieval', () => askRetrieval(identifier)),
    nac(identifier, through) {
      const askThrough: AskDevice = (asked) => through('nac', () => askNac(asked))
      // Without another way to the device, a service that is gone has to be an error.
      return api === 'nac' || identifier.kind === 'mac'
        ? askThrough(identifier)
        : askNacIfThere(identifier, askThrough)
    },
    graph: details.ask,
  }
  return { intuneTokens, graphTokens, directory, ask, details, drift }
}
