import type { Test } from 'tap'
import { type Difference, laptop, simulatedService } from '../app/simulated-service.ts'

/** Devices of the simulator, one for every state. */
export const devices = {
  compliant: laptop,
  noncompliant: { deviceId: 'b0b00000-0000-4000-8000-000000000002', mac: '3408BC507C78' },
  unknown: { deviceId: 'ca201000-0000-4000-8000-000000000003', mac: '0026B424FEB4' },
} as const

/** The whole service in front of a simulator, as it is built for `serve`; what it decided is kept. */
export async function fuzzedService(t: Test, difference: Difference = {}) {
  const { app, simulator, log } = await simulatedService(t, difference)
  if (app === undefined) throw new Error('the service was not built')
  for (const state of ['noncompliant', 'unknown'] as const) {
    const { deviceId, mac } = devices[state]
    simulator.tenant.putDevice({ deviceId, macs: [mac], complianceState: state })
  }
  return { app, simulator, log }
}
