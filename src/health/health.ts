import type { Clock } from '../clock.ts'
import { type FaultCode, faultCatalogue } from '../errors/catalogue.ts'
import type { Fault, Hop } from '../errors/fault.ts'
import { StandingFaults } from './standing-faults.ts'

/** What one check says. Only `failing` makes the service not ready; `degraded` is for somebody to mend. */
export interface Condition {
  readonly status: 'ok' | 'degraded' | 'failing'
  /** Where it is known better than from the first look that saw it, milliseconds since the epoch. */
  readonly sinceMs?: number | undefined
  /** One sentence, without a secret. */
  readonly what?: string
  readonly remedy?: string
  /** What docs/error-codes.md has it under. */
  readonly code?: FaultCode
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
        /** Why the file cannot be written or looked at now. */
        readonly problem?: string
        readonly isRewriting: boolean
      }
    | undefined
  /** What is known to be wrong with the clock of this machine. */
  readonly clockProblem: () => string | undefined
  /** Undefined: TRACE_STORE is off. */
  readonly traces: () => { readonly problem?: string } | undefined
  /** Undefined: DECISION_LOG_FILE is not set. */
  readonly decisionLog: () => { readonly failing: boolean; readonly problem?: string } | undefined
  readonly clientsProblem: () => string | undefined
  readonly policyProblem: () => string | undefined
  readonly isOverloaded: () => boolean
  /** The certificates that the listeners had at their start; undefined: they speak HTTP. */
  readonly tls: Readonly<Record<TlsListener, Validity | undefined>>
  /** True where the service speaks HTTP to other machines, because something in front of it ends TLS. */
  readonly speaksPlainHttp?: boolean
}

/** When a certificate is valid, milliseconds since the epoch. */
export interface Validity {
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** A listener that may have a certificate. */
export type TlsListener = 'service' | 'management'

/** Takes what only an event tells, and reports. */
export interface Health {
  report(): HealthReport
  /** How the last exchange of each kind with Microsoft ended. */
  noteExchange(operation: Hop, result: string): void
  /** What a look-up, a start or a refresh failed with, also where no exchange did. */
  noteFault(fault: Fault): void
  /** Intune can be asked: there is a token that it takes, and an address. */
  noteReady(): void
  noteTls(
    listener: TlsListener,
    reload: Validity | { readonly notAfterMs?: undefined; readonly fault: KnownFault },
  ): void
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
// As it is meant to be, so it is not degraded for good; but whoever looks sees that it is so.
const behindTls =
  'The service speaks plain HTTP to other machines (SERVICE_PLAIN_HTTP=on): what stands in front of it has to end TLS.'
const doctor = 'Run intune-nac doctor: it tests every step of the way and explains the first that fails.'

/**
 * Builds the checks. Microsoft being away never makes the service not ready: it answers what it knows, and a service
 * that is taken out of rotation answers nobody.
 */
export function createHealth(sources: HealthSources, clock: Clock): Health {
  let tokenResult = 'ok'
  const tls = { ...sources.tls }
  const tlsFaults: { [Listener in TlsListener]?: KnownFault | undefined } = {}
  const standing = new StandingFaults()

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
        return ofCode(
          `It becomes valid at ${new Date(inUse.notBeforeMs).toISOString()}.`,
          'certificate_not_yet_valid',
        )
      return ofExpiry(inUse.notAfterMs, nowMs, { expired: 'certificate_expired' })
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
    token() {
      const fault = standing.find(['role', 'token'])
      if (fault) return ofFault(fault)
      if (tokenResult === 'ok') return ok
      const what = `The last request for a token ended with ${tokenResult}; one that is valid stays in use.`
      return degraded(what, doctor)
    },
    upstream() {
      const fault = standing.find(['query', 'discovery', 'bulk', 'details'])
      const breakers = sources.breakers()
      const names = Object.keys(services) as (keyof typeof services)[]
      const open = names.filter((name) => breakers[name].state !== 'closed')
      if (open.length === 0) return fault ? ofFault(fault) : ok
      const sentences = open.map((name) => {
        const { called, without } = services[name]
        const why =
          breakers[name].cause === 'retry_after' ? 'asked for a pause' : 'failed several times in a row'
        return `${called} is not asked, because it ${why}; ${without}.`
      })
      const sinceMs = open.reduce(
        (first, name) => Math.min(first, breakers[name].openSinceMs ?? first),
        Infinity,
      )
      const { what, ...known } = fault ? ofFault(fault) : degraded('', doctor)
      return {
        ...known,
        what: [...(what ? [what] : []), ...sentences].join(' '),
        ...(sinceMs < Infinity && { sinceMs }),
      }
    },
    state() {
      const state = sources.state()
      if (state === undefined) return { status: 'ok', what: 'STATE_DIR is not set.' }
      const { mode, writeLagMs, problem, isRewriting } = state
      const remedy = 'Look for state_file in the log; see to space and permissions of STATE_DIR.'
      if (mode === 'opening') return degraded('The state file is being opened.', remedy)
      const why = problem === undefined ? '' : ` (${problem})`
      if (mode !== 'read_write')
        return degraded(`The state file is ${mode}${why}: a restart forgets.`, remedy)
      if (problem !== undefined) return degraded(`The state file cannot be written or seen${why}.`, remedy)
      if (isRewriting) return degraded('The state file was replaced and is being written again.', remedy)
      if (writeLagMs > longLagMs)
        return degraded(`Changes wait ${Math.round(writeLagMs / 1000)} s for the disk.`, remedy)
      const stories = sources.traces()?.problem
      if (stories === undefined) return ok
      return degraded(
        `The file of decisions cannot be written or seen (${stories}).`,
        'Look for trace_file in the log; see to space and permissions of STATE_DIR.',
      )
    },
    clients: () => ofFile(sources.clientsProblem(), 'CLIENTS_FILE'),
    policy: () => ofFile(sources.policyProblem(), 'POLICY_FILE'),
    decisionLog() {
      const { failing = false, problem } = sources.decisionLog() ?? {}
      if (!failing && problem === undefined) return ok
      const what = failing
        ? `DECISION_LOG_FILE cannot be written (${problem}); lines wait in memory, up to 64 MiB.`
        : `DECISION_LOG_FILE ${problem}: nobody would notice if it were deleted.`
      return degraded(what, 'See to space and permissions of the file and its directory.')
    },
    tls: (nowMs) =>
      ofTls('service', sources.speaksPlainHttp === true ? behindTls : 'The service speaks HTTP.', nowMs),
    managementTls: (nowMs) => ofTls('management', 'The management listener speaks HTTP.', nowMs),
    overload: () =>
      sources.isOverloaded()
        ? degraded('New requests are refused.', faultCatalogue.service_overloaded.remedy)
        : ok,
  }

