import { inBackground } from '../background.ts'
import type { Clock } from '../clock.ts'
import type { Observation } from '../compliance/compliance-record.ts'
import { type FaultCode, faultCatalogue } from '../errors/catalogue.ts'
import { type Fault, failure, type Outcome, success } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'
import { chooseWorst } from './compliance-facts.ts'
import { kindNotSupported } from './device-query.ts'
import { factsOfGraphDevice, mergeGraphDevice } from './graph-device.ts'
import type { FindInGraph, GraphAnswer, GraphQuestion } from './graph-devices.ts'

/** While Graph fails, the details of every device that is not compliant would cost their time limit. */
const PAUSE_MS = 10_000

/** Faults that may be those of one question alone, and are no reason to leave Graph alone. */
const ABOUT_ONE_DEVICE: readonly FaultCode[] = [
  'details_rejected',
  'details_reply_malformed',
  'intune_reply_mismatch',
]

export interface DeviceDetailsOptions {
  readonly find: FindInGraph
  readonly clock: Clock
  /** How long an answer of Intune may be held up for its details. */
  readonly limitMs: number
  /**
   * Told about every answer of Intune that had to stand without details; `isRepeated` where Graph was not even asked,
   * because it has just failed.
   */
  readonly onFailure: (fault: Fault, isRepeated: boolean) => void
}

/** What Graph adds to Intune's answers, and what only Graph can answer. */
export interface DeviceDetailsSource {
  /** A look-up by Graph alone, for kinds that Intune has no query for. */
  ask(identifier: DeviceIdentifier): Promise<Outcome<Observation>>
  /** The same answer with details where it is enrolled and not compliant; as it was where there are none to be had. */
  complete(identifier: DeviceIdentifier, observation: Observation): Promise<Observation>
  /**
   * The Intune device id of the managed device with this Entra device id; nothing where there is none. A failure that
   * may pass is a fault, because "not enrolled" would be wrong; one that will not gives nothing.
   */
  resolveEntraId(entraDeviceId: string): Promise<Outcome<string | undefined>>
}

/** Graph's part in a look-up (INTUNE_GRAPH_DETAILS). Bounded in time, and silent for a while after a failure. */
export function createDeviceDetails({
  find,
  clock,
  limitMs,
  onFailure,
}: DeviceDetailsOptions): DeviceDetailsSource {
  let pause: { readonly untilMs: number; readonly fault: Fault } | undefined

  async function findWithin(question: GraphQuestion): Promise<Outcome<GraphAnswer>> {
    if (pause !== undefined && clock.nowMs() < pause.untilMs) {
      onFailure(pause.fault, true)
      return { ok: false, fault: pause.fault }
    }
    const answer = await within(limitMs, find(question), clock)
    if (answer.ok) {
      pause = undefined
      return answer
    }
    onFailure(answer.fault, false)
    if (!ABOUT_ONE_DEVICE.includes(answer.fault.code)) {
      const pauseMs = Math.max(answer.fault.retryAfterMs ?? 0, PAUSE_MS)
      pause = { untilMs: clock.nowMs() + pauseMs, fault: answer.fault }
    }
    return answer
  }

  return {
    async ask(identifier) {
      const question = questionOf(identifier)
      if (!question) return kindNotSupported(identifier.kind, 'deviceId, serialNumber and imei work')
      const answer = await find(question)
      if (!answer.ok) return answer
      const { devices, ...trace } = answer.value
      const facts = chooseWorst(devices.map(factsOfGraphDevice))
      return success({ record: { ...facts, observedAtMs: clock.nowMs() }, trace: { api: 'graph', ...trace } })
    },
    async complete(identifier, observation) {
      const { record } = observation
      if (!record.enrolled || record.complianceState === 'compliant') return observation
      const question = bestQuestion(identifier, observation)
      if (!question) return observation
      const answer = await findWithin(question)
      // Two devices with one serial number: nobody knows which of them was meant.
      if (!answer.ok || answer.value.devices.length !== 1) return observation
      const [device] = answer.value.devices
      if (!device) return observation
      const { observedAtMs, ...facts } = record
      return { ...observation, record: { ...mergeGraphDevice(facts, device), observedAtMs } }
    },
    async resolveEntraId(entraDeviceId) {
      const answer = await findWithin({ by: 'entraDeviceId', value: entraDeviceId })
      if (answer.ok) return success(answer.value.devices[0]?.deviceId)
      return faultCatalogue[answer.fault.code].retryable ? answer : success(undefined)
    },
  }
}

/** Graph is asked by an id that names one device: Intune's own first, then Entra's, then those of the hardware. */
function bestQuestion(identifier: DeviceIdentifier, { record }: Observation): GraphQuestion | undefined {
  const { entraDeviceId, serialNumber, imei } = record.details ?? {}
  if (record.deviceId) return { by: 'deviceId', value: record.deviceId }
  const asked = questionOf(identifier)
  if (asked) return asked
  if (entraDeviceId) return { by: 'entraDeviceId', value: entraDeviceId }
  if (serialNumber) return { by: 'serialNumber', value: serialNumber }
  return imei ? { by: 'imei', value: imei } : undefined
}

function questionOf({ kind, value }: DeviceIdentifier): GraphQuestion | undefined {
  return kind === 'deviceId' || kind === 'serialNumber' || kind === 'imei' ? { by: kind, value } : undefined
}

/** The answer, or a time-out; a late answer is dropped. */
function within(
  limitMs: number,
  question: Promise<Outcome<GraphAnswer>>,
  clock: Clock,
): Promise<Outcome<GraphAnswer>> {
  return new Promise((resolve) => {
    const cancel = clock.after(limitMs, () =>
      resolve(failure('upstream_timeout', `Graph sent no details within ${limitMs} ms`, { hop: 'details' })),
    )
    inBackground('graph_details', async () => {
      const answer = await question
      cancel()
      resolve(answer)
    })
  })
}
