import { type Cloud, clouds } from './clouds.ts'
import { readProxy } from './proxy.ts'
import { type ConfigurationProblem, type ReadText, readEnvironment } from './read-environment.ts'
import { isMicrosoftLogin, sampleClientId, sampleTenantId } from './sample-ids.ts'
import type { IntuneSettings, ProxySettings, Secrets, ServiceTlsSettings, Settings } from './settings.ts'
import type { VariableValues } from './variables.ts'

/** The configuration, or every problem with it at once. */
export type LoadedSettings =
  | {
      readonly ok: true
      readonly settings: Settings
      readonly secrets: Secrets
      /** HTTPS_PROXY and NO_PROXY; apart from the settings, because an address may hold a password. */
      readonly proxy: ProxySettings
      readonly notices: readonly string[]
    }
  | { readonly ok: false; readonly problems: readonly ConfigurationProblem[] }

/**
 * Turns the environment into frozen settings, and secrets in an object of their own. `notices` say what was translated
 * narrowed or ignored. Nothing is read but the environment and the files that NAME_FILE variables point at.
 */
export function loadSettings(
  environment: Readonly<Record<string, string | undefined>>,
  readText: ReadText,
): LoadedSettings {
  const { values, ...read } = readEnvironment(environment, readText)
  const { proxy, ...ofProxy } = readProxy(environment)
  const problems = [...read.problems, ...ofProxy.problems]
  const notices = [...read.notices, ...ofProxy.notices]
  const intune = intuneSettings(values, problems, notices)
  const serviceHost = listenHost(values, problems, notices)
  const serviceTls = tlsSettings('SERVICE_TLS', values, problems)
  const managementTls = tlsSettings('MANAGEMENT_TLS', values, problems)
  const speaksPlainHttp = judgePlainHttp(values, serviceHost, problems, notices)
  if (values.TRACE_STORE === 'on' && values.STATE_DIR === undefined) {
    problems.push({ variable: 'TRACE_STORE', problem: 'is on, and has no place without STATE_DIR' })
  }
  if (values.MANAGEMENT_REQUIRE_CREDENTIALS === 'on' && values.CLIENTS_FILE === undefined) {
    const problem = 'is on, and nobody has credentials without CLIENTS_FILE'
    problems.push({ variable: 'MANAGEMENT_REQUIRE_CREDENTIALS', problem })
  }
  if (problems.length > 0 || !intune) return { ok: false, problems }
  // No problem was found, so every value is there.
  const all = values as VariableValues
  const settings: Settings = {
    intune,
    freshness: {
      compliantFreshMs: all.COMPLIANT_FRESH_SECONDS * 1000,
      noncompliantFreshMs: all.NONCOMPLIANT_FRESH_SECONDS * 1000,
      refreshAheadMs: all.REFRESH_AHEAD_SECONDS * 1000,
      outageHoldMs: all.OUTAGE_HOLD_SECONDS * 1000,
    },
    decisionDeadlineMs: all.DECISION_DEADLINE_MS,
    service: {
      host: serviceHost,
      port: all.SERVICE_PORT,
      ...(all.SERVICE_REUSE_PORT === 'on' && { reusePort: true }),
    },
    shutdownGraceMs: all.SHUTDOWN_GRACE_SECONDS * 1000,
    ...(serviceTls && { serviceTls }),
    ...(speaksPlainHttp && { speaksPlainHttp }),
    ...(all.SERVICE_PATH_PREFIX !== undefined && { pathPrefix: all.SERVICE_PATH_PREFIX }),
    ...(all.SERVICE_TRUSTED_PROXIES !== undefined && { trustedProxies: all.SERVICE_TRUSTED_PROXIES }),
    management: {
      host: all.MANAGEMENT_HOST,
      port: all.MANAGEMENT_PORT,
      ...(managementTls && { tls: managementTls }),
      ...(all.MANAGEMENT_ALLOWED_HOSTS !== undefined && { allowedHosts: all.MANAGEMENT_ALLOWED_HOSTS }),
      ...(all.MANAGEMENT_REQUIRE_CREDENTIALS === 'on' && { requiresCredentials: true }),
    },
    ...(all.CLIENTS_FILE !== undefined && { clientsFile: all.CLIENTS_FILE }),
    ...(all.POLICY_FILE !== undefined && { policyFile: all.POLICY_FILE }),
    ...(all.STATE_DIR !== undefined && { stateDir: all.STATE_DIR }),
    ...(all.TRACE_STORE === 'on' && { traceStore: { maxDecisions: all.TRACE_STORE_MAX_DECISIONS } }),
    log: {
      level: all.LOG_LEVEL,
      deviceIds: all.LOG_DEVICE_IDS,
      hasRequestContext: all.LOG_REQUEST_CONTEXT === 'on',
    },
    ...(all.DECISION_LOG_FILE !== undefined && {
      decisionLog: {
        file: all.DECISION_LOG_FILE,
        maxBytes: all.DECISION_LOG_MAX_BYTES,
        keepFiles: all.DECISION_LOG_KEEP_FILES,
      },
    }),
  }
  const secrets: Secrets =
    all.INTUNE_PRIVATE_KEY_PASSPHRASE === undefined
      ? {}
      : { privateKeyPassphrase: all.INTUNE_PRIVATE_KEY_PASSPHRASE }
  return { ok: true, settings: deepFreeze(settings), secrets: Object.freeze(secrets), proxy, notices }
}

