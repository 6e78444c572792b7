/** Which mutants no test notices, and which of those somebody has looked at and accepted with a reason. */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'

/** A change of the code, by its text: line numbers would be wrong after the next commit. */
export interface Mutation {
  readonly file: string
  /** The line on which it starts, as it is in the file, without the white space around. */
  readonly line: string
  /** The code that is replaced, and by what; white space collapsed, long texts cut. */
  readonly code: string
  readonly becomes: string
}

/** What became of one mutation. `invalid`: it does not run at all, so it says nothing about the tests. */
export interface MutantResult extends Mutation {
  readonly result: 'noticed' | 'survived' | 'invalid'
}

const Accepted = z.array(
  z.strictObject({
    why: z.string().min(20),
    mutants: z
      .array(z.strictObject({ file: z.string(), line: z.string(), code: z.string(), becomes: z.string() }))
      .min(1),
  }),
)

/** The mutants of a list such as test/mutation/survivors.yaml; each group has to say why. */
export function readAccepted(path: string): readonly Mutation[] {
  return Accepted.parse(parse(readFileSync(path, 'utf8')) ?? []).flatMap(({ mutants }) => mutants)
}

const longestText = 120

/** Code as it stands in a `Mutation`: on one line, and no longer than it takes to recognise it. */
export function shorten(code: string): string {
  const flat = code.replace(/\s+/g, ' ').trim()
  return flat.length > longestText ? `${flat.slice(0, longestText)}...` : flat
}

/** What a run shows. */
export interface Judgement {
  /** Share of the mutants that tests notice, percent; 100 where there are none. */
  readonly score: number
  readonly unlisted: readonly Mutation[]
  /** Listed, but noticed by a test now, or of code that is no longer there. */
  readonly outdated: readonly Mutation[]
}

/** Compares the results of a run with the list. */
export function judge(results: readonly MutantResult[], accepted: readonly Mutation[]): Judgement {
  const survivors = results.filter(({ result }) => result === 'survived')
  const noticed = results.filter(({ result }) => result === 'noticed').length
  const valid = noticed + survivors.length
  const alive = new Set(survivors.map(keyOf))
  const listed = new Set(accepted.map(keyOf))
  return {
    score: valid === 0 ? 100 : (100 * noticed) / valid,
    unlisted: survivors.filter((mutant) => !listed.has(keyOf(mutant))),
    outdated: accepted.filter((mutant) => !alive.has(keyOf(mutant))),
  }
}

function keyOf({ file, line, code, becomes }: Mutation): string {
  return JSON.stringify([file, line, code, becomes])
}
