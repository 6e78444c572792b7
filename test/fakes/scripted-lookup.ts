import type {
  ComplianceLookup,
  ComplianceRecord,
  Observation,
} from '../../src/compliance/compliance-record.ts'
import type { FaultCode } from '../../src/errors/catalogue.ts'
import { failure, type Outcome, success } from '../../src/errors/fault.ts'
import { type DeviceIdentifier, identifierKey } from '../../src/identity/device-identity.ts'
import type { FakeClock } from './fake-clock.ts'

/** What a test wants the next look-ups to say. */
export type Script = Partial<ComplianceRecord> | FaultCode | 'hang'

/** A look-up without a network, for tests of what stands behind the seam: says what it is told and counts. */
export function scriptedLookup(
  clock: FakeClock,
  initial: Script = { enrolled: true, complianceState: 'compliant' },
) {
  const asked: string[] = []
  let script = initial
  let release: (() => void)[] = []
  const lookup: ComplianceLookup = async (identifier) => {
    asked.push(identifierKey(identifier))
    if (script === 'hang') await new Promise<void>((resolve) => release.push(resolve))
    return reply(script, clock)
  }
  return {
    lookup,
    asked,
    say: (next: Script) => {
      script = next
    },
    /** Lets every hanging look-up answer with the script of that moment. */
    release: (next: Script) => {
      script = next
      for (const go of release) go()
      release = []
    },
  }
}

function reply(script: Script, clock: FakeClock): Outcome<Observation> {
  if (typeof script === 'string') {
    return failure(script === 'hang' ? 'internal' : script, 'scripted fault', { hop: 'query' })
  }
  const enrolled = script.enrolled ?? true
  const record: ComplianceRecord = {
    complianceState: enrolled ? 'compliant' : 'unknown',
    observedAtMs: clock.nowMs(),
    ...script,
    enrolled,
  }
  return success({
    record,
    trace: { api: 'compliance-retrieval', status: 200, requestId: 'r-1', durationMs: 12 },
  })
}

/** An Intune device id as an identifier. */
export function deviceId(value = 'ee9d3792-6859-4b71-93aa-56aba42581c5'): DeviceIdentifier {
  return { kind: 'deviceId', value, origin: 'deviceId', rank: 1 }
}

/** A MAC address as an identifier. */
export function mac(value = '005056A4895A'): DeviceIdentifier {
  return { kind: 'mac', value, origin: 'mac', rank: 4 }
}
