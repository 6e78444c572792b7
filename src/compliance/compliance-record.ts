import type { Outcome } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'

/** The MDM's verdict. `unknown` is "enrolled, not yet evaluated" or a value nobody can vouch for; never an outage. */
export type ComplianceState = 'compliant' | 'noncompliant' | 'unknown'

/**
 * What Intune said about one device at one moment. Facts only: nothing here says who may do what.
 * `enrolled: false` always goes with `complianceState: 'unknown'`.
 */
export interface ComplianceRecord {
  readonly enrolled: boolean
  readonly complianceState: ComplianceState
  /** When Intune answered, milliseconds since the epoch. */
  readonly observedAtMs: number
  /** The Intune device id where the reply carried one, lower case. */
  readonly deviceId?: string
  /** The MAC addresses that the reply carried, 12 upper-case hex digits each. */
  readonly macs?: readonly string[]
  /** Noncompliant but not yet blocked: until when, milliseconds since the epoch. Only Graph says so. */
  readonly gracePeriodEndsMs?: number
  /** What else is known about the device; absent where the API sends no inventory. */
  readonly details?: DeviceDetails
}

/** Inventory of a device, as far as the API in use sends it. Empty values are left out. */
export interface DeviceDetails {
  readonly deviceName?: string
  readonly manufacturer?: string
  readonly model?: string
  readonly operatingSystem?: string
  readonly osVersion?: string
  readonly serialNumber?: string
  readonly imei?: string
  readonly meid?: string
  readonly udid?: string
  /** Entra device id, lower case; absent while the device has not joined. */
  readonly entraDeviceId?: string
  readonly userPrincipalName?: string
  readonly ownership?: 'corporate' | 'personal'
  readonly phoneNumber?: string
  readonly diskEncrypted?: boolean
  readonly jailBroken?: boolean
  /** Whether a screen lock is set; only the legacy ISE dialect of Intune says so. */
  readonly pinLocked?: boolean
  /** Last contact of the device with Intune, milliseconds since the epoch. */
  readonly lastSyncMs?: number
  /** Graph's complianceState to the letter, where Graph was asked. */
  readonly graphComplianceState?: string
}

/** How the answer was got, for the log and the trace. */
export interface UpstreamTrace {
  readonly api: 'compliance-retrieval' | 'nac' | 'nac-ise-v2' | 'graph'
  readonly status: number
  readonly requestId: string
  readonly durationMs: number
}

/** A fresh record with the trace of the exchange that gave it. */
export interface Observation {
  readonly record: ComplianceRecord
  readonly trace: UpstreamTrace
  /**
   * Set where Intune said plainly that the device is not compliant, and another source made a more precise `unknown` of
   * it: whatever was known before, the device is not compliant.
   */
  readonly isNotCompliant?: true
}

/** The services that devices are asked about: Intune's two (Compliance Retrieval, NAC 1.x) and Graph's inventory. */
export const mdmServices = ['compliance_retrieval', 'nac', 'graph'] as const

/** One service that devices are asked about. */
export type MdmService = (typeof mdmServices)[number]

/** Everything of Microsoft's that can be in trouble for itself: the services, and what has to be had before them. */
export type UpstreamService = 'entra' | 'discovery' | MdmService

/** Lets an exchange with one service through when it is its turn, or gives the fault for which it is not made now. */
export type Through = <T>(service: MdmService, ask: () => Promise<Outcome<T>>) => Promise<Outcome<T>>

/**
 * The one seam between this service and an MDM: asks about one identifier and answers with an observation or a fault.
 * Every exchange with a service goes through `through`; without it nothing is held back. Never rejects.
 * `identifier_not_supported` where the API has no query for the kind.
 */
export type MdmLookup = (identifier: DeviceIdentifier, through?: Through) => Promise<Outcome<Observation>>

/** The same as the cache sees it: `share` says in whose name a question waits for its turn; absent: in nobody's. */
export type ComplianceLookup = (identifier: DeviceIdentifier, share?: string) => Promise<Outcome<Observation>>
