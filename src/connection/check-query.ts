import { randomUUID } from 'node:crypto'
import type { Observation } from '../compliance/compliance-record.ts'
import { faultCatalogue } from '../errors/catalogue.ts'
import { failure } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'
import type { IntuneLookup } from '../intune/intune-lookup.ts'
import type { Finding } from './step-runner.ts'

/**
 * Asks about the given device, best rank first, or about a made-up device id, which no tenant has and which does no
 * harm. Faults: those of a look-up.
 */
export async function checkQuery(
  intune: IntuneLookup,
  given: readonly DeviceIdentifier[],
): Promise<Finding<void>> {
  const madeUp: DeviceIdentifier = { kind: 'deviceId', value: randomUUID(), origin: 'deviceId', rank: 1 }
  for (const identifier of given.length > 0 ? given : [madeUp]) {
    const answer = await intune.lookup(identifier)
    if (answer.ok) return describeAnswer(answer.value, identifier === madeUp)
    if (answer.fault.code !== 'identifier_not_supported') return { result: 'fail', fault: answer.fault }
  }
  const message = 'this Intune API has no query for any of the given identifiers'
  return { result: 'fail', fault: failure('identifier_not_supported', message).fault }
}

function describeAnswer({ record, trace }: Observation, madeUp: boolean): Finding<void> {
  const about = madeUp ? 'a made-up device id' : 'the device'
  const state = record.enrolled ? `enrolled, ${record.complianceState}` : 'not enrolled'
  const detail = `${about} is ${state} (${trace.api}, HTTP ${trace.status})`
  if (trace.status === 404) {
    const remedy = `404 is read as "not enrolled", but a wrong address looks the same: ask about an enrolled device (intune-nac doctor IDENTIFIER). ${faultCatalogue.intune_endpoint_gone.remedy}`
    return { result: 'warn', detail, remedy, value: undefined }
  }
  return { result: 'ok', detail, value: undefined }
}
