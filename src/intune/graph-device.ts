import { z } from 'zod'
import type { DeviceDetails } from '../compliance/compliance-record.ts'
import type { ComplianceFacts } from './compliance-facts.ts'
import type { NoteDrift } from './drift.ts'
import { isNilGuid, parseGuid, parseText, parseWireDate } from './wire-values.ts'

/** The properties of a managed device that are read (Microsoft Graph v1.0, "managedDevice resource type"). */
export const managedDeviceProperties = [
  'id',
  'deviceName',
  'complianceState',
  'complianceGracePeriodExpirationDateTime',
  'lastSyncDateTime',
  'manufacturer',
  'model',
  'operatingSystem',
  'osVersion',
  'serialNumber',
  'imei',
  'meid',
  'azureADDeviceId',
  'userPrincipalName',
  'managedDeviceOwnerType',
] as const

/** The values of complianceState (Microsoft Graph v1.0, "complianceState enum type"). */
const STATES = [
  'unknown',
  'compliant',
  'noncompliant',
  'conflict',
  'error',
  'inGracePeriod',
  'configManager',
] as const
type GraphState = (typeof STATES)[number]

/** A managed device as Graph describes it. */
export interface GraphDevice {
  /** Intune device id, lower case. */
  readonly deviceId: string
  /** Absent where Graph sent none, or one that nobody knows. */
  readonly state?: GraphState
  readonly gracePeriodEndsMs?: number
  readonly details: DeviceDetails
}

const ManagedDevice = z.looseObject({ id: z.string() })

/** Reads one managed device; nothing where it has no id to know it by. Dates that are .NET's sentinels are absent. */
export function parseManagedDevice(value: unknown, note: NoteDrift): GraphDevice | undefined {
  const device = ManagedDevice.safeParse(value).data
  const deviceId = parseGuid(device?.id)
  if (!device || deviceId === undefined) return undefined
  const text = (property: (typeof managedDeviceProperties)[number]) => parseText(device[property])
  const graphComplianceState = text('complianceState')
  const state = STATES.find((known) => known.toLowerCase() === graphComplianceState?.toLowerCase())
  if (graphComplianceState !== undefined && graphComplianceState !== state) {
    note(state ? 'casing' : 'value', 'complianceState', graphComplianceState)
  }
  const gracePeriodEndsMs = parseWireDate(device.complianceGracePeriodExpirationDateTime)?.atMs
  const entraDeviceId = parseGuid(device.azureADDeviceId)
  const owner = text('managedDeviceOwnerType')?.toLowerCase()
  const details = {
    deviceName: text('deviceName'),
    manufacturer: text('manufacturer'),
    model: text('model'),
    operatingSystem: text('operatingSystem'),
    osVersion: text('osVersion'),
    serialNumber: text('serialNumber'),
    imei: text('imei'),
    meid: text('meid'),
    entraDeviceId: entraDeviceId && !isNilGuid(entraDeviceId) ? entraDeviceId : undefined,
    userPrincipalName: text('userPrincipalName'),
    ownership: owner === 'company' ? 'corporate' : owner === 'personal' ? 'personal' : undefined,
    lastSyncMs: parseWireDate(device.lastSyncDateTime)?.atMs,
    graphComplianceState,
  }
  return {
    deviceId,
    ...(state && { state }),
    ...(state === 'inGracePeriod' && gracePeriodEndsMs !== undefined && { gracePeriodEndsMs }),
    details: Object.fromEntries(Object.entries(details).filter(([, known]) => known !== undefined)),
  }
}

/** What Graph alone says about a device: used where nothing else can be asked. Only `compliant` is compliant. */
export function factsOfGraphDevice({
  deviceId,
  state,
  gracePeriodEndsMs,
  details,
}: GraphDevice): ComplianceFacts {
  const ids = { enrolled: true, deviceId, details }
  switch (state) {
    case 'compliant':
      return { ...ids, complianceState: 'compliant' }
    case 'noncompliant':
    case 'conflict':
    case 'error':
      return { ...ids, complianceState: 'noncompliant' }
    case 'inGracePeriod':
      return {
        ...ids,
        complianceState: 'noncompliant',
        ...(gracePeriodEndsMs !== undefined && { gracePeriodEndsMs }),
      }
    // configManager: another system judges the device, and its verdict is not in this reply.
    default:
      return { ...ids, complianceState: 'unknown' }
  }
}

/**
 * Adds what Graph knows to an answer of Intune that is not compliant. Graph may say more precisely why, and never turn
 * it into compliant: the two are evaluated apart and may disagree for minutes. What Graph cannot say (its
 * `compliant`, `configManager`, no state or a new one) leaves the answer as it is.
 */
export function mergeGraphDevice(facts: ComplianceFacts, device: GraphDevice): ComplianceFacts {
  const details = { ...facts.details, ...device.details }
  const merged = { ...facts, deviceId: facts.deviceId ?? device.deviceId, details }
  switch (device.state) {
    case 'unknown':
    case 'noncompliant':
    case 'conflict':
    case 'error':
    case 'inGracePeriod':
      return { ...merged, ...factsOfGraphDevice(device), deviceId: merged.deviceId, details }
    default:
      return merged
  }
}
