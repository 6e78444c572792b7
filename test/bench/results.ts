import type { Figure, Sample } from './figures.ts'

/** One figure over all rounds. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  /** In the order of the rounds. */
  readonly samples: readonly number[]
}

/** Rows of a section of the report, and their figures. */
export type Rows = Readonly<Record<string, Partial<Record<Figure, Spread>>>>

/** A count that has to be exact, whatever the machine. */
export interface Check {
  readonly what: string
  readonly expected: number
  readonly actual: number
}

/** Collects what the rounds see. */
export class Results {
  readonly #sections = new Map<string, Map<string, Sample[]>>()
  readonly checks: Check[] = []

  add(section: string, row: string, sample: Sample): void {
    const rows = this.#sections.get(section) ?? new Map<string, Sample[]>()
    this.#sections.set(section, rows)
    rows.set(row, [...(rows.get(row) ?? []), sample])
  }

  /** The sums of the figure `failed`, which have to be 0. */
  expectNoFailure(): void {
    for (const [section, rows] of this.#sections) {
      for (const [row, samples] of rows) {
        const failed = samples.reduce((sum, sample) => sum + (sample.failed ?? 0), 0)
        this.expect(`${section}: ${row}: failed answers`, failed, 0)
      }
    }
  }

  /** Notes a count that must be `expected`. */
  expect(what: string, actual: number, expected: number): void {
    this.checks.push({ what, expected, actual })
  }

  /** Medians and spreads, by section and row, in the order in which they were first seen. */
  sections(): Readonly<Record<string, Rows>> {
    return Object.fromEntries(
      [...this.#sections].map(([section, rows]) => [
        section,
        Object.fromEntries([...rows].map(([row, samples]) => [row, spreadsOf(samples)])),
      ]),
    )
  }
}

/** Median and range of some measurements; the upper of the two in the middle of an even number. */
export function spreadOf(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b)
  return {
    median: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
    samples,
  }
}

function spreadsOf(samples: readonly Sample[]): Partial<Record<Figure, Spread>> {
  const names = [...new Set(samples.flatMap((sample) => Object.keys(sample) as Figure[]))]
  return Object.fromEntries(
    names.map((name) => [
      name,
      spreadOf(samples.map((sample) => sample[name]).filter((value) => value !== undefined)),
    ]),
  )
}
