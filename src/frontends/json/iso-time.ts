const dayMs = 86_400_000
const year10000Ms = Date.UTC(10_000)
/** 00 to 99. */
const two = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'))

let knownDay = Number.NaN
let knownDate = ''

/**
 * What Date's toISOString gives, in a third of its 0.4 µs: facts that are asked about are of today, nearly all of them, and
 * the date is worked out once for each day.
 */
export function isoTime(atMs: number): string {
  if (!(Number.isInteger(atMs) && atMs >= 0 && atMs < year10000Ms)) return new Date(atMs).toISOString()
  const inDay = atMs % dayMs
  const day = atMs - inDay
  if (day !== knownDay) {
    knownDate = new Date(day).toISOString().slice(0, 'YYYY-MM-DDT'.length)
    knownDay = day
  }
  const seconds = Math.floor(inDay / 1000)
  const hours = two[Math.floor(seconds / 3600)]
  const minutes = two[Math.floor(seconds / 60) % 60]
  const hundredths = two[Math.floor((inDay % 1000) / 10)]
  return `${knownDate}${hours}:${minutes}:${two[seconds % 60]}.${hundredths}${inDay % 10}Z`
}
