import { pino } from 'pino'
import { type Clock, systemClock } from '../clock.ts'
import type { IntuneSettings, ProxySettings } from '../config/settings.ts'
import { faultCatalogue } from '../errors/catalogue.ts'
import { type Fault, failure } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'
import type { ClientCertificate } from '../intune/client-certificate.ts'
import { servicesFor } from '../intune/dialect-choice.ts'
import { createIntuneLookup } from '../intune/intune-lookup.ts'
import { createOutbound, type Outbound } from '../intune/outbound.ts'
import { findMissingRole } from '../intune/token-role.ts'
import { loadTrust } from '../intune/trust-roots.ts'
import { checkCertificate } from './check-certificate.ts'
import { checkClock } from './check-clock.ts'
import { checkDiscovery, checkProviders } from './check-discovery.ts'
import { checkQuery } from './check-query.ts'
import { checkGraphToken, checkToken } from './check-token.ts'
import { type ProbedRoute, probeHost } from './probe-host.ts'
import { createStepRunner, type Finding, type StepName, type StepReport, stepTitles } from './step-runner.ts'

export interface DiagnoseOptions {
  readonly settings: IntuneSettings
  readonly passphrase?: string | undefined
  /** What was translated while the settings were read. */
  readonly notices?: readonly string[]
  readonly proxy?: ProxySettings
  /** What is wrong with the files that have nothing to do with Microsoft; absent: they are not looked at. */
  readonly checkServiceFiles?: () => readonly Fault[]
  /** What is odd about them; only asked where nothing is wrong. */
  readonly findServiceWarnings?: () => readonly string[]
  /** Whom to ask about, best rank first; empty for a made-up device. */
  readonly identifiers?: readonly DeviceIdentifier[]
  readonly clock?: Clock
  /** No step takes longer (12 s). */
  readonly stepLimitMs?: number
  /** A step that takes longer is a warning (3 s). */
  readonly slowMs?: number
}

/** Every step with what was found; the first that failed comes with its remedy. */
export interface Diagnosis {
  readonly ok: boolean
  readonly steps: readonly StepReport[]
  readonly firstFailure?: StepReport
}

/**
 * Walks the whole connection with the service's own code, one step at a time, against the configured cloud. Never
 * rejects; what it reports holds nothing secret. Takes at most `stepLimitMs` a step.
 */
export async function diagnoseConnection(options: DiagnoseOptions): Promise<Diagnosis> {
  const { settings, clock = systemClock, stepLimitMs = 12_000, slowMs = 3000 } = options
  const runner = createStepRunner(clock, { stepLimitMs, slowMs })
  const limits = { clock, limitMs: Math.min(3000, stepLimitMs * 0.8) }
  const { step } = runner

  const way = await step('configuration', {}, async () => checkWay(options, clock))
  const certificate = await step('certificate', {}, async () =>
    checkCertificate({ ...settings, passphrase: options.passphrase }, clock.nowMs()),
  )
  const { checkServiceFiles, findServiceWarnings = () => [] } = options
  if (checkServiceFiles) {
    await step('service_files', {}, async () => judgeFiles(checkServiceFiles(), findServiceWarnings))
  }
  const loginHost = await step('login_host', { way }, ({ way: { route } }) =>
    checkHosts([settings.authorityUrl], (url) => probeHost(url, 'token', route, limits)),
  )
  // A certificate that is not valid by this clock says more about the clock than about the host.
  const isDated = runner.reports.at(-1)?.fault?.code === 'tls_certificate_date'
  const time = await step('clock', isDated ? { way } : { way, loginHost }, ({ way: { outbound } }) =>
    checkClock(settings.authorityUrl, outbound, limits),
  )
  const graphHost = await step('graph_host', { way }, ({ way: { route } }) =>
    checkHosts([settings.graphUrl], (url) => probeHost(url, 'discovery', route, limits)),
  )
  const tokenOf = (values: { readonly way: Way; readonly certificate: ClientCertificate }) => ({
    authorityUrl: settings.authorityUrl,
    clientId: settings.clientId,
    certificate: values.certificate,
    outbound: values.way.outbound,
    clock,
  })
  const graphToken = await step('graph_token', { way, certificate, loginHost, time }, (values) =>
    checkGraphToken({ ...tokenOf(values), audience: settings.graphUrl }, settings.graphDetails ?? false),
  )
  const discovered = await step(
    'discovery',
    { way, graphHost, graphToken },
    ({ way: { outbound }, graphToken: graphTokens }) =>
      checkDiscovery({
        graphUrl: settings.graphUrl,
        allowedHosts: settings.allowedHosts,
        graphTokens,
        outbound,
        clock,
      }),
  )
  const providers = await step('providers', { discovered }, async (values) =>
    checkProviders(values.discovered, servicesFor(settings.api ?? 'auto')),
  )
  const intuneHost = await step('intune_host', { way, providers }, ({ way: { route }, providers: origins }) =>
    checkHosts(origins, (url) => probeHost(url, 'query', route, limits)),
  )
  const intuneToken = await step('intune_token', { graphToken, way, certificate }, (values) =>
    checkToken({ ...tokenOf(values), audience: settings.audience, inspect: findMissingRole }),
  )
  await step('query', { way, certificate, intuneHost, intuneToken }, (values) => {
    const logger = pino({ level: 'silent' })
    const { outbound } = values.way
    const intune = createIntuneLookup(settings, values.certificate, { clock, logger, outbound })
    return checkQuery(intune, options.identifiers ?? [])
  })
  if (way.passed) await way.value.outbound.close()

  const firstFailure = runner.reports.find((report) => report.result === 'fail')
  return { ok: firstFailure === undefined, steps: runner.reports, ...(firstFailure && { firstFailure }) }
}

