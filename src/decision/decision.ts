import type { ComplianceState, DeviceDetails } from '../compliance/compliance-record.ts'
import type { FaultCode } from '../errors/catalogue.ts'
import type { IdentifierKind } from '../identity/device-identity.ts'

export type { DeviceDetails } from '../compliance/compliance-record.ts'

/** What is decided; what the network is told of it is a `SentAnswer`. `fail` means "could not decide, and policy wants the caller to know": HTTP 503. */
export type DecisionOutcome = 'allow' | 'deny' | 'remediate' | 'fail'

/** Why. A closed list; each reason is one row of the decision table. */
export type DecisionReason =
  | 'compliant'
  | 'noncompliant'
  | 'in_grace_period'
  | 'not_evaluated'
  | 'not_enrolled'
  | 'randomized_mac'
  | 'identifier_conflict'
  | 'intune_unavailable'

/** What the user has to do. */
export type RemediationAction =
  | 'fix_compliance'
  | 'wait_for_evaluation'
  | 'enroll'
  | 'use_device_mac'
  | 'contact_support'

/** Where the fact came from: asked now, remembered and fresh, remembered and held through an outage, or nowhere. */
export type FactSource = 'intune' | 'cache' | 'last_known' | 'none'

/** One decision with its evidence. Every front end renders this and nothing else. */
export interface Decision {
  readonly decisionId: string
  readonly outcome: DecisionOutcome
  readonly reason: DecisionReason
  /** Why, in the words of the site's policy; absent where it has none of its own. */
  readonly reasonText?: string
  /** What Intune says, `unknown` included; null where it could not be determined, or nobody was asked. */
  readonly complianceState: ComplianceState | null
  /** Whether Intune manages the device; null where `complianceState` is. */
  readonly enrolled: boolean | null
  /** The kind of identifier that decided, or `none`. */
  readonly matchedBy: IdentifierKind | 'none'
  /** The canonical identifier that decided, or an empty text. */
  readonly device: string
  readonly source: FactSource
  /** When Intune said so, milliseconds since the epoch; absent where nothing was observed. */
  readonly observedAtMs?: number
  readonly ageMs: number
  readonly stale: boolean
  /** How long the caller may rely on it, milliseconds. */
  readonly expiresInMs: number
  /** Set where a refresh was asked for and not made yet, because the last one is too recent: when it can be, milliseconds. */
  readonly refreshInMs?: number
  readonly remediation?: Remediation
  /** Name of the policy rule that fired. */
  readonly rule?: string
  /** What a RADIUS reply carries; absent where the rule names no profile. */
  readonly profile?: AttributeProfile
  /** The Intune device id, lower case, where Intune named one. */
  readonly deviceId?: string
  /** The MAC addresses that Intune named, 12 upper-case hex digits each. */
  readonly macs?: readonly string[]
  /** Inventory of the device, as far as the API in use sends it. */
  readonly details?: DeviceDetails
  /** Why it could not be determined; only with reason `intune_unavailable`. */
  readonly faultCode?: FaultCode
}

/** A named set of RADIUS attributes, ready to be written: placeholders are filled in and safe. */
export interface AttributeProfile {
  readonly name: string
  readonly attributes: readonly RadiusAttribute[]
}

/** One RADIUS attribute by its dictionary name; several values are sent several times. */
export interface RadiusAttribute {
  readonly name: string
  /** RFC 2868 tag, 1 to 31. */
  readonly tag?: number
  readonly values: readonly (string | number)[]
}

/** What to show the user. */
export interface Remediation {
  readonly action: RemediationAction
  readonly url: string
  readonly message: string
}
