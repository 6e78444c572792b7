import type { Clock } from '../clock.ts'
import type { ComplianceRecord } from './compliance-record.ts'
import type { ListedDevice, NoncompliantList } from './noncompliant-list.ts'
import type {
  NoncompliantDevice,
  NoncompliantSnapshot,
  ReadNoncompliantSnapshot,
} from './noncompliant-snapshot.ts'
import type { RememberedRecords } from './remembered-records.ts'

/** A new snapshot is made at most this often, however many callers poll. */
const remadeAfterMs = 1000

/** Builds the reader of the snapshot, over what is remembered and the list in use. */
export function createNoncompliantSnapshotReader(parts: {
  readonly records: RememberedRecords
  readonly currentList: () => NoncompliantList | undefined
  readonly clock: Clock
}): ReadNoncompliantSnapshot {
  const { records, clock } = parts
  let latest: { readonly snapshot: NoncompliantSnapshot; readonly version: string } | undefined
  return () => {
    const nowMs = clock.nowMs()
    if (latest !== undefined && Math.abs(nowMs - latest.snapshot.takenAtMs) < remadeAfterMs) {
      return latest.snapshot
    }
    const list = parts.currentList()
    const version = `${records.noncompliantVersion} ${records.counts.c} ${list?.listedAtMs ?? 0}`
    const devices =
      latest !== undefined && latest.version === version ? latest.snapshot.devices : collect(records, list)
    latest = {
      snapshot: { devices, takenAtMs: nowMs, ...(list && { listedAtMs: list.listedAtMs }) },
      version,
    }
    return latest.snapshot
  }
}

function collect(
  records: RememberedRecords,
  list: NoncompliantList | undefined,
): readonly NoncompliantDevice[] {
  const devices = new Map<string, { record: ComplianceRecord; macs: Set<string> }>()
  const add = (id: string, record: ComplianceRecord, macs: readonly string[]) => {
    const known = devices.get(id)
    if (known === undefined) {
      devices.set(id, { record, macs: new Set(macs) })
      return
    }
    for (const mac of macs) known.macs.add(mac)
    if (record.observedAtMs > known.record.observedAtMs) known.record = record
  }
  for (const key of records.noncompliantKeys) {
    const remembered = records.peek(key)?.record
    if (remembered === undefined) continue
    const record = withOwnDeviceId(key, remembered)
    if (knowsBetter(records, record.deviceId, [], record.observedAtMs)) continue
    const ownMac = key.startsWith('mac/') ? [key.slice('mac/'.length)] : []
    add(idOf(key, record), record, [...ownMac, ...(record.macs ?? [])])
  }
  for (const row of list?.devices ?? []) {
    if (list === undefined || knowsBetter(records, row.deviceId, row.macs, list.listedAtMs)) continue
    const record = listedRecord(row, list.listedAtMs)
    add(row.deviceId ?? `mac/${row.macs[0]}`, record, row.macs)
  }
  return [...devices]
    .map(([id, { record, macs }]) => ({
      id,
      ...(record.deviceId !== undefined && { deviceId: record.deviceId }),
      macs: [...macs].sort(),
      record,
    }))
    .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
}

/** Whether a later answer about this very device says something else. */
function knowsBetter(
  records: RememberedRecords,
  deviceId: string | undefined,
  macs: readonly string[],
  observedAtMs: number,
): boolean {
  const keys = deviceId === undefined ? macs.map((mac) => `mac/${mac}`) : [`deviceId/${deviceId}`]
  return keys.some((key) => {
    const record = records.peek(key)?.record
    if (record === undefined || record.observedAtMs <= observedAtMs) return false
    return !record.enrolled || record.complianceState !== 'noncompliant'
  })
}

/** A reply to a question by device id need not repeat the id. */
function withOwnDeviceId(key: string, record: ComplianceRecord): ComplianceRecord {
  if (record.deviceId !== undefined || !key.startsWith('deviceId/')) return record
  return { ...record, deviceId: key.slice('deviceId/'.length) }
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
