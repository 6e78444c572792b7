import { inBackground } from '../background.ts'
import { type Clock, type ClockWitness, noWitness } from '../clock.ts'
import type { FreshnessSettings } from '../config/settings.ts'
import type { Fault } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'
import { parseIdentity } from '../identity/parse-identity.ts'
import { turnEvery } from '../turns/turn-every.ts'
import type { BreakerStatus } from './circuit-breaker.ts'
import { ComplianceCache, longestFreshness } from './compliance-cache.ts'
import type { MdmLookup, MdmService } from './compliance-record.ts'
import { createGuardedLookup, type UpstreamStatus } from './guarded-lookup.ts'
import { MassFlipGuard, massFlipThreshold } from './mass-flip-guard.ts'
import type { FetchNoncompliantList, NoncompliantList } from './noncompliant-list.ts'
import { type HeldList, type ListHoldCause, NoncompliantListing } from './noncompliant-listing.ts'
import { type NoncompliantListStore, NoncompliantPoller } from './noncompliant-poller.ts'
import type { ReadNoncompliantSnapshot } from './noncompliant-snapshot.ts'
import { type OutageRunway, outageRunway } from './outage-runway.ts'
import { createNoncompliantSnapshotReader } from './read-noncompliant-snapshot.ts'
import { RecordTimes } from './record-times.ts'
import { type AdmitRefresh, createRefreshLimit } from './refresh-limit.ts'
import { type RecordCounts, RememberedRecords } from './remembered-records.ts'

/** What happens here that somebody should see. */
export interface ComplianceEvents {
  readonly breakerChanged?: (service: MdmService, status: BreakerStatus) => void
  /** An evaluated, still enrolled device was reported as not evaluated. */
  readonly regressed?: () => void
  /** A burst or a list is held; `flips` are the records that it would turn, `rows` those of the list. */
  readonly guardTripped?: (trip: {
    readonly cause: 'burst' | ListHoldCause
    readonly flips: number
    readonly rows: number
    readonly rowsBefore: number
  }) => void
  readonly listUsed?: (list: NoncompliantList, marked: number) => void
  readonly listFailed?: (fault: Fault) => void
}

export interface ComplianceParts {
  readonly lookup: MdmLookup
  readonly freshness: FreshnessSettings
  readonly deadlineMs: number
  readonly clock: Clock
  /** Absent: nobody contradicts the clock, and nobody confirms it. */
  readonly witness?: ClockWitness
  readonly random?: () => number
  readonly maxDevices?: number
  readonly events?: ComplianceEvents
  /** Told the key of every record that changes. */
  readonly onRecordChange?: (key: string) => void
  /** Told when all records were forgotten. */
  readonly onRecordsClear?: () => void
  /** Told that the time of day was set: what is stored may have other times now. */
  readonly onClockSet?: () => void
  /** Told that what was observed before this can go, also what other processes have stored and left behind. */
  readonly onOutdated?: (observedBeforeMs: number) => void
  readonly recall?: (key: string) => Promise<void> | undefined
}

/** What is held back, and how close single answers are to being held. */
export interface GuardStatus {
  readonly holding: boolean
  readonly burst?: { readonly sinceMs: number; readonly records: number }
  readonly list?: Omit<HeldList, 'list'> & { readonly rows: number }
  readonly recentFlips: number
  readonly threshold: number
}

/** What an operator's decision about the guard changed. */
export interface GuardSettlement {
  /** Records that now say what Intune said (accept), or answers that were forgotten (reject). */
  readonly records: number
  readonly list: boolean
}

