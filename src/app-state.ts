import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { inBackground } from './background.ts'
import type { Clock, ClockWitness } from './clock.ts'
import type { Compliance } from './compliance/compliance.ts'
import type { Settings } from './config/settings.ts'
import type { MaskDevice } from './identity/mask-device.ts'
import type { IntuneLookup } from './intune/intune-lookup.ts'
import { type ComplianceState, openComplianceState } from './state/compliance-state.ts'
import { openTraceFile } from './state/trace-file.ts'
import type { Metrics } from './telemetry/metrics.ts'
import { watchState, watchTraces } from './telemetry/watch-compliance.ts'
import { type DecisionTraces, traceAgeMs } from './trace/decision-traces.ts'
import { TraceStore } from './trace/trace-store.ts'

/** What is kept in STATE_DIR. */
export interface StoredState {
  readonly state: ComplianceState
  /** Absent: TRACE_STORE is off. */
  readonly traceStore?: TraceStore
  /**
   * Brings back what is known, waiting a second at most, and begins to ask for the list of noncompliant devices; the
   * function that it resolves with ends that.
   */
  load(): Promise<() => void>
}

/** The parts of the service that remember something over a restart. */
export interface StatefulParts {
  readonly compliance: Compliance
  readonly traces: DecisionTraces
  readonly intune: Pick<IntuneLookup, 'fetchNoncompliantList' | 'canFetchNoncompliantList'>
  readonly mask: MaskDevice
  readonly clock: Clock
  readonly witness: ClockWitness
  readonly logger: Logger
  readonly metrics: Pick<Metrics, 'fileReplaced'>
}

const loadLimitMs = 1000

/** Opens the files in `directory`; records and decisions are written from now on. */
export function openStoredState(
  directory: string,
  { intune: { authorityUrl }, traceStore: traceLimits }: Settings,
  { compliance, traces, intune, mask, clock, witness, logger, metrics }: StatefulParts,
): StoredState {
  const tenant = new URL(authorityUrl).pathname.slice(1)
  const stateLogger = logger.child({ component: 'state' })
  const traceStore = traceLimits && openTraceStore(traceLimits.maxDecisions)
  const state = openComplianceState({
    directory,
    tenant,
    clock,
    witness,
    onNotice: watchState(stateLogger, metrics),
  })
  state.attach(compliance.records)

  function openTraceStore(maxTraces: number): TraceStore {
    const onNotice = watchTraces(stateLogger, metrics)
    const texts = openTraceFile({
      directory,
      tenant,
      clock,
      witness,
      maxTraces,
      maxAgeMs: traceAgeMs,
      onNotice,
      onReplaced: () => inBackground('trace_file', () => traces.offerAll()),
    })
    const store = new TraceStore({ texts, clock, mask })
    traces.attachStore(store)
    return store
  }

  return {
    state,
    ...(traceStore && { traceStore }),
    async load() {
      const limit = new AbortController()
      const waited = delay(loadLimitMs, undefined, { signal: limit.signal }).catch(() => {})
      await Promise.race([state.load(), waited])
      limit.abort()
      return compliance.pollNoncompliantList({
        fetchList: intune.fetchNoncompliantList,
        isReady: intune.canFetchNoncompliantList,
        store: state.listStore,
      })
    },
  }
}
