import { systemClock } from '../clock.ts'
import type { Simulator } from '../simulator/simulator.ts'

/** Four people's devices, one for each row that Intune itself can cause, plus a MAC that Intune has never seen. */
export const samples = {
  alice: { deviceId: 'a11ce000-0000-4000-8000-000000000001', mac: '005056A4895A', state: 'compliant' },
  bob: { deviceId: 'b0b00000-0000-4000-8000-000000000002', mac: '3408BC507C78', state: 'noncompliant' },
  carol: { deviceId: 'ca201000-0000-4000-8000-000000000003', mac: '0026B424FEB4', state: 'unknown' },
  stranger: { mac: '8C1645D2E0F1' },
  randomised: { mac: 'DA1B2C3D4E5F' },
} as const

/**
 * Puts the samples into a simulated tenant. They were in contact half an hour ago: Intune knows that of every device, and
 * there are connectors that fail without it (`lastContactTimeUtc` of NAC 1.x).
 */
export function putSampleDevices(simulator: Simulator): void {
  const lastContactMs = systemClock.nowMs() - 30 * 60_000
  for (const { deviceId, mac, state } of [samples.alice, samples.bob, samples.carol]) {
    simulator.tenant.putDevice({ deviceId, macs: [mac], complianceState: state, lastContactMs })
  }
}