  function ofTls(listener: TlsListener, plain: string, nowMs: number): Condition {
    const validity = tls[listener]
    const fault = tlsFaults[listener]
    if (validity === undefined) return { status: 'ok', what: plain }
    if (fault !== undefined) return ofFault(fault)
    if (nowMs < validity.notBeforeMs) {
      const what = `It becomes valid at ${new Date(validity.notBeforeMs).toISOString()}; until then callers refuse it.`
      return ofCode(what, 'service_tls_not_yet_valid')
    }
    return ofExpiry(validity.notAfterMs, nowMs, {
      expired: 'service_tls_expired',
      soon: 'service_tls_expires_soon',
    })
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
      if (result === 'ok') standing.noteExchange(operation)
    },
    noteFault: (fault) => standing.noteFault(fault),
    noteReady: () => standing.noteReady(),
    noteTls(listener, reload) {
      if (reload.notAfterMs === undefined) {
        tlsFaults[listener] = reload.fault
        return
      }
      tlsFaults[listener] = undefined
      tls[listener] = reload
    },
  }
}

function degraded(what: string, remedy: string): Condition {
  return { status: 'degraded', what, remedy }
}

function ofCode(what: string, code: FaultCode): Condition {
  return { ...degraded(what, faultCatalogue[code].remedy), code }
}

function ofFault({ code, message }: KnownFault): Condition {
  return { ...degraded(`${message} (${code})`, faultCatalogue[code].remedy), code }
}

function ofFile(problem: string | undefined, variable: string): Condition {
  if (problem === undefined) return ok
  return degraded(problem, `Correct ${variable}; what was in force before still is.`)
}

function ofExpiry(
  notAfterMs: number,
  nowMs: number,
  codes: { readonly expired: FaultCode; readonly soon?: FaultCode },
): Condition {
  const date = new Date(notAfterMs).toISOString()
  if (notAfterMs <= nowMs) return { ...ofCode(`It expired at ${date}.`, codes.expired), sinceMs: notAfterMs }
  if (notAfterMs - nowMs > soonMs) return ok
  const what = `It expires at ${date}.`
  const condition = codes.soon === undefined ? degraded(what, 'Renew it.') : ofCode(what, codes.soon)
  return { ...condition, sinceMs: notAfterMs - soonMs }
}
