import { cachedRows, cachedSection } from './scenarios/cached.ts'
import { rememberedCounts, rememberedRow, rememberedSection } from './scenarios/remembered.ts'
import type { Sections } from './targets.ts'

/** What an installation of some size needs, by the figures of a run. */
export interface Sizing {
  readonly devices: number
  /** Questions a second where every device asks once within the peak. */
  readonly peakPerSecond: number
  /** Share of a core at that rate. */
  readonly cores: number
  readonly memoryMiB: number
  readonly upstreamQueriesPerHour: number
}

/** Everybody arrives within a quarter of an hour. */
export const peakSeconds = 900
/** Over a day: re-authentication and roaming. */
export const questionsPerDeviceAndHour = 2
export const noncompliantShare = 0.05

const sizes = [1000, 10_000, 100_000, 1_000_000]
/** 3600 / COMPLIANT_FRESH_SECONDS and 3600 / NONCOMPLIANT_FRESH_SECONDS, by default. */
const mostQueriesPerHour = { compliant: 6, noncompliant: 120 }

/** Empty where the run did not measure what it takes: RADIUS with a certificate, and the remembered devices. */
export function sizingOf(sections: Sections): readonly Sizing[] {
  const cpuMicros = sections[cachedSection]?.[cachedRows['radius-certificate'].service]?.cpuMicrosPerRequest
  const [few, , most] = rememberedCounts.whole
  const memoryAt = (devices: number) => sections[rememberedSection]?.[rememberedRow(devices)]?.peakRssMiB
  const [least, highest] = [memoryAt(few), memoryAt(most)]
  if (cpuMicros === undefined || least === undefined || highest === undefined) return []
  const perDeviceMiB = (highest.median - least.median) / (most - few)
  const asked = questionsPerDeviceAndHour
  const queriesPerDevice =
    (1 - noncompliantShare) * Math.min(asked, mostQueriesPerHour.compliant) +
    noncompliantShare * Math.min(asked, mostQueriesPerHour.noncompliant)
  return sizes.map((devices) => {
    const peakPerSecond = devices / peakSeconds
    return {
      devices,
      peakPerSecond,
      cores: (peakPerSecond * cpuMicros.median) / 1e6,
      memoryMiB: least.median + perDeviceMiB * (devices - few),
      upstreamQueriesPerHour: devices * queriesPerDevice,
    }
  })
}