/** Everything that is known about devices, and the way to Intune. */
export interface Compliance {
  readonly cache: ComplianceCache
  readonly records: RememberedRecords
  readonly readNoncompliantSnapshot: ReadNoncompliantSnapshot
  readonly admitRefresh: AdmitRefresh
  counts(): RecordCounts
  upstream(): UpstreamStatus
  runway(): OutageRunway
  guard(): GuardStatus
  /** What is held is real: it counts from now on, and more of the same burst for an hour. */
  acceptHeld(): Promise<GuardSettlement>
  /** What is held is a mistake: it is forgotten, and the devices are asked about again. */
  rejectHeld(): GuardSettlement
  currentList(): NoncompliantList | undefined
  /**
   * Forgets what was learnt by one identifier, given as in a URL; undefined where that names no device, false where nothing
   * was remembered.
   */
  purge(kind: string, value: string): boolean | undefined
  /**
   * Where `kind` is `deviceId`, forgets what was learnt of this device by other identifiers: its addresses, its hardware,
   * its Entra device id. Gives how many records there were.
   */
  purgeNamed(kind: string, value: string): Promise<number>
  /** Forgets every device; gives how many there were. */
  purgeAll(): number
  /** Starts to ask for the list of noncompliant devices; the returned function stops it. */
  pollNoncompliantList(source: {
    readonly fetchList: FetchNoncompliantList
    readonly isReady: () => Promise<boolean>
    readonly store: NoncompliantListStore
  }): () => void
  /** Forgets records that nothing can use any more, now and every hour; the returned function stops it. */
  keepTidy(): () => void
}

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
/** Two milliseconds to write. */
const recordsPerTurn = 500
const forgottenPerSecond = 20_000
const shortestBurstWindowMs = 5 * 60 * 1000