/** The diagnosis where the settings are wrong, so that no step can be taken; `problems` are sentences. */
export function diagnoseNothing(problems: readonly string[]): Diagnosis {
  const { fault } = failure('configuration_invalid', problems.join('; '))
  const [first, ...others] = Object.entries(stepTitles) as [StepName, string][]
  const [step, title] = first ?? ['configuration', '']
  const { remedy } = faultCatalogue[fault.code]
  const failed = { step, title, result: 'fail', detail: fault.message, durationMs: 0, remedy, fault } as const
  const detail = `needs "${title}", which failed`
  const skipped = others.map(
    ([name, heading]) => ({ step: name, title: heading, result: 'skipped', detail, durationMs: 0 }) as const,
  )
  return { ok: false, steps: [failed, ...skipped], firstFailure: failed }
}

/** The way out, for requests and for probes. */
interface Way {
  readonly outbound: Outbound
  readonly route: ProbedRoute
}

/** Trust roots and proxy. Fault: `configuration_invalid`. */
function checkWay({ settings, proxy = {}, notices = [] }: DiagnoseOptions, clock: Clock): Finding<Way> {
  const { caFile } = settings
  const outbound = createOutbound({ ...(caFile !== undefined && { caFile }), proxy }, clock)
  if (!outbound.ok) return { result: 'fail', fault: outbound.fault }
  const trust = loadTrust(caFile)
  if (!trust.ok) return { result: 'fail', fault: trust.fault }
  const { httpsProxy = '', noProxy = '' } = proxy
  const proxyHost = httpsProxy === '' ? undefined : new URL(httpsProxy).host
  const route = { trust: trust.value, httpsProxy, noProxy, ...(proxyHost !== undefined && { proxyHost }) }
  const value = { outbound: outbound.value, route }
  const detail = [
    caFile === undefined ? 'system trust store' : `system trust store and ${caFile}`,
    proxyHost === undefined ? 'no proxy' : `proxy ${proxyHost}`,
  ].join(', ')
  const translated = notices.filter((notice) => notice.startsWith('INTUNE_'))
  if (translated.length === 0) return { result: 'ok', detail, value }
  const remedy =
    'Write the variable in its current form; docs/entra-setup.md maps every field of the 2018 guide.'
  return { result: 'warn', detail: `${detail}; ${translated.join('; ')}`, value, remedy }
}

/** The first fault is the one that is told; the others are in its sentence. */
function judgeFiles(
  [first, ...others]: readonly Fault[],
  findWarnings: () => readonly string[],
): Finding<void> {
  if (first === undefined) {
    const warnings = findWarnings()
    if (warnings.length === 0) return { result: 'ok', detail: 'every file can be used', value: undefined }
    const remedy =
      'Change POLICY_FILE as the warning says; docs/policy.md and docs/freeradius.md describe it. Clients that do not use RADIUS: leave radius out of their frontends in CLIENTS_FILE.'
    return { result: 'warn', detail: warnings.join('; '), value: undefined, remedy }
  }
  const message = [first, ...others].map((fault) => fault.message).join('; ')
  return { result: 'fail', fault: { ...first, message } }
}

/** Every host has to pass; the preferred one comes first and is the one whose fault is told. */
async function checkHosts(
  urls: readonly string[],
  probe: (url: string) => ReturnType<typeof probeHost>,
): Promise<Finding<void>> {
  const details: string[] = []
  for (const url of urls) {
    const probed = await probe(url)
    if (!probed.ok) return { result: 'fail', fault: probed.fault }
    const { host, protocol, issuer } = probed.value
    details.push(`${host}: ${protocol}, issued by ${issuer}`)
  }
  return { result: 'ok', detail: details.join('; '), value: undefined }
}
