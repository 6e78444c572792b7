import type { Device } from '../state/devices.ts'
import type { Variants } from '../state/variants.ts'

/** Text of the compliance status; null is `i:nil`. Only Compliant reads true, a grace period reads false. */
export function wireCompliance(
  device: Device,
  { unknownOnWire }: Pick<Variants, 'unknownOnWire'>,
): string | null {
  if (device.wireCompliance !== undefined) {
    return device.wireCompliance === 'nil' ? null : device.wireCompliance
  }
  if (device.complianceState === 'compliant') return 'true'
  if (device.complianceState !== 'unknown' || unknownOnWire === 'false') return 'false'
  return unknownOnWire === 'nil' ? null : ''
}
