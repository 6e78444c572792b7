import { type Device, entraDeviceId } from '../state/devices.ts'

/** What Graph writes for a date that was never set, and for one that never comes. */
const never = '0001-01-01T00:00:00Z'
const forever = '9999-12-31T23:59:59Z'

/** The properties of a managed device that are played here (Graph v1.0, managedDevice resource type). */
export interface ManagedDevice {
  readonly id: string
  readonly deviceName: string
  readonly managedDeviceOwnerType: string
  readonly lastSyncDateTime: string
  readonly operatingSystem: string
  readonly osVersion: string
  readonly complianceState: string
  readonly complianceGracePeriodExpirationDateTime: string
  readonly azureADDeviceId: string
  readonly userPrincipalName: string
  readonly model: string
  readonly manufacturer: string
  readonly serialNumber: string
  readonly imei: string
  readonly meid: string
  readonly wiFiMacAddress: string
  readonly ethernetMacAddress: string | null
}

/** All properties; the Ethernet MAC as it is when one device is asked for it by name. */
export function managedDevice(device: Device): ManagedDevice {
  return {
    id: device.deviceId,
    deviceName: device.deviceName ?? '',
    managedDeviceOwnerType: device.ownerType ?? 'unknown',
    lastSyncDateTime: dateTime(device.lastSyncMs ?? device.lastContactMs, never),
    operatingSystem: device.operatingSystem ?? '',
    osVersion: device.osVersion ?? '',
    complianceState: device.complianceState,
    complianceGracePeriodExpirationDateTime: dateTime(device.gracePeriodEndsMs, forever),
    azureADDeviceId: entraDeviceId(device),
    userPrincipalName: device.userPrincipalName ?? '',
    model: device.model ?? '',
    manufacturer: device.manufacturer ?? '',
    serialNumber: device.serialNumber ?? '',
    imei: device.imei ?? '',
    meid: device.meid ?? '',
    wiFiMacAddress: device.macs[0] ?? '',
    ethernetMacAddress: device.macs[1] ?? null,
  }
}

const anyDevice: Device = {
  deviceId: '',
  macs: [],
  complianceState: 'unknown',
  enrolled: true,
  enrolling: true,
}

/** Names of the properties, lower case: Graph matches them in any case. */
export const managedDeviceProperties: ReadonlySet<string> = new Set(
  Object.keys(managedDevice(anyDevice)).map((name) => name.toLowerCase()),
)

function dateTime(atMs: number | undefined, unset: string): string {
  // Graph writes no fraction when there is none to tell.
  return atMs === undefined ? unset : new Date(atMs).toISOString().replace('.000Z', 'Z')
}
