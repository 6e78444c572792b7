import { inBackground } from '../background.ts'
import type { Clock } from '../clock.ts'
import { CircuitBreaker } from '../compliance/circuit-breaker.ts'
import type { DeviceDetails, Observation, Through } from '../compliance/compliance-record.ts'
import { type Fault, failure, type Outcome, success } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'
import { chooseWorst } from './compliance-facts.ts'
import { kindNotSupported } from './device-query.ts'
import { factsOfGraphDevice, mergeGraphDevice } from './graph-device.ts'
import type { FindInGraph, GraphAnswer, GraphQuestion } from './graph-devices.ts'

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
  ask(identifier: DeviceIdentifier, through: Through): Promise<Outcome<Observation>>
  /** The same answer with details where it is enrolled and not compliant; as it was where there are none to be had. */
  complete(identifier: DeviceIdentifier, observation: Observation, through: Through): Promise<Observation>
  /**
   * The Intune device ids of the managed devices with this Entra device id: none, one or, where a device was enrolled again,
   * several. Every failure is a fault: what cannot be translated need not be "not enrolled".
   */
  resolveEntraId(entraDeviceId: string, through: Through): Promise<Outcome<readonly string[]>>
}

/**
 * Graph's part in a look-up (INTUNE_GRAPH_DETAILS). Whether Graph is asked at all is for its gate to say, which counts what
 * fails; here is counted who waited in vain: after five devices in a row nobody waits for details for a while.
 */
export function createDeviceDetails({
  find,
  clock,
  limitMs,
  onFailure,
}: DeviceDetailsOptions): DeviceDetailsSource {
  const patience = new CircuitBreaker({ clock, random: Math.random })
  /** The last fault that Graph itself was asked for; the same one again was not. */
  let latest: Fault | undefined

  async function findWithin(question: GraphQuestion, through: Through): Promise<Outcome<GraphAnswer>> {
    const permit = patience.acquire(`${question.by}/${question.value}`)
    const late = failure('upstream_timeout', `Graph sent no details within ${limitMs} ms`, { hop: 'details' })
    if (permit === undefined) {
      onFailure(late.fault, true)
      return late
    }
    let wasAsked = false
    let isLate = false
    const asked = through('graph', () => {
      // Who has waited long enough in line is gone.
      if (isLate) return Promise.resolve(nobodyWaits)
      wasAsked = true
      return find(question)
    })
    const answer = await within(limitMs, asked, clock)
    isLate = answer === undefined
    if (isLate) permit.failed()
    else permit.succeeded()
    const outcome = answer ?? late
    if (!outcome.ok) {
      const isRepeated = !wasAsked || outcome.fault.code === latest?.code
      latest = outcome.fault
      onFailure(outcome.fault, isRepeated)
    } else latest = undefined
    return outcome
  }

  return {
    async ask(identifier, through) {
      const question = questionOf(identifier)
      if (!question) return kindNotSupported(identifier.kind, 'deviceId, serialNumber and imei work')
      const answer = await through('graph', () => find(question))
      if (!answer.ok) return answer
      const { devices, ...trace } = answer.value
      const facts = chooseWorst(devices.map(factsOfGraphDevice))
      return success({ record: { ...facts, observedAtMs: clock.nowMs() }, trace: { api: 'graph', ...trace } })
    },
    async complete(identifier, observation, through) {
      const { record } = observation
      if (!record.enrolled || record.complianceState === 'compliant') return observation
      const question = bestQuestion(identifier, observation)
      if (!question) return observation
      const answer = await findWithin(question, through)
      // Two devices with one serial number: nobody knows which of them was meant.
      if (!answer.ok || answer.value.devices.length !== 1) return observation
      const [device] = answer.value.devices
      if (!device || isOtherHardware(record.details, device.details)) return observation
      const { observedAtMs, ...facts } = record
      const merged = mergeGraphDevice(facts, device)
      const isNotCompliant = facts.complianceState === 'noncompliant' && merged.complianceState === 'unknown'
      return {
        ...observation,
        record: { ...merged, observedAtMs },
        ...(isNotCompliant && { isNotCompliant }),
      }
    },
    async resolveEntraId(entraDeviceId, through) {
      const answer = await findWithin({ by: 'entraDeviceId', value: entraDeviceId }, through)
      if (!answer.ok) return answer
      return success([...new Set(answer.value.devices.map(({ deviceId }) => deviceId))])
    },
  }
}

const nobodyWaits = failure('deadline_exceeded', 'nobody waits for the details any more')

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

/** Whether Graph tells of another device than Intune: a serial number may be a maker's placeholder. */
function isOtherHardware(intune: DeviceDetails = {}, graph: DeviceDetails): boolean {
  return (['entraDeviceId', 'serialNumber', 'imei', 'meid'] as const).some((key) => {
    const [one, other] = [intune[key], graph[key]].map((id) => id?.replace(/[^0-9a-z]/gi, '').toUpperCase())
    if (one === undefined || other === undefined) return false
    // With or without the check digit at its end.
    return key === 'imei' || key === 'meid' ? one.slice(0, 14) !== other.slice(0, 14) : one !== other
  })
}

function questionOf({ kind, value }: DeviceIdentifier): GraphQuestion | undefined {
  return kind === 'deviceId' || kind === 'serialNumber' || kind === 'imei' ? { by: kind, value } : undefined
}

/** The answer, or nothing where it is late; a late answer is dropped. */
function within(
  limitMs: number,
  question: Promise<Outcome<GraphAnswer>>,
  clock: Clock,
): Promise<Outcome<GraphAnswer> | undefined> {
  return new Promise((resolve) => {
    const cancel = clock.after(limitMs, () => resolve(undefined))
    inBackground('graph_details', async () => {
      const answer = await question
      cancel()
      resolve(answer)
    })
  })
}
