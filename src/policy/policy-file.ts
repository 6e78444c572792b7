import { z } from 'zod'
import type { PolicyDefinition } from '../decision/policy-rules.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { didYouMean } from '../nearest-name.ts'
import {
  type FileContent,
  type FileProblem,
  parseYaml,
  printable,
  schemaProblems,
  type YamlText,
} from '../yaml/parse-yaml.ts'
import { findPolicyWarnings } from './policy-warnings.ts'
import { Profile } from './profile-schema.ts'
import { Rule } from './rule-schema.ts'

/** How long a policy file may be. */
export const maxPolicyFileBytes = 256 * 1024
const maxRules = 500
const maxProfiles = 200

const profileName = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be named with 1 to 64 letters, digits, dots, hyphens or underscores')

const defaultProfile = z.string('must be the name of a profile').optional()

/** The policy file; docs/policy.schema.json is made from it. */
export const PolicyFile = z.strictObject(
  {
    profiles: z
      .record(profileName, Profile, 'must be a map of profiles')
      .refine(
        (profiles) => Object.keys(profiles).length <= maxProfiles,
        `must be at most ${maxProfiles} profiles`,
      )
      .optional()
      .meta({ description: 'Named sets of RADIUS attributes.' }),
    defaultProfiles: z
      .strictObject(
        { allow: defaultProfile, remediate: defaultProfile, deny: defaultProfile },
        'must be a map with allow, remediate or deny',
      )
      .optional()
      .meta({
        description: 'The profile for a decision whose rule names none; also for the built-in rules.',
      }),
    rules: z
      .array(Rule, 'is required: a list of rules; [] for the built-in ones alone')
      .max(maxRules, `must be at most ${maxRules} rules`)
      .meta({
        description: 'Tried in their order; the first that applies decides. The built-in rules follow.',
      }),
  },
  'must be a map with profiles, defaultProfiles and rules',
)

/** A policy file that was understood, and what about it is odd. */
export interface ParsedPolicy {
  readonly definition: PolicyDefinition
  /** `file:line:column: problem` each. */
  readonly warnings: readonly string[]
}

/**
 * Parses a policy file (YAML). Never throws: the parser reports nesting without end as a problem. Fails with
 * `configuration_invalid`; the message lists every problem on a line of its own as `file:line:column: problem`.
 */
export function parsePolicy(content: FileContent, fileName: string): Outcome<ParsedPolicy> {
  if (content.length > maxPolicyFileBytes) {
    return invalidFile(fileName, [{ line: 1, column: 1, problem: 'the file is larger than 256 KiB' }])
  }
  const yaml = parseYaml(content)
  if ('problems' in yaml) return invalidFile(fileName, yaml.problems)
  const parsed = PolicyFile.safeParse(yaml.value)
  const problems = [
    ...(parsed.success ? [] : schemaProblems(yaml, PolicyFile, parsed.error)),
    ...crossProblems(yaml),
  ]
  if (!parsed.success || problems.length > 0) return invalidFile(fileName, problems)
  const { profiles = {}, defaultProfiles = {}, rules } = parsed.data
  const definition: PolicyDefinition = {
    profiles: Object.entries(profiles).map(([name, attributes]) => ({ name, attributes })),
    defaultProfiles: withoutUndefined(defaultProfiles),
    rules,
  }
  const warnings = findPolicyWarnings(definition).map(({ path, problem }) =>
    presentProblem(fileName, yaml.problemAt(path, problem)),
  )
  return success({ definition, warnings })
}

/** As much of a possibly wrong file as the checks across it need. */
const RawFile = z
  .object({
    profiles: z.record(z.string(), z.unknown()).catch({}),
    defaultProfiles: z.record(z.string(), z.unknown()).catch({}),
    rules: z.array(z.unknown()).catch([]),
  })
  .catch({ profiles: {}, defaultProfiles: {}, rules: [] })
const RawRule = z.object({
  name: z.string().optional().catch(undefined),
  profile: z.string().optional().catch(undefined),
})

/** What no single value shows: names that are given twice or that nothing has. */
function crossProblems(yaml: YamlText): FileProblem[] {
  const { profiles, defaultProfiles, rules } = RawFile.parse(yaml.value)
  const problems: FileProblem[] = []
  const lookUp = (name: unknown, path: readonly PropertyKey[], label: string) => {
    if (typeof name !== 'string' || Object.hasOwn(profiles, name)) return
    const hint = didYouMean(name, Object.keys(profiles))
    problems.push(yaml.problemAt(path, `${label}: there is no profile of that name in this file${hint}`))
  }
  for (const [outcome, name] of Object.entries(defaultProfiles)) {
    lookUp(name, ['defaultProfiles', outcome], `defaultProfiles.${printable(outcome)}`)
  }
  const names = new Map<string, number>()
  for (const [index, value] of rules.entries()) {
    const rule = RawRule.safeParse(value).data
    if (rule === undefined) continue
    lookUp(rule.profile, ['rules', index, 'profile'], `rules[${index}].profile`)
    if (rule.name === undefined) continue
    const first = names.get(rule.name)
    if (first === undefined) names.set(rule.name, index)
    else {
      const problem = `rules[${index}].name: rules[${first}] has the same name`
      problems.push(yaml.problemAt(['rules', index, 'name'], problem))
    }
  }
  return problems
}

function invalidFile(fileName: string, problems: readonly FileProblem[]) {
  const inOrder = problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
  const lines = inOrder.map((problem) => presentProblem(fileName, problem))
  return failure('configuration_invalid', lines.join('\n'), { field: 'POLICY_FILE' })
}

function presentProblem(fileName: string, { line, column, problem }: FileProblem): string {
  return `${fileName}:${line}:${column}: ${problem}`
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const known = Object.entries(value).filter(([, part]) => part !== undefined)
  return Object.fromEntries(known) as { [K in keyof T]?: NonNullable<T[K]> }
}
