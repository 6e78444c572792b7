/**
 * MAC addresses of the benchmark: global, unicast, and counted. `kept` are those that a service remembers, `cold` those
 * that nobody has asked about.
 */
export const keptPrefix = '0050'
const coldPrefix = '0404'

export function keptMac(index: number): string {
  return keptPrefix + eightDigits(index)
}

let lastCold = 0

/** So many MAC addresses that were never given out before in this run. */
export function coldMacs(count: number): readonly string[] {
  return Array.from({ length: count }, () => {
    lastCold += 1
    return coldPrefix + eightDigits(lastCold)
  })
}

function eightDigits(index: number): string {
  return index.toString(16).toUpperCase().padStart(8, '0')
}