/** Where the service of this environment listens. */
export type ListenerSet = Pick<Settings, 'service' | 'serviceTls' | 'management'>

/**
 * The same for the listeners alone, or every problem with what they depend on: what a command needs that asks a running
 * service, which has its other variables from elsewhere.
 */
export function loadListeners(
  environment: Readonly<Record<string, string | undefined>>,
  readText: ReadText,
):
  | { readonly ok: true; readonly listeners: ListenerSet }
  | { readonly ok: false; readonly problems: readonly ConfigurationProblem[] } {
  const { values, problems: all } = readEnvironment(environment, readText)
  const isOfListener = (name: string) => /^(SERVICE|MANAGEMENT|CLIENTS)_/.test(name)
  const problems = all.filter(
    ({ variable, problem }) =>
      isOfListener(variable) || isOfListener(/did you mean (\w+)\?$/.exec(problem)?.[1] ?? ''),
  )
  const host = listenHost(values, problems, [])
  const serviceTls = tlsSettings('SERVICE_TLS', values, problems)
  const managementTls = tlsSettings('MANAGEMENT_TLS', values, problems)
  const { SERVICE_PORT, MANAGEMENT_HOST, MANAGEMENT_PORT } = values
  if (problems.length > 0 || SERVICE_PORT === undefined) return { ok: false, problems }
  if (MANAGEMENT_HOST === undefined || MANAGEMENT_PORT === undefined) return { ok: false, problems }
  const listeners = {
    service: { host, port: SERVICE_PORT },
    ...(serviceTls && { serviceTls }),
    management: {
      host: MANAGEMENT_HOST,
      port: MANAGEMENT_PORT,
      ...(managementTls && { tls: managementTls }),
    },
  }
  return { ok: true, listeners }
}

function intuneSettings(
  values: Partial<VariableValues>,
  problems: ConfigurationProblem[],
  notices: string[],
): IntuneSettings | undefined {
  const cloud: Cloud = clouds[values.INTUNE_CLOUD ?? 'public']
  const issuer = values.INTUNE_TOKEN_ISSUING_URL
  const discovery = values.INTUNE_AUTO_DISCOVERY_URL
  const audienceField = values.INTUNE_TOKEN_AUDIENCE
  for (const field of [issuer, discovery, audienceField]) if (field?.notice) notices.push(field.notice)
  const tenant = issuer?.value.tenant ?? values.INTUNE_TENANT_ID
  const missing = (variable: string) => !problems.some((problem) => problem.variable.startsWith(variable))
  if (tenant === undefined && missing('INTUNE_TENANT_ID') && missing('INTUNE_TOKEN_ISSUING_URL')) {
    problems.push({
      variable: 'INTUNE_TENANT_ID',
      problem: 'is required, unless INTUNE_TOKEN_ISSUING_URL names the tenant',
    })
  }
  if (issuer && values.INTUNE_TENANT_ID !== undefined && values.INTUNE_TENANT_ID !== issuer.value.tenant) {
    notices.push(
      `INTUNE_TOKEN_ISSUING_URL names the tenant ${issuer.value.tenant}; INTUNE_TENANT_ID is not used`,
    )
  }
  refuseSamples(values, issuer?.value.loginUrl ?? cloud.loginUrl, tenant, problems)
  const audience = audienceField?.value ?? cloud.audience
  const allowedHosts = values.INTUNE_ALLOWED_HOSTS ?? cloud.allowedHosts
  for (const [variable, value] of [
    ['INTUNE_TOKEN_AUDIENCE', audience],
    ['INTUNE_ALLOWED_HOSTS', allowedHosts],
  ] as const) {
    if (value === undefined && missing(variable)) {
      problems.push({
        variable,
        problem: `is required: Microsoft publishes no value for the cloud ${values.INTUNE_CLOUD}`,
      })
    }
  }
  const { INTUNE_CLIENT_ID, INTUNE_CERTIFICATE_FILE, INTUNE_PRIVATE_KEY_FILE, INTUNE_CA_FILE } = values
  if (!tenant || !audience || !allowedHosts) return undefined
  if (!INTUNE_CLIENT_ID || !INTUNE_CERTIFICATE_FILE || !INTUNE_PRIVATE_KEY_FILE) return undefined
  return {
    clientId: INTUNE_CLIENT_ID,
    authorityUrl: `${issuer?.value.loginUrl ?? cloud.loginUrl}/${tenant}`,
    graphUrl: discovery?.value ?? cloud.graphUrl,
    audience,
    allowedHosts,
    certificateFile: INTUNE_CERTIFICATE_FILE,
    privateKeyFile: INTUNE_PRIVATE_KEY_FILE,
    ...(INTUNE_CA_FILE !== undefined && { caFile: INTUNE_CA_FILE }),
    portalUrl: cloud.portalUrl,
    ...(values.INTUNE_API !== undefined && { api: values.INTUNE_API }),
    graphDetails: values.INTUNE_GRAPH_DETAILS === 'on',
  }
}

