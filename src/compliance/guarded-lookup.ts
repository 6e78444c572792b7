import { noteBackgroundFailure } from '../background.ts'
import type { Clock } from '../clock.ts'
import { type Fault, failure, type Outcome } from '../errors/fault.ts'
import { type DeviceIdentifier, identifierKey } from '../identity/device-identity.ts'
import type { BreakerStatus } from './circuit-breaker.ts'
import {
  type ComplianceLookup,
  type ComplianceRecord,
  type MdmLookup,
  type MdmService,
  mdmServices,
  type Observation,
} from './compliance-record.ts'
import { behindShare, type LineLimits, type Question } from './question-line.ts'
import { createServiceGate, type ServiceGate, type ServiceStatus } from './service-gate.ts'

/** The services that devices are asked about at one moment. */
export type UpstreamStatus = Readonly<Record<MdmService, ServiceStatus>>

export interface GuardedLookupParts {
  readonly lookup: MdmLookup
  readonly clock: Clock
  readonly random: () => number
  /** A second attempt is made only while this much time has not passed since the first began, milliseconds. */
  readonly budgetMs: number
  readonly limits?: LineLimits
  /** The Intune device id of the device that an identifier is known to name. */
  readonly deviceIdOf?: (key: string) => string | undefined
  readonly onBreakerChange?: (service: MdmService, status: BreakerStatus) => void
  /** Told about every answer. */
  readonly onAnswer?: (key: string, record: ComplianceRecord) => void
}

/** A look-up that does not hurt a service in trouble nor one caller for another, and tells how the services are. */
export interface GuardedLookup {
  /** Asks in the name of `share`, or of nobody. */
  readonly lookup: ComplianceLookup
  /** Somebody else waits for a look-up that is under way. */
  join(identifier: DeviceIdentifier, share: string): void
  status(): UpstreamStatus
  /** Whether a question to the service would be sent now. */
  admits(service: MdmService): boolean
}

/**
 * One share has at most 64 questions with a service, which at 150 ms an answer is 427 a second; a third of the places is
 * left for others. A line of 256 is 0.6 s worth of them: a longer one would only hold questions whose callers have left.
 */
const defaultLimits: LineLimits = { running: 96, waitingOfShare: 256, waiting: 1024 }

/**
 * Stands between the cache and the MDM. Every service has a gate of its own (service-gate.ts), so that what is wrong with
 * one, or with the token or the address, is nothing to the others. A device is the same one whatever it is asked by.
 */
export function createGuardedLookup(parts: GuardedLookupParts): GuardedLookup {
  const { lookup, clock, random, budgetMs, limits = defaultLimits, deviceIdOf, onBreakerChange } = parts
  const underWay = new Map<string, Question>()
  const gates = Object.fromEntries(
    mdmServices.map((service) => [
      service,
      createServiceGate({
        clock,
        random,
        budgetMs,
        limits,
        ...(onBreakerChange && { onBreakerChange: (status) => onBreakerChange(service, status) }),
      }),
    ]),
  ) as Readonly<Record<MdmService, ServiceGate>>

  return {
    async lookup(identifier, share = behindShare): Promise<Outcome<Observation>> {
      const key = identifierKey(identifier)
      const question: Question = { key, device: deviceIdOf?.(key) ?? key, shares: new Set([share]) }
      underWay.set(key, question)
      try {
        let wasSent = false
        const answer = await lookup(identifier, (service, ask) =>
          gates[service].through(question, () => {
            wasSent = true
            return ask()
          }),
        )
        if (answer.ok) parts.onAnswer?.(key, answer.value.record)
        // Intune was asked, and Graph is left alone: that costs as much as any other question.
        else if (wasSent && answer.fault.wasNotSent) return { ok: false, fault: sent(answer.fault) }
        return answer
      } catch (error) {
        noteBackgroundFailure('lookup', error)
        return failure('internal', 'a look-up ended in an exception')
      } finally {
        if (underWay.get(key) === question) underWay.delete(key)
      }
    },
    join(identifier, share) {
      const question = underWay.get(identifierKey(identifier))
      if (question === undefined) return
      question.shares.add(share)
      for (const service of mdmServices) gates[service].join(question, share)
    },
    status: () =>
      Object.fromEntries(
        mdmServices.map((service) => [service, gates[service].status()]),
      ) as unknown as UpstreamStatus,
    admits: (service) => gates[service].admits(),
  }
}

function sent({ wasNotSent, ...fault }: Fault): Fault {
  return fault
}
