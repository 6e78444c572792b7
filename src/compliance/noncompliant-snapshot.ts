import type { ComplianceRecord } from './compliance-record.ts'

/** One enrolled device that is known to be noncompliant now. */
export interface NoncompliantDevice {
  /**
   * Stable for as long as the device is remembered and the same after a restart: the Intune device id where one is
   * known, else `mac/` and the address, else the kind and value it is remembered by. Snapshots are in ascending order
   * of it, so a page can go on behind the last id.
   */
  readonly id: string
  /** The Intune device id, lower case; absent where only a MAC address is known. */
  readonly deviceId?: string
  /** Every MAC address known for the device, 12 upper-case hex digits each, sorted; empty where none is. */
  readonly macs: readonly string[]
  /** What is known, and when Intune said so. Never compliant. */
  readonly record: ComplianceRecord
}

/** The noncompliant devices of the service at one moment: what it remembers, and the bulk list where there is one. */
export interface NoncompliantSnapshot {
  /** Ascending by `id`; the same array for as long as nothing has changed. */
  readonly devices: readonly NoncompliantDevice[]
  /** When the snapshot was begun, milliseconds since the epoch. */
  readonly takenAtMs: number
  /** When Intune answered the bulk query that is part of it; absent where none has been answered. */
  readonly listedAtMs?: number
}

/**
 * Reads the noncompliant devices. Never holds anybody else up: a snapshot is made in slices, one at a time and at most
 * once a second, and one of the last seconds is given while the next is being made. A device whose record is held by
 * the mass-flip guard is not in it before an operator has accepted.
 */
export type ReadNoncompliantSnapshot = () => Promise<NoncompliantSnapshot>
