import { callerFaults } from './areas/caller-faults.ts'
import { configurationFaults } from './areas/configuration-faults.ts'
import { discoveryFaults } from './areas/discovery-faults.ts'
import { entraFaults } from './areas/entra-faults.ts'
import { intuneFaults } from './areas/intune-faults.ts'
import { networkFaults } from './areas/network-faults.ts'
import { serviceFaults } from './areas/service-faults.ts'
import type { FaultDescription } from './fault-description.ts'

/**
 * The closed list of everything that can go wrong, each with what it means, what to do about it and whether asking
 * again can help, in the order of a look-up. docs/error-codes.md is generated from it.
 */
const described = {
  ...configurationFaults,
  ...networkFaults,
  ...entraFaults,
  ...discoveryFaults,
  ...intuneFaults,
  ...callerFaults,
  ...serviceFaults,
} as const satisfies Record<string, FaultDescription>

/** Every code that a fault can have. Stable: a code is never renamed, only added. */
export type FaultCode = keyof typeof described

/** The closed catalogue, by code. */
export const faultCatalogue: Readonly<Record<FaultCode, FaultDescription>> = described
