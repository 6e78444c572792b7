import type { StateLetter } from '../compliance/packed-record.ts'
import type { ListedRecord } from '../compliance/remembered-records.ts'
import { splitKey } from '../identity/device-identity.ts'
import type { MaskDevice } from '../identity/mask-device.ts'

/** How each state is packed. */
export const stateLetters = {
  compliant: 'c',
  noncompliant: 'n',
  unknown: 'u',
  not_enrolled: 'x',
} as const satisfies Readonly<Record<string, StateLetter>>

/** One remembered device as GET /devices of the management listener shows it. Times are ISO 8601. */
export function presentDevice({ key, remembered }: ListedRecord, nowMs: number, mask: MaskDevice) {
  const { record, freshUntilMs, held } = remembered
  const { enrolled, complianceState, deviceId, observedAtMs } = record
  const [kind, value] = splitKey(key)
  return {
    kind,
    device: mask(value),
    state: enrolled ? complianceState : ('not_enrolled' as const),
    deviceId: deviceId === undefined ? null : mask(deviceId),
    observedAt: new Date(observedAtMs).toISOString(),
    ageSeconds: Math.max(0, Math.floor((nowMs - observedAtMs) / 1000)),
    freshForSeconds: Math.max(0, Math.ceil((freshUntilMs - nowMs) / 1000)),
    held: held ?? null,
  }
}
