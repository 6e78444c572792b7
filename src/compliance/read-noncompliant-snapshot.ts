import type { Clock } from '../clock.ts'
import { sortInSlices } from '../turns/sort-in-slices.ts'
import { turnEvery } from '../turns/turn-every.ts'
import type { ComplianceRecord } from './compliance-record.ts'
import { deviceOf } from './device-of-fact.ts'
import type { ListedDevice, NoncompliantList } from './noncompliant-list.ts'
import type {
  NoncompliantDevice,
  NoncompliantSnapshot,
  ReadNoncompliantSnapshot,
} from './noncompliant-snapshot.ts'
import { packedStateOf } from './packed-record.ts'
import type { RememberedRecords } from './remembered-records.ts'

/** A new snapshot is made at most this often, however many callers poll. */
const remadeAfterMs = 1000
/** While a new one is being made, whoever else asks is given the last one up to this age. */
const givenMeanwhileMs = 5000

/** A millisecond or two to read. */
const devicesPerTurn = 250

interface Made {
  readonly snapshot: NoncompliantSnapshot
  /** When it was begun, monotonic. */
  readonly begunAtMs: number
  /** Of the facts when it was begun: what has changed while it was made shows in the next one. */
  readonly version: string
}

/** Builds the reader of the snapshot, over what is remembered and the list in use. */
export function createNoncompliantSnapshotReader(parts: {
  readonly records: RememberedRecords
  readonly currentList: () => NoncompliantList | undefined
  readonly clock: Clock
}): ReadNoncompliantSnapshot {
  const { records, clock } = parts
  let latest: Made | undefined
  let underWay: Promise<NoncompliantSnapshot> | undefined

  async function make(begunAtMs: number): Promise<NoncompliantSnapshot> {
    const takenAtMs = clock.nowMs()
    const list = parts.currentList()
    const version = `${records.noncompliantVersion} ${records.counts.c} ${list?.listedAtMs ?? 0}`
    const devices = latest?.version === version ? latest.snapshot.devices : await collect(records, list)
    const snapshot = { devices, takenAtMs, ...(list && { listedAtMs: list.listedAtMs }) }
    latest = { snapshot, begunAtMs, version }
    return snapshot
  }

  return async () => {
    const nowMs = clock.monotonicMs()
    const ageMs = latest === undefined ? Infinity : nowMs - latest.begunAtMs
    if (latest !== undefined && ageMs < (underWay ? givenMeanwhileMs : remadeAfterMs)) return latest.snapshot
    underWay ??= make(nowMs).finally(() => {
      underWay = undefined
    })
    return underWay
  }
}

/** Collects in slices. A device that is noncompliant all the while is found, whatever else changes. */
async function collect(
  records: RememberedRecords,
  list: NoncompliantList | undefined,
): Promise<readonly NoncompliantDevice[]> {
  const next = turnEvery(devicesPerTurn)
  const devices = new Map<string, { record: ComplianceRecord; macs: string[] }>()
  const add = (id: string, record: ComplianceRecord, macs: readonly string[]) => {
    const known = devices.get(id)
    if (known === undefined) {
      devices.set(id, { record, macs: [...macs] })
      return
    }
    for (const mac of macs) known.macs.push(mac)
    if (record.observedAtMs > known.record.observedAtMs) known.record = record
  }
  for (const key of records.noncompliantKeys()) {
    const turned = next()
    if (turned) await turned
    const remembered = records.peek(key)?.record
    if (remembered === undefined) continue
    const record = withOwnDeviceId(key, remembered)
    if (knowsBetter(records, record.deviceId, [], record.observedAtMs)) continue
    const ownMac = key.startsWith('mac/') ? [key.slice('mac/'.length)] : []
    add(idOf(key, record), record, [...ownMac, ...(record.macs ?? [])])
  }
  for (const row of list?.devices ?? []) {
    const turned = next()
    if (turned) await turned
    if (list === undefined || knowsBetter(records, row.deviceId, row.macs, list.listedAtMs)) continue
    const record = listedRecord(row, list.listedAtMs)
    add(row.deviceId ?? `mac/${row.macs[0]}`, record, row.macs)
  }
  const found: NoncompliantDevice[] = []
  for (const [id, { record, macs }] of devices) {
    const turned = next()
    if (turned) await turned
    const { deviceId } = record
    found.push({ id, ...(deviceId !== undefined && { deviceId }), macs: [...new Set(macs)].sort(), record })
  }
  return sortInSlices(found, (a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
}

/** Whether a later answer about this very device says something else. */
function knowsBetter(
  records: RememberedRecords,
  deviceId: string | undefined,
  macs: readonly string[],
  observedAtMs: number,
): boolean {
  const keys =
    deviceId === undefined
      ? macs.map((mac) => `mac/${mac}`)
      : [`deviceId/${deviceId}`, `certificateCn/${deviceId}`]
  return keys.some((key) => {
    const packed = records.packed(key)
    if (packed === undefined || packedStateOf(packed) === 'n') return false
    return (records.peek(key)?.record.observedAtMs ?? 0) > observedAtMs
  })
}

/** A reply to a question by device id need not repeat the id. */
function withOwnDeviceId(key: string, record: ComplianceRecord): ComplianceRecord {
  const deviceId = deviceOf(key, record)
  return deviceId === undefined || record.deviceId !== undefined ? record : { ...record, deviceId }
}

function idOf(key: string, { deviceId, macs }: ComplianceRecord): string {
  if (deviceId !== undefined) return deviceId
  const [mac] = macs ?? []
  return key.startsWith('mac/') || mac === undefined ? key : `mac/${mac}`
}

function listedRecord({ deviceId, macs }: ListedDevice, observedAtMs: number): ComplianceRecord {
  return {
    enrolled: true,
    complianceState: 'noncompliant',
    observedAtMs,
    ...(deviceId !== undefined && { deviceId }),
    ...(macs.length > 0 && { macs }),
  }
}