/**
 * The ids of the examples are those of the simulator: at Microsoft they name nobody, and whoever has copied them would
 * look for the mistake in Entra ID.
 */
function refuseSamples(
  { INTUNE_CLIENT_ID, INTUNE_TOKEN_ISSUING_URL }: Partial<VariableValues>,
  loginUrl: string,
  tenant: string | undefined,
  problems: ConfigurationProblem[],
): void {
  if (!isMicrosoftLogin(loginUrl)) return
  const exists = 'of the examples, which exists in the simulator alone; write that of your own'
  if (tenant === sampleTenantId) {
    problems.push({
      variable: INTUNE_TOKEN_ISSUING_URL ? 'INTUNE_TOKEN_ISSUING_URL' : 'INTUNE_TENANT_ID',
      problem: `names the tenant ${exists} tenant (Entra admin center, Overview: Tenant ID)`,
    })
  }
  if (INTUNE_CLIENT_ID === sampleClientId) {
    problems.push({
      variable: 'INTUNE_CLIENT_ID',
      problem: `is the app registration ${exists} app (Entra admin center, App registrations: Application (client) ID)`,
    })
  }
}

/** Without a clients file everybody who can connect is let in, so nobody but this machine may be able to connect. */
function listenHost(
  values: Partial<VariableValues>,
  problems: ConfigurationProblem[],
  notices: string[],
): string {
  const host = values.SERVICE_HOST
  if (values.CLIENTS_FILE !== undefined) return host ?? '0.0.0.0'
  if (host !== undefined && !isLoopbackHost(host)) {
    problems.push({
      variable: 'SERVICE_HOST',
      problem: `is ${host}, but without CLIENTS_FILE the service may only listen on loopback; set CLIENTS_FILE or use 127.0.0.1`,
    })
  }
  notices.push('CLIENTS_FILE is not set: the service listens on loopback only and answers every local caller')
  return host ?? '127.0.0.1'
}

function tlsSettings(
  listener: 'SERVICE_TLS' | 'MANAGEMENT_TLS',
  values: Partial<VariableValues>,
  problems: ConfigurationProblem[],
): ServiceTlsSettings | undefined {
  const certificateFile = values[`${listener}_CERTIFICATE_FILE`]
  const privateKeyFile = values[`${listener}_PRIVATE_KEY_FILE`]
  const clientCaFile = values[`${listener}_CLIENT_CA_FILE`]
  const given = [certificateFile, privateKeyFile, clientCaFile].some((file) => file !== undefined)
  const missing = (variable: string) => {
    problems.push({ variable, problem: `is required as soon as another ${listener}_* variable is set` })
  }
  if (given && certificateFile === undefined) missing(`${listener}_CERTIFICATE_FILE`)
  if (given && privateKeyFile === undefined) missing(`${listener}_PRIVATE_KEY_FILE`)
  if (certificateFile === undefined || privateKeyFile === undefined) return undefined
  return { certificateFile, privateKeyFile, ...(clientCaFile !== undefined && { clientCaFile }) }
}

/**
 * Whether credentials may come in unencrypted from other machines: only where the operator has said that something ends
 * TLS in front. Nobody else can know that, and a service that is asked without TLS by mistake looks like one that works.
 */
function judgePlainHttp(
  values: Partial<VariableValues>,
  host: string,
  problems: ConfigurationProblem[],
  notices: string[],
): true | undefined {
  const isOn = values.SERVICE_PLAIN_HTTP === 'on'
  const { SERVICE_TLS_CERTIFICATE_FILE, SERVICE_TLS_PRIVATE_KEY_FILE, SERVICE_TLS_CLIENT_CA_FILE } = values
  // One of them alone is a problem of its own.
  const isTls =
    (SERVICE_TLS_CERTIFICATE_FILE ?? SERVICE_TLS_PRIVATE_KEY_FILE ?? SERVICE_TLS_CLIENT_CA_FILE) !== undefined
  // Without a clients file the host alone is the problem.
  const isLocal = isLoopbackHost(host) || values.CLIENTS_FILE === undefined
  if (isTls || isLocal) {
    if (isOn && isTls)
      notices.push('SERVICE_PLAIN_HTTP is on and counts for nothing: with SERVICE_TLS_* it is HTTPS')
    return undefined
  }
  if (!isOn) {
    const problem = `is not set, and on ${host} the service would speak plain HTTP, with passwords and tokens readable on the way; set it and SERVICE_TLS_PRIVATE_KEY_FILE, or SERVICE_HOST=127.0.0.1, or, where something in front ends TLS, SERVICE_PLAIN_HTTP=on`
    problems.push({ variable: 'SERVICE_TLS_CERTIFICATE_FILE', problem })
    return undefined
  }
  notices.push(
    `SERVICE_PLAIN_HTTP is on: the service listens on ${host} in plain HTTP; what stands in front of it has to end TLS, and nobody else may reach it`,
  )
  return true
}

function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part)
  return Object.freeze(value)
}
