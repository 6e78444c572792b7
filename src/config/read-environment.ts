import { closest, distance } from 'fastest-levenshtein'
import type { z } from 'zod'
import { ownPrefixes, type VariableName, type VariableValues, variables } from './variables.ts'

/** One thing that is wrong with the configuration: which variable, what is wrong, what to do. */
export interface ConfigurationProblem {
  readonly variable: string
  readonly problem: string
}

/** The text of a file, or undefined when it cannot be read. */
export type ReadText = (path: string) => string | undefined

/** Reads every variable, directly or through NAME_FILE, and finds every problem before giving up. */
export function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  readText: ReadText,
): { values: Partial<VariableValues>; problems: ConfigurationProblem[] } {
  const problems = unknownVariables(environment)
  const values: Record<string, unknown> = {}
  for (const name of Object.keys(variables) as VariableName[]) {
    const text = textOf(name, environment, readText)
    if (text.problem !== undefined) {
      problems.push({ variable: text.variable, problem: text.problem })
      continue
    }
    const variable: { type: z.ZodType; default?: string } = variables[name]
    const given = text.value ?? variable.default
    const parsed = variable.type.safeParse(given)
    if (parsed.success) values[name] = parsed.data
    else
      problems.push({
        variable: name,
        problem: given === undefined ? 'is required' : firstMessage(parsed.error),
      })
  }
  return { values: values as Partial<VariableValues>, problems }
}

type VariableText =
  | { readonly value: string | undefined; readonly problem?: undefined }
  | { readonly variable: string; readonly problem: string }

function textOf(
  name: VariableName,
  environment: Readonly<Record<string, string | undefined>>,
  readText: ReadText,
): VariableText {
  // Compose and Kubernetes turn an absent optional value into an empty one, so empty means "not set".
  const direct = environment[name] === '' ? undefined : environment[name]
  const fileVariable = `${name}_FILE`
  const path = name.endsWith('_FILE') ? undefined : environment[fileVariable] || undefined
  if (path === undefined) return { value: direct }
  if (direct !== undefined)
    return { variable: name, problem: `is set, and so is ${fileVariable}; set one of them` }
  const text = readText(path)
  if (text === undefined) {
    // Whoever mistakes the one variable for the other has written the secret here.
    const which = 'secret' in variables[name] ? '' : `: ${path}`
    return { variable: fileVariable, problem: `names a file that cannot be read${which}` }
  }
  return { value: text.replace(/\r?\n$/, '') }
}

function unknownVariables(environment: Readonly<Record<string, string | undefined>>): ConfigurationProblem[] {
  const known = Object.keys(variables).flatMap((name) =>
    name.endsWith('_FILE') ? [name] : [name, `${name}_FILE`],
  )
  return (
    Object.keys(environment)
      .filter((name) => ownPrefixes.some((prefix) => name.startsWith(prefix)))
      // Kubernetes announces a Service called intune-nac to every pod as INTUNE_NAC_PORT and the like.
      .filter((name) => !name.startsWith('INTUNE_NAC_'))
      .filter((name) => !known.includes(name))
      .map((name) => ({
        variable: name,
        problem: `is not a variable of this service${suggestion(name, known)}`,
      }))
  )
}

function suggestion(name: string, known: readonly string[]): string {
  const nearest = closest(name, known)
  return distance(name, nearest) <= 4 ? `; did you mean ${nearest}?` : '; see docs/configuration.md'
}

function firstMessage(error: z.ZodError): string {
  return error.issues[0]?.message ?? 'is not valid'
}
