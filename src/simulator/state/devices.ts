import { z } from 'zod'
import { stableGuid } from '../stable-guid.ts'
import { guidField, instantField, macField, textField } from './fields.ts'

/** A managed device, as it is written. */
export const deviceSchema = z.strictObject({
  /** The Intune device id (Graph `managedDevice.id`), not the Entra one. */
  deviceId: guidField,
  /** The first is the Wi-Fi MAC and the second the Ethernet MAC where an API tells them apart. */
  macs: z.array(macField).default([]),
  complianceState: z.enum([
    'compliant',
    'noncompliant',
    'unknown',
    'inGracePeriod',
    'conflict',
    'error',
    'configManager',
  ]),
  /** A device that is not enrolled answers like one that Intune has never seen. */
  enrolled: z.boolean().default(true),
  /** In the middle of its enrolment: managed, and with an Entra device id of zeros. */
  enrolling: z.boolean().default(false),
  imei: textField.optional(),
  meid: textField.optional(),
  udid: textField.optional(),
  serialNumber: textField.optional(),
  azureDeviceId: guidField.optional(),
  deviceName: textField.optional(),
  userPrincipalName: textField.optional(),
  model: textField.optional(),
  manufacturer: textField.optional(),
  operatingSystem: textField.optional(),
  osVersion: textField.optional(),
  /** `deviceOwner` of NAC 1.x; what `ownerType` says when left out. */
  deviceOwner: textField.optional(),
  /** `managedDeviceOwnerType` of Graph. */
  ownerType: z.enum(['company', 'personal', 'unknown']).optional(),
  /** Last contact with Intune as NAC 1.x tells it, milliseconds since the epoch; `lastSyncMs` when left out. */
  lastContactMs: instantField.optional(),
  /** The same as Graph tells it; `lastContactMs` when left out. */
  lastSyncMs: instantField.optional(),
  /** When the grace period of a device in one ends, milliseconds since the epoch. */
  gracePeriodEndsMs: instantField.optional(),
  /** Text of `Compliance/status` on the wire whatever the state is; `nil` writes `i:nil="true"`. */
  wireCompliance: z.string().optional(),
  /** Put over the members of the NAC 1.x JSON object, whatever the type. */
  wireNacJson: z.record(z.string(), z.json()).optional(),
  /** A question about this device is answered with the row of that one, to test the client's echo check. */
  replyAs: guidField.optional(),
})

/** What `putDevice` takes: `deviceId` and `complianceState` are enough. */
export type DeviceInput = z.input<typeof deviceSchema>

/** Part of a device; `null` takes an optional fact away. */
export type DevicePatch = { readonly [K in Exclude<keyof DeviceInput, 'deviceId'>]?: DeviceInput[K] | null }

/** A device of the simulated tenant: GUIDs lower case, MACs 12 upper-case hex digits. */
export type Device = z.output<typeof deviceSchema>

/** What Intune writes for the Entra device id of a device that has none yet. */
export const zeroGuid = '00000000-0000-0000-0000-000000000000'

/** The Entra device id: zeros while the device enrols, and made up where the inventory does not give one. */
export function entraDeviceId({ deviceId, azureDeviceId, enrolling }: Device): string {
  return enrolling ? zeroGuid : (azureDeviceId ?? stableGuid(`Entra device of ${deviceId}`))
}
