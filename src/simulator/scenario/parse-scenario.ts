import { parseDocument } from 'yaml'
import { type Problem, problemsOf } from '../state/problems.ts'
import { type ScenarioInput, scenarioSchema } from './scenario.ts'

/** A scenario, or everything that is wrong with the text. */
export type ParsedScenario =
  | { readonly ok: true; readonly scenario: ScenarioInput }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Reads a scenario from YAML 1.2, of which JSON is a part. Never throws. */
export function parseScenario(text: string): ParsedScenario {
  const document = parseDocument(text)
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ linePos, message }) => ({
      field: `line ${linePos?.[0].line ?? 1}`,
      message: message.split('\n')[0]?.replace(/:$/, '') ?? 'is not YAML',
    }))
    return { ok: false, problems }
  }
  const value = plainValueOf(document)
  if (value === undefined) {
    return { ok: false, problems: [{ field: 'body', message: 'holds an alias to nothing, or too many' }] }
  }
  const checked = scenarioSchema.safeParse(value)
  return checked.success
    ? { ok: true, scenario: checked.data }
    : { ok: false, problems: problemsOf(checked.error) }
}

function plainValueOf(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS() ?? {}
  } catch {
    return undefined
  }
}
