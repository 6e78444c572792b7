import type { RememberedRecords } from './remembered-records.ts'

/** The hours that the runway is given for. */
export const runwayHours = [1, 4, 8] as const

/** How long the remembered devices would get by without Intune, if it died now. */
export interface OutageRunway {
  /** Devices that Intune has said something about within the last 24 hours. */
  readonly seenLast24Hours: number
  /** How many of those are compliant, and would still be answered as that so many hours from now. */
  readonly keepAccess: readonly { readonly hours: number; readonly devices: number }[]
}

const hourMs = 60 * 60 * 1000

/**
 * Counts by the minute, rounded against the device: a record counts for an hour only if its whole minute of observation
 * is within OUTAGE_HOLD_SECONDS of that hour's end. So the figure for 8 hours is 0 with a hold of 8 hours, where even
 * a device seen a minute ago would fall out a minute early.
 */
export function outageRunway(records: RememberedRecords, nowMs: number, outageHoldMs: number): OutageRunway {
  const dayAgoMs = nowMs - 24 * hourMs
  return {
    seenLast24Hours: records.countObservedSince(dayAgoMs).all,
    keepAccess: runwayHours.map((hours) => {
      const sinceMs = Math.max(dayAgoMs, nowMs + hours * hourMs - outageHoldMs)
      return { hours, devices: records.countObservedSince(sinceMs).compliant }
    }),
  }
}
