import { z } from 'zod'
import { guidField, macField } from './fields.ts'

/** A managed device, as it is written. */
export const deviceSchema = z.strictObject({
  /** The Intune device id (Graph `managedDevice.id`), not the Entra one. */
  deviceId: guidField,
  macs: z.array(macField).default([]),
  complianceState: z.enum(['compliant', 'noncompliant', 'unknown', 'inGracePeriod']),
  /** A device that is not enrolled answers like one that Intune has never seen. */
  enrolled: z.boolean().default(true),
  imei: z.string().optional(),
  meid: z.string().optional(),
  udid: z.string().optional(),
  serialNumber: z.string().optional(),
  azureDeviceId: guidField.optional(),
  model: z.string().optional(),
  manufacturer: z.string().optional(),
  osVersion: z.string().optional(),
  deviceOwner: z.string().optional(),
  /** Last contact with Intune, milliseconds since the epoch. */
  lastContactMs: z.int().optional(),
  /** Text of `Compliance/status` on the wire whatever the state is; `nil` writes `i:nil="true"`. */
  wireCompliance: z.string().optional(),
  /** A question about this device is answered with the row of that one, to test the client's echo check. */
  replyAs: guidField.optional(),
})

/** What `putDevice` takes: `deviceId` and `complianceState` are enough. */
export type DeviceInput = z.input<typeof deviceSchema>

/** Part of a device; `null` takes an optional fact away. */
export type DevicePatch = { readonly [K in Exclude<keyof DeviceInput, 'deviceId'>]?: DeviceInput[K] | null }

/** A device of the simulated tenant: GUIDs lower case, MACs 12 upper-case hex digits. */
export type Device = z.output<typeof deviceSchema>
