import { join } from 'node:path'
import { packRecord } from '../../src/compliance/packed-record.ts'
import { StateDatabase, type StateRow } from '../../src/state/state-database.ts'
import { keptMac } from './addresses.ts'

const rowsPerWrite = 20_000
/** One in fifty is not compliant. */
const noncompliantEvery = 50
const freshForMs = 12 * 60 * 60 * 1000

/**
 * Writes a state file as a service of this tenant would have left it: so many devices by MAC address, observed within
 * the last hour. They count as fresh for twelve hours, so that a run asks the upstream about none of them.
 */
export function seedState(directory: string, tenant: string, devices: number): void {
  const database = new StateDatabase(join(directory, `compliance-${tenant}.sqlite`))
  const nowMs = Date.now()
  for (let written = 0; written < devices; written += rowsPerWrite) {
    const count = Math.min(rowsPerWrite, devices - written)
    database.write(Array.from({ length: count }, (_, index) => stateRow(written + index, nowMs)))
  }
  database.close()
}

function stateRow(index: number, nowMs: number): StateRow {
  const mac = keptMac(index)
  const key = `mac/${mac}`
  const observedAtMs = nowMs - (index % 3_600_000)
  const value = packRecord(key, {
    record: {
      enrolled: true,
      complianceState: index % noncompliantEvery === 0 ? 'noncompliant' : 'compliant',
      observedAtMs,
      deviceId: `5eed0000-0000-4000-8000-${mac.toLowerCase()}`,
      macs: [mac],
    },
    freshUntilMs: observedAtMs + freshForMs,
  })
  return { key, value, observedAtMs }
}