/** Joins the records, the cache, the guard and the way to Intune. */
export function createCompliance(parts: ComplianceParts): Compliance {
  const { clock, freshness, events = {}, random = Math.random } = parts
  const witness = parts.witness ?? noWitness
  const times = new RecordTimes({
    clock,
    witness,
    longestFreshMs: longestFreshness(freshness),
    ...(parts.onClockSet && { onClockSet: parts.onClockSet }),
  })
  const records = new RememberedRecords({
    maxRecords: parts.maxDevices ?? 1_000_000,
    times,
    ...(parts.onRecordChange && { onChange: parts.onRecordChange }),
    ...(parts.onRecordsClear && { onClear: parts.onRecordsClear }),
  })
  const guard = new MassFlipGuard({
    clock,
    // A wave shows up as the devices come due, and that takes this long.
    windowMs: Math.max(shortestBurstWindowMs, freshness.compliantFreshMs + freshness.refreshAheadMs),
    onTrip: ({ flips }) => events.guardTripped?.({ cause: 'burst', flips, rows: 0, rowsBefore: 0 }),
  })
  const listing = new NoncompliantListing({ records, clock })
  const refreshLimit = createRefreshLimit(clock, (key) => records.peek(key)?.record)
  const guarded = createGuardedLookup({
    lookup: parts.lookup,
    clock,
    random,
    budgetMs: parts.deadlineMs,
    deviceIdOf: (key) => records.peek(key)?.record.deviceId,
    onAnswer: refreshLimit.learnt,
    ...(events.breakerChanged && { onBreakerChange: events.breakerChanged }),
  })
  const cache = new ComplianceCache({
    lookup: guarded.lookup,
    join: guarded.join,
    freshness,
    clock,
    random,
    records,
    guard,
    ...(parts.recall && { recall: parts.recall }),
    onRegression: () => events.regressed?.(),
  })

  let listStore: NoncompliantListStore | undefined

  function guardStatus(): GuardStatus {
    const { holding: burst, recentFlips } = guard.status
    const { held } = listing
    return {
      holding: burst !== undefined || held !== undefined,
      ...(burst && { burst }),
      ...(held && { list: withoutRows(held) }),
      recentFlips,
      threshold: massFlipThreshold(records.counts.c + recentFlips),
    }
  }

  /** A morning's devices grow old together: some of them at a time, so that the state file keeps up. */
  async function forgetOlderThan(ageMs: number): Promise<void> {
    let forgotten = 0
    await records.walk((key, _read, packed) => {
      if (!records.isOlderThan(packed, ageMs) || !records.delete(key)) return
      forgotten += 1
      if (forgotten % forgottenPerSecond === 0) {
        return new Promise((resolve) => {
          clock.after(secondMs, resolve)
        })
      }
    })
  }

  return {
    cache,
    records,
    admitRefresh: refreshLimit.admit,
    readNoncompliantSnapshot: createNoncompliantSnapshotReader({
      records,
      currentList: () => listing.current,
      clock,
    }),
    counts: () => records.counts,
    upstream: () => guarded.status(),
    runway: () => outageRunway(records, clock.nowMs(), freshness.outageHoldMs),
    guard: guardStatus,
    async acceptHeld() {
      let changed = 0
      const next = turnEvery(recordsPerTurn)
      for (const [key, { after }] of guard.accept()) {
        const turned = next()
        if (turned) await turned
        // Whatever else has been learnt about the device since is the later word.
        if (records.peek(key)?.held === undefined) continue
        records.set(key, after)
        changed += 1
      }
      const held = listing.drop()
      if (held) {
        const marked = await listing.use(held.list)
        events.listUsed?.(held.list, marked)
        await listStore?.saveList(held.list)
        changed += marked
      }
      return { records: changed, list: held !== undefined }
    },
    rejectHeld() {
      const list = listing.drop() !== undefined
      return { records: guard.reject(), list }
    },
    currentList: () => listing.current,
    purge(kind, value) {
      const identifier = identifierOf(kind, value)
      return identifier && cache.forget(identifier)
    },
    async purgeNamed(kind, value) {
      const identifier = identifierOf(kind, value)
      if (identifier?.origin !== 'deviceId') return 0
      let forgotten = 0
      await records.walk((key, read, packed) => {
        // Nearly every record is of another device: that is seen without reading it.
        if (!packed.includes(identifier.value) || read().record.deviceId !== identifier.value) return
        if (records.delete(key)) forgotten += 1
      })
      return forgotten
    },
    purgeAll: () => records.clear(),
    pollNoncompliantList({ fetchList, isReady, store }) {
      listStore = store
      const poller = new NoncompliantPoller({
        clock,
        listing,
        store,
        fetchList,
        isUpstreamReady: async () => guarded.admits('compliance_retrieval') && (await isReady()),
        onList: (verdict, list) => {
          if (verdict.used) return events.listUsed?.(list, verdict.marked)
          const { cause, flips, rowsBefore } = verdict.held
          events.guardTripped?.({ cause, flips, rows: list.devices.length, rowsBefore })
        },
        ...(events.listFailed && { onFailure: events.listFailed }),
      })
      poller.start()
      return () => poller.stop()
    },
    keepTidy() {
      const keptMs = Math.max(dayMs, freshness.outageHoldMs)
      let nextAtMs = clock.monotonicMs() + hourMs
      let wasConfirmed = false
      let cancel = () => {}
      const look = () => {
        times.noticeSetting()
        const isConfirmed = witness.isConfirmed()
        // What a clock without a witness may not say is said as soon as it has one.
        if (clock.monotonicMs() >= nextAtMs || (isConfirmed && !wasConfirmed)) {
          nextAtMs = clock.monotonicMs() + hourMs
          inBackground('forget_old_records', () => forgetOlderThan(keptMs))
          if (isConfirmed) parts.onOutdated?.(clock.nowMs() - keptMs)
        }
        wasConfirmed = isConfirmed
        cancel = clock.after(minuteMs, look)
      }
      cancel = clock.after(minuteMs, look)
      return () => cancel()
    },
  }
}

/** The identifier that a URL names by the name of its attribute; certificates are named by what was read out of them. */
function identifierOf(kind: string, value: string): DeviceIdentifier | undefined {
  const identity = parseIdentity({ [kind]: value })
  const identifier = identity.ok ? identity.value.identifiers[0] : undefined
  return identifier?.kind === kind || identifier?.origin === 'certificateCn' ? identifier : undefined
}

function withoutRows({ list, ...held }: HeldList): Omit<HeldList, 'list'> & { readonly rows: number } {
  return { ...held, rows: list.devices.length }
}
