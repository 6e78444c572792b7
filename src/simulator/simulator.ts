import { randomUUID } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import { type Clock, systemClock } from '../clock.ts'
import { registerControlApi } from './control/control-api.ts'
import { createTokenIssuer } from './entra/access-token.ts'
import type { SimulatedCloud } from './exchange.ts'
import type { ScenarioInput } from './scenario/scenario.ts'
import { createHttpsServer, registerServices } from './server.ts'
import { createTenantState, type SimulatedTenant } from './state/tenant.ts'
import type { CloudName } from './state/variants.ts'
import { mintTls, type SimulatorTls } from './tls.ts'

export { type ParsedScenario, parseScenario } from './scenario/parse-scenario.ts'
export type { LoadedScenario, ScenarioInput } from './scenario/scenario.ts'
export type { AppInput, RegisteredApp } from './state/apps.ts'
export type { Device, DeviceInput, DevicePatch } from './state/devices.ts'
export type { ActiveFault, FaultInput, SimulatorHop } from './state/faults.ts'
export type { Problem } from './state/problems.ts'
export type { RecordedRequest, RequestCounts, TokenAudience } from './state/recorded-requests.ts'
export type { Move, MoveInput } from './state/scale-unit.ts'
export type { SimulatedTenant } from './state/tenant.ts'
export type { CloudName, ProviderName, Variants, VariantsInput } from './state/variants.ts'
export type { SimulatorTls } from './tls.ts'

/** How to start a simulator; everything has a default. */
export interface SimulatorOptions {
  /** Address to listen on (127.0.0.1). */
  readonly host?: string
  /** Port to listen on; 0, the default, lets the system pick. */
  readonly port?: number
  /** Host name that clients reach it by; it is in every uri the simulator hands out (`host`, or localhost for 0.0.0.0). */
  readonly publicHost?: string
  /** Judges assertions and tokens and stamps the recorded requests. Latency faults run on real time. */
  readonly clock?: Clock
  /** Tenant id (a random GUID). */
  readonly tenantId?: string
  /** The tenant's domain, which may stand for the tenant id in every path (contoso.onmicrosoft.com). */
  readonly tenantDomain?: string
  /** The Microsoft cloud that the tenant lives in (public); the variant `cloud` with this default. */
  readonly cloud?: CloudName
  /** What the tenant holds from the start (nothing). */
  readonly scenario?: ScenarioInput
  /** Own TLS identity; without it a root and a server certificate are made at start. */
  readonly tls?: SimulatorTls
  readonly logger?: FastifyBaseLogger
}

/** A running simulator. */
export interface Simulator {
  /** `https://127.0.0.1:PORT`: login host, Graph host and Intune host at once. */
  readonly origin: string
  readonly tenantId: string
  /** PEM of the root to trust. */
  readonly caCertificatePem: string
  /** The state, to be changed in process; the same over HTTP is under `/control/`. */
  readonly tenant: SimulatedTenant
  /** Stops listening and drops every connection at once, hanging ones too. */
  close(): Promise<void>
}

/**
 * Starts an HTTPS server that plays Microsoft Entra ID, Microsoft Graph (service discovery, managed devices) and Intune
 * (Compliance Retrieval, NAC 1.x) for one tenant. Rejects when the address is taken, and with a ZodError when something
 * in the scenario is wrong.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = '127.0.0.1', port = 0, clock = systemClock, tenantId = randomUUID() } = options
  const publicHost = options.publicHost ?? (host === '0.0.0.0' || host === '::' ? 'localhost' : host)
  const state = createTenantState({ ...(options.cloud !== undefined && { cloud: options.cloud }) })
  if (options.scenario !== undefined) state.tenant.applyScenario(options.scenario)
  const [tls, tokens] = await Promise.all([options.tls ?? mintTls(publicHost), createTokenIssuer(clock)])
  const closing = new AbortController()

  const app = createHttpsServer(tls, options.logger)
  const cloud: SimulatedCloud = {
    get origin() {
      const address = app.server.address()
      const boundPort = typeof address === 'object' && address !== null ? address.port : port
      return `https://${publicHost.includes(':') ? `[${publicHost}]` : publicHost}:${boundPort}`
    },
    tenantId: tenantId.toLowerCase(),
    tenantDomain: options.tenantDomain ?? 'contoso.onmicrosoft.com',
    clock,
    state,
    tokens,
  }
  registerServices(app, cloud, closing.signal)
  await app.register(async (control) => registerControlApi(control, cloud, tls.caCertificatePem), {
    prefix: '/control',
  })
  await app.listen({ host, port })

  const { origin } = cloud
  return {
    origin,
    tenantId: cloud.tenantId,
    caCertificatePem: tls.caCertificatePem,
    tenant: state.tenant,
    async close() {
      closing.abort()
      await app.close()
    },
  }
}
