import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { openOperatorFiles, type WayOut } from './app-files.ts'
import {
  logBackgroundFailure,
  logCertificateValidity,
  logClaimNotice,
  logClockChange,
  logFileNotice,
  logTlsReload,
} from './app-log.ts'
import { fileReload, listReload, noteCertificateReloads } from './app-reloads.ts'
import { openStoredState } from './app-state.ts'
import { inBackground, onBackgroundFailure, repeatInBackground } from './background.ts'
import { type Clock, systemClock } from './clock.ts'
import { type Compliance, createCompliance } from './compliance/compliance.ts'
import type { ListenerSettings, Secrets, Settings } from './config/settings.ts'
import type { Decide } from './decision/decide.ts'
import { createDecide, type DecisionRecord } from './decision/decision-service.ts'
import { createNoncompliantDevices } from './decision/noncompliant-devices.ts'
import type { OperatorAction } from './decision/operator-action.ts'
import { type Fault, type Outcome, success } from './errors/fault.ts'
import { frontends } from './frontends/frontends.ts'
import { createHealth } from './health/health.ts'
import { createDeviceMask } from './identity/mask-device.ts'
import type { Drift, DriftCount } from './intune/drift.ts'
import { followCertificate } from './intune/follow-certificate.ts'
import { createIntuneLookup } from './intune/intune-lookup.ts'
import type { CertificateEvent, CertificateStatus } from './intune/rotating-certificate.ts'
import { ServerTime, withServerTime } from './intune/server-time.ts'
import { createClaims } from './lifecycle/claims.ts'
import { createDeparture } from './lifecycle/departure.ts'
import { createNetworks } from './networks/networks.ts'
import type { SitePolicy } from './policy/site-policy.ts'
import { productVersion } from './product-version.ts'
import { createHostCheck } from './server/asked-locally.ts'
import { createHttpsServers, type HttpsServers } from './server/https-server.ts'
import { registerManagementRoutes } from './server/management.ts'
import type { Status } from './server/management-schema.ts'
import { watchOverload } from './server/overload.ts'
import { createManagementServer, createServer } from './server/server.ts'
import { type TlsFiles, type TlsMaterial, type TlsVariables, watchTls } from './server/tls.ts'
import type { ComplianceState } from './state/compliance-state.ts'
import { DecisionLog } from './telemetry/decision-log.ts'
import { DecisionLogFile } from './telemetry/decision-log-file.ts'
import { lineOutput } from './telemetry/logger.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { observeRequests, observeUpstream } from './telemetry/observe-exchanges.ts'
import { presentDevice, stateLetters } from './telemetry/present-devices.ts'
import { presentStatus, watchCompliance } from './telemetry/watch-compliance.ts'
import { watchContext } from './telemetry/watch-context.ts'
import { DecisionTraces } from './trace/decision-traces.ts'
import type { TraceStore } from './trace/trace-store.ts'

/** A deleted lock keeps nobody out for longer. */
const claimsCheckIntervalMs = 2000

/** A certificate is said to expire for two weeks before it does. */
const validityCheckIntervalMs = 60_000

/** What the composition root may be given instead of the real thing. */
export interface AppOverrides extends WayOut {
  readonly clock?: Clock
  readonly random?: () => number
  /** Called once per decision, besides the decision line. */
  readonly onDecision?: (record: DecisionRecord) => void
  /** Called when the certificate files changed, were refused, or a new certificate came into use. */
  readonly onCertificate?: (event: CertificateEvent) => void
  /** Called for everything new that is met in Microsoft's replies. */
  readonly onDrift?: (drift: Drift) => void
  /** Called when Graph gave no details for an answer of Intune, which then stood without them. */
  readonly onDetailsFailure?: (fault: Fault) => void
}

/** The running service: two listeners and what has to be closed. */
export interface App {
  readonly server: FastifyInstance
  readonly management: FastifyInstance
  /** The core without HTTP: what the command line asks. */
  readonly decide: Decide
  /** What is known about devices, and the way to Intune. */
  readonly compliance: Compliance
  /** The certificate in use, the one that waits for Entra ID, and why the last one was refused. */
  readonly certificateStatus: () => CertificateStatus
  /** What was new about Microsoft's replies since the start. */
  readonly driftCounts: () => readonly DriftCount[]
  /** The policy in force, with its status and the way to each verdict. */
  readonly policy: SitePolicy
  /**
   * Starts, in this order: the locks on shared files, the decision log, what is known from before, the service listener,
   * the management listener, the way to Microsoft. Resolves with the addresses; rejects with StartRefused or with the
   * error of the listener or file.
   */
  listen(): Promise<{ serviceUrl: string; managementUrl: string }>
  /** /readyz says 503 for the grace of the settings, then callers are asked to go elsewhere; all are answered. */
  announceStop(): Promise<void>
  /** Stops listening, lets answers under way finish, writes state and decision log, closes upstream connections. */
  close(): Promise<void>
}

