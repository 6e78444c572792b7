import type { z } from 'zod'
import { didYouMean } from '../nearest-name.ts'
import { describeFileFault } from '../text/decode.ts'
import { describeUnseen } from '../text/unseen.ts'
import { isServiceLink, judgeForeignVariable } from './foreign-variables.ts'
import { type VariableName, type VariableValues, variables } from './variables.ts'

/** One thing that is wrong with the configuration: which variable, what is wrong, what to do. */
export interface ConfigurationProblem {
  readonly variable: string
  readonly problem: string
}

/** The text of a file, or why it cannot be read, as a predicate; undefined where nothing more is known. */
export type ReadText = (path: string) => string | { readonly why: string } | undefined

type Environment = Readonly<Record<string, string | undefined>>

/** Reads every variable, directly or through NAME_FILE, and finds every problem before giving up. */
export function readEnvironment(
  environment: Environment,
  readText: ReadText,
): {
  values: Partial<VariableValues>
  problems: ConfigurationProblem[]
  /** What is set and ignored. */
  notices: string[]
} {
  const { problems, notices } = judgeForeign(environment)
  const values: Record<string, unknown> = {}
  for (const name of Object.keys(variables) as VariableName[]) {
    if (isTakenByPlatform(name, environment)) notices.push(takenByPlatform(name))
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
        problem: given === undefined ? 'is required' : firstMessage(parsed.error, given),
      })
  }
  return { values: values as Partial<VariableValues>, problems, notices }
}

/** A Service called `management` is announced as MANAGEMENT_PORT=tcp://10.0.0.1:9090. */
function isTakenByPlatform(name: VariableName, environment: Environment): boolean {
  return name.endsWith('_PORT') && isServiceLink(environment[name] ?? '')
}

function takenByPlatform(name: VariableName): string {
  const { default: standard } = variables[name] as { default?: string }
  const used = standard === undefined ? 'it counts as not set' : `${standard} is used`
  return `${name} holds the address of a Service or container of that name, as Kubernetes and Docker set it; ${used}. enableServiceLinks: false in the pod keeps such variables out`
}

type VariableText =
  | { readonly value: string | undefined; readonly problem?: undefined }
  | { readonly variable: string; readonly problem: string }

function textOf(name: VariableName, environment: Environment, readText: ReadText): VariableText {
  // Compose and Kubernetes turn an absent optional value into an empty one, so empty means "not set".
  const direct = isTakenByPlatform(name, environment) ? undefined : environment[name] || undefined
  const fileVariable = `${name}_FILE`
  const path = name.endsWith('_FILE') ? undefined : environment[fileVariable] || undefined
  if (path === undefined) return checked(name, name, direct)
  if (direct !== undefined)
    return { variable: name, problem: `is set, and so is ${fileVariable}; set one of them` }
  const text = readText(path)
  if (typeof text !== 'string') {
    // Whoever mistakes the one variable for the other has written the secret here.
    const why = text === undefined ? 'cannot be read' : text.why
    const named = isSecret(name)
      ? `${fileVariable} names a file that ${why}`
      : describeFileFault(fileVariable, path, why)
    return { variable: fileVariable, problem: named.slice(fileVariable.length + 1) }
  }
  // A ConfigMap or an example that was not edited.
  if (!isSecret(name) && text.trim() === '') {
    return {
      variable: fileVariable,
      problem: `names ${path}, which is empty; write the value of ${name} into it`,
    }
  }
  return checked(name, fileVariable, text.replace(/\r?\n$/, ''), `names ${path}, whose content `)
}

/**
 * A secret may hold anything, and so may the path of a file that is there: where they do not fit, whoever uses them says
 * what cannot be seen.
 */
function checked(name: VariableName, variable: string, value: string | undefined, prefix = ''): VariableText {
  const isFree = isSecret(name) || 'opened' in variables[name] || value?.includes('-----BEGIN ') === true
  const text = 'list' in variables[name] ? value?.trim().replaceAll(/\s+/g, ' ') : value
  const unseen = text === undefined || isFree ? undefined : describeUnseen(text)
  return unseen === undefined ? { value } : { variable, problem: `${prefix}${unseen}` }
}

function isSecret(name: VariableName): boolean {
  return 'secret' in variables[name]
}

function judgeForeign(environment: Environment): { problems: ConfigurationProblem[]; notices: string[] } {
  const problems: ConfigurationProblem[] = []
  const notices: string[] = []
  const known = Object.keys(variables).flatMap((name) =>
    name.endsWith('_FILE') ? [name] : [name, `${name}_FILE`],
  )
  for (const [name, value] of Object.entries(environment)) {
    if (!value || known.includes(name)) continue
    const judged = judgeForeignVariable(name, value, known)
    if (judged.kind === 'typo') {
      const problem = `is not a variable of this service; did you mean ${judged.meant}?`
      problems.push({ variable: name, problem })
    }
    if (judged.kind === 'ignored') {
      notices.push(`${name} is not a variable of this service and is ignored (docs/configuration.md)`)
    }
  }
  return { problems, notices }
}

function firstMessage(error: z.ZodError, given: string): string {
  const [issue] = error.issues
  if (issue?.code !== 'invalid_value') return issue?.message ?? 'is not valid'
  const accepted = issue.values.map(String)
  return `must be one of ${accepted.join(', ')}${didYouMean(given, accepted)}`
}
