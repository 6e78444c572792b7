import { type Device, entraDeviceId, zeroGuid } from '../state/devices.ts'
import type { Variants } from '../state/variants.ts'
import { type DeviceQuestion, reportedMac } from './device-question.ts'
import { wireCompliance } from './wire-compliance.ts'

type NacObject = Readonly<Record<string, unknown>>

/** The object about a managed device, its members in the order of the alphabet as the service writes them. */
export function deviceObject(
  device: Device,
  question: DeviceQuestion,
  version: string,
  variants: Variants,
): NacObject {
  const { manufacturer, model, osVersion } = device
  const isNamed = variants.deviceNames === 'given'
  const { imei, meid, serialNumber, udid } = isNamed ? device : nameless
  return {
    azureDeviceId: isNamed ? entraDeviceId(device) : '',
    complianceState: complianceValue(wireCompliance(device, variants), variants),
    ...present({ deviceOwner: version === '1.0' ? null : ownerOf(device) }, variants),
    ...present({ imei }, variants),
    isManaged: booleanValue(true, variants),
    ...present(
      {
        lastContactTimeUtc: contactTime(device.lastContactMs ?? device.lastSyncMs, variants),
        macAddress: isNamed ? reportedMac(device, question) : '',
        manufacturer,
        meid,
        model,
        osVersion,
        serialNumber,
        udid,
      },
      variants,
    ),
    ...device.wireNacJson,
  }
}

const nameless: Pick<Device, 'imei' | 'meid' | 'serialNumber' | 'udid'> = {}

/** The object about any other device: "no information other than that the device isn't managed" is shared. */
export function unmanagedObject(version: string, variants: Variants): NacObject {
  const isManaged = booleanValue(false, variants)
  if (variants.nacNotFound === 'bare') return { isManaged }
  return {
    azureDeviceId: zeroGuid,
    complianceState: booleanValue(false, variants),
    ...(version !== '1.0' && { deviceOwner: '' }),
    imei: '',
    isManaged,
    lastContactTimeUtc: '',
    macAddress: '',
    manufacturer: '',
    meid: '',
    model: '',
    osVersion: '',
    serialNumber: '',
    udid: '',
  }
}

/** Writes texts, absent ones as the variant says. Null is a member that this version does not have. */
function present(
  texts: Readonly<Record<string, string | null | undefined>>,
  { nacAbsentValues }: Variants,
): NacObject {
  const absent = { empty: '', missing: undefined, null: null }[nacAbsentValues]
  // JSON leaves an undefined member out.
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [name, text === null ? undefined : text || absent]),
  )
}

const owners = { company: 'Corporate', personal: 'Personal', unknown: 'Unknown' } as const

function ownerOf({ deviceOwner, ownerType }: Device): string | undefined {
  return deviceOwner ?? (ownerType && owners[ownerType])
}

/** The compliance status of the XML dialects as this dialect writes it: a boolean, or the odd text as it is. */
function complianceValue(status: string | null, variants: Variants): unknown {
  return status === 'true' || status === 'false' ? booleanValue(status === 'true', variants) : status
}

function booleanValue(value: boolean, { nacBooleans }: Variants): boolean | string | number {
  return {
    boolean: value,
    string: String(value),
    capitalised: value ? 'True' : 'False',
    number: value ? 1 : 0,
  }[nacBooleans]
}

/** `MM/dd/yyyy HH:mm:ss` in UTC; since 2023 the offset follows. */
function contactTime(atMs: number | undefined, { nacLastContact }: Variants): string | undefined {
  if (atMs === undefined) return undefined
  const [date = '', time = ''] = new Date(atMs).toISOString().split(/[T.]/)
  const [year, month, day] = date.split('-')
  return `${month}/${day}/${year} ${time}${nacLastContact === 'with_offset' ? ' +00:00' : ''}`
}