/**
 * The composition root: joins every part, and is the only place that knows all of them.
 * Faults are those of the operator's files: certificate, key, extra trust roots, clients file.
 */
export function buildApp(
  { settings, secrets }: { settings: Settings; secrets: Secrets },
  logger: Logger,
  overrides: AppOverrides = {},
): Outcome<App> {
  const clock = overrides.clock ?? systemClock
  const version = productVersion()
  const files = openOperatorFiles(
    { settings, secrets },
    {
      clock,
      logger,
      onReload(file, isTaken, list) {
        const code = isTaken ? undefined : 'configuration_invalid'
        onAction(list === undefined ? fileReload(file, code) : listReload(list, code))
      },
      ...overrides,
    },
  )
  if (!files.ok) return files
  const { certificate, tls, managementTls, authenticate, clients, policy, outbound } = files.value
  const https = tls && createHttpsServers(tls)
  const managementHttps = managementTls && createHttpsServers(managementTls)
  const serverTime = new ServerTime({
    clock,
    onChange: logClockChange(logger),
    onContradiction: () => metrics.clockContradicted(),
  })
  const overload = watchOverload(clock, {
    onChange: (overloaded) => {
      const text = overloaded ? 'overloaded: new requests are refused' : 'no longer overloaded'
      logger.warn({ event: overloaded ? 'overload_began' : 'overload_ended' }, text)
    },
  })
  const reloadOfCertificate = noteCertificateReloads()
  let state: ComplianceState | undefined
  const served = { notAfterMs: tls?.notAfterMs, refused: new Set<TlsVariables>() }
  let traceStore: TraceStore | undefined
  const metrics = createMetrics({
    cacheEntries: () => compliance.counts(),
    upstream: () => upstreamServices(),
    guard: () => compliance.guard(),
    list: () => compliance.currentList(),
    runway: () => compliance.runway(),
    state: () => state?.status(),
    traces: () => traceStore?.status(),
    isOverloaded: overload.isOverloaded,
    certificateExpiresAtMs: () => rotation.status().inUse.notAfterMs,
    tokenExpiresAtMs: () => intune.tokenExpiries(),
    serviceCertificateExpiresAtMs: () => served.notAfterMs,
    refusedFiles: () => ({
      clients: clients?.problem() !== undefined,
      policy: policy.status().state === 'refused',
      service_tls: served.refused.size > 0,
      client_certificate: isRefused(rotation.status()),
    }),
    decisionLogFile: () => decisionLog.fileStatus(),
    clockAheadMs: () => serverTime.measuredMs(),
    isReady: () => readiness().ready,
    version,
    clock,
  })
  const stopListening = onBackgroundFailure((failure) => {
    logBackgroundFailure(logger, failure)
    metrics.backgroundFailed(failure.task)
  })
  const departure = createDeparture(clock)
  const health = createHealth(
    {
      isStopping: departure.isStopping,
      certificate: () => rotation.status(),
      breakers: () => {
        const { entra, discovery, compliance_retrieval, nac, graph } = upstreamServices()
        return {
          entra: entra.breaker,
          discovery: discovery.breaker,
          compliance_retrieval: compliance_retrieval.breaker,
          nac: nac.breaker,
          graph: graph.breaker,
        }
      },
      state: () => state?.status(),
      clockProblem: () => serverTime.problem(),
      traces: () => traceStore?.status(),
      decisionLog: () => decisionLog.fileStatus(),
      clientsProblem: () => clients?.problem(),
      policyProblem: () => policy.status().problem,
      isOverloaded: overload.isOverloaded,
      tls: { service: tls, management: managementTls },
      speaksPlainHttp: settings.speaksPlainHttp === true,
    },
    clock,
  )
  const upstream = {
    clock,
    logger: logger.child({ component: 'intune' }),
    outbound: observeUpstream(withServerTime(outbound, serverTime, clock), {
      upstreamRequest(operation, result, seconds) {
        metrics.upstreamRequest(operation, result, seconds)
        health.noteExchange(operation, result)
      },
    }),
  }
  const rotation = followCertificate(settings.intune, certificate, {
    ...upstream,
    passphrase: secrets.privateKeyPassphrase,
    onEvent(event) {
      const reload = reloadOfCertificate(event)
      if (reload) onAction(reload)
      overrides.onCertificate?.(event)
    },
  })
  const intune = createIntuneLookup(settings.intune, () => rotation.current(), {
    ...upstream,
    // The answer of Intune has to be out in time, with details or without.
    detailsLimitMs: settings.decisionDeadlineMs / 2,
    onDrift(drift) {
      metrics.drift(drift)
      overrides.onDrift?.(drift)
    },
    onFault: (fault) => health.noteFault(fault),
    onReady: () => health.noteReady(),
    onDetailsFailure(fault) {
      metrics.detailsFailed()
      overrides.onDetailsFailure?.(fault)
    },
  })
  const compliance: Compliance = createCompliance({
    lookup: intune.lookup,
    freshness: settings.freshness,
    deadlineMs: settings.decisionDeadlineMs,
    clock,
    witness: serverTime,
    ...(overrides.random && { random: overrides.random }),
    events: watchCompliance(logger.child({ component: 'compliance' }), metrics),
    onRecordChange: (key) => state?.noteChange(key),
    onRecordsClear: () => state?.noteClear(),
    onClockSet: () => state?.noteAll(),
    onOutdated: (observedBeforeMs) => state?.prune(observedBeforeMs),
    recall: (key) => state?.recall(key),
  })
  const upstreamServices = () => {
    const { entra, discovery } = intune.prerequisites()
    return { entra: { breaker: entra }, discovery: { breaker: discovery }, ...compliance.upstream() }
  }
  // Derived from the private key: secret, the same after a restart, another for every deployment.
  const hashKey = createHash('sha256').update('device-id-hash').update(certificate.privateKeyPem).digest()
  const mask = createDeviceMask(settings.log.deviceIds, hashKey)
  const decisionLog = new DecisionLog({
    mask,
    clock,
    hasRequestContext: settings.log.hasRequestContext,
    out: lineOutput(logger),
  })
  const onAction = (action: OperatorAction) => decisionLog.writeAction(action)
  const traces = new DecisionTraces({ clock, mask, policyInForce: () => policy.inForce() })
  const noteContext = watchContext({ policy, metrics, logger })
  const decide = createDecide({
    cache: compliance.cache,
    admitRefresh: compliance.admitRefresh,
    policy,
    clock,
    deadlineMs: settings.decisionDeadlineMs,
    portalUrl: settings.intune.portalUrl,
    retryAfterMs: settings.freshness.noncompliantFreshMs,
    record: (record) => {
      decisionLog.write(record)
      traces.keep(record)
      metrics.decision(record)
      noteContext(record)
      overrides.onDecision?.(record)
    },
  })
  const claims = createClaims({
    service: settings.service,
    stateDir: settings.stateDir,
    decisionLogFile: settings.decisionLog?.file,
    clock,
    onNotice(notice) {
      logClaimNotice(logger)(notice)
      const { kind } = notice
      if (kind === 'lock_taken_again' || kind === 'decision_log_taken') metrics.fileReplaced('lock')
    },
  })
  const readiness = () => health.report()
  const noteValidity = logCertificateValidity(readiness, logger)
  const mdmServer = {
    redirectUrl: settings.intune.portalUrl,
    pathPrefix: settings.pathPrefix ?? '',
    productVersion: version,
    noncompliantDevices: createNoncompliantDevices({
      readSnapshot: compliance.readNoncompliantSnapshot,
      policy,
      nowMs: () => clock.nowMs(),
    }),
  }
  const server = createServer({
    logger,
    authenticate,
    decide,
    frontends,
    readiness,
    findDecision: (client, decisionId) => traces.findFor(client, decisionId),
    mdmServer,
    isOverloaded: overload.isOverloaded,
    onConnectionDropped: () => metrics.connectionDropped(),
    onRefused: (frontend, code) => metrics.refused(frontend, code),
    onAction,
    ...(settings.trustedProxies && { trustedProxies: createNetworks(settings.trustedProxies) }),
    ...(https && { https }),
  })
  observeRequests(server, frontends, metrics)
  departure.follow(server)
  const { management: listener } = settings
  const followTls = (
    variables: TlsVariables,
    files?: TlsFiles,
    loaded?: TlsMaterial,
    servers?: HttpsServers,
  ) =>
    files && loaded && servers
      ? watchTls({
          files,
          variables,
          loaded,
          clock,
          setSecureContext: (context) => servers.setSecureContext(context),
          onReload(reload) {
            health.noteTls(variables === 'SERVICE_TLS' ? 'service' : 'management', reload)
            noteValidity()
            if (reload.reloaded) served.refused.delete(variables)
            else served.refused.add(variables)
            if (reload.reloaded && variables === 'SERVICE_TLS') served.notAfterMs = reload.notAfterMs
            logTlsReload(variables, reload, logger)
            const code = reload.reloaded ? undefined : reload.fault.code
            onAction(fileReload(`${variables}_CERTIFICATE_FILE`, code))
          },
        })
      : () => {}
  const stopWatchingTls = followTls('SERVICE_TLS', settings.serviceTls, tls, https)
  const stopWatchingManagementTls = followTls('MANAGEMENT_TLS', listener.tls, managementTls, managementHttps)
  const management = createManagementServer({
    logger,
    readiness,
    ...(managementHttps && { https: managementHttps }),
    isServedHost: createHostCheck(listener.host, listener.allowedHosts ?? []),
    onRefused: (door, code) => metrics.refused(door, code),
    onAction,
  })
  departure.follow(management)
  registerManagementRoutes(management, {
    exposeMetrics: () => metrics.expose(),
    status: () =>
      ({
        version,
        ...presentStatus(compliance, upstreamServices(), state),
        traces: traceStore?.status() ?? null,
        decisionLog: decisionLog.head(),
      }) satisfies Status,
    traces,
    async listDevices({ states, after, limit }) {
      const letters = states && new Set(states.map((state) => stateLetters[state]))
      const { records, next } = await compliance.records.page({ states: letters, after, limit })
      const nowMs = clock.nowMs()
      const devices = records.map((listed) => presentDevice(listed, nowMs, mask))
      return { devices, next: next === undefined ? null : String(next) }
    },
    clock,
    acceptHeld: async () => ({ ...(await compliance.acceptHeld()) }),
    rejectHeld: () => ({ ...compliance.rejectHeld() }),
    async purge(kind, value) {
      const purged = compliance.purge(kind, value)
      return purged === undefined ? undefined : Number(purged) + (await compliance.purgeNamed(kind, value))
    },
    purgeAll: () => compliance.purgeAll(),
    authenticate,
    requiresCredentials: listener.requiresCredentials ?? false,
    onRefused: (door, code) => metrics.refused(door, code),
  })
  const running: (() => void)[] = []
  return success({
    server,
    management,
    decide,
    compliance,
    certificateStatus: () => rotation.status(),
    driftCounts: intune.driftCounts,
    policy,
    async listen() {
      noteValidity()
      running.push(
        repeatInBackground('service_tls', clock, validityCheckIntervalMs, async () => noteValidity()),
      )
      await claims.take()
      running.push(repeatInBackground('file_watch', clock, claimsCheckIntervalMs, () => claims.check()))
      decisionLog.start(
        settings.decisionLog &&
          new DecisionLogFile(settings.decisionLog, {
            clock,
            onNotice(notice) {
              logFileNotice(logger)(notice)
              if (notice.kind === 'replaced') metrics.fileReplaced('decision_log')
            },
            takenBy: () => claims.decisionLogTakenBy(),
          }),
      )
      if (settings.stateDir !== undefined) {
        const parts = { compliance, traces, intune, mask, clock, witness: serverTime, logger, metrics }
        const stored = openStoredState(settings.stateDir, settings, parts)
        // Before anything is loaded: what is asked meanwhile is looked for in the file.
        state = stored.state
        traceStore = stored.traceStore
        running.push(await stored.load())
      }
      running.push(compliance.keepTidy())
      // Fastify does not see the certificates: it would say http.
      const open = async (listener: FastifyInstance, address: ListenerSettings, isSecure: boolean) => {
        const withScheme = (url: string) => (isSecure ? url.replace(/^http:/, 'https:') : url)
        const listenTextResolver = (url: string) => `listening at ${withScheme(url)}`
        return listener.listen({ ...address, listenTextResolver }).then(withScheme, (error: unknown) => {
          throw claims.explain(error)
        })
      }
      const serviceUrl = await open(server, settings.service, https !== undefined)
      const managementUrl = await open(management, listener, managementHttps !== undefined)
      inBackground('warm_up', () => intune.warmUp())
      rotation.watch()
      return { serviceUrl, managementUrl }
    },
    announceStop: () => departure.announce(settings.shutdownGraceMs),
    async close() {
      stopWatchingTls()
      stopWatchingManagementTls()
      for (const stop of running) stop()
      const { connectionsCut } = await departure.closeServers()
      if (connectionsCut > 0) {
        logger.warn({ event: 'connections_cut', connections: connectionsCut }, 'requests took too long')
      }
      // Side by side: a disk that hangs under one of them must not cost the other.
      await Promise.all([decisionLog.close(), state?.close(), traceStore?.close()])
      claims.release()
      overload.close()
      policy.close()
      clients?.close()
      rotation.close()
      await intune.close()
      await outbound.close()
      stopListening()
    },
  })
}

/** Whether the certificate on disk is another one than the one in use. */
function isRefused({ filesFault, trialFault }: CertificateStatus): boolean {
  return filesFault !== undefined || trialFault !== undefined
}
