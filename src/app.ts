import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { type Clock, systemClock } from './clock.ts'
import { ComplianceCache } from './compliance/compliance-cache.ts'
import type { Secrets, Settings } from './config/settings.ts'
import type { Decide } from './decision/decide.ts'
import { createDecide, type DecisionRecord } from './decision/decision-service.ts'
import { defaultPolicy } from './decision/policy.ts'
import { failure, type Outcome, success } from './errors/fault.ts'
import { frontends } from './frontends/frontends.ts'
import { loadClientCertificate } from './intune/client-certificate.ts'
import { createIntuneLookup } from './intune/intune-lookup.ts'
import { createOutbound } from './intune/outbound.ts'
import { createAuthenticator } from './server/authentication.ts'
import { type ClientList, parseClients } from './server/clients.ts'
import { createManagementServer, createServer } from './server/server.ts'
import { createDecisionLog } from './telemetry/decision-log.ts'

/** What the composition root may be given instead of the real thing. */
export interface AppOverrides {
  readonly clock?: Clock
  readonly random?: () => number
  /** Proxy variables of the environment; absent means no proxy. */
  readonly proxy?: { readonly httpsProxy?: string; readonly noProxy?: string }
  /** Called once per decision, besides the decision line. */
  readonly onDecision?: (record: DecisionRecord) => void
}

/** The running service: two listeners and what has to be closed. */
export interface App {
  readonly server: FastifyInstance
  readonly management: FastifyInstance
  /** The core without HTTP: what the command line asks. */
  readonly decide: Decide
  /** Opens both listeners; resolves with their addresses. Rejects when an address is taken. */
  listen(): Promise<{ serviceUrl: string; managementUrl: string }>
  /** Stops listening, lets answers under way finish, closes upstream connections. */
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
  const certificate = loadClientCertificate({ ...settings.intune, passphrase: secrets.privateKeyPassphrase })
  if (!certificate.ok) return certificate
  const clients = loadClients(settings.clientsFile)
  if (!clients.ok) return clients
  const outbound = createOutbound(
    {
      ...(settings.intune.caFile !== undefined && { caFile: settings.intune.caFile }),
      ...(overrides.proxy && { proxy: overrides.proxy }),
    },
    clock,
  )
  if (!outbound.ok) return outbound
  const intune = createIntuneLookup(settings.intune, certificate.value, {
    clock,
    logger: logger.child({ component: 'intune' }),
    outbound: outbound.value,
  })
  const cache = new ComplianceCache({
    lookup: intune.lookup,
    freshness: settings.freshness,
    clock,
    ...(overrides.random && { random: overrides.random }),
  })
  // Derived from the private key: secret, the same after a restart, another for every deployment.
  const hashKey = createHash('sha256')
    .update('device-id-hash')
    .update(certificate.value.privateKeyPem)
    .digest()
  const logDecision = createDecisionLog(
    logger.child({ component: 'decision' }),
    settings.log.deviceIds,
    hashKey,
  )
  const decide = createDecide({
    cache,
    policy: defaultPolicy,
    clock,
    deadlineMs: settings.decisionDeadlineMs,
    portalUrl: settings.intune.portalUrl,
    retryAfterMs: settings.freshness.noncompliantFreshMs,
    record: (record) => {
      logDecision(record)
      overrides.onDecision?.(record)
    },
  })
  const readiness = () => ({ ready: true, checks: { configuration: 'ok' } }) as const
  const authenticate = createAuthenticator({ clients: clients.value })
  const server = createServer({ logger, authenticate, decide, frontends, readiness })
  const management = createManagementServer({ logger, readiness })
  return success({
    server,
    management,
    decide,
    async listen() {
      const serviceUrl = await server.listen({ ...settings.service })
      const managementUrl = await management.listen({ ...settings.management })
      void intune.warmUp()
      return { serviceUrl, managementUrl }
    },
    async close() {
      await Promise.all([server.close(), management.close()])
      await intune.close()
      await outbound.value.close()
    },
  })
}

function loadClients(file: string | undefined): Outcome<ClientList | undefined> {
  if (file === undefined) return success(undefined)
  try {
    return parseClients(readFileSync(file, 'utf8'), file)
  } catch {
    return failure('configuration_invalid', `CLIENTS_FILE names a file that cannot be read: ${file}`, {
      field: 'CLIENTS_FILE',
    })
  }
}
