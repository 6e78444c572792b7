import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import type { Test } from 'tap'

/** How many of every 100 cases an area gets: the more there is to read, and the cheaper a case, the more. */
export const shares = {
  identifiers: 20,
  xml: 15,
  'microsoft-json': 14,
  'http-headers': 12,
  'radius-bodies': 10,
  'operator-files': 6,
  'decision-log': 3,
  state: 6,
  routes: 10,
  sockets: 2,
  simulator: 2,
} as const satisfies Readonly<Record<string, number>>
export type Area = keyof typeof shares

/** Cases over all areas in `npm test`, where each area also has a limit in time. */
const suiteRuns = 12_000
const suiteLimitMs = (area: Area) => (area === 'routes' ? 8000 : 1600)
const fixedSeed = 20_261_123

const { FUZZ_RUNS, FUZZ_SEED } = process.env
const runs = FUZZ_RUNS === undefined ? suiteRuns : Number(FUZZ_RUNS)
const seeds = FUZZ_SEED === undefined ? [fixedSeed, randomInt(2 ** 31)] : [Number(FUZZ_SEED)]
if (!Number.isInteger(runs) || runs < 1 || !seeds.every(Number.isInteger)) {
  throw new Error('FUZZ_RUNS must be a whole number from 1 on, FUZZ_SEED a whole number')
}

interface Limits {
  readonly numRuns: number
  readonly seed: number
  readonly interruptAfterTimeLimit?: number
}

interface Report {
  readonly failed: boolean
  readonly numRuns: number
  readonly text: string
}

/** A property that waits for its share of the cases. */
export type Fuzzed = (limits: Limits) => Promise<Report>

/** Makes a property of fast-check one of an area. */
export function fuzzed<T>(property: fc.IRawProperty<T>): Fuzzed {
  return async (limits) => {
    const details = await fc.check(property, limits)
    // A property whose time was over before its first case has not failed.
    const { numRuns } = details
    const failed = details.failed && !(details.interrupted && details.counterexample === null)
    return { failed, numRuns, text: failed ? ((await fc.asyncDefaultReportMessage(details)) ?? '') : '' }
  }
}

/** What one area did, for scripts/fuzz.ts; written as a comment of TAP. */
export interface AreaFigures {
  readonly area: Area
  readonly cases: number
  readonly failures: number
  readonly ms: number
  readonly seeds: readonly number[]
}

/**
 * Runs the properties of one area, each as a test of its own, with the area's share of FUZZ_RUNS cases: half with a
 * seed that never changes, half with a new one, or all with FUZZ_SEED. `afterwards` runs when all of them have.
 */
export async function fuzz(
  t: Test,
  area: Area,
  properties: Readonly<Record<string, Fuzzed>>,
  afterwards: (t: Test) => void | Promise<void> = () => {},
): Promise<void> {
  // A hundred thousand cases take longer than a test usually may.
  t.setTimeout(0)
  const entries = Object.entries(properties)
  const parts = entries.length * seeds.length
  const numRuns = Math.max(1, Math.round((runs * shares[area]) / 100 / parts))
  const limitMs = suiteLimitMs(area) / parts
  let cases = 0
  let failures = 0
  const startedAt = performance.now()
  for (const [title, run] of entries) {
    await t.test(title, { timeout: 0 }, async (t) => {
      for (const seed of seeds) {
        const interruptAfterTimeLimit = FUZZ_RUNS === undefined ? { interruptAfterTimeLimit: limitMs } : {}
        const report = await run({ numRuns, seed, ...interruptAfterTimeLimit })
        cases += report.numRuns
        if (!report.failed) {
          t.pass(`${report.numRuns} cases with the seed ${seed}`)
          continue
        }
        failures += 1
        t.fail(
          `again with: FUZZ_SEED=${seed} FUZZ_RUNS=${runs} node test/fuzz/${area}.test.ts\n${report.text}`,
        )
      }
    })
  }
  await t.test('and after all of them', async (t) => {
    await afterwards(t)
    t.ok(cases > 0, 'there were cases')
  })
  const ms = Math.round(performance.now() - startedAt)
  const figures: AreaFigures = { area, cases, failures, ms, seeds }
  t.comment(`fuzz ${JSON.stringify(figures)}`)
}
