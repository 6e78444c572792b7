import type { Clock } from '../clock.ts'
import { type FaultCode, faultCatalogue } from '../errors/catalogue.ts'

/** What one check says. Only `failing` makes the service not ready; `degraded` is for somebody to mend. */
export interface Condition {
  readonly status: 'ok' | 'degraded' | 'failing'
  /** Where it is known better than from the first look that saw it, milliseconds since the epoch. */
  readonly sinceMs?: number | undefined
  /** One sentence, without a secret. */
  readonly what?: string
  readonly remedy?: string
}

/** One check as an operator reads it; `since` is ISO 8601. */
export interface CheckReport extends Omit<Condition, 'sinceMs'> {
  readonly since: string
}

/** Whether decisions can be made now, and what there is to be said about each part. */
export interface HealthReport {
  readonly ready: boolean
  readonly checks: Readonly<Record<string, CheckReport>>
}

interface KnownFault {
  readonly code: FaultCode
  readonly message: string
}

/** Where the checks look, at the moment of a probe. Undefined is nothing wrong, or nothing configured. */
export interface HealthSources {
  readonly isStopping: () => boolean
  readonly certificate: () => {
    readonly inUse: { readonly notBeforeMs: number; readonly notAfterMs: number }
    readonly filesFault?: KnownFault
    readonly trialFault?: KnownFault
  }
  /** By the names of the services of Microsoft. */
  readonly breakers: () => Readonly<
    Record<
      keyof typeof services,
      {
        readonly state: 'closed' | 'open' | 'half_open'
        readonly cause?: 'failures' | 'retry_after'
        readonly openSinceMs?: number
      }
    >
  >
  readonly state: () =>
    | {
        readonly mode: 'opening' | 'read_write' | 'read_only' | 'memory_only'
        readonly writeLagMs: number
      }
    | undefined
  /** What is known to be wrong with the clock of this machine. */
  readonly clockProblem: () => string | undefined
  readonly clientsProblem: () => string | undefined
  readonly policyProblem: () => string | undefined
  readonly isOverloaded: () => boolean
  /** End of the certificate that the service had at its start; undefined: it speaks HTTP. */
  readonly tlsNotAfterMs: number | undefined
}

/** Takes what only an event tells, and reports. */
export interface Health {
  report(): HealthReport
  /** How the last exchange of each kind with Microsoft ended. */
  noteExchange(operation: string, result: string): void
  noteTls(
    reload: { readonly notAfterMs: number } | { readonly notAfterMs?: undefined; readonly fault: KnownFault },
  ): void
  /** The error code of the file system, or undefined as soon as lines are written again. */
  noteDecisionLog(failedWith: string | undefined): void
}

/** What each service of Microsoft is called, and what it means that it cannot be asked. */
const services = {
  entra: { called: 'Entra ID', without: 'there is no token, and what was last known is answered' },
  discovery: {
    called: 'Microsoft Graph (service discovery)',
    without: 'the address of Intune is not known, and what was last known is answered',
  },
  compliance_retrieval: {
    called: 'Intune (Compliance Retrieval)',
    without: 'what was last known is answered',
  },
  nac: { called: 'Intune (NAC 1.x)', without: 'what was last known is answered by IMEI, MEID and UDID' },
  graph: {
    called: 'Microsoft Graph (managed devices)',
    without: 'answers come without details, and what was last known is answered by serial number',
  },
} as const

const soonMs = 14 * 24 * 60 * 60 * 1000
const longLagMs = 30_000
const ok: Condition = { status: 'ok' }
const doctor = 'Run intune-nac doctor: it tests every step of the way and explains the first that fails.'

/**
 * Builds the checks. Microsoft being away never makes the service not ready: it answers what it knows, and a service
 * that is taken out of rotation answers nobody.
 */
