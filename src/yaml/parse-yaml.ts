import {
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml'
import type { z } from 'zod'
import { didYouMean } from '../nearest-name.ts'
import { decodeUtf8 } from '../text/utf8-text.ts'
import { acceptedKeys } from './accepted-keys.ts'
import { syntaxProblem } from './syntax-problem.ts'

/** One thing that is wrong in a file, and where: line and column count from 1. */
export interface FileProblem {
  readonly line: number
  readonly column: number
  readonly problem: string
}

/** A YAML text as plain data, with a way from a path in the data back to the place in the text. */
export interface YamlText {
  readonly value: unknown
  /** The problem at this path, or at the nearest parent that is there; `key` points at a key of that map. */
  problemAt(path: readonly PropertyKey[], problem: string, key?: string): FileProblem
}

/** What a file holds: its octets, which have to be UTF-8, or a text. */
export type FileContent = string | Uint8Array

/**
 * Parses one YAML 1.2 document. Texts of the file are never quoted in a problem: it may hold secrets.
 * Gives all syntax problems at once; octets that are not UTF-8 are one problem.
 */
export function parseYaml(content: FileContent): YamlText | { readonly problems: readonly FileProblem[] } {
  const decoded = typeof content === 'string' ? { text: content } : decodeUtf8(content)
  if (decoded.problem !== undefined) return { problems: [decoded] }
  const { text } = decoded
  const lineCounter = new LineCounter()
  const document = parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    uniqueKeys: true,
    logLevel: 'error',
  })
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) {
    return {
      problems: faults.map((fault) => {
        const { line, col } = lineCounter.linePos(fault.pos[0])
        return { line, column: col, problem: syntaxProblem(fault.code) }
      }),
    }
  }
  const aliases: FileProblem[] = []
  visit(document, {
    Alias(_key, node) {
      const { line, col } = lineCounter.linePos(node.range?.[0] ?? 0)
      aliases.push({ line, column: col, problem: 'is an alias, which is not accepted: write the value out' })
    },
  })
  // Nested aliases also grow without bound when they are resolved.
  if (aliases.length > 0) return { problems: aliases }
  return {
    value: document.toJS(),
    problemAt(path, problem, key) {
      const node = nearestNode(document.contents, path, key)
      const { line, col } = lineCounter.linePos(node?.range?.[0] ?? 0)
      return { line, column: col, problem }
    },
  }
}

/**
 * The problems that zod found with this schema, each at its place in the text; an unknown key is one problem of its own.
 * Where a name or a value is nearly one that is accepted, the sentence ends in that one.
 */
export function schemaProblems(yaml: YamlText, schema: z.ZodType, error: z.ZodError): FileProblem[] {
  return error.issues.flatMap((issue) => issueProblems({ yaml, schema }, issue, []))
}

interface Judged {
  readonly yaml: YamlText
  readonly schema: z.ZodType
}

function issueProblems(
  judged: Judged,
  issue: z.core.$ZodIssue,
  parentPath: readonly PropertyKey[],
): FileProblem[] {
  const { yaml, schema } = judged
  const path = [...parentPath, ...issue.path]
  const sentence = (at: readonly PropertyKey[], problem: string) => {
    return at.length === 0 ? problem : `${presentPath(at)}: ${problem}`
  }
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) =>
        yaml.problemAt(
          path,
          `${presentPath([...path, key])} is not a known key${didYouMean(key, acceptedKeys(schema, path))}`,
          key,
        ),
      )
    case 'invalid_key': {
      const key = String(path.at(-1))
      const [first] = issue.issues
      return [yaml.problemAt(path.slice(0, -1), sentence(path, first?.message ?? issue.message), key)]
    }
    case 'invalid_union':
      return closestVariant(issue).flatMap((inner) => issueProblems(judged, inner, path))
    case 'invalid_value': {
      const hint = didYouMean(textAt(yaml.value, path), issue.values.map(String))
      return [yaml.problemAt(path, sentence(path, `${issue.message}${hint}`))]
    }
    default:
      return [yaml.problemAt(path, sentence(path, issue.message))]
  }
}

/** The text at a path of the data; what is none is nearly nothing. */
function textAt(value: unknown, path: readonly PropertyKey[]): string {
  const found = path.reduce<unknown>(
    (inner, part) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, part) : undefined),
    value,
  )
  return typeof found === 'string' ? found : ''
}

/** Of the variants that a value could have been, the one that it came closest to: that went deepest before it failed. */
function closestVariant(issue: z.core.$ZodIssueInvalidUnion): readonly z.core.$ZodIssue[] {
  const depth = (issues: readonly z.core.$ZodIssue[]) =>
    issues.reduce(
      (deepest, { path, code }) => Math.max(deepest, path.length + (code === 'unrecognized_keys' ? 1 : 0)),
      0,
    )
  return issue.errors.reduce((best, next) => (depth(next) > depth(best) ? next : best), issue.errors[0] ?? [])
}

/** `clients[0].basic.username`. A key in quotes may hold line ends, and every problem is one line. */
function presentPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`
      return `${index === 0 ? '' : '.'}${printable(String(part))}`
    })
    .join('')
}

/** A text of the file as a name in a problem: at most 64 characters, none that would end the line or hide something. */
export function printable(text: string): string {
  return text.slice(0, 64).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')
}

function nearestNode(root: Node | null, path: readonly PropertyKey[], key?: string): Node | null {
  let node = root
  for (const part of path) {
    const next = isCollection(node) ? node.get(part, true) : undefined
    if (!isNode(next)) break
    node = next
  }
  if (key === undefined || !isMap(node)) return node
  const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key)
  return isNode(pair?.key) ? pair.key : node
}
