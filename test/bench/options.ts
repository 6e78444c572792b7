import { parseArgs } from 'node:util'

/** How a run goes, from the command line. */
export interface BenchOptions {
  readonly rounds: number
  readonly seconds: number
  readonly connections: number
  /** Whether the cores are kept from sleeping. */
  readonly awake: boolean
  /** Small numbers, and nothing but counts is asserted. */
  readonly quick: boolean
  /** Names of scenarios; all when empty. */
  readonly only: readonly string[]
  /** Where the report is written as JSON. */
  readonly out?: string
  /** A report that is shown again instead of a run. */
  readonly from?: string
  /** Rewrites the table in docs/performance.md. */
  readonly doc: boolean
  /** A scenario that is profiled instead of measured. */
  readonly profile?: string
  /** Folder of the profiles. */
  readonly profiles: string
}

export const usage = `npm run bench -- [options]
  --quick               everything briefly: counts are checked, times are not
  --only NAME[,NAME]    these scenarios alone
  --rounds N            rounds (5), interleaved
  --seconds S           length of each measurement (6)
  --awake               keeps the cores from sleeping
  --out FILE            the report as JSON
  --from FILE           shows such a report instead of measuring
  --doc                 rewrites the table in docs/performance.md
  --profile NAME        profiles a cached scenario or misses instead: CPU and allocations
  --profiles DIR        where the profiles go (.bench)`

/** Long enough for every part to run. */
const quickSeconds = 0.3

/** Reads the command line; throws what parseArgs throws, and a RangeError for a number that is none. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      awake: { type: 'boolean', default: false },
      out: { type: 'string' },
      from: { type: 'string' },
      doc: { type: 'boolean', default: false },
      profile: { type: 'string' },
      profiles: { type: 'string', default: '.bench' },
    },
  })
  return {
    rounds: values.quick ? 1 : positive('--rounds', values.rounds, 5),
    seconds: values.quick ? quickSeconds : positive('--seconds', values.seconds, 6),
    connections: 64,
    awake: values.awake,
    quick: values.quick,
    only: values.only.split(',').filter((name) => name !== ''),
    doc: values.doc,
    profiles: values.profiles,
    ...(values.out !== undefined && { out: values.out }),
    ...(values.from !== undefined && { from: values.from }),
    ...(values.profile !== undefined && { profile: values.profile }),
  }
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) throw new RangeError(`${name} is a whole number from 1`)
  return number
}