export function createHealth(sources: HealthSources, clock: Clock): Health {
  let tokenResult = 'ok'
  let tlsNotAfterMs = sources.tlsNotAfterMs
  let tlsFault: KnownFault | undefined
  let logFailure: string | undefined

  const checks: Readonly<Record<string, (nowMs: number) => Condition>> = {
    shutdown: () =>
      sources.isStopping()
        ? { status: 'failing', what: 'The service is stopping.', remedy: 'Ask another replica.' }
        : ok,
    certificate(nowMs) {
      const { inUse, filesFault, trialFault } = sources.certificate()
      const fault = filesFault ?? trialFault
      if (fault) return ofFault(fault)
      if (nowMs < inUse.notBeforeMs)
        return degraded(
          `It becomes valid at ${new Date(inUse.notBeforeMs).toISOString()}.`,
          faultCatalogue.certificate_not_yet_valid.remedy,
        )
      return ofExpiry(inUse.notAfterMs, nowMs, 'certificate_expired')
    },
    clock(nowMs) {
      const { notBeforeMs } = sources.certificate().inUse
      // While that is so nothing is sent, and no server can tell the time.
      const isBeforeCertificate = nowMs < notBeforeMs
      const problem =
        sources.clockProblem() ??
        (isBeforeCertificate ? 'The certificate for Entra ID is not valid yet by this clock.' : undefined)
      if (problem === undefined) return ok
      const says = `This machine says that it is ${new Date(nowMs).toISOString()}.`
      return degraded(`${problem} ${says}`, faultCatalogue.entra_clock_skew.remedy)
    },
    token: () =>
      tokenResult === 'ok'
        ? ok
        : degraded(
            `The last request for a token ended with ${tokenResult}; one that is valid stays in use.`,
            doctor,
          ),
    upstream() {
      const breakers = sources.breakers()
      const names = Object.keys(services) as (keyof typeof services)[]
      const open = names.filter((name) => breakers[name].state !== 'closed')
      if (open.length === 0) return ok
      const sentences = open.map((name) => {
        const { called, without } = services[name]
        const why =
          breakers[name].cause === 'retry_after' ? 'asked for a pause' : 'failed several times in a row'
        return `${called} is not asked, because it ${why}; ${without}.`
      })
      const since = open.flatMap((name) => breakers[name].openSinceMs ?? [])
      return {
        ...degraded(sentences.join(' '), doctor),
        ...(since.length > 0 && { sinceMs: Math.min(...since) }),
      }
    },
    state() {
      const state = sources.state()
      if (state === undefined) return { status: 'ok', what: 'STATE_DIR is not set.' }
      const { mode, writeLagMs } = state
      const remedy = 'Look for state_file in the log; see to space and permissions of STATE_DIR.'
      if (mode === 'opening') return degraded('The state file is being opened.', remedy)
      if (mode !== 'read_write') return degraded(`The state file is ${mode}: a restart forgets.`, remedy)
      if (writeLagMs <= longLagMs) return ok
      return degraded(`Changes wait ${Math.round(writeLagMs / 1000)} s for the disk.`, remedy)
    },
    clients: () => ofFile(sources.clientsProblem(), 'CLIENTS_FILE'),
    policy: () => ofFile(sources.policyProblem(), 'POLICY_FILE'),
    decisionLog: () =>
      logFailure === undefined
        ? ok
        : degraded(
            `DECISION_LOG_FILE cannot be written (${logFailure}); lines wait in memory, up to 64 MiB.`,
            'See to space and permissions of the file and its directory.',
          ),
    tls(nowMs) {
      if (tlsNotAfterMs === undefined) return { status: 'ok', what: 'The service speaks HTTP.' }
      return tlsFault ? ofFault(tlsFault) : ofExpiry(tlsNotAfterMs, nowMs, 'service_tls_unusable')
    },
    overload: () =>
      sources.isOverloaded()
        ? degraded('New requests are refused.', faultCatalogue.service_overloaded.remedy)
        : ok,
  }

  /** Since when (monotonic) each check says what it says. */
  const seen = new Map(
    Object.keys(checks).map((name) => [name, { status: 'ok', sinceMs: clock.monotonicMs() }]),
  )

  function report(name: string, nowMs: number, check: (nowMs: number) => Condition): CheckReport {
    const { sinceMs, ...condition } = check(nowMs)
    const before = seen.get(name)
    const steadyMs = clock.monotonicMs()
    const now = before?.status === condition.status ? before : { status: condition.status, sinceMs: steadyMs }
    seen.set(name, now)
    return { ...condition, since: new Date(sinceMs ?? nowMs - (steadyMs - now.sinceMs)).toISOString() }
  }

  return {
    report() {
      const nowMs = clock.nowMs()
      const reports = Object.entries(checks).map(
        ([name, check]) => [name, report(name, nowMs, check)] as const,
      )
      const ready = reports.every(([, { status }]) => status !== 'failing')
      return { ready, checks: Object.fromEntries(reports) }
    },
    noteExchange(operation, result) {
      if (operation === 'token') tokenResult = result
    },
    noteTls(reload) {
      if (reload.notAfterMs === undefined) {
        tlsFault = reload.fault
        return
      }
      tlsFault = undefined
      tlsNotAfterMs = reload.notAfterMs
    },
    noteDecisionLog(failedWith) {
      logFailure = failedWith
    },
  }
}

function degraded(what: string, remedy: string): Condition {
  return { status: 'degraded', what, remedy }
}

function ofFault({ code, message }: KnownFault): Condition {
  return degraded(message, faultCatalogue[code].remedy)
}

function ofFile(problem: string | undefined, variable: string): Condition {
  if (problem === undefined) return ok
  return degraded(problem, `Correct ${variable}; what was in force before still is.`)
}

function ofExpiry(notAfterMs: number, nowMs: number, code: FaultCode): Condition {
  const date = new Date(notAfterMs).toISOString()
  if (notAfterMs <= nowMs)
    return { ...degraded(`It expired at ${date}.`, faultCatalogue[code].remedy), sinceMs: notAfterMs }
  if (notAfterMs - nowMs > soonMs) return ok
  return { ...degraded(`It expires at ${date}.`, 'Renew it.'), sinceMs: notAfterMs - soonMs }
}
