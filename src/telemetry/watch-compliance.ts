import type { Logger } from 'pino'
import type { BreakerStatus } from '../compliance/circuit-breaker.ts'
import type { Compliance, ComplianceEvents } from '../compliance/compliance.ts'
import type { MdmService, UpstreamService } from '../compliance/compliance-record.ts'
import type { ComplianceState } from '../state/compliance-state.ts'
import type { StateNotice } from '../state/state-store.ts'
import type { Metrics } from './metrics.ts'

/** What is counted here. */
type Counted = Pick<Metrics, 'anomaly' | 'guardTripped' | 'listFailed'>
type CountedFiles = Pick<Metrics, 'fileReplaced'>

/** Logs and counts what happens between the memory and Intune. Errors are what an operator must act on. */
export function watchCompliance(logger: Logger, metrics: Counted): ComplianceEvents {
  const openings = new Map<MdmService, number>()
  return {
    breakerChanged(service, { state, cause, nextProbeAtMs, ...status }) {
      if (state === 'half_open') return
      if (state === 'closed') {
        logger.info({ event: 'intune_back', service }, 'the service answers again')
        return
      }
      // A probe that failed is more of the same outage.
      const isNew = openings.get(service) !== status.openings
      openings.set(service, status.openings)
      const details = { event: 'intune_away', service, cause, nextProbeAt: isoTime(nextProbeAtMs) }
      logger[isNew ? 'warn' : 'debug'](details, 'the service is not asked; last known answers are given')
    },
    regressed: () => metrics.anomaly('regressed'),
    guardTripped({ cause, flips, rows, rowsBefore }) {
      metrics.guardTripped(cause)
      logger.error(
        { event: 'guard_holding', cause, flips, rows, rowsBefore },
        'too many devices would lose their access at once: held until POST /guard/accept or /guard/reject',
      )
    },
    listUsed({ devices, listedAtMs }, marked) {
      logger.info(
        { event: 'noncompliant_list', devices: devices.length, marked, listedAt: isoTime(listedAtMs) },
        'list of noncompliant devices in use',
      )
    },
    listFailed: () => metrics.listFailed(),
  }
}

const consequences: Readonly<Record<StateNotice['consequence'], string>> = {
  memory_only: 'STATE_DIR cannot be used: what is known about devices will not survive a restart',
  new_file: 'the state file could not be used; it was moved aside and a new one was begun',
  read_only: 'the state file can only be read: what is learnt from now on will not survive a restart',
  not_written_for_now: 'the state file does not take changes; they are kept in memory and tried again',
  written_again: 'the state file can be used again and gets everything that is in memory',
  not_looked_at: 'the state file cannot be looked at: nobody would notice if it were deleted',
}

/** Logs what is wrong with the state file and what that means; as a warning where it is over, which is counted. */
export function watchState(logger: Logger, metrics: CountedFiles): (notice: StateNotice) => void {
  return ({ problem, file, movedTo, consequence }) => {
    if (consequence === 'written_again') metrics.fileReplaced('state')
    const level = consequence === 'written_again' ? 'warn' : 'error'
    logger[level]({ event: 'state_file', problem, file, movedTo, consequence }, consequences[consequence])
  }
}

const traceConsequences: Readonly<Record<StateNotice['consequence'], string>> = {
  memory_only: 'STATE_DIR cannot be used: only the last decisions can be explained, until the next restart',
  new_file: 'the file of decisions could not be used; it was moved aside and a new one was begun',
  read_only: 'the file of decisions can only be read',
  not_written_for_now: 'the file of decisions does not take any; they wait in memory and are tried again',
  written_again: 'the file of decisions can be used again and gets those that are in memory',
  not_looked_at: 'the file of decisions cannot be looked at: nobody would notice if it were deleted',
}

/** The same for the file of how decisions came about. */
export function watchTraces(logger: Logger, metrics: CountedFiles): (notice: StateNotice) => void {
  return ({ problem, file, movedTo, consequence }) => {
    if (consequence === 'written_again') metrics.fileReplaced('traces')
    const level = consequence === 'written_again' ? 'warn' : 'error'
    logger[level](
      { event: 'trace_file', problem, file, movedTo, consequence },
      traceConsequences[consequence],
    )
  }
}

/** Everything of Microsoft's; there is a line only in front of what devices are asked about. */
export type UpstreamServices = Readonly<
  Record<
    UpstreamService,
    {
      readonly breaker: BreakerStatus
      readonly running?: number
      readonly waiting?: number
      readonly shed?: number
    }
  >
>

/** The service at this moment, as GET /status of the management listener shows it. Times are ISO 8601. */
export function presentStatus(
  compliance: Compliance,
  upstream: UpstreamServices,
  state: ComplianceState | undefined,
) {
  const { c, n, u, x } = compliance.counts()
  const { holding, burst, list: heldList, ...flips } = compliance.guard()
  const { seenLast24Hours, keepAccess } = compliance.runway()
  const list = compliance.currentList()
  return {
    upstream: presentUpstream(upstream),
    cache: { records: c + n + u + x, compliant: c, noncompliant: n, unknown: u, notEnrolled: x },
    runway: {
      seenLast24Hours,
      keepAccess: Object.fromEntries(keepAccess.map(({ hours, devices }) => [`${hours}h`, devices])),
    },
    guard: {
      holding,
      burst: burst ? { since: isoTime(burst.sinceMs), records: burst.records } : null,
      list: heldList
        ? {
            cause: heldList.cause,
            since: isoTime(heldList.sinceMs),
            wouldTurn: heldList.flips,
            devices: heldList.rows,
            devicesBefore: heldList.rowsBefore,
          }
        : null,
      ...flips,
    },
    noncompliantList: list ? { listedAt: isoTime(list.listedAtMs), devices: list.devices.length } : null,
    state: state?.status() ?? { mode: 'not_configured' },
  }
}

/** Each service, and all of them together: the one that is worst off, and the sums. */
function presentUpstream(upstream: UpstreamServices) {
  const services = Object.values(upstream)
  const worst =
    services.find(({ breaker }) => breaker.state === 'open') ??
    services.find(({ breaker }) => breaker.state === 'half_open')
  const sum = (figure: 'running' | 'waiting' | 'shed') =>
    services.reduce((total, service) => total + (service[figure] ?? 0), 0)
  return {
    ...presentBreaker(worst?.breaker ?? { state: 'closed' }),
    running: sum('running'),
    waiting: sum('waiting'),
    shed: sum('shed'),
    services: Object.fromEntries(
      Object.entries(upstream).map(([name, { breaker, ...line }]) => [
        name,
        { ...presentBreaker(breaker), ...line },
      ]),
    ),
  }
}

function presentBreaker({
  state,
  cause,
  openSinceMs,
  nextProbeAtMs,
}: Pick<BreakerStatus, 'state' | 'cause' | 'openSinceMs' | 'nextProbeAtMs'>) {
  return {
    breaker: state,
    cause: cause ?? null,
    openSince: isoTime(openSinceMs),
    nextProbeAt: isoTime(nextProbeAtMs),
  }
}

function isoTime(ms: number): string
function isoTime(ms: number | undefined): string | null
function isoTime(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}
